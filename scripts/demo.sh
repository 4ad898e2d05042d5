#!/usr/bin/env bash
# Sets up what is needed, makes a music video, measures it, and says where it is.
#   scripts/demo.sh [make's options]               the example's
#   scripts/demo.sh SONG COVER [make's options]    yours
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_environment base
if [[ "${1:--}" == -* ]]; then
  set -- "$root/examples/song.opus" "$root/examples/cover.jpg" --storyboard "$root/examples/storyboard.toml" "$@"
fi
exec beatboard make -o "$root/out/demo.mp4" "$@"
