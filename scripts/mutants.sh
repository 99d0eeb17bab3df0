#!/usr/bin/env bash
# Mutation tests of the rules and the stores, with cargo-mutants in .tools. Arguments go on to cargo mutants, such as
# --shard 1/40 for a part. Exits non-zero if a mutant survives.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_MUTANTS=27.1.0

if [ ! -x ".tools/cargo-mutants-$CARGO_MUTANTS/bin/cargo-mutants" ]; then
    cargo install --quiet --locked --root ".tools/cargo-mutants-$CARGO_MUTANTS" "cargo-mutants@$CARGO_MUTANTS"
fi
mkdir -p target
nice -n 10 ".tools/cargo-mutants-$CARGO_MUTANTS/bin/cargo-mutants" mutants --output target "$@"
