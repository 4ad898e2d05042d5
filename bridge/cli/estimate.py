# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard estimate`: time, memory and cost of a generation before it starts."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("estimate", help="say how long a video will take, and what it needs and costs")
    options.add_song_and_cover(one)
    options.add_engine(one)
    options.add_edit(one)
    options.add_json(one)
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge.jobs import estimate

    found = estimate.outlook(_requests(arguments))
    if arguments.json:
        options.write_json(found, arguments.json)
    if str(arguments.json) != "-":
        _show(found)
    return 0


def _requests(arguments: argparse.Namespace):
    import dataclasses

    from bridge import cover, make, plan, song
    from bridge.clips import registry
    from bridge.common import progress

    wishes = options.make_options(arguments, Path("video.mp4"))
    registry.check_options(wishes.painter, wishes.animator, wishes.clip_options)
    with progress.display().stage("Song") as on_progress:
        analysis = song.analyze(arguments.song, arguments.tracker, on_progress, arguments.reading)
    edit = make.plan_for(wishes, analysis, cover.look(arguments.cover), make.load_storyboard(arguments.storyboard))
    requests = []
    for wanted in wishes.formats:
        shaped = dataclasses.replace(edit, width_px=wanted.width_px, height_px=wanted.height_px)
        requests += plan.clip_requests(
            shaped, analysis, painter=wishes.painter, animator=wishes.animator, options=wishes.clip_options
        )
    return requests


def _show(found) -> None:
    rows = {
        "shots": f"{found.shots}, {found.frames} frames",
        "on": found.device,
        "time": f"{found.seconds:.0f} s" if found.seconds is not None else "unknown: nothing like it was made here yet",
        "memory": f"{found.peak_memory_gib:.1f} GiB, measured" if found.peak_memory_gib else found.needs or "little",
        "cost": found.cost,
        "missing": found.missing,
    }
    for name, text in rows.items():
        if text:
            print(f"{name:<9}{text}")
