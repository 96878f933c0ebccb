# make run · make test · make check · make slow · make bench: each sets up what it needs, once.
# PYTHON=python3.12 names another Python, ARGS="tests/app -k chat" what to test.
PYTHON ?=
ARGS ?=
# By the interpreter: the first line of a script in .venv/bin can't name a folder with spaces.
PY := .venv/bin/python
# A system without fonts has those of the set-up.
FONTS = if [ -f .venv/qt/fonts.conf ]; then export FONTCONFIG_FILE="$$PWD/.venv/qt/fonts.conf"; fi;

# check is lint (format, lint, types, import contract) and the tests.
.PHONY: run test slow check lint format bench setup clean

run: .venv/ready
	@$(FONTS) $(PY) -m app

test: .venv/ready-dev
	@$(FONTS) $(PY) -m pytest -n 2 -q $(ARGS)

slow: .venv/ready-dev
	@$(FONTS) $(PY) -m pytest -q --timeout 900 -m "slow and not metal and not network" $(ARGS)

check: lint test

lint: .venv/ready-dev
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()'

format: .venv/ready-dev
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

bench: .venv/ready-dev
	@$(FONTS) $(PY) -m tests.benchmarks

setup:
	@PYTHON="$(PYTHON)" packaging/setup.sh

SETUP := packaging/setup.sh packaging/linux_libraries.sh packaging/starter.txt pyproject.toml

.venv/ready: packaging/requirements.txt $(SETUP)
	@PYTHON="$(PYTHON)" packaging/setup.sh

.venv/ready-dev: packaging/requirements-dev.txt $(SETUP)
	@PYTHON="$(PYTHON)" packaging/setup.sh dev

clean:
	rm -rf .venv build *.egg-info
