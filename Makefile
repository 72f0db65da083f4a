# Every target first creates what it needs: a virtual environment with the pinned packages, once.
#
#   make PYTHON=python3.12 test        use another interpreter
#   make VENV=/some/where demo         put the virtual environment elsewhere
#   make WORKERS=4 test                run more tests at once; each worker needs 2 to 5 GB of memory
#   make demo DEMO="--port 8001"       pass options to the demo

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
LOOKALIKE := $(PIP) --no-deps --no-build-isolation --editable .
PIN := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --custom-compile-command "make pins"
without = $(addprefix --constraint ,$(1)) $$(sed -En 's/^([a-z0-9.-]+)==.*/--no-emit-package \1/p' $(1))

# Tests that need only the packages. Each worker computes on one thread; idle workers take over tests from busy ones.
# Compiled modules are kept: otherwise each worker and child process compiles the program and the tests again.
SELF_CONTAINED := not shared and not server and not stack and not page
# Hundreds of small databases and indexes are written and synced: in memory, where it has room for them.
IN_MEMORY := $(shell df -k /dev/shm 2> /dev/null | awk 'NR == 2 && $$4 > 6000000 {print "TMPDIR=/dev/shm"}')
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo train test test-all lint types docs pins bench clean install

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

install: $(VENV)/.training ## Install Lookalike, with the packages for training, into $(VENV)

demo: $(VENV)/.serving ## Build a sample catalogue and serve a search over it (a second run starts at once)
	@$(BIN)/lookalike demo $(DEMO)

train: $(VENV)/.training ## Fine-tune the demo's model on its listings and make it live; the demo may keep running
	@$(BIN)/lookalike demo --train $(DEMO)

test: $(VENV)/.developing ## Run the quick tests, in minutes
	@$(IN_MEMORY) $(PYTEST) -m "not slow and $(SELF_CONTAINED)" $(TESTS)

test-all: $(VENV)/.developing ## Run all tests, including all combinations, killed processes and training
	@LOOKALIKE_TEST_FEEDS=300 $(PYTEST) -m "$(SELF_CONTAINED)" $(TESTS)

lint: $(VENV)/.developing ## Check style and import rules
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

types: $(VENV)/.developing ## Check types
	@$(BIN)/mypy

docs: $(VENV)/.developing ## Regenerate the generated parts of the README and the docs
	@$(BIN)/python -m tests.docs.generate

pins: $(VENV)/.developing ## Pin what pyproject.toml asks for, with hashes (a pin that still fits stays; delete its lines to upgrade it)
	@echo 'setuptools>=77' | $(PIN) pyproject.toml - --extra server --output-file constraints.txt
	@$(PIN) pyproject.toml --extra train --output-file constraints-train.txt $(call without,constraints.txt)
	@$(PIN) pyproject.toml --extra dev --output-file constraints-dev.txt $(call without,constraints.txt constraints-train.txt)

bench: $(VENV)/.training ## Compare the speed of embedding with the plain way, on the demo's photos (after make train)
	@LOOKALIKE_DATA_DIR=data/demo $(BIN)/lookalike bench embed

clean: ## Delete the virtual environment, the caches and the demo's files
	rm -rf $(VENV) data/demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Lookalike needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Use another one: make PYTHON=python3.12 ..."; exit 1; }
	@echo "[1/3] creating the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.serving: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "[2/3] installing the packages for serving (takes one to several minutes, once)"
	@$(PIP) --require-hashes --requirement constraints.txt && $(LOOKALIKE)
	@echo "[3/3] ready"
	@touch $@

$(VENV)/.training: $(VENV)/.serving constraints-train.txt
	@echo "installing the packages for training (torch is large: takes minutes, once)"
	@$(PIP) --require-hashes --requirement constraints-train.txt
	@touch $@

$(VENV)/.developing: $(VENV)/.training constraints-dev.txt
	@echo "installing the packages for tests and checks"
	@$(PIP) --require-hashes --requirement constraints-dev.txt
	@touch $@
