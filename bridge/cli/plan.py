# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard plan`: the edit plan."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("plan", help="plan the edit, and say why each cut is where it is")
    options.add_song_and_cover(one)
    options.add_edit(one)
    options.add_json(one)
    options.add_outputs(one, "json")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from blender_addon.core import reading_names
    from bridge import cover, make, plan, song
    from bridge.cli import show
    from bridge.common import progress

    shown = progress.display()
    with shown.stage("Song") as on_progress:
        analysis = song.analyze(arguments.song, arguments.tracker, on_progress, arguments.reading)
    if choice := reading_names.choice(analysis):
        shown.say(choice)
    look = cover.look(arguments.cover)
    chosen = options.make_options(arguments, output=Path("plan.mp4"))
    board, words = make.load_storyboard(arguments.storyboard), make.lyrics_of(chosen, analysis)
    planned = make.plan_for(chosen, analysis, look, board, words)
    edit = make.cut_from_material(chosen, planned, analysis, board, shown)
    if arguments.json:
        options.write_json(edit, arguments.json)
    if str(arguments.json) != "-":
        show.show_plan(plan.explain(edit, analysis))
    return 0
