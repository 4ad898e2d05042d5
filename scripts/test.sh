#!/usr/bin/env bash
# Sets up what the tests need, then lint, types and tests.
#   scripts/test.sh [pytest arguments]
#   scripts/test.sh --fast [...]       without the slow tests, in two minutes
#   scripts/test.sh --engines [...]    all of it, then the diffusion engines on tiny models, with torch
# With CI=true a skipped test is a failure, unless tests/allowed_skips.py lists its reason.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
lane=whole
case "${1:-}" in
  --fast | --engines) lane=${1#--}; shift ;;
esac
export HF_HUB_OFFLINE=1
use_environment dev
cd "$root"
ruff format --check .
ruff check .
pyright --level error
if [ "$lane" = fast ]; then exec pytest -q -n 2 --dist loadfile -m "not slow" "$@"; fi

has_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null
has_browser || install_debian_packages chromium || [ "${CI:-}" != true ] # elsewhere its tests are skipped
pytest -q -n 2 --dist loadfile "$@"
if [ "$lane" = engines ]; then
  use_environment gpu
  pytest -q -m torch "$@"
fi
