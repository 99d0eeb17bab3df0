#!/usr/bin/env bash
# Measures from publishing a payment request to its outcome with the release build, on Apache Kafka. It writes the table
# of docs/latency.md between its two marks. RATE@WINDOW_MS names a run; the usual runs are the two that have goals.
#
#   latency.sh [RATE@WINDOW_MS...]
set -euo pipefail
cd "$(dirname "$0")/.."
giro=${CARGO_TARGET_DIR:-$PWD/target}/release/giro
page=docs/latency.md
[ $# -gt 0 ] || set -- 1000@500 300@0

rows=""
for run in "$@"; do
    echo "$run ..." >&2
    table=$("$giro" bench latency --markdown --rate "${run%@*}" --window-ms "${run#*@}" --seconds "${SECONDS_EACH:-60}")
    echo "$table" >&2
    rows+=$(tail -n 1 <<<"$table")$'\n'
done
{
    sed -n '1,/^<!-- measured -->$/p' "$page"
    echo
    head -n 2 <<<"$table"
    echo "$rows"
    sed -n '/^<!-- end -->$/,$p' "$page"
} >"$page.new"
mv "$page.new" "$page"
