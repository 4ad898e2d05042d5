#!/usr/bin/env bash
# Makes the lock files in requirements/ again from pyproject.toml (needs uv). Run after changing a dependency.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
lock() {
  local file=$1; shift
  uv pip compile pyproject.toml --universal --python-version 3.11 --no-header --no-annotate --quiet -o "requirements/$file" "$@"
}
lock base.txt --generate-hashes
lock dev.txt --generate-hashes --extra dev -c requirements/base.txt
