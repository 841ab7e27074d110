# make demo: set up, ground something, show where the picture is. make test: everything CI runs.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help install demo test test-quick test-far lint format clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(BIN)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"zeroov needs Python 3.11 or newer, this is {v.major}.{v.minor}; use make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

install: $(BIN)/.installed ## a virtual environment in .venv with zeroov in it

demo: install ## ground something on a drawn scene, offline
	$(BIN)/zeroov demo --out out

test: install lint ## lint, types and tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal -m "not far"

test-far: install ## what drives a browser (Debian's chromium), a cluster, notebooks and the site; installs the extra far
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[far]'
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m far

test-quick: install ## the tests but the slow ones (tests/slow.txt), while you work
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal -m "not slow and not far"

lint: install ## ruff, mypy, and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## let ruff rewrite
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment and caches
	rm -rf .venv .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
