#!/usr/bin/env bash
# Makes the lock files in requirements/ again from pyproject.toml (needs uv). Run after changing a dependency.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
lock() {
  local file=$1; shift
  uv pip compile pyproject.toml --universal --python-version 3.11 --no-header --no-annotate --quiet -o "requirements/$file" "$@"
}
lock base.txt --generate-hashes
lock dev.txt --generate-hashes --extra dev --extra cluster -c requirements/base.txt

# No hashes in this one, since torch has one version in several builds (CUDA's, the CPU's), and CUDA's libraries are left to
# torch's own wheel, which pins them exactly: a CPU build has none.
lock gpu.txt --extra dev --extra cluster --extra gpu --extra runway --extra fal -c requirements/dev.txt -c <(echo torch==2.13.0)
sed -i -E '/^(nvidia|cuda|triton)/d; /^ +--hash/d; s/ \\$//' requirements/gpu.txt
