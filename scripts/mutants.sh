#!/usr/bin/env bash
# Mutation tests of the rules and the store. cargo-mutants changes one place at a time, and runs tests. First come quick
# judges of the part that is changed. What survives them is judged by all quick tests of the package `giro`, and what
# survives those by all that start no process. Exits non-zero if a mutant survives all three that
# .cargo/mutants-explained.txt doesn't explain, or if one is explained there that is caught or that doesn't exist.
#
# MUTANTS_PARTS names parts of src/, such as "domain/plan store". MUTANTS_OUT is a folder for results, and for the tree
# that is changed: two runs with folders of their own can run side by side. A file that git doesn't track is not tried.
# With MUTANTS_GO_ON=1 a run that was stopped goes on: what it had caught is not tried again, as long as no line moved.
# Arguments go on to cargo mutants: --re 'fn decide' for a function, --shard 0/4 for a quarter, --in-diff FILE for what
# a change touched.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_MUTANTS=27.1.0
tool="$PWD/.tools/cargo-mutants-$CARGO_MUTANTS/bin/cargo-mutants"
explained="$PWD/.cargo/mutants-explained.txt"
mkdir -p "${MUTANTS_OUT:-target/mutation}"
out="$(cd "${MUTANTS_OUT:-target/mutation}" && pwd)"
parts=(${MUTANTS_PARTS:-domain domain/audit store})

if [ ! -x "$tool" ]; then
    cargo install --quiet --locked --root ".tools/cargo-mutants-$CARGO_MUTANTS" "cargo-mutants@$CARGO_MUTANTS"
fi

# A tree of its own is changed in place. So what it builds is kept from pass to pass, and from run to run.
tree="$out/tree"
changed="$(git stash create)"
if [ ! -e "$tree/.git" ]; then
    git worktree prune
    git worktree add --quiet --detach "$tree"
fi
git -C "$tree" checkout --quiet --force --detach "${changed:-HEAD}"
cd "$tree"

# The tests that take long where nothing is optimised, and judge little that others don't.
slow=()
for test in every_order in_flight very_many_lanes a_dead_letter_without of_older_versions side_by_side \
    beside_payments a_thousand faults_delay two_invocations naive never_at_rest \
    each_planted no_clean_ledger no_false_alarm on_the_engine killed_at_any_call in_slices flood ten_thousand \
    holds_up_no_other no_command_leaves preconditions::dynamodb shared_lanes two_workers sixteen_partitions \
    out_of_order a_survey_meets; do
    slow+=(--skip "$test")
done

# The same of handlers and formats.
slow_too=("${slow[@]}")
for test in wire::fuzz schemathesis cargo_lambda reads_back byte_changed is_too_odd_for every_element_of_an_event \
    on_dynamodb ::dynamodb; do
    slow_too+=(--skip "$test")
done

# What cargo needs to build the quick judges, and all of them.
quick_target=(-p giro-testkit --test judges)
all_targets=(-p giro --lib --test it)
all_but=(--skip simulation:: --skip tidy:: --skip in_flight --skip under_faults)

# Tests have so many CPU seconds, some ten times of what they need, and then count as caught. CPU seconds and not time:
# a busy machine must not catch a mutant.
runner="CARGO_TARGET_$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')_RUNNER"
limit() { export "$runner=prlimit --cpu=$1"; }

# One pass over the mutants of a part: the part, and arguments for cargo mutants. A mutant that never ends may ask for
# memory without end. Random worlds are few: a mutant is judged in seconds.
pass() {
    local part="$1" status=0 files=()
    files=(--file "src/$part/**" --file "src/$part.rs")
    [ "$part" != domain ] || files+=(--exclude "src/domain/audit/**" --exclude src/domain/audit.rs)
    shift
    (
        ulimit -v 16777216
        GIRO_FEW_WORLDS=1 RUST_BACKTRACE=0 nice -n "${MUTANTS_NICE:-10}" "$tool" mutants --in-place --package giro \
            "${files[@]}" --output "$out/$part" --baseline skip "$@"
    ) || status=$?
    # 2: mutants survived; 3: some timed out, which counts as caught. All else is a failure of the tool.
    case $status in 0 | 2 | 3) ;; *) exit "$status" ;; esac
}

for part in "${parts[@]}"; do
    case $part in
    domain/audit*) judges=(store::auditing --skip dynamodb) ;;
    # What a store in memory checks is decided there too.
    domain*) judges=(rules:: store::contract --skip dynamodb) ;;
    *) judges=(store::contract rules::statements) ;;
    esac
    limit 30
    # cargo mutants doesn't try the tests of another package before it begins.
    cargo test --profile mutants "${quick_target[@]}" -- "${judges[@]}" "${slow[@]}"
    again=()
    if [ -n "${MUTANTS_GO_ON:-}" ] && [ -e "$out/$part/mutants.out" ]; then
        again=(--iterate)
    else
        rm -rf "${out:?}/$part/mutants.out"
    fi
    mkdir -p "$out/$part"
    pass "$part" "${again[@]}" --test-package giro-testkit --cargo-arg=--test=judges --timeout 300 "$@" -- \
        -- "${judges[@]}" "${slow[@]}"
    for tests in quick all; do
        skipped=("${all_but[@]}")
        limit 900
        [ "$tests" = all ] || { skipped+=("${slow_too[@]}") && limit 180; }
        if [ -s "$out/$part/mutants.out/missed.txt" ]; then
            cargo test --profile mutants "${all_targets[@]}" -- "${skipped[@]}"
            pass "$part" --cargo-arg=--lib --cargo-arg=--test=it --timeout 1800 --iterate "$@" -- \
                -- "${skipped[@]}"
        fi
    done
done

# Survivors go by what they are, not by where they stand: lines move.
names() { sed -E 's/^([^:]+):[0-9]+:[0-9]+: /\1: /' | sort -u; }
of() {
    for name in "$@"; do
        for part in "${parts[@]}"; do cat "$out/$part/mutants.out/$name.txt" 2>/dev/null || true; done
    done
}
missed="$(of missed | names)"
known="$(grep -v -E '^(#|  |$)' "$explained" | sort -u || true)"
unexplained="$(comm -23 <(echo "$missed") <(echo "$known") | grep . || true)"
caught="$(comm -12 <(of caught previously_caught timeout | names) <(comm -23 <(echo "$known") <(echo "$missed")) | grep . || true)"
there="$("$tool" mutants --list --package giro --file 'src/domain/**' --file 'src/store/**' | names)"
gone="$(comm -13 <(echo "$there") <(echo "$known") | grep . || true)"
for name in caught previously_caught missed timeout unviable; do
    echo "$name: $(of "$name" | wc -l)"
done
if [ -n "$unexplained$caught$gone" ]; then
    printf 'survived, and not explained in %s:\n%s\n' "$explained" "$unexplained"
    printf 'explained there, and caught:\n%s\n' "$caught"
    printf 'explained there, and no mutant:\n%s\n' "$gone"
    exit 1
fi
echo "every survivor is explained"
