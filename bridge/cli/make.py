# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard make`: the whole job."""

from __future__ import annotations

import argparse
from pathlib import Path

from blender_addon.core.types import Ending
from bridge.cli import codec_option, options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("make", help="make the whole video and measure it")
    options.add_song_and_cover(one, "an mp3, wav, flac, ogg, opus or m4a file, or a folder of them: a video of each")
    one.add_argument(
        "-o",
        "--output",
        type=options.video_path,
        default=Path("out/video.mp4"),
        metavar="VIDEO.mp4",
        help="(default: out/video.mp4)",
    )
    options.add_engine(one)
    options.add_edit(one)
    one.add_argument(
        "--grade",
        dest="grade_strength",
        type=options.strength,
        default=1.0,
        metavar="0-1",
        help="how strongly it takes the cover's colours (default: 1)",
    )
    one.add_argument(
        "--texture",
        type=options.texture,
        metavar="NAMES",
        help="textures of the cover: grain,halation,vignette,fade; or auto, or none (default)",
    )
    one.add_argument(
        "--ending",
        type=Ending,
        choices=tuple(Ending),
        metavar="HOW",
        help="how the whole cover stands in the last frame: card; full; auto (default: the storyboard's, else auto)",
    )
    one.add_argument("--title", metavar="TEXT", help="title, shown over the opening (default: the storyboard's)")
    one.add_argument("--artist", metavar="TEXT", help="artist name, shown under the title")
    one.add_argument(
        "--font", type=Path, metavar="F.ttf", help="font for title and artist (default: one that suits the cover)"
    )
    options.add_render(one)
    codec_option.add(one, "what the video is encoded in")
    one.add_argument("--cluster", metavar="ADDRESS", help="render on a Ray cluster: ray://HOST:10001, auto or local")
    options.add_outputs(one, "output")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge import make
    from bridge.cli import show
    from bridge.common import progress

    if arguments.song.is_dir():
        return run_album(arguments)
    results = make.make(options.make_options(arguments, arguments.output), progress.display())
    for result in results:
        show.show_result(result)
    return 0 if all(result.check.ok for result in results) else 1


def run_album(arguments: argparse.Namespace) -> int:
    """A video for each song of a folder."""
    import sys

    from bridge import album
    from bridge.cli import show
    from bridge.common import progress

    def starts(song: Path) -> None:
        print(f"{song.name}", file=sys.stderr)

    made = album.make_album(options.make_options(arguments, arguments.output), progress.display(), starts)
    for result in made.results:
        show.show_result(result)
    for song, reason in made.failed:
        print(f"{song.name} was left out: {reason}", file=sys.stderr)
    print(f"all reports  {made.page}")
    return 0 if not made.failed and all(result.check.ok for result in made.results) else 1
