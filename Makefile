.PHONY: test
test: ## the whole suite
	cargo test --workspace
