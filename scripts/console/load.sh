#!/usr/bin/env bash
# Measures the console's page beside 1,000 payments a second: the processor time of the browser, the page's heap, and
# whether its numbers are those of `giro audit`. Exits with 1 if a goal is missed.
#
#   load.sh [SECONDS]      60 by default; GIRO names the command
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-60}
giro=$(realpath "${GIRO:-target/debug/giro}")
[ -x "$giro" ] || { echo "there is no $giro: run make build" >&2; exit 3; }
./scripts/tools.sh console
test=$PWD/scripts/console/test.mjs
figures=$PWD/scripts/console/figures.mjs

folder=$(mktemp -d)
cd "$folder"
end() {
    status=$?
    "$giro" down >/dev/null 2>&1 || true
    rm -rf "$folder"
    exit "$status"
}
trap end EXIT
"$giro" up --detach --partitions 4 >/dev/null
"$giro" accounts open bank --currency EUR --unlimited >/dev/null
for account in 1 2 3 4 5 6 7 8; do "$giro" accounts open "a$account" --currency EUR >/dev/null; done
console=$("$giro" status console)

# A second of requests: most are paid by the bank, and some by accounts that may have too little.
requests() {
    awk -v second="$1" 'BEGIN { for (i = 0; i < 1000; i++) {
        from = i % 10 ? "bank" : "a" 1 + int(i / 10) % 8
        to = "a" 1 + (int(i / 10) + 1 + i % 7) % 8
        printf "{\"payment_id\":\"s%d-%d\",\"debtor_account\":\"%s\",", second, i, from
        printf "\"creditor_account\":\"%s\",\"amount\":%d,\"currency\":\"EUR\"}\n", to, 1 + i % 97
    } }'
}
load() {
    local began second
    began=$(date +%s)
    for ((second = 0; second < seconds + 12; second++)); do
        requests "$second" | "$giro" publish - >/dev/null
        # Seconds that took longer are made up for by the next.
        while [ $(($(date +%s) - began)) -le "$second" ]; do sleep 0.05; done
    done
}
load &
loading=$!
measured=$(node "$test" measure "$console" "$seconds")
echo "$measured"
wait "$loading"

# Once all is decided, a page that is opened shows what the audit finds.
audited=
for ((tries = 0; tries < 300; tries++)); do
    [ "$audited" != "$("$giro" audit --json)" ] || break
    audited=$("$giro" audit --json)
    sleep 1
done
shown=$(node "$test" measure "$console" 2)
node "$figures" "$measured" "$shown" "$audited"
