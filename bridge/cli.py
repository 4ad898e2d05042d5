# SPDX-License-Identifier: GPL-3.0-or-later
"""The `beatboard` command: reads arguments, calls the rooms, prints. No logic of its own.

Exit codes: 0 all is well, 1 something was measured or made and is not right, 2 bad input, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from blender_addon import timing
from bridge.errors import BadInput, BeatboardError, Cancelled

if TYPE_CHECKING:
    from blender_addon.protocol import EditPlan
    from bridge.make import MakeOptions

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

FORMATS = ("16:9", "9:16", "both")
Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = parser().parse_args(argv)
    try:
        return arguments.command(arguments)
    except (KeyboardInterrupt, Cancelled):
        print("Stopped. What is finished is kept: the same command goes on from there.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, say `head`, has seen enough
        sys.stderr.close()
        return 0
    except BeatboardError as error:
        print(f"beatboard: {error}", file=sys.stderr)
        return 2 if isinstance(error, BadInput) else 1


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(prog="beatboard", description="A song and an album cover in, a music video out.")
    top.add_argument("--version", action=Version, nargs=0, help="print the version and stop")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_analyze(commands)
    _add_look(commands)
    _add_plan(commands)
    _add_make(commands)
    _add_check(commands)
    _add_engines(commands)
    return top


class Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        parser.exit(0, f"beatboard {version('beatboard')}\n")


def _add_analyze(commands: Subparsers) -> None:
    one = commands.add_parser("analyze", help="the song's grid: tempo, meter, beats, downbeats, sections, drop")
    one.add_argument("song", type=Path)
    _add_tracker(one)
    _add_json(one)
    one.add_argument("--plot", type=Path, metavar="F.png", help="draw the grid")
    one.add_argument("--click", type=Path, metavar="F.wav", help="write the song with clicks on its beats")
    one.set_defaults(command=_run_analyze)


def _run_analyze(arguments: argparse.Namespace) -> int:
    from bridge import console, song

    with console.display().stage("Song") as report:
        analysis = song.analyze(arguments.song, tracker=arguments.tracker, report=report)
    if arguments.plot:
        song.plot(analysis, song.decode(arguments.song), arguments.plot)
    if arguments.click:
        song.write_click(analysis, song.decode(arguments.song), arguments.click)
    if arguments.json:
        write_json(analysis, arguments.json)
    if str(arguments.json) != "-":
        console.show_analysis(analysis)
    return 0


def _add_look(commands: Subparsers) -> None:
    one = commands.add_parser("look", help="the cover's palette and grade")
    one.add_argument("cover", type=Path)
    _add_json(one)
    one.add_argument("--plot", type=Path, metavar="F.png", help="draw the palette and the grade")
    one.add_argument("--cube", type=Path, metavar="F.cube", help="write the grade as a 33-point LUT for other tools")
    one.set_defaults(command=_run_look)


def _run_look(arguments: argparse.Namespace) -> int:
    from bridge import console, cover

    look = cover.look(arguments.cover)
    if arguments.plot:
        cover.plot(look, cover.load(arguments.cover), arguments.plot)
    if arguments.cube:
        cover.write_cube(look.grade, arguments.cube)
    if arguments.json:
        write_json(look, arguments.json)
    if str(arguments.json) != "-":
        console.show_look(look)
    return 0


def _add_plan(commands: Subparsers) -> None:
    one = commands.add_parser("plan", help="the edit plan, and why each cut is where it is")
    _add_song_and_cover(one)
    _add_edit(one)
    _add_json(one)
    one.set_defaults(command=_run_plan)


def _run_plan(arguments: argparse.Namespace) -> int:
    from bridge import console, cover, make, song

    with console.display().stage("Song") as report:
        analysis = song.analyze(arguments.song, tracker=arguments.tracker, report=report)
    look = cover.look(arguments.cover)
    options = make_options(arguments, output=Path("plan.mp4"))
    edit = make.plan_for(options, analysis, look, make.load_storyboard(arguments.storyboard))
    if arguments.json:
        write_json(edit, arguments.json)
    if str(arguments.json) != "-":
        console.show_plan(edit)
    return 0


def _add_make(commands: Subparsers) -> None:
    one = commands.add_parser("make", help="the whole job: the finished, measured video")
    _add_song_and_cover(one)
    one.add_argument("-o", "--output", type=Path, default=Path("out/video.mp4"), metavar="VIDEO.mp4")
    one.add_argument("--engine", default="animatic", help="what makes the clips, see `beatboard engines`")
    one.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the engine")
    _add_edit(one)
    one.add_argument("--grade", type=strength, default=1.0, metavar="0-1", help="strength of the cover's grade")
    one.add_argument("--draft", action="store_true", help="a small look at the whole, in seconds")
    one.add_argument("--bake-grade", action="store_true", help="render the grade as a table: faster, same look")
    one.add_argument("--blender", type=Path, metavar="PROGRAM", help="a Blender 5 program to render with")
    one.add_argument("--workers", type=count, metavar="N", help="processes at once (default: what fits this machine)")
    one.set_defaults(command=_run_make)


def _run_make(arguments: argparse.Namespace) -> int:
    from bridge import console, make

    results = make.make(make_options(arguments, arguments.output), console.display())
    for result in results:
        console.show_result(result)
    return 0 if all(result.check.ok for result in results) else 1


def _add_check(commands: Subparsers) -> None:
    one = commands.add_parser("check", help="the finished file, measured; exit code 1 if something fails")
    one.add_argument("video", type=Path)
    one.add_argument("--song", type=Path, required=True)
    one.add_argument("--cover", type=Path, required=True)
    one.add_argument("--plan", type=Path, metavar="P.json", help="the plan it was made from, to be held against it")
    one.add_argument(
        "--page", type=Path, metavar="F.html", help="where the report page goes (default: beside the video)"
    )
    _add_tracker(one)
    _add_json(one)
    one.set_defaults(command=_run_check)


def _run_check(arguments: argparse.Namespace) -> int:
    from bridge import check, console, song

    display = console.display()
    edit = read_plan(arguments.plan) if arguments.plan else None
    with display.stage("Song") as report:
        analysis = song.analyze(arguments.song, tracker=arguments.tracker, report=report)
    with display.stage("Check") as report:
        measured = check.check(
            arguments.video, arguments.song, arguments.cover, plan=edit, analysis=analysis, report=report
        )
    page = arguments.page or arguments.video.with_suffix(".html")
    check.write_page(measured, page)
    if arguments.json:
        write_json(measured, arguments.json)
    if str(arguments.json) != "-":
        console.show_check(measured, page)
    return 0 if measured.ok else 1


def _add_engines(commands: Subparsers) -> None:
    one = commands.add_parser("engines", help="which engines can run here, and what each lacks")
    _add_json(one)
    one.set_defaults(command=_run_engines)


def _run_engines(arguments: argparse.Namespace) -> int:
    from bridge import console
    from bridge.engines import registry

    engines = registry.engines()
    if arguments.json:
        write_json(engines, arguments.json)
    if str(arguments.json) != "-":
        console.show_engines(engines)
    return 0


def _add_song_and_cover(one: argparse.ArgumentParser) -> None:
    one.add_argument("song", type=Path, help="mp3, wav, flac, ogg, opus or m4a")
    one.add_argument("cover", type=Path, help="png, jpg or webp")


def _add_edit(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--storyboard", type=Path, metavar="S.toml", help="what the shots show; see examples/storyboard.toml"
    )
    one.add_argument("--length", type=seconds, default=30.0, metavar="S", help="at most this long (default: 30)")
    one.add_argument("--format", choices=FORMATS, default="16:9")
    one.add_argument("--fps", type=frame_rate, default="24", metavar="N", help="24, 25, 30000/1001, 30, 50 or 60")
    _add_tracker(one)


def _add_tracker(one: argparse.ArgumentParser) -> None:
    one.add_argument("--tracker", default="bars", help="what finds the beats: bars (default) or beat-this")


def _add_json(one: argparse.ArgumentParser) -> None:
    one.add_argument("--json", type=Path, metavar="F", help="write it as JSON; - for standard output")


def seconds(text: str) -> float:
    """An option's length of time."""
    value = number(text)
    if not 1.0 <= value <= 3600.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 3600 seconds")
    return value


