# Everything a person or a machine does with this project. `make` alone lists the targets.

VENV := .venv
BIN := $(VENV)/bin

# The interpreter the environment is made with: the first that is new enough, or PYTHON=… by name.
NEW_ENOUGH := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && { echo $$p; break; }; done)

# What is installed is known by its stamp: it changes with pyproject.toml and the lock, and when the folder moves.
SUM := $(shell { cat pyproject.toml requirements.lock; pwd; } | cksum | cut -d ' ' -f 1)
RUNS := $(VENV)/.runs-$(SUM)
TESTS := $(VENV)/.tests-$(SUM)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable

.DEFAULT_GOAL := help
.PHONY: help run test nightly bench chaos soak setup check format lock

help: ## list these targets
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r name does; do \
		printf '  make %-8s %s\n' "$$name" "$$does"; done

run: $(RUNS) ## set up and start: the site, a worker and beat on http://127.0.0.1:8000
	@exec $(BIN)/poembot serve

test: check ## set up and prove: check, then the tests; of those marked nightly a seventh, another each day
	@$(BIN)/pytest --numprocesses auto --dist loadgroup --no-loadscope-reorder --nightly part

nightly: $(TESTS) ## every test in every way: both scales, all windows, all trainings
	@$(BIN)/pytest --numprocesses auto --dist loadgroup --no-loadscope-reorder

chaos: $(TESTS) ## kill, starve and cut off every part at every moment, and print what came of it
	@$(BIN)/pytest tests/chaos -m 'chaos or not chaos' -p no:randomly -q

bench: $(TESTS) ## measure everything beside its baseline, on a quiet machine; about ten minutes
	@for name in decode serve swap train; do $(BIN)/poembot bench $$name || exit 1; done

soak: $(TESTS) ## ten minutes of mixed readers, training and swapping on two webs: no error, no growth
	@$(BIN)/poembot bench soak

setup: $(TESTS) ## .venv with everything, development tools too

check: $(TESTS) ## style, types, import contracts, and what is known to be unsafe
	@$(BIN)/ruff format --check --quiet . || { echo 'make format would lay these out' >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@said=$$($(BIN)/mypy 2>&1) || { echo "$$said" >&2; exit 1; }
	@said=$$($(BIN)/lint-imports 2>&1) || { echo "$$said" >&2; exit 1; }
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive app worker models
	@$(BIN)/python .ci/audit.py

format: $(TESTS) ## lay the code out and mend what can be mended without thought
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

# New versions come by hand: `.venv/bin/pip install --upgrade …` what shall be newer, `make test`, then this.
lock: $(TESTS) ## write requirements.lock anew, from what is installed here, with SBOM and licences
	@$(BIN)/python .ci/lock.py

$(TESTS): | $(BIN)/python
	@echo 'Installing what the tests need (once; some minutes) ...' >&2
	@$(INSTALL) '.[learn,dev]'
	@rm -f $(VENV)/.runs-* $(VENV)/.tests-*
	@touch $(RUNS) $@

$(RUNS): | $(BIN)/python
	@echo 'Installing what running needs (once; some minutes) ...' >&2
	@$(INSTALL) '.[learn]'
	@rm -f $(VENV)/.runs-* $(VENV)/.tests-*
	@touch $@

$(BIN)/python:
	@test -n '$(PYTHON)' && $(or $(PYTHON),false) -c '$(NEW_ENOUGH)' || { \
		echo 'poem-bot needs Python 3.11 or newer with its venv module (Debian: python3-venv).' >&2; \
		echo 'None was found$(if $(PYTHON), as $(PYTHON)); name one with: make PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
