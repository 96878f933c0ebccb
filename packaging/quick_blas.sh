#!/bin/sh
# Linux: unpacks Debian's OpenBLAS into .venv/blas when the system has none. Needs apt, but neither root nor an installation.
set -eu
cd "$(dirname "$0")/.."
ldconfig=$(PATH=$PATH:/sbin:/usr/sbin command -v ldconfig || true)
if [ -n "$ldconfig" ] && "$ldconfig" -p | grep -q libopenblas.so.0; then exit 0; fi
if [ -n "$(find .venv/blas -name 'libopenblas.so.0' 2>/dev/null)" ]; then exit 0; fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "No OpenBLAS found: models will run slowly. See: .venv/bin/stillroom doctor" >&2
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
apt="apt-get -qq -o Dir::State::lists=$work/lists -o Dir::Cache=$work/cache -o APT::Sandbox::User="
if (cd "$work" && $apt update && $apt download libopenblas0-pthread libgfortran5 libquadmath0) >/dev/null 2>"$work/log"; then
  for package in "$work"/*.deb; do dpkg-deb -x "$package" .venv/blas; done
else
  echo "OpenBLAS could not be fetched: models will run slowly. See: .venv/bin/stillroom doctor" >&2
fi
