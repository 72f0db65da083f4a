# Every target does its own set-up: a virtual environment with the pinned packages, made once.
# Another interpreter: make PYTHON=python3.12 test. Another place: make VENV=/some/where demo. More tests at once, with
# 2 to 5 GB of memory for each: make WORKERS=4 test.
# Options of the demo, such as another port: make demo DEMO="--port 8001".

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

# What needs nothing but the packages. A worker has one thread, and takes over tests of another one that is behind.
ALONE := not shared and not server and not stack and not page
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo train test test-all lint types docs bench clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

demo: $(VENV)/.serving ## Draw a sample catalogue, index it and serve it (a second run starts at once)
	@$(BIN)/lookalike demo $(DEMO)

train: $(VENV)/.training ## Fine-tune the demo's model on its catalogue, and make it live, beside an open page
	@$(BIN)/lookalike demo --train $(DEMO)

test: $(VENV)/.developing ## Run the quick tests: every behaviour once, in minutes
	@$(PYTEST) -m "not slow and $(ALONE)" $(TESTS)

test-all: $(VENV)/.developing ## Run all tests: every combination, kills, trainings
	@$(PYTEST) -m "$(ALONE)" $(TESTS)

lint: $(VENV)/.developing ## Check style and the import rules
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

types: $(VENV)/.developing ## Check types
	@$(BIN)/mypy

docs: $(VENV)/.developing ## Write the generated parts of the README and the docs again
	@$(BIN)/python -m tests.docs.generate

bench: $(VENV)/.training ## Compare embedding with the plain way, on the demo's photos, after make train
	@LOOKALIKE_DATA_DIR=data/demo $(BIN)/lookalike bench embed

clean: ## Remove the virtual environment, caches and the demo's files
	rm -rf $(VENV) data/demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Lookalike needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 ..."; exit 1; }
	@echo "[1/3] making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.serving: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "[2/3] installing the packages to serve (a minute, once)"
	@$(PIP) --editable .
	@echo "[3/3] ready"
	@touch $@

$(VENV)/.training: $(VENV)/.serving
	@echo "installing the packages to train (torch is large: minutes, once)"
	@$(PIP) --editable '.[train]'
	@touch $@

$(VENV)/.developing: $(VENV)/.training
	@echo "installing the packages to test and check"
	@$(PIP) --editable '.[train,dev]'
	@touch $@
