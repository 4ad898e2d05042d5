# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard import`: another editor's timeline in Blender."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("import", help="lay another editor's timeline out in Blender")
    one.add_argument("timeline", type=Path, metavar="FILE", help=".otio, .xml, .fcpxml or .edl")
    one.add_argument("-o", "--output", type=Path, metavar="EDIT.blend", help="(default: beside the timeline)")
    one.add_argument(
        "--fps", type=options.frame_rate, metavar="N", help="frames per second of an .edl, which doesn't say"
    )
    one.add_argument("--blender", type=Path, metavar="PROGRAM", help="your own Blender 5 to write the .blend with")
    options.add_json(one)
    options.add_tell(one)
    options.add_outputs(one, "output", "json")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge import exchange
    from bridge.common import user_files

    cuts = exchange.read_cuts(arguments.timeline, arguments.fps)
    if arguments.json:
        options.write_json(cuts, arguments.json)
        if arguments.output is None:
            return 0
    blend = arguments.output or user_files.free_name(arguments.timeline.with_suffix(".blend"))
    notes = exchange.import_cuts(cuts, blend, blender=arguments.blender)
    items = sum(len(track.items) for track in cuts.tracks)
    print(f"{blend}: {items} strips on {len(cuts.tracks)} tracks, {len(cuts.markers)} markers")
    for sentence in notes:
        print(f"  note: {sentence}")
    return 0
