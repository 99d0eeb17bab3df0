#!/usr/bin/env bash
# Coverage-guided fuzzing with libFuzzer: each target of fuzz/ for so many seconds, from its corpus on.
#
#   fuzz.sh SECONDS_EACH [TARGET...]
#
# Stops at the first input that a target fails on, and says where it is. Put it into fuzz/corpus/<target>, where `cargo
# test` replays it for ever. What is found on the way stays in target/fuzz-corpus.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_FUZZ=0.13.2
seconds="${1:?how many seconds for each target}"
shift
[ $# -gt 0 ] || set -- envelope payment command outcome stored template

tool=".tools/cargo-fuzz-$CARGO_FUZZ"
if [ ! -x "$tool/bin/cargo-fuzz" ]; then
    cargo install --quiet --locked --root "$tool" "cargo-fuzz@$CARGO_FUZZ"
fi
# libFuzzer's instrumentation is unstable, and all that it needs of it is in the stable compiler.
export RUSTC_BOOTSTRAP=1

for target in "$@"; do
    # The template's reader is part of the local stack, which takes minutes to build and the others don't need.
    found="target/fuzz-corpus/$target"
    mkdir -p "$found"
    echo "== $target"
    # No sanitizer: Giro has no unsafe code, and what it looks for are panics and what is not read as it was written.
    log="target/fuzz-corpus/$target.log"
    if ! "$tool/bin/cargo-fuzz" run --fuzz-dir fuzz --target-dir target/fuzz --sanitizer none "$target" \
        "$found" "fuzz/corpus/$target" -- -max_total_time="$seconds" -timeout=10 -print_final_stats=1 > "$log" 2>&1; then
        tail -n 40 "$log"
        exit 1
    fi
    grep -E '^(Done|stat::(number_of_executed_units|new_units_added))' "$log"
done
