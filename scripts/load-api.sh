#!/usr/bin/env bash
# How many payments a second payment-api takes over, beside what the broker acknowledges to as many clients: on Apache
# Kafka, with Debian's wrk. Exits with 1 if a request isn't answered with 202.
#
#   load-api.sh [CLIENTS] [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
clients=${1:-8} seconds=${2:-15}
giro=${CARGO_TARGET_DIR:-$PWD/target}/debug/giro
lua=$PWD/scripts/load-api.lua

if ! wrk=$(command -v wrk); then
    root=$PWD/.tools/wrk
    if [ ! -x "$root/usr/bin/wrk" ]; then
        command -v apt-get >/dev/null || { echo "install wrk: this needs it, and here is no apt-get to fetch it with" >&2; exit 3; }
        mkdir -p "$root"
        (cd "$root" && apt-get download wrk libluajit-5.1-2 && for deb in ./*.deb; do dpkg-deb -x "$deb" .; done)
    fi
    wrk=$root/usr/bin/wrk
    LD_LIBRARY_PATH=$(dirname "$(find "$root" -name 'libluajit-5.1.so.2' | head -1)")
    export LD_LIBRARY_PATH LUA_PATH="$root/usr/share/luajit-2.1/?.lua;;"
fi

folder=$(mktemp -d)
up=
trap '[ -z "$up" ] || { kill "$up" && wait "$up" || true; }; rm -rf "$folder"' EXIT
cd "$folder"
touch up.log
"$giro" up --kafka apache --only payment-api --concurrency "$clients" >>up.log 2>&1 &
up=$!
until grep -q '^# Other giro' up.log; do
    kill -0 "$up" 2>/dev/null || { cat up.log >&2; exit 3; }
    sleep 0.2
done
api=$(sed -n 's/^# POST \(http:[^ ]*\)\/payments .*/\1/p' up.log)

# First a little of it, so that each instance runs and is connected.
"$wrk" -t1 -c"$clients" -d3s -s "$lua" "$api" >/dev/null
echo "the broker, $clients producers:"
"$giro" bench broker --producers "$clients" --seconds "$seconds"
echo "payment-api, $clients clients:"
"$wrk" -t1 -c"$clients" -d"${seconds}s" --latency -s "$lua" "$api" | tail -1 | tee answered
grep -q '; 0 not with 202, 0 without' answered
