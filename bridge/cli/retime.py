# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard retime`: an existing edit, snapped to a song."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("retime", help="move an existing video's cuts to a song's downbeats")
    one.add_argument("video", type=Path, help="the video whose cuts are to move")
    one.add_argument("--song", type=Path, required=True, help="the song to cut to")
    one.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    options.add_tracker(one)
    options.add_outputs(one, "output")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge import retime, song
    from bridge.common import progress

    display = progress.display()
    with display.stage("Song") as on_progress:
        analysis = song.analyze(arguments.song, arguments.tracker, on_progress, arguments.reading)
    with display.stage("Retime") as on_progress:
        done = retime.retime(arguments.video, arguments.song, arguments.output, analysis, on_progress)
    left_out = f", {done.left_out} left out, since there are not enough bars" if done.left_out else ""
    print(f"{len(done.shots)} shots on downbeats, from {done.song_start_s:.2f} s of the song{left_out}: {done.video}")
    return 0
