# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard lyrics`: the song's words in time, as LRC or SRT."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("lyrics", help="put a song's words in time, or write them in another format")
    one.add_argument("song", type=Path)
    one.add_argument("words", type=Path, help="LRC, SRT, ASS, WebVTT, or plain text, a line each")
    one.add_argument("-o", "--output", type=Path, required=True, metavar="F.lrc|F.srt")
    options.add_tracker(one)
    options.add_outputs(one, "output")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge import song
    from bridge.common import progress
    from bridge.song import lyrics

    with progress.display().stage("Song") as on_progress:
        analysis = song.analyze(arguments.song, arguments.tracker, on_progress, arguments.reading)
    lines = song.load_lyrics(arguments.words, analysis, arguments.song)
    lyrics.write(lines, arguments.output)
    print(f"{len(lines)} lines in {arguments.output}")
    return 0
