#!/usr/bin/env bash
# Mutation tests of the rules and the store. cargo-mutants changes one place of src/domain or src/store at a time, and
# runs the tests of the package `giro`. Arguments go on to cargo mutants, such as --file 'src/domain/plan/**' for a
# part. Exits non-zero if a mutant survives that .cargo/mutants-explained.txt doesn't explain, or if one is explained
# there that is caught or that doesn't exist.
#
# MUTANTS_OUT is where the results are, so that two parts can run side by side.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_MUTANTS=27.1.0
all=(--package giro --file 'src/domain/**' --file 'src/store/**')
case " $* " in *" --file "*) set -- --package giro "$@" ;; *) set -- "${all[@]}" "$@" ;; esac
tool="$PWD/.tools/cargo-mutants-$CARGO_MUTANTS/bin/cargo-mutants"
explained=.cargo/mutants-explained.txt
out="${MUTANTS_OUT:-target}"
mkdir -p "$out"

if [ ! -x "$tool" ]; then
    cargo install --quiet --locked --root ".tools/cargo-mutants-$CARGO_MUTANTS" "cargo-mutants@$CARGO_MUTANTS"
fi

# A mutant that never ends may ask for memory without end. Random worlds are fewer: a mutant is judged in seconds.
status=0
(
    ulimit -v 16777216
    GIRO_FEW_WORLDS=1 RUST_BACKTRACE=0 nice -n "${MUTANTS_NICE:-10}" "$tool" mutants --output "$out" "$@"
) || status=$?
# 2: mutants survived; 3: some timed out, which counts as caught. All else is a failure of the tool.
case $status in 0 | 2 | 3) ;; *) exit "$status" ;; esac

# Survivors go by what they are, not by where they stand: lines move.
names() { sed -E 's/^([^:]+):[0-9]+:[0-9]+: /\1: /' "$@" | sort -u; }
found="$out/mutants.out"
missed="$(names "$found/missed.txt")"
known="$(grep -v -E '^(#|  |$)' "$explained" | sort -u || true)"
unexplained="$(comm -23 <(echo "$missed") <(echo "$known") | grep . || true)"
caught="$(comm -12 <(names "$found/caught.txt" "$found/timeout.txt") <(comm -23 <(echo "$known") <(echo "$missed")) | grep . || true)"
there="$("$tool" mutants --list "${all[@]}" | names)"
gone="$(comm -13 <(echo "$there") <(echo "$known") | grep . || true)"
wc -l "$found"/{caught,missed,timeout,unviable}.txt
if [ -n "$unexplained$caught$gone" ]; then
    printf 'survived, and not explained in %s:\n%s\n' "$explained" "$unexplained"
    printf 'explained there, and caught:\n%s\n' "$caught"
    printf 'explained there, and no mutant:\n%s\n' "$gone"
    exit 1
fi
echo "every survivor is explained"
