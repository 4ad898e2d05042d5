#!/usr/bin/env bash
# Sets up what the tests need, then lint, types and tests.
#   scripts/test.sh [pytest arguments]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_environment dev
cd "$root"
ruff format --check .
ruff check .
pyright --level error
pytest -q -n 2 --dist loadfile "$@"
