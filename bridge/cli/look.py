# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard look`: the cover's palette and grade."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("look", help="find a cover's palette, grade and texture")
    one.add_argument("cover", type=Path)
    options.add_json(one)
    one.add_argument("--plot", type=Path, metavar="F.png", help="draw palette and grade as a picture")
    one.add_argument("--cube", type=Path, metavar="F.cube", help="write the grade as a 33-point LUT for other tools")
    options.add_outputs(one, "json", "plot", "cube")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge import cover
    from bridge.cli import show

    look = cover.look(arguments.cover)
    if arguments.plot:
        cover.plot(look, cover.load(arguments.cover), arguments.plot)
    if arguments.cube:
        cover.write_cube(look.grade, arguments.cube)
    if arguments.json:
        options.write_json(look, arguments.json)
    if str(arguments.json) != "-":
        show.show_look(look)
    return 0
