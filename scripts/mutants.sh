#!/usr/bin/env bash
# Mutation tests of the rules, with cargo-mutants in .tools: changes one place at a time and runs the tests that decide.
# Without arguments all of src/domain and src/store; arguments go on to cargo mutants, such as
# --file 'src/domain/plan/**' for a part. Exits non-zero if a
# mutant survives that .cargo/mutants-explained.txt doesn't explain, or if one is explained there that is caught.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_MUTANTS=27.1.0
[ $# -gt 0 ] || set -- --file 'src/domain/**' --file 'src/store/**'
tool="$PWD/.tools/cargo-mutants-$CARGO_MUTANTS/bin/cargo-mutants"
explained="$PWD/.cargo/mutants-explained.txt"

if [ ! -x "$tool" ]; then
    cargo install --quiet --locked --root ".tools/cargo-mutants-$CARGO_MUTANTS" "cargo-mutants@$CARGO_MUTANTS"
fi

# A copy of its own, so that nobody's work is mutated, with a target folder that stays. Only what differs is written:
# Cargo goes by the time of a file.
tree=target/mutants-tree
mkdir -p "$tree"
git ls-files -z -co --exclude-standard | while IFS= read -r -d '' file; do
    cmp -s "$file" "$tree/$file" || { mkdir -p "$tree/$(dirname "$file")" && cp "$file" "$tree/$file"; }
done

# No debug information: each mutant is built once. The bootstrap flag lets the stable test harness stop at the first
# failure.
export CARGO_PROFILE_DEV_DEBUG=false CARGO_PROFILE_TEST_DEBUG=false RUSTC_BOOTSTRAP=1
out="$PWD/target"
status=0
(cd "$tree" && nice -n 10 "$tool" mutants --in-place --output "$out" "$@") || status=$?
# 2: mutants survived; 3: some timed out, which counts as caught. All else is a failure of the tool.
case $status in 0 | 2 | 3) ;; *) exit "$status" ;; esac

# Survivors go by what they are, not by where they stand: lines move.
names() { sed -E 's/^([^:]+):[0-9]+:[0-9]+: /\1: /' "$@" | sort -u; }
missed="$(names "$out/mutants.out/missed.txt")"
known="$(grep -v -E '^(#|  |$)' "$explained" | sort -u)"
unexplained="$(comm -23 <(echo "$missed") <(echo "$known") | grep . || true)"
caught="$(comm -12 <(names "$out/mutants.out/caught.txt") <(comm -23 <(echo "$known") <(echo "$missed")) | grep . || true)"
wc -l "$out"/mutants.out/{caught,missed,timeout,unviable}.txt
if [ -n "$unexplained$caught" ]; then
    printf 'survived, and not explained in %s:\n%s\n' ".cargo/mutants-explained.txt" "$unexplained"
    printf 'explained there, and caught:\n%s\n' "$caught"
    exit 1
fi
echo "every survivor is explained"
