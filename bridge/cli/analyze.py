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
    one.add_argument(
        "--click-reading",
        type=options.count,
        metavar="N",
        help="with --click: this reading's clicks at the right, the chosen one's at the left",
    )
    one.add_argument(
        "--channels", type=Path, metavar="F.npz|F.csv", help="write kick, snare, hats, bass, loudness ... as curves"
    )
    one.add_argument(
        "--compare",
        action="store_true",
        help="show what each installed tracker hears, side by side; --plot draws them all",
    )
    options.add_outputs(one, "json", "plot", "click", "channels")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge import song
    from bridge.cli import show
    from bridge.common import progress

    with progress.display().stage("Song") as on_progress:
        analysis = song.analyze(arguments.song, arguments.tracker, on_progress, arguments.reading)
    heard = song.compare(arguments.song, analysis) if arguments.compare else [analysis]
    if arguments.plot:
        song.plot(analysis, song.decode(arguments.song), arguments.plot, heard[1:])
    if arguments.click:
        second = arguments.click_reading and song.in_reading(analysis, arguments.click_reading, arguments.song.name)
        song.write_click(analysis, song.decode(arguments.song), arguments.click, second)
    if arguments.channels:
        song.write_channels(analysis, arguments.song, arguments.channels)
    if arguments.json:
        options.write_json(analysis, arguments.json)
    if str(arguments.json) != "-":
        show.show_analysis(analysis)
        if arguments.compare:
            show.show_comparison(heard, analysis)
    return 0
