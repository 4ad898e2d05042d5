#!/usr/bin/env bash
# Sourced by the other scripts: makes and reuses an environment at the repository's root from a lock file.
#   use_environment base    .venv/: what users need; no torch
#   use_environment dev     .venv/ with the tests' tools
#   use_environment gpu     .venv-gpu/: all of it, with torch and diffusers
# A second call with the same lock file installs nothing.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

as_root() { # runs a command as root, or prints it and gives up
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo "$@"
  else say "Please run this once, then start again:  sudo $*"; return 1
  fi
}

install_debian_packages() {
  command -v apt-get >/dev/null || { say "Please install what these Debian packages hold: $*"; return 1; }
  say "Installing system packages: $*"
  as_root sh -c "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends $* >/dev/null"
}

find_python() { # bpy has wheels for 3.11 (Blender 5.0) and 3.13 (Blender 5.2)
  local name
  for name in ${PYTHON:-} python3.11 python3.13 python3; do
    if "$name" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 13)))' 2>/dev/null; then
      command -v "$name"; return
    fi
  done
  say "Beatboard needs Python 3.11 or 3.13. Install one, or name it:  PYTHON=/path/to/python3.11 $0"
  return 1
}

installed() { cmp -s "$root/requirements/$1.txt" "$venv/.installed-$1"; }

use_environment() {
  local lock=$root/requirements/$1.txt venv=$root/.venv hashes=--require-hashes python
  if [ "$1" = gpu ]; then venv=$root/.venv-gpu hashes=; fi # its lock file says why
  if [ ! -x "$venv/bin/pip" ]; then
    python=$(find_python)
    "$python" -c 'import ensurepip' 2>/dev/null || install_debian_packages python3-venv
    say "Making $venv with $("$python" --version)"
    "$python" -m venv "$venv"
  fi
  if ! installed "$1" && ! { [ "$1" = base ] && installed dev; }; then # dev holds all of base
    say "Installing the locked packages of $1 (some minutes) ..."
    "$venv/bin/pip" install --quiet --disable-pip-version-check $hashes -r "$lock"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -e "$root"
    cp "$lock" "$venv/.installed-$1"
  fi
  if ! "$venv/bin/python" -c 'import bpy' 2>/dev/null; then
    install_debian_packages libx11-6 libxrender1 libxxf86vm1 libxfixes3 libxi6 libxkbcommon0 libsm6 libice6 libgl1 libegl1
    "$venv/bin/python" -c 'import bpy'
  fi
  PATH=$venv/bin:$PATH
}
