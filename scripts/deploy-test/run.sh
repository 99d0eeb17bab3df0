#!/usr/bin/env bash
# Builds for both architectures as `sam deploy` would send it, then deploys onto an emulator and proves it there: run.py says how.
# Exits non-zero with what fell short.
set -euo pipefail
cd "$(dirname "$0")/../.."

./scripts/tools.sh python sam ministack
./scripts/apache-kafka/run.sh fetch .tools/apache-kafka

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

make --quiet build
# The emulator runs functions on this machine.
exec .tools/sam/bin/python scripts/deploy-test/run.py ".aws-sam/$([ "$(uname -m)" = aarch64 ] && echo arm64 || echo x86_64)"
