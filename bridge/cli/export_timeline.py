# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard export`: an edit for other editors."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("export", help="write an edit's timeline for Resolve, Premiere, Final Cut and others")
    one.add_argument("blend", type=Path, metavar="EDIT.blend")
    one.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help=".otio, .xml (Final Cut Pro 7, which Premiere and Resolve read), .fcpxml or .edl",
    )
    one.add_argument("--scene", default="", metavar="NAME", help="which scene (default: the one it was saved in)")
    one.add_argument("--blender", type=Path, metavar="PROGRAM", help="your own Blender 5 to read the edit with")
    one.add_argument("--overwrite", action="store_true", help="replace files that Beatboard did not write")
    options.add_tell(one)
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge import exchange

    lost, cube = exchange.export_edit(
        arguments.blend,
        arguments.output,
        scene=arguments.scene,
        blender=arguments.blender,
        overwrite=arguments.overwrite,
    )
    print(f"{arguments.output}" + (f", and the grade as {cube.name}" if cube else ""))
    for sentence in lost:
        print(f"  not in it: {sentence}")
    return 0
