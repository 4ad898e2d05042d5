# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard render`: an edit's .blend, as it stands, to the finished file."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import codec_option, options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("render", help="render an edit again, but only what changed")
    one.add_argument("blend", type=Path, metavar="EDIT.blend")
    one.add_argument("-o", "--output", type=Path, metavar="VIDEO.mp4", help="(default: beside the .blend)")
    one.add_argument(
        "--scene", default="", metavar="NAME", help="which scene of the file (default: the one it was saved in)"
    )
    options.add_render(one)
    codec_option.add(one, "what the video is encoded in")
    options.add_tell(one)
    options.add_outputs(one, "output")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge import render
    from bridge.cli import show
    from bridge.common import paths, progress, user_files
    from bridge.common.errors import BadInput
    from bridge.render import codecs

    codec = arguments.codec
    codecs.must_be_here(codec)
    video = arguments.output or user_files.free_name(arguments.blend.with_suffix(codec.suffix))
    if video.suffix.lower() != codec.suffix:
        raise BadInput(f"{codec.title} goes into a file that ends in {codec.suffix}, not {video.name!r}.")
    with progress.display(often=arguments.tell).stage("Render") as on_progress:
        result = render.render_edit(
            arguments.blend,
            video,
            scene=arguments.scene,
            work_dir=paths.cache_folder() / "render",
            blender=arguments.blender,
            workers=arguments.workers,
            on_progress=on_progress,
            draft=arguments.draft,
            by_blender=arguments.by_blender,
            codec=codec,
        )
    user_files.remember(video)
    show.show_render(result)
    return 0
