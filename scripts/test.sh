#!/usr/bin/env bash
# Everything this machine can check. Says what it skipped and why; ends with the counts of tests run.
set -euo pipefail
cd "$(dirname "$0")/.."

skipped=()
step() { printf '\n== %s\n' "$1"; }

step "format"
cargo fmt --check

step "lints"
cargo clippy --quiet --workspace --all-targets -- -D warnings

step "tools"
if ! ./scripts/tools.sh; then
    skipped+=("what needs the development tools of scripts/tools.txt: some could not be installed")
fi
if ! .tools/duckdb/bin/python -c 'import duckdb, sqlglot' 2>/dev/null; then
    skipped+=("the SQL over exports: DuckDB could not be installed")
fi
if ! .tools/otlp/bin/python -c 'import opentelemetry.proto' 2>/dev/null; then
    skipped+=("traces as the types of opentelemetry-proto read them: they could not be installed")
fi
for client in python:python3 node:npm java:mvn; do
    if ! [ -d ".tools/clients-${client%:*}" ]; then
        skipped+=("clients on Apache Kafka: those in ${client%:*} need ${client#*:}, or could not be installed")
    fi
done
if ! [ -d .tools/schema-types ]; then
    skipped+=("outcomes as generated types: TypeScript needs node and npm, or could not be installed")
fi
step "supply chain"
if ! ./scripts/supply-chain.sh; then
    [ -x .tools/supply-chain-*/bin/cargo-deny ] && exit 1
    skipped+=("licences and sources of dependencies: cargo-deny could not be installed")
fi
step "templates"
if .tools/sam/bin/python -c '' 2>/dev/null && .tools/checkov/bin/python -c '' 2>/dev/null; then
    ./scripts/lint-templates.sh
else
    skipped+=("the templates' schemas and policy: their linters could not be installed")
fi
step "topics"
if command -v node >/dev/null && [ -d .tools/asyncapi/node_modules/@asyncapi/parser ]; then
    node scripts/lint-asyncapi.mjs
else
    skipped+=("the description of the topics: AsyncAPI's parser needs node and npm, or could not be installed")
fi
step "HTTP API"
if command -v node >/dev/null && [ -d .tools/openapi/node_modules/@seriousme ]; then
    node scripts/lint-openapi.mjs
else
    skipped+=("the description of the HTTP API: OpenAPI's validator needs node and npm, or could not be installed")
fi
step "costs"
if command -v python3 >/dev/null; then
    python3 -B scripts/costs.py --check
    python3 -B scripts/audit-costs.py --check
else
    skipped+=("the tables of costs in docs/deploy.md and docs/auditing.md: no python3")
fi
for program in java mvn; do
    command -v "$program" >/dev/null || skipped+=("the end-to-end test on Apache Kafka: no $program")
done
if ! command -v node >/dev/null || [ ! -d .tools/console/node_modules/puppeteer-core ]; then
    skipped+=("the console's page in a browser: it needs node and npm, or could not be installed")
fi
if command -v java >/dev/null && command -v mvn >/dev/null; then
    ./scripts/apache-kafka/run.sh fetch .tools/apache-kafka
fi

step "tests"
mkdir -p target
cargo test --quiet --workspace --no-run
# Two minutes of worlds that nobody has seen before.
GIRO_SIMULATE_SECONDS="${GIRO_SIMULATE_SECONDS:-120}" cargo test --workspace --no-fail-fast 2>&1 | tee target/test.log

step "deployment"
if command -v java >/dev/null && command -v mvn >/dev/null && .tools/sam/bin/python -c '' 2>/dev/null &&
    .tools/ministack/bin/python -c '' 2>/dev/null; then
    ./scripts/deploy-test/run.sh staged
else
    skipped+=("the deployment: it needs java, mvn and the development tools")
fi

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --workspace --lib

step "summary"
if [ ${#skipped[@]} -eq 0 ]; then
    echo "nothing was skipped"
else
    printf 'SKIPPED %s\n' "${skipped[@]}"
fi
awk '/^test result: / { passed += $4; failed += $6; ignored += $8 }
     END { printf "tests run: %d passed, %d failed, %d ignored\n", passed, failed, ignored }' target/test.log
