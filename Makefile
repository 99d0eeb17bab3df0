# Giro: two commands for a newcomer, `make demo` and `make test`; the others measure or tidy.

.PHONY: demo test bench simulate mutants lean fmt tools lint-templates deploy-test fuzz supply-chain

# The main job on one machine: Kafka in, DynamoDB out, every payment accounted for.
#
# Built with the tests, so that `make test` finds all of it built: without them, cargo would choose other features.
demo:
	cargo build --bins --tests
	$${CARGO_TARGET_DIR:-target}/debug/giro demo $(ARGS)

# Everything this machine can check; says what it skipped and why. Ends with the counts of tests run.
test:
	./scripts/test.sh

# The figures of README.md: instructions-bound work by criterion, then size, start-up and memory of the Lambda binary.
bench: lean
	cargo bench --bench settle
	cargo bench --bench footprint

# Twenty thousand simulated worlds under every fault. What goes wrong is printed with the line that replays it.
simulate:
	cargo build --bin giro
	cargo run --quiet --bin giro -- simulate --seeds 20000 $(ARGS)

# Changes the rules and the stores one place at a time, and sees whether a test notices. Hours; docs/reliability.md.
mutants:
	./scripts/mutants.sh $(ARGS)

# The handlers as Lambda runs them, for this machine's architecture.
lean:
	cargo build --release --no-default-features --bins

# Development tools of the tests, pinned, into .tools.
tools:
	./scripts/tools.sh

# The templates: schemas, references, security policy.
lint-templates:
	./scripts/lint-templates.sh

# Builds for both architectures, deploys onto an emulator of AWS beside Apache Kafka, and proves the deployment there.
deploy-test:
	./scripts/deploy-test/run.sh

fmt:
	cargo fmt

# Licences, bans and sources of all dependencies; advisories where their database can be reached.
.PHONY: supply-chain fuzz
supply-chain:
	./scripts/supply-chain.sh

# Feeds each fuzz target mutations of its corpus, for SECONDS_EACH each; needs no other tool than Rust.
SECONDS_EACH ?= 60
fuzz:
	GIRO_FUZZ_SECONDS=$(SECONDS_EACH) cargo test --test it fuzz:: -- --nocapture
