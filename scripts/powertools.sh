#!/usr/bin/env bash
# Installs the benchmark's contender in Python, at pinned versions, into .tools/powertools. Does nothing if it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

REQUIREMENTS=benches/powertools/requirements.txt

if ! cmp -s "$REQUIREMENTS" .tools/powertools/requirements.txt; then
    command -v python3 >/dev/null || { echo "the contender in Python is left out: no python3" >&2; exit 0; }
    python3 -m venv .tools/powertools
    .tools/powertools/bin/pip install --quiet --disable-pip-version-check -r "$REQUIREMENTS"
    cp "$REQUIREMENTS" .tools/powertools/requirements.txt
fi
