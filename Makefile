# make run · make test · make check · make bench: each sets up what it needs, once.
PYTHON ?= python3
BIN := .venv/bin

# check is lint (format, lint, types, import contract) and the tests.
.PHONY: run test check lint format bench setup clean

run: setup
	@$(BIN)/stillroom

test: setup
	@$(BIN)/pytest -n 2 -q

check: lint test

lint: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

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
