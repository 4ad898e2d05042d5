# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands share: arguments, their types, and JSON in and out."""

from __future__ import annotations

import argparse
import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blender_addon.core import formats, platforms, rules, timing
from blender_addon.core.types import Treatments
from bridge.common.errors import BadInput

if TYPE_CHECKING:
    from blender_addon.core.types import EditPlan
    from bridge.make import MakeOptions

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_song_and_cover(
    one: argparse.ArgumentParser, song_help: str = "an mp3, wav, flac, ogg, opus or m4a file"
) -> None:
    """The two files that everything starts from."""
    one.add_argument("song", type=Path, help=song_help)
    one.add_argument("cover", type=Path, help="a png, jpg or webp file")


def add_edit(one: argparse.ArgumentParser) -> None:
    """What shapes the edit."""
    one.add_argument(
        "--storyboard", type=Path, metavar="S.toml", help="says what the shots show; see examples/storyboard.toml"
    )
    one.add_argument(
        "--material", type=Path, metavar="FOLDER", help="your pictures and clips: the shots are cut from them"
    )
    one.add_argument(
        "--length",
        dest="length_s",
        type=seconds,
        default=rules.DEFAULT_LENGTH_S,
        metavar="S",
        help="the longest that the video may be, in seconds (default: %(default)g)",
    )
    one.add_argument(
        "--format",
        type=video_formats,
        metavar="NAMES",
        help=f"{', '.join(formats.SHAPES)} or a size such as 1440x810; several with commas: a video of each "
        "(default: the platform's, else 16:9)",
    )
    add_platform(one, "shape, longest length and margins of a platform, whose limits are checked")
    one.add_argument(
        "--size",
        type=int,
        choices=list(formats.SHORT_SIDES_PX),
        default=formats.SHORT_SIDE_PX,
        help="the shorter side of a named format in pixels (default: %(default)s)",
    )
    one.add_argument(
        "--fps",
        type=frame_rate,
        default="24",
        metavar="N",
        help="frames per second: 24 (default), 25, 30000/1001, 30, 50 or 60",
    )
    one.add_argument(
        "--treatments",
        type=Treatments,
        choices=tuple(Treatments),
        metavar="HOW",
        help="how far shots are restyled: none; gentle; bold (default: the storyboard's, else gentle)",
    )
    one.add_argument(
        "--lyrics", type=Path, metavar="F", help="the song's words: LRC, SRT, ASS, WebVTT, or plain text, a line each"
    )
    add_tracker(one)


def add_platform(one: argparse.ArgumentParser, what: str) -> None:
    """Where the video goes."""
    one.add_argument(
        "--for", dest="platform", choices=list(platforms.PLATFORMS), metavar="PLATFORM",
        help=f"{what}: {', '.join(platforms.PLATFORMS)}",
    )  # fmt: skip


def add_tracker(one: argparse.ArgumentParser) -> None:
    """Which ear listens, and which of its readings counts."""
    one.add_argument("--tracker", default="bars", help="what finds the beats: bars (default), librosa or beat-this")
    one.add_argument(
        "--reading",
        type=count,
        default=1,
        metavar="N",
        help="which of the readings that `analyze` lists: 1 is the likeliest (default)",
    )


def add_render(one: argparse.ArgumentParser) -> None:
    """How Blender renders."""
    one.add_argument("--draft", action="store_true", help="render small and fast, for a first look")
    one.add_argument(
        "--by-blender",
        action="store_true",
        help="have Blender draw each frame, even where a colour table gives the same picture",
    )
    one.add_argument("--blender", type=Path, metavar="PROGRAM", help="your own Blender 5 to render with")
    one.add_argument("--workers", type=count, metavar="N", help="how many processes at once (default: as many as fit)")


def add_tell(one: argparse.ArgumentParser) -> None:
    """For programs that show the progress."""
    one.add_argument("--tell", action="store_true", help="print progress often, for a program that reads it")


def add_outputs(one: argparse.ArgumentParser, *names: str) -> None:
    """Says which options name files to be written: `main` refuses what isn't ours, and remembers what is written."""
    one.add_argument("--overwrite", action="store_true", help="replace files that Beatboard did not write")
    one.set_defaults(outputs=names)


