# Every verb works on a fresh clone: each depends on `setup`, which does nothing when nothing changed.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
DEMO := build/demo
DEMO_PORT ?= 8000
READY := .venv/.ready
READY_LOAD := .venv-load/.ready
ROOMS := partition indexer search cache web broadsheet

.PHONY: help setup demo serve index check fmt lint type browser test bench load lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Broadsheet needs Python 3.11 or later: make PYTHON=python3.12 ..." >&2; exit 1; }
	@test -d .venv || $(PYTHON) -m venv .venv || { echo "the venv module is missing: as root, apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@echo "compiling kernels: a minute or two, once" && $(BIN)/python -m partition.compiling
	@touch $@

$(READY_LOAD): requirements/load.txt
	@test -d .venv-load || $(PYTHON) -m venv .venv-load
	.venv-load/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/load.txt
	@touch $@

setup: $(READY) ## Make the environment in .venv

$(DEMO)/epochs: | $(READY)
	@mkdir -p $(DEMO)
	$(BIN)/broadsheet sample --articles 5000 --seed 1 | $(BIN)/broadsheet index - --data $(DEMO)

demo: $(READY) $(DEMO)/epochs ## Sample articles, an index, and a server to open in a browser
	@echo "open http://127.0.0.1:$(DEMO_PORT)/ and try: election OR budget"
	@echo "     http://127.0.0.1:$(DEMO_PORT)/docs for the API"
	@$(BIN)/broadsheet serve --data $(DEMO) --port $(DEMO_PORT)

serve: $(READY) ## Serve the archive in DATA
	$(BIN)/broadsheet serve --data $(or $(DATA),data)

index: $(READY) ## Index FILES into the archive in DATA
	$(BIN)/broadsheet index $(FILES) --data $(or $(DATA),data)

check: $(READY) ## Verify the archive in DATA
	$(BIN)/broadsheet check --data $(or $(DATA),data)

fmt: $(READY) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .

lint: $(READY) ## Check format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

type: $(READY) ## Check types
	$(BIN)/mypy

browser: ## Install Chromium, which tests of pages need, where that can be done
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
	  echo "no Chromium: tests of pages in a browser will be skipped; as root: apt-get install chromium" >&2

test: $(READY) browser ## Run the tests, side by side
	@$(BIN)/python -m partition.compiling
	@$(BIN)/python -m compileall -q $(ROOMS) # the tests start hundreds of processes, which may not write this themselves
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

bench: $(READY) ## Measure Broadsheet beside its peers on CORPUS with QUERIES
	$(BIN)/python -m benchmarks.peers $(if $(CORPUS),--corpus $(CORPUS)) $(if $(QUERIES),--queries $(QUERIES)) --json build/bench.json --plot build/bench.png

load: $(READY) $(READY_LOAD) $(DEMO)/epochs ## Load-test a server of its own on the archive in DATA
	.venv-load/bin/python -m loadtests.run --data $(or $(DATA),$(DEMO)) --out build/load

lock: $(READY) ## Write the locked requirements anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra dev -o requirements/dev.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group pyproject.toml:load -o requirements/load.txt

clean: ## Remove everything that was made here
	rm -rf .venv .venv-load build .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
