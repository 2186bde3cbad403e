# The habits of this house; `make` alone lists them from the comments behind the names.

VENV := .venv/bin
UV := $(shell command -v uv || echo $(VENV)/uv)
# No host names, all platforms: the same two files serve every machine and every mirror.
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help venv check fmt test servers outage faults bench mutants lock

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: ## make .venv with the tools, or find that it is up to date
	@.ci/venv.sh requirements-dev.lock

check: venv ## format, lint, types, layers, house rules: what a change must pass first
	$(VENV)/ruff format --check --quiet
	$(VENV)/ruff check --quiet
	$(VENV)/mypy
	$(VENV)/mypy dashboard/build.py
	$(VENV)/lint-imports
	$(VENV)/pytest tests/house -q

fmt: venv ## format, and correct what can be corrected
	$(VENV)/ruff format
	$(VENV)/ruff check --fix

test: venv ## all tests: unit, contract, integration, e2e
	./test

servers: ## the tests that use Redis, on Redis 7.0 and on a cluster of it and of Valkey
	./test --redis=redis7
	./test --redis=cluster
	./test --redis=redis7-cluster

outage: venv ## Postgres away for two minutes under load; the tests do it for some seconds
	OUTAGE_SECONDS=120 $(VENV)/pytest tests/integration/breaking/test_postgres_down.py -k under_load

SEED ?= 1
MINUTES ?= 10
faults: venv ## kill everything at random for MINUTES with SEED, then audit; the report is in faults.json
	$(VENV)/python -m tests.faults.run --seed $(SEED) --minutes $(MINUTES)

bench: venv ## the figures of the README, measured on this machine
	$(VENV)/python bench/proxies.py
	$(VENV)/python bench/meter.py
	$(VENV)/python bench/count.py

mutants: venv ## try the seeded bugs of tests/mutants on a copy of the tree; each must be noticed
	$(VENV)/python -m tests.mutants.run

lock: ## pin all packages and their hashes again (needs uv)
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) pyproject.toml --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(COMPILE) --group build --output-file requirements-build.lock
