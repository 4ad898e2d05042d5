# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard analyze`: the song's grid."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("analyze", help="find a song's tempo, meter, beats, downbeats, sections and drop")
    one.add_argument("song", type=Path)
    options.add_tracker(one)
    options.add_json(one)
    one.add_argument("--plot", type=Path, metavar="F.png", help="draw beats, sections and energy as a picture")
    one.add_argument("--click", type=Path, metavar="F.wav", help="write the song with a click on each beat")
    options.add_outputs(one, "json", "plot", "click")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge import song
    from bridge.cli import show
    from bridge.common import progress

    with progress.display().stage("Song") as on_progress:
        analysis = song.analyze(arguments.song, arguments.tracker, on_progress, arguments.reading)
    if arguments.plot:
        song.plot(analysis, song.decode(arguments.song), arguments.plot)
    if arguments.click:
        song.write_click(analysis, song.decode(arguments.song), arguments.click)
    if arguments.json:
        options.write_json(analysis, arguments.json)
    if str(arguments.json) != "-":
        show.show_analysis(analysis)
    return 0
