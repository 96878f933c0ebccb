# make run · make test · make check · make bench: each sets up what it needs, once.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check format bench setup clean

run: setup
	@$(BIN)/stillroom

test: setup
	@$(BIN)/pytest -n 2 -q

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

format: setup
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup
	@$(BIN)/python -m tests.benchmarks

setup: .venv/ready

.venv/ready: packaging/requirements.txt packaging/starter.txt packaging/setup.sh pyproject.toml
	@PYTHON="$(PYTHON)" packaging/setup.sh

clean:
	rm -rf .venv build *.egg-info
