#!/usr/bin/env bash
# Goes through the whole work in a real Blender with a window (on a virtual display), by mouse and keyboard alone: the
# extension installed from its zip, song and cover, plan, clips, an edit, undo, the render, the check. Keeps screenshots
# in out/gui/. Exit code 0 if all of it worked.
#   scripts/gui/test_gui.sh                       Debian sid's Blender, installed into a folder of its own the first time (root)
#   BLENDER=/path/to/blender scripts/gui/test_gui.sh    a Blender 5 of yours
# BEATBOARD_GUI_WORK: a folder for the .blend, the video and the bridge's files, to be kept.
# BEATBOARD_GUI_DRIVER: a script to run inside a Blender that has the extension, in place of the walk (see gui/driver.py).
# BEATBOARD_SID: that folder (default /opt/blender-sid). BEATBOARD_GUI_OUT: another folder for the screenshots.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../environment.sh"
use_environment dev
sid=${BEATBOARD_SID:-/opt/blender-sid} display=${BLENDER_DISPLAY:-:78} out=${BEATBOARD_GUI_OUT:-$root/out/gui}
for tool in Xvfb:xvfb xdotool:xdotool import:imagemagick openbox:openbox tesseract:tesseract-ocr; do
  command -v "${tool%%:*}" >/dev/null || install_debian_packages "${tool##*:}"
done
/usr/bin/python3 -c 'import Xlib' 2>/dev/null || install_debian_packages python3-xlib

mirror() { awk '/^URIs:/ {print $2; exit} /^deb / && $3 !~ /security/ {print $2; exit}' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null; }

set_up_sid() { # about six minutes and 1.3 GB
  [ -x "$sid/usr/bin/blender" ] && return
  command -v debootstrap >/dev/null || install_debian_packages debootstrap
  say "Installing Debian sid's Blender into $sid ..."
  as_root debootstrap --variant=minbase sid "$sid" "$(mirror)" >/dev/null
  as_root chroot "$sid" sh -c 'apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends \
    blender python3-cattr python3-requests libgl1-mesa-dri libegl1 libgl1 libglx-mesa0 libxkbcommon0 fonts-dejavu-core >/dev/null'
}

mount_into_sid() { # the same folders under the same names
  mountpoint -q "$sid/proc" || as_root mount -t proc proc "$sid/proc"
  local folder
  for folder in /dev /sys /tmp "$HOME" "$root"; do
    case "$root/" in "$folder"/?*) [ "$folder" = "$root" ] || continue ;; esac
    findmnt -rn --target "$sid$folder" -o TARGET 2>/dev/null | grep -qxF "$sid$folder" && continue
    [ -e "$sid$folder/pyproject.toml" ] && continue # a folder above is there already
    as_root mkdir -p "$sid$folder"
    as_root mount --rbind "$folder" "$sid$folder"
  done
}

blender() {
  if [ -n "${BLENDER:-}" ]; then "$BLENDER" "$@"
  else as_root chroot "$sid" env HOME="$HOME" PATH="$PATH" $(env | grep -E '^(BEATBOARD|BLENDER_USER)' | tr '\n' ' ') \
    DISPLAY="${DISPLAY:-}" LIBGL_ALWAYS_SOFTWARE=1 sh -c 'cd "$0" && exec blender "$@"' "$root" "$@"
  fi
}

if [ -z "${BLENDER:-}" ]; then set_up_sid; mount_into_sid; fi
rm -rf "$out"; mkdir -p "$out"
work=${BEATBOARD_GUI_WORK:-$(mktemp -d /tmp/beatboard-gui.XXXXXX)}
export BLENDER_USER_RESOURCES=$work/blender BEATBOARD_HOME=$work/home BEATBOARD_GUI=$work
cp "$root/examples/song.opus" "$root/examples/cover.jpg" "$work/"
export BEATBOARD_GUI_COVER=$work/cover.jpg BEATBOARD_GUI_PYTHON=$root/.venv/bin/python
mkdir -p "$BLENDER_USER_RESOURCES"
python "$root/scripts/build_extension.py" -o "$work/beatboard.zip"
if [ -n "${BEATBOARD_GUI_DRIVER:-}" ]; then
  blender --command extension install-file -r user_default --enable "$work/beatboard.zip"
fi

Xvfb "$display" -screen 0 1920x1080x24 -nolisten tcp >/dev/null 2>&1 & xvfb=$!
trap 'kill $xvfb 2>/dev/null || true; [ -n "${BEATBOARD_GUI_WORK:-}" ] || rm -rf "$work"' EXIT
sleep 2
export DISPLAY=$display OMP_THREAD_LIMIT=1
openbox --config-file "$root/scripts/gui/openbox.xml" >/dev/null 2>&1 &
blender --window-geometry 0 0 1920 1080 ${BEATBOARD_GUI_DRIVER:+--python "$BEATBOARD_GUI_DRIVER"} >"$out/blender.log" 2>&1 & window=$!

hand() { # does what the driver inside Blender asks for
  case $1 in
    shot) sleep 1; import -window root "$out/$2.png" ;;
    *) xdotool "$@" ;;
  esac
}
if [ -n "${BEATBOARD_GUI_DRIVER:-}" ]; then
  : >"$work/hands"
  while read -r -a words; do
    [ "${words[0]}" = end ] && break
    hand "${words[@]}"
  done < <(tail -n +1 -f "$work/hands" --pid="$window")
  cat "$work/verdict" 2>/dev/null || say "Blender ended early; see $out/blender.log"
  grep -qx ok "$work/verdict"
else
  python "$root/scripts/gui/walk.py" --archive "$work/beatboard.zip" --python "$BEATBOARD_GUI_PYTHON" \
    --song "$work/song.opus" --cover "$work/cover.jpg" --folder "$work" --pictures "$out" --process "$window"
  [ -s "$work/video.mp4" ] || { say "There is no video."; exit 1; }
fi
wait "$window" || true
# Blender itself says of some sessions, when it quits, that memory was not freed.
if grep -nE 'Traceback|Error:' "$out/blender.log" | grep -v 'Not freed memory blocks'; then say "Blender's console has errors: $out/blender.log"; exit 1; fi