def add_json(one: argparse.ArgumentParser) -> None:
    """Where JSON goes."""
    one.add_argument(
        "--json", type=Path, metavar="F", help="write the result as JSON to this file; - for standard output"
    )


def seconds(text: str) -> float:
    """An option's length of time."""
    value = number(text)
    low, high = rules.LENGTHS_S
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text} is not between {low:g} and {high:g} seconds")
    return value


def strength(text: str) -> float:
    """An option's share from 0 to 1."""
    value = number(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def video_path(text: str) -> Path:
    """An option's video; in a folder that is named instead, `video.mp4`."""
    path = Path(text)
    return path / "video.mp4" if text.endswith("/") or path.is_dir() else path


def video_formats(text: str) -> str:
    """An option's list of formats, checked; what a shape is in pixels is up to another option."""
    try:
        formats.parse_list(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def texture(text: str) -> str:
    """An option's textures, checked."""
    from blender_addon.core import textures
    from blender_addon.core.types import Texture

    try:
        textures.choose(text, Texture())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def count(text: str) -> int:
    """An option's whole number from 1."""
    value = number(text)
    if value < 1 or value != int(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(value)


def number(text: str) -> float:
    """Any number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def frame_rate(text: str) -> Fraction:
    """An option's frame rate."""
    try:
        return timing.parse_fps(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def make_options(arguments: argparse.Namespace, output: Path) -> MakeOptions:
    """The options of `make` from those of the command line, by name; what a command doesn't have keeps its default."""
    from dataclasses import fields

    from bridge.make import MakeOptions

    names = [field.name for field in fields(MakeOptions) if field.name in arguments]
    given: dict[str, Any] = {name: getattr(arguments, name) for name in names}
    platform = platforms.PLATFORMS.get(arguments.platform or "")
    named = arguments.format or (platform.format if platform else "16:9")
    given |= {"output": output, "formats": formats.parse_list(named, arguments.size), "platform": platform}
    given |= _engine(arguments)
    if platform:
        given["length_s"] = min(arguments.length_s, platform.length_s[1])
    return MakeOptions(**given)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Adds the painter, the animator and their options."""
    from blender_addon.core.options import GOOD, QUALITIES

    parser.add_argument(
        "--engine", default="animatic", help="PAINTER+ANIMATOR, as in sdxl+svd (default: animatic); see `engines`"
    )
    parser.add_argument("--painter", help="what makes the stills, in place of the engine's")
    parser.add_argument("--animator", help="what makes them move, in place of the engine's")
    parser.add_argument("--quality", choices=QUALITIES, default=GOOD, help="how much time the clips may take")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the engine; `engines sdxl+svd` lists its options",
    )


def _engine(arguments: argparse.Namespace) -> dict[str, Any]:
    """Painter, animator and their options, as `make` wants them."""
    if not hasattr(arguments, "engine"):  # `plan` makes no clips
        return {}
    from blender_addon.core.options import GOOD, pairs
    from bridge.clips import registry

    painter, animator = registry.named(arguments.engine)
    quality = [f"quality={arguments.quality}"] if arguments.quality != GOOD else []
    try:
        given = pairs([*quality, *arguments.set])
    except ValueError as error:
        raise BadInput(f"--set takes NAME=VALUE, not {error.args[0]!r}.") from None
    return {
        "painter": arguments.painter or painter,
        "animator": arguments.animator or animator,
        "clip_options": given,
    }


def read_plan(path: Path) -> EditPlan:
    """The plan that `plan --json` or `make` wrote."""
    from blender_addon.core import codec
    from blender_addon.core.types import EditPlan

    try:
        return codec.loads(EditPlan, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"The plan {path} can't be read: {error.strerror or error}.") from None
    except (codec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not a plan that `beatboard plan --json` wrote: {error}.") from None


def write_json(value: object, path: Path) -> None:
    """Writes a protocol value as JSON to a file, or to standard output for "-"."""
    import json
    import sys

    from blender_addon.core import codec
    from bridge.common import files

    is_plain = str(path) == "-" and (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    text = json.dumps(_finite(codec.encode(value)), indent=1, ensure_ascii=is_plain, allow_nan=False)
    if str(path) == "-":
        print(text)
    else:
        files.write_text(path, text + "\n")


def _finite(value: Any) -> Any:
    """The same with null for every number that JSON has no word for."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
