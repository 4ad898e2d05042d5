# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard takes`: the takes of each shot side by side, in sync with the song."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import options
from bridge.common.errors import BadInput


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("takes", help="write a page that plays each shot's takes side by side")
    one.add_argument("video", type=Path, help="a video that `make` made, or the .beatboard folder beside it")
    one.add_argument("-o", "--output", type=Path, metavar="F.html", help="(default: beside the video)")
    options.add_outputs(one, "output")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge import check
    from bridge.check.takes import of_project
    from bridge.common import user_files

    folder = arguments.video if arguments.video.is_dir() else arguments.video.with_suffix(".beatboard")
    if not (folder / "plan.json").is_file():
        raise BadInput(f"There is no {folder / 'plan.json'}: name a video that `beatboard make` made, or its folder.")
    page = arguments.output or user_files.free_name(folder.with_suffix(".takes.html"))
    shots = of_project(folder, options.read_plan(folder / "plan.json"))
    check.takes_page(shots, folder / "song.wav", page, folder.stem)
    user_files.remember(page)
    print(f"{sum(len(shot.takes) for shot in shots)} takes of {len(shots)} shots: {page}")
    return 0
