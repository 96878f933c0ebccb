#!/bin/sh
# Pins every dependency with its hashes, for macOS arm64 and Linux x86_64: what users need, then what tests need too.
# What is pinned already stays: to move on, delete its lines or both files.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work"
"$work/bin/python" -m pip -qq --disable-pip-version-check install uv

lock() {
  "$work/bin/python" -m uv pip compile pyproject.toml "$@" --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet
}
lock --extra setup -o packaging/requirements.txt
lock --extra setup --extra dev --constraint packaging/requirements.txt -o packaging/requirements-dev.txt
