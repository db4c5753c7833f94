# Everything a person or CI does with this repository. `make` alone lists the targets.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench peers chaos notebook pictures lock clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make the virtual environment and fetch the jars, once (the other targets call it)

$(READY): requirements.lock pyproject.toml conf/jars.lock
	@$(PYTHON) conf/setup.py
	@touch $(READY)

demo: setup ## Run the whole system on embedded servers with simulated listeners; Ctrl-C ends it
	@exec $(BIN)/churn demo $(ARGS)

test: setup ## Run all tests, on a real Kafka, Spark and Valkey
	@# What needs no JVM shares the two cores; code 5 is pytest's word for a choice in which there was none.
	@$(BIN)/pytest -n 2 --dist loadfile -m "not spark and not cluster and not peers" $(ARGS) || [ $$? -eq 5 ]
	@$(BIN)/pytest -m "spark and not cluster and not peers" $(ARGS) || [ $$? -eq 5 ]

check: setup ## Format, lint, types, floor plan and the tests that need nothing else and are quick: about 30 s
	@$(BIN)/ruff format --check --quiet . || (echo "Run: $(BIN)/ruff format ." && false)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 2
	@# Two processes, two cores: more threads in each would only wait for one another.
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal --hypothesis-profile=quick -m "not servers and not spark and not slow" --no-header

bench: setup .venv-bench/.ready ## Measure everything on a quiet machine, two hours, or in ten minutes: make bench QUICK=1
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(ARGS)

peers: setup .venv-bench/.ready ## Test the peers of the benchmark, Quix Streams among them
	@$(BIN)/pytest -m peers tests/benchmarks

.venv-bench/.ready: conf/bench.lock
	@$(BIN)/python -m venv .venv-bench
	@.venv-bench/bin/pip install --quiet --disable-pip-version-check --require-hashes -r conf/bench.lock
	@touch .venv-bench/.ready

chaos: setup ## Kill every part of a running system, again and again, and workers of a cluster: make chaos KILLS=30 SEED=1
	@CHAOS_KILLS=$(or $(KILLS),30) CHAOS_SEED=$(or $(SEED),1) $(BIN)/pytest -s -m 'cluster or not cluster' tests/e2e/test_chaos.py tests/e2e/test_cluster.py

notebook: setup ## Run docs/sparkify.ipynb anew: make notebook LOG=FILE
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r conf/notebook.lock
	@cd docs && SPARKIFY_LOG=$(abspath $(LOG)) ../$(BIN)/jupyter execute --inplace sparkify.ipynb

pictures: setup ## Take pictures of the console of a demo that runs: make pictures ARGS="--all FOLDER"
	@$(BIN)/python docs/take_pictures.py $(ARGS)

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header

lock: setup ## Pin every dependency anew (needs uv)
	@$(LOCK) --group dev pyproject.toml -o requirements.lock
	@$(LOCK) --group notebook -c requirements.lock -o conf/notebook.lock
	@$(LOCK) --group bench -o conf/bench.lock

clean: ## Remove what setup and the programs made: .venv, .venv-bench, .jars, var
	@rm -rf .venv .venv-bench .jars var
