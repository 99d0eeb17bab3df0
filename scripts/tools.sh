#!/usr/bin/env bash
# Installs the development tools that the tests use, at pinned versions, into .tools. Does nothing if they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_LAMBDA=1.9.2

if [ ! -x ".tools/python-$CARGO_LAMBDA/bin/cargo-lambda" ]; then
    command -v python3 >/dev/null || { echo "cargo-lambda is installed with Python, and there is no python3" >&2; exit 3; }
    python3 -m venv ".tools/python-$CARGO_LAMBDA"
    # Without its dependency ziglang, which only cross-compiling needs.
    ".tools/python-$CARGO_LAMBDA/bin/pip" install --quiet --disable-pip-version-check --no-deps "cargo-lambda==$CARGO_LAMBDA"
fi
ln -sfn "python-$CARGO_LAMBDA" .tools/python
