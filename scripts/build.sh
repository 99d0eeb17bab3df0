#!/usr/bin/env bash
# `sam build` for one architecture, with the pinned tools: what `sam deploy` then sends.
#
#   build.sh [arm64|x86_64] [what else sam build takes…]
#
# Cross-compiles with zig. librdkafka asks for its compiler in CC, which says nothing of the target, so it is told here.
set -euo pipefail
cd "$(dirname "$0")/.."

architecture=${1:-arm64}
shift || true
case $architecture in
    arm64) target=aarch64 ;;
    x86_64) target=x86_64 ;;
    *) echo "expected arm64 or x86_64, not $architecture" >&2; exit 2 ;;
esac

./scripts/tools.sh python sam
if command -v rustup >/dev/null; then
    rustup --quiet target add "$target-unknown-linux-gnu"
fi
PATH=$PWD/.tools/python/bin:$PWD/.tools/sam/bin:$PATH
if [ "$(uname -m)" != "$target" ]; then
    wrappers=$PWD/.tools/zig-$target
    mkdir -p "$wrappers"
    for tool in cc c++ ar; do
        # librdkafka's list of exports names symbols of its tests.
        options="-g -fno-sanitize=all -Wl,--undefined-version -target $target-linux-gnu"
        [ "$tool" = ar ] && options=""
        printf '#!/bin/sh\nexec cargo-lambda zig %s -- %s "$@"\n' "$tool" "$options" >"$wrappers/$tool"
        chmod +x "$wrappers/$tool"
    done
    export CC=$wrappers/cc CXX=$wrappers/c++ AR=$wrappers/ar HOST_CC=${HOST_CC:-cc} HOST_CXX=${HOST_CXX:-c++} HOST_AR=${HOST_AR:-ar}
fi
export SAM_CLI_TELEMETRY=0
sam build --parameter-overrides "Architecture=$architecture" "$@"
