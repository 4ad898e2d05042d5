# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard check`: the finished file, measured."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import codec_option, options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("check", help="measure a finished video; exit code 1 if something fails")
    one.add_argument("video", type=Path, help="any video, whichever tool made it")
    one.add_argument("--song", type=Path, required=True, help="the song that it should play")
    one.add_argument("--cover", type=Path, required=True, help="the cover that it should end on")
    one.add_argument("--plan", type=Path, metavar="P.json", help="also compare it with the plan that it was made from")
    codec_option.add(one, "what it should be encoded in")
    options.add_platform(one, "also compare it with the limits of a platform")
    one.add_argument(
        "--page", type=Path, metavar="F.html", help="where to write the report page (default: beside the video)"
    )
    options.add_tracker(one)
    options.add_json(one)
    options.add_tell(one)
    options.add_outputs(one, "json", "page")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from blender_addon.core import platforms
    from bridge import check, song
    from bridge.cli import show
    from bridge.common import progress, user_files

    display = progress.display(often=arguments.tell)
    edit = options.read_plan(arguments.plan) if arguments.plan else None
    with display.stage("Song") as on_progress:
        analysis = song.analyze(arguments.song, arguments.tracker, on_progress, arguments.reading)
    with display.stage("Check") as on_progress:
        measured = check.check(
            arguments.video,
            arguments.song,
            arguments.cover,
            plan=edit,
            analysis=analysis,
            on_progress=on_progress,
            codec=arguments.codec,
            platform=platforms.PLATFORMS.get(arguments.platform or ""),
        )
    page = arguments.page or user_files.free_name(arguments.video.with_suffix(".html"))
    check.write_page(measured, page)
    user_files.remember(page)
    if arguments.json:
        options.write_json(measured, arguments.json)
    if str(arguments.json) != "-":
        show.show_check(measured, page)
    return 0 if measured.ok else 1
