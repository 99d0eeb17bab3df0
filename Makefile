# Giro: two commands for a newcomer, `make demo` and `make test`; the others measure or tidy.

.PHONY: demo test bench bench-check lean fmt tools tools-bench

# The main job on one machine: Kafka in, DynamoDB out, every payment accounted for.
demo:
	cargo build --bins
	cargo run --quiet --bin giro -- demo $(ARGS)

# Everything this machine can check; says what it skipped and why. Ends with the counts of tests run.
test:
	./scripts/test.sh

# Measures everything and writes docs/benchmarks.md: contenders on a model of DynamoDB and on the embedded engine, then
# what a core does by criterion, then size, start-up and memory of the Lambda binary.
bench: lean tools-bench
	cargo run --quiet --bin giro -- bench run
	cargo bench --no-default-features --bench settle
	cargo bench --no-default-features --bench allocations
	cargo bench --bench footprint

# What is exact: each figure beside its goal; fails if one falls short.
bench-check: lean
	cargo run --quiet --bin giro -- bench check
	cargo bench --bench footprint

# The handlers as Lambda runs them, for this machine's architecture.
lean:
	cargo build --release --no-default-features --bins

# Development tools of the tests, pinned, into .tools.
tools:
	./scripts/tools.sh

# The contender in Python, pinned, into .tools.
tools-bench:
	./scripts/powertools.sh

fmt:
	cargo fmt
