#!/bin/sh
# Pins every dependency with its hashes, for macOS arm64 and Linux x86_64 alike. Needs uv (pip install uv).
set -eu
cd "$(dirname "$0")/.."
uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet -o packaging/requirements.txt
