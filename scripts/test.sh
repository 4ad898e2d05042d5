#!/usr/bin/env bash
# Sets up what the tests need, then lint, types and tests.
#   scripts/test.sh [pytest arguments]
#   scripts/test.sh --engines [...]    first the same, then the diffusion engines on tiny models, with torch
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
engines=false
if [ "${1:-}" = --engines ]; then engines=true; shift; fi
export HF_HUB_OFFLINE=1
use_environment dev
cd "$root"
ruff format --check .
ruff check .
pyright --level error
pytest -q -n 2 --dist loadfile "$@"
if $engines; then
  use_environment gpu
  pytest -q -m torch tests/clips "$@"
fi
