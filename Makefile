# Giro: `make demo` and `make test` are for a newcomer. The others measure or tidy.

.PHONY: demo build test e2e crash bench bench-check bench-scale simulate worlds latency load logins mutants lean \
	tools lint-templates deploy-test tools-bench console-load fmt supply-chain fuzz

GIRO = $${CARGO_TARGET_DIR:-target}/debug/giro

# The main job on one machine: Kafka in, DynamoDB out, every payment accounted for.
demo: build
	$(GIRO) demo $(ARGS)

# All binaries of the workspace, so that `make test` builds none of them again. For one package alone, cargo would
# choose other features for shared packages.
build:
	cargo build --workspace --bins

# Everything that this machine can check. It says what it skipped and why, and ends with the counts of tests.
test:
	./scripts/test.sh

# Requests of every kind from HTTP and topic to their outcomes, while the publisher is killed and Kafka goes away.
# `make test` has a short form.
e2e: build
	GIRO_E2E_PAYMENTS=$${GIRO_E2E_PAYMENTS:-5000} GIRO_E2E_OUTAGE_SECONDS=$${GIRO_E2E_OUTAGE_SECONDS:-20} \
		cargo test --workspace --test it e2e:: -- --nocapture

# Ten rounds of 50,000 payments on three brokers, while processes are killed, brokers go away and DynamoDB is cut off
# and killed. `make test` has a short form. Each round prints the seed that makes the same strikes again.
crash: build
	GIRO_CRASH_ROUNDS=$${GIRO_CRASH_ROUNDS:-10} GIRO_CRASH_PAYMENTS=$${GIRO_CRASH_PAYMENTS:-50000} \
		GIRO_CRASH_SEED=$${GIRO_CRASH_SEED:-$$(date +%s)} cargo test --workspace --test it crash::nothing -- --nocapture

# Measures everything and writes docs/benchmarks.md. First it runs the contenders on a model of DynamoDB and on the
# embedded engine. Then criterion measures one core, with allocations and a flame graph. Last come size, start-up and
# memory of the Lambda binary.
bench: build lean tools-bench
	$(GIRO) bench run
	cargo bench --bench settle
	cargo bench --bench allocations
	cargo run --release --locked --manifest-path benches/flame/Cargo.toml --target-dir target/flame -- docs/benchmarks/flame.svg
	cargo bench --profile dev -p giro-cli --bench footprint

# Compares each figure with its goal, and fails if one misses it. Skewed load takes long: `giro bench check` leaves it
# out.
bench-check: build lean bench-scale
	$(GIRO) bench check
	cargo bench --profile dev -p giro-cli --bench footprint
	cargo bench --profile dev -p giro-cli --bench audit

# The same for skewed load over many partitions: the median of five seeds each, on the model. It takes long.
bench-scale: build
	$(GIRO) bench check --group skew $(ARGS)
	$(GIRO) bench check --group load $(ARGS)

# Twenty thousand simulated worlds under every fault. A violation is printed with the line that replays it.
simulate: build
	$(GIRO) simulate --seeds 20000 $(ARGS)

# Everything that can happen in small worlds: every order of store calls, with two faults at every two points, within
# five minutes. `make test` does it with one fault, for those that are short.
worlds: build
	$(GIRO) simulate --exhaustive --faults 2 $(ARGS)

# From publishing a payment to its outcome, on Apache Kafka at two fixed rates; writes the table of docs/latency.md.
latency: lean
	cargo build --release --workspace --bin giro
	./scripts/latency.sh $(ARGS)

# How many payments the HTTP API takes a second, beside what the broker acknowledges.
load: build
	./scripts/load-api.sh $(ARGS)

# Every way to log in to Kafka, at a broker of Apache Kafka that asks for it. It builds all binaries with TLS, which takes
# minutes the first time.
logins:
	cargo build --workspace --bins --features kafka-tls
	cargo test --workspace --features kafka-tls --test it logins:: -- --nocapture

# Changes the rules and the store one place at a time, and sees whether a test notices; docs/reliability.md.
mutants:
	./scripts/mutants.sh $(ARGS)

# The handlers as Lambda runs them, for this machine's architecture.
lean:
	cargo build --release --features kafka-tls --bins

# Development tools of the tests, pinned, into .tools.
tools:
	./scripts/tools.sh

# The templates: schemas, references, security policy.
lint-templates:
	./scripts/lint-templates.sh

# Builds for both architectures, deploys onto an emulator of AWS beside Apache Kafka, and proves the deployment there.
# `make test` does the same with the binaries that it has.
deploy-test:
	./scripts/deploy-test/run.sh

# The console's page beside 1,000 payments a second: what it costs, and whether it says what the audit finds.
console-load: build
	./scripts/console/load.sh $(SECONDS_OF_LOAD)

# The contender in Python, pinned, into .tools.
tools-bench:
	./scripts/powertools.sh

fmt:
	cargo fmt

# Licences, bans and sources of all dependencies, and advisories if their database can be reached.
supply-chain:
	./scripts/supply-chain.sh

# Runs each fuzz target under libFuzzer from its corpus, for SECONDS_EACH each. ARGS names some of them. `make test`
# mutates the corpora for a while without libFuzzer.
SECONDS_EACH ?= 60
fuzz:
	./scripts/fuzz.sh $(SECONDS_EACH) $(ARGS)
