# What there is to do here. `.ci/run` is these same targets, one after another, from a clean checkout.

ARCH ?= x86_64
# Where cargo builds to.
BUILT := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: demo
demo: ## builds what is needed and shows it at work: example functions, their traces, what they cost
	cargo build --release -p spanlayer-extension -p spanlayer-cli -p orders-api -p orders-worker
	$(BUILT)/release/spanlayer-cli demo

.PHONY: bench
bench: ## the figures beside their budgets, in three minutes on a quiet machine; BENCH=--help says what else
	cargo build --release -p spanlayer-bench -p noop-extension -p detection-bench
	# One at a time, as they ship: built together, each would get the features that any of them asks of a dependency.
	cargo build --release -p spanlayer-extension
	cargo build --release -p bare-function
	cargo build --release -p wrapped-function
	$(BUILT)/release/spanlayer-bench $(BENCH)

.PHONY: simulate
simulate: ## docs/scale.md and its plots: what the flush policy costs by traffic shape, in about a minute; SIMULATE=--help
	cargo run --quiet -p spanlayer-simulate -- $(or $(SIMULATE),--write docs)

.PHONY: lint
lint: ## formatting and clippy, warnings denied
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

.PHONY: docs
docs: ## the API documentation, in target/doc
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --lib --no-deps

.PHONY: test
test: ## the whole suite
	cargo build --workspace
	cargo test --workspace --no-fail-fast

.PHONY: chaos
chaos: ## kills extension, function, and both the disk and the extension, a thousand times each under load, and freezes both for minutes
	cargo test -p spanlayer-extension --test process -- --ignored --nocapture --test-threads 1 thousand_kills
	cargo build -p spanlayer-extension -p story-function
	cargo test --test stories -- --ignored frozen_for_minutes

.PHONY: soak
soak: ## an hour of a function's life at the pace of the machine: memory, descriptors and files over time; SOAK="--minutes 30"
	cargo build --release -p spanlayer-extension
	cargo build --release -p story-function -p spanlayer-soak
	$(BUILT)/release/spanlayer-soak $(SOAK)

.PHONY: fuzz
fuzz: ## what nobody would write, to everything that reads what others wrote: a minute for each; FUZZ="--seconds 600 link"
	cargo run --quiet --profile fuzz -p spanlayer-fuzz -- $(FUZZ)

.PHONY: release
release: ## the extension, the command line tool and the examples, in target/release
	cargo build --release --workspace

.PHONY: layer
layer: ## target/layer/spanlayer-x86_64.zip; ARCH=arm64 for the other one
	$(MAKE) --no-print-directory -C layer zip ARCH=$(ARCH)

.PHONY: order
order: ## layer/order.ld: which functions run when, recorded anew (after `make release`; valgrind, openssl)
	touch layer/order.ld
	CARGO_PROFILE_RELEASE_STRIP=none cargo build --release -p spanlayer-extension --target-dir $(BUILT)/order
	python=$$(.ci/venv tests/interop/requirements.txt)/bin/python && $$python layer/packaging/order.py \
	    --binary $(BUILT)/order/release/spanlayer --cli $(BUILT)/release/spanlayer-cli \
	    --function $(BUILT)/release/orders-api --out layer/order.ld

.PHONY: aws
aws: ## the layer and the examples under AWS's own emulator (after `make release layer`; needs root)
	tests/aws/run

.PHONY: interop
interop: ## OpenTelemetry's Python SDK through the extension (after `make release`)
	tests/interop/run

.PHONY: peers
peers: ## the OpenTelemetry Collector, Jaeger and Zipkin at both ends of the extension (after `make release`; Go, Java, Maven)
	tests/interop/peers

.PHONY: cloud
cloud: ## secrets, objects and signatures, as AWS sees them on this machine (after `make release`)
	tests/cloud/run

.PHONY: operations
operations: ## rules, alerts, dashboards and CloudWatch's template, by promtool, amtool and cfn-lint (after `make release`; Go)
	tests/operations/run

.PHONY: sam
sam: ## checks template.yaml and builds it as for a deployment
	tests/aws/sam
