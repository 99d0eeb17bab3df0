#!/usr/bin/env bash
# Mutation tests of the rules, with cargo-mutants in .tools: changes one place at a time and runs the tests that decide.
# All of src/domain and src/store; arguments go on to cargo mutants, such as --file 'src/domain/plan/**' for a part.
# Exits non-zero if a mutant survives that .cargo/mutants-explained.txt doesn't explain, or if one is explained there that
# is caught or that doesn't exist.
#
# The stores are judged on a DynamoDB that `giro up` runs beside the tests: GIRO_BINARY names the program, else it is built.
# MUTANTS_OUT is where the mutants' tree and the results are, so that two parts can run side by side.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_MUTANTS=27.1.0
all=(--file 'src/domain/**' --file 'src/store/**')
case " $* " in *" --file "*) ;; *) set -- "${all[@]}" "$@" ;; esac
tool="$PWD/.tools/cargo-mutants-$CARGO_MUTANTS/bin/cargo-mutants"
explained="$PWD/.cargo/mutants-explained.txt"
out="$PWD/${MUTANTS_OUT:-target}"
mkdir -p "$out"

if [ ! -x "$tool" ]; then
    cargo install --quiet --locked --root ".tools/cargo-mutants-$CARGO_MUTANTS" "cargo-mutants@$CARGO_MUTANTS"
fi
if [ -z "${GIRO_BINARY:-}" ]; then
    make build
    GIRO_BINARY="${CARGO_TARGET_DIR:-target}/debug/giro"
fi
GIRO_BINARY="$(realpath "$GIRO_BINARY")"

# A copy of its own, so that nobody's work is mutated, with a target folder that stays. Only what differs is written:
# Cargo goes by the time of a file.
tree="$out/mutants-tree"
place() { # reads a file of the copy
    mkdir -p "$(dirname "$tree/$1")"
    cat >"$tree/.placed"
    cmp -s "$tree/.placed" "$tree/$1" || mv "$tree/.placed" "$tree/$1"
}
mkdir -p "$tree"
git ls-files -z -co --exclude-standard -- src tests events infra template.yaml Cargo.lock .cargo/mutants.toml |
    while IFS= read -r -d '' file; do
        case $file in src/lib.rs) continue ;; esac
        [ ! -f "$file" ] || place "$file" <"$file"
    done
# The manifest without binaries, tests and benches: each would be built for each mutant.
{
    awk '/^\[/ { skip = /^\[\[/ } !skip && !/^default-run/' Cargo.toml |
        sed 's/^\[package\]$/&\nautobins = false\nautotests = false\nautobenches = false/'
} | place Cargo.toml
place src/lib.rs <.cargo/mutants-lib.rs
place .cargo/config.toml <.cargo/mutants-config.toml
place .cargo/mutants-runner.sh <.cargo/mutants-runner.sh
chmod +x "$tree/.cargo/mutants-runner.sh"

work="$(mktemp -d)"
: >"$work/up"
(cd "$work" && exec "$GIRO_BINARY" up --only account-processor) >"$work/up" 2>&1 &
engine=$!
trap 'kill "$engine" 2>/dev/null || true; wait "$engine" || true; rm -rf "$work"' EXIT
until GIRO_TEST_DYNAMODB="$(sed -n 's/^export AWS_ENDPOINT_URL_DYNAMODB=//p' "$work/up")" && [ -n "$GIRO_TEST_DYNAMODB" ]; do
    kill -0 "$engine" 2>/dev/null || { cat "$work/up" && exit 1; }
    sleep 0.1
done
export GIRO_TEST_DYNAMODB

status=0
(cd "$tree" && nice -n "${MUTANTS_NICE:-10}" "$tool" mutants --in-place --output "$out" "$@") || status=$?
# 2: mutants survived; 3: some timed out, which counts as caught. All else is a failure of the tool.
case $status in 0 | 2 | 3) ;; *) exit "$status" ;; esac

# Survivors go by what they are, not by where they stand: lines move.
names() { sed -E 's/^([^:]+):[0-9]+:[0-9]+: /\1: /' "$@" | sort -u; }
found="$out/mutants.out"
missed="$(names "$found/missed.txt")"
known="$(grep -v -E '^(#|  |$)' "$explained" | sort -u || true)"
unexplained="$(comm -23 <(echo "$missed") <(echo "$known") | grep . || true)"
caught="$(comm -12 <(names "$found/caught.txt" "$found/timeout.txt") <(comm -23 <(echo "$known") <(echo "$missed")) | grep . || true)"
there="$(cd "$tree" && "$tool" mutants --list "${all[@]}" | names)"
gone="$(comm -13 <(echo "$there") <(echo "$known") | grep . || true)"
wc -l "$found"/{caught,missed,timeout,unviable}.txt
if [ -n "$unexplained$caught$gone" ]; then
    printf 'survived, and not explained in %s:\n%s\n' ".cargo/mutants-explained.txt" "$unexplained"
    printf 'explained there, and caught:\n%s\n' "$caught"
    printf 'explained there, and no mutant:\n%s\n' "$gone"
    exit 1
fi
echo "every survivor is explained"
