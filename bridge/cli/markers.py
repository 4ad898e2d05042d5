# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard markers`: a song's bars, for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("markers", help="write a song's bars, sections and drop as markers for other programs")
    one.add_argument("song", type=Path)
    one.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help=".txt (Audacity's labels), .csv (Reaper), .tsv (Premiere's list), .edl (Resolve), .mid (a tempo map) or"
        " .wav (the song with clicks)",
    )
    one.add_argument("--beats", action="store_true", help="a marker on every beat, not only on downbeats")
    one.add_argument(
        "--fps",
        type=options.frame_rate,
        default="24",
        metavar="N",
        help="frames per second of the timeline, for .tsv and .edl",
    )
    options.add_tracker(one)
    options.add_outputs(one, "output")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge import song
    from bridge.common import progress
    from bridge.common.errors import BadInput
    from bridge.exchange import marker_files

    form = marker_files.SUFFIXES.get(arguments.output.suffix.lower())
    if form is None:
        known = ", ".join(marker_files.SUFFIXES)
        raise BadInput(
            f"{arguments.output.name} doesn't say which kind of markers to write: end its name in one of {known}."
        )
    with progress.display().stage("Song") as on_progress:
        analysis = song.analyze(arguments.song, tracker=arguments.tracker, on_progress=on_progress)
    if form == "click":
        song.write_click(analysis, song.decode(arguments.song), arguments.output)
    else:
        marker_files.write(analysis, arguments.output, form, arguments.fps, beats=arguments.beats)
    print(f"{arguments.output}: {len(marker_files.marks(analysis, beats=arguments.beats))} markers")
    return 0
