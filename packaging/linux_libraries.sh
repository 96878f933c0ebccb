#!/bin/sh
# Linux: unpacks Debian's OpenBLAS and the libraries that Qt needs into .venv, where the system lacks them.
# Needs apt, but neither root nor an installation.
set -eu
cd "$(dirname "$0")/.."

# MLX's wheel brings the reference BLAS, ten times slower than OpenBLAS: models/machine/blas.py.
blas="libopenblas0-pthread"
# What PySide6's libraries link to and don't bring, for windows under X as well. Fonts, for a system without any: the one
# that the window asks for first, and one of fixed width.
qt="libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libfreetype6 libglib2.0-0 libx11-6 libx11-xcb1
  libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0
  libxcb-shape0 libxcb-sync1 libxcb-xfixes0 libxcb-xinerama0 libxcb-xkb1 fonts-inter fonts-dejavu-core"
# Drawing by the graphics card: large, and Stillroom's window is painted without it.
unneeded="mesa|llvm|drm|gbm|glapi|icu|xml2|z3|sensors|libelf|wayland"

has_blas() {
  ldconfig=$(PATH=$PATH:/sbin:/usr/sbin command -v ldconfig || true)
  if [ -n "$ldconfig" ] && "$ldconfig" -p | grep -q libopenblas.so.0; then return; fi
  [ -n "$(find .venv/blas -name 'libopenblas.so.0' 2>/dev/null)" ]
}

# Prints which library Qt misses, or nothing. The second is what it opens windows under X with.
qt_misses() {
  .venv/bin/python - 2>&1 <<'END'
import ctypes, pathlib
try:
    from PySide6 import QtSvg, QtTest, QtWidgets
    ctypes.CDLL(str(pathlib.Path(QtWidgets.__file__).parent / "Qt/plugins/platforms/libqxcb.so"))
except (ImportError, OSError) as error:
    print(str(error).partition(":")[0])
END
}

# unpack FOLDER PACKAGE...: these packages and all they need that the system lacks.
unpack() {
  folder=$1
  shift
  rm -f "$work"/*.deb
  missing=$(apt -s --no-install-recommends install "$@" | sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -vE "$unneeded") &&
    (cd "$work" && apt download $missing) || return
  for package in "$work"/*.deb; do dpkg-deb -x "$package" "$folder"; done
}

apt() {
  apt-get -qq -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User= "$@" 2>>"$work/log"
}

qt_lacks=$(qt_misses)
if has_blas && [ -z "$qt_lacks" ]; then exit 0; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
apt update || true # without lists nothing can be unpacked, which is said below

if ! has_blas && ! unpack .venv/blas $blas; then
  echo "OpenBLAS can't be fetched, so models will run slowly. Try: sudo apt install $blas" >&2
fi

if [ -n "$qt_lacks" ]; then
  if unpack .venv/qt $qt patchelf; then
    # Qt looks for libraries beside its own. Debian's look in the system's folders alone, so tell them of this one: then
    # every start finds them, also without make, and no process inherits a variable. What is there already stays.
    beside=$(echo .venv/lib/python*/site-packages/PySide6/Qt/lib)
    for library in .venv/qt/lib/*-linux-gnu/*.so.* .venv/qt/usr/lib/*-linux-gnu/*.so.*; do
      [ -e "$library" ] || continue
      [ -L "$library" ] || .venv/qt/usr/bin/patchelf --set-rpath '$ORIGIN' "$library"
      [ -e "$beside/${library##*/}" ] || cp -P "$library" "$beside/"
    done
    if [ ! -e /etc/fonts/fonts.conf ]; then
      # Hinted as Debian does, so that text is as wide. Only a variable tells fontconfig of this file: the Makefile's.
      cat >.venv/qt/fonts.conf <<'END'
<fontconfig>
  <dir prefix="relative">usr/share/fonts</dir>
  <match target="pattern"><edit name="hintstyle" mode="append"><const>hintslight</const></edit></match>
</fontconfig>
END
    fi
    qt_lacks=$(qt_misses)
  fi
  [ -z "$qt_lacks" ] ||
    echo "Qt lacks $qt_lacks: no window can open, and its tests are skipped." \
      "Try, by the names your system has for them: sudo apt install" $qt >&2
fi