def strength(text: str) -> float:
    """An option's share from 0 to 1."""
    value = number(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


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
    """The options of `make` from those of the command line; `plan` has the first few only."""
    from bridge.make import SIZES_PX, MakeOptions

    names = ("draft", "bake_grade", "blender", "workers", "engine")
    given = {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    return MakeOptions(
        song=arguments.song,
        cover=arguments.cover,
        output=output,
        storyboard=arguments.storyboard,
        engine_settings=engine_settings(getattr(arguments, "set", [])),
        length_s=arguments.length,
        formats=tuple(SIZES_PX) if arguments.format == "both" else (arguments.format,),
        fps=arguments.fps,
        tracker=arguments.tracker,
        grade_strength=getattr(arguments, "grade", 1.0),
        **given,
    )


def engine_settings(pairs: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The engine's options from NAME=VALUE pairs, sorted by name."""
    for pair in pairs:
        if "=" not in pair:
            raise BadInput(f"--set takes NAME=VALUE, not {pair!r}.")
    return tuple(sorted((pair.split("=", 1)[0], pair.split("=", 1)[1]) for pair in pairs))


def read_plan(path: Path) -> EditPlan:
    """The plan that `plan --json` or `make` wrote."""
    from blender_addon import codec
    from blender_addon.protocol import EditPlan

    try:
        return codec.loads(EditPlan, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"The plan {path} can't be read: {error.strerror or error}.") from None
    except (codec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not a plan that `beatboard plan --json` wrote: {error}.") from None


def write_json(value: object, path: Path) -> None:
    """Writes a protocol value as JSON to a file, or to standard output for "-"."""
    import json

    from blender_addon import codec
    from bridge import files

    text = json.dumps(codec.encode(value), indent=1, ensure_ascii=False)
    if str(path) == "-":
        print(text)
    else:
        files.check_writable(path)
        files.write_text(path, text + "\n")


if __name__ == "__main__":
    sys.exit(main())
