# Giro: two commands for a newcomer, `make demo` and `make test`; the others measure or tidy.

.PHONY: demo test bench simulate mutants lean fmt tools

# The main job on one machine: Kafka in, DynamoDB out, every payment accounted for.
demo:
	cargo build --bins
	cargo run --quiet --bin giro -- demo $(ARGS)

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

fmt:
	cargo fmt
