#!/usr/bin/env bash
# Deploys onto an emulator of AWS beside Apache Kafka, and proves the deployment there: run.py says how. Exits non-zero
# with what fell short.
#
#   run.sh            builds for both architectures first, as `sam deploy` would send it, and deploys this machine's
#   run.sh staged     deploys the binaries that `make build` made: the same deployment without the minutes of building
set -euo pipefail
cd "$(dirname "$0")/../.."

./scripts/tools.sh python sam ministack
./scripts/apache-kafka/run.sh fetch .tools/apache-kafka
make --quiet build

if [ "${1:-}" = staged ]; then
    build=.aws-sam/staged
    .tools/sam/bin/python scripts/deploy-test/stage.py "${CARGO_TARGET_DIR:-target}/debug" "$build"
else
    # The same code without link-time optimisation, which takes most of the time and changes nothing but size and speed.
    export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    for architecture in arm64 x86_64; do
        echo "== sam build for $architecture"
        began=$SECONDS
        ./scripts/build.sh "$architecture" --build-dir ".aws-sam/$architecture" >/dev/null
        echo "  in $((SECONDS - began)) s"
        machine=$([ "$architecture" = arm64 ] && echo AArch64 || echo X86-64)
        for bootstrap in ".aws-sam/$architecture"/*/bootstrap; do
            readelf --file-header "$bootstrap" | grep -q "Machine:.*$machine" ||
                { echo "FELL SHORT $bootstrap is not for $architecture" >&2; exit 1; }
        done
    done
    # The emulator runs functions on this machine.
    build=.aws-sam/$([ "$(uname -m)" = aarch64 ] && echo arm64 || echo x86_64)
fi
exec .tools/sam/bin/python scripts/deploy-test/run.py "$build"
