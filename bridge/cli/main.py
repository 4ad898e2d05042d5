# SPDX-License-Identifier: GPL-3.0-or-later
"""The `beatboard` command.

Exit codes: 0 all is well, 1 something was measured or made and is not right, 2 bad input, 130 stopped by Ctrl-C.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence

from bridge.cli import (
    analyze,
    check,
    engines,
    estimate,
    export_timeline,
    import_timeline,
    jobs,
    look,
    lyrics,
    make,
    markers,
    plan,
    render,
    retime,
    serve,
    takes,
    train_lora,
)
from bridge.common import paths
from bridge.common.errors import BadInput, BeatboardError, Cancelled

COMMANDS = (
    make,
    analyze,
    look,
    lyrics,
    plan,
    render,
    check,
    takes,
    estimate,
    train_lora,
    retime,
    export_timeline,
    import_timeline,
    markers,
    engines,
    serve,
    jobs,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    _prepare_streams()
    arguments = parser().parse_args(argv)
    try:
        paths.prepare_compiler_cache()
        return _run(arguments)
    except (KeyboardInterrupt, Cancelled):
        print("Stopped. What is finished is kept: the same command goes on from there.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, say `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BeatboardError as error:
        print("beatboard:", " ".join(str(error).splitlines()), file=sys.stderr)  # a file's name may hold a line's end
        return 2 if isinstance(error, BadInput) else 1


def _prepare_streams() -> None:
    """Nothing that is printed may end a command: not a closed stream, nor a terminal that lacks a sign."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 -- for the process's life
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace" if name == "stderr" else "replace")


def _run(arguments: argparse.Namespace) -> int:
    """Runs the command, unless it would replace a file that isn't ours."""
    from bridge.common import user_files

    outputs = [path for name in getattr(arguments, "outputs", ()) if (path := getattr(arguments, name)) is not None]
    for path in outputs:
        user_files.must_be_free(path, overwrite=arguments.overwrite)
    code = arguments.command(arguments)
    user_files.remember(*(path for path in outputs if path.is_file()))
    return code


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(prog="beatboard", description="A song and an album cover in, a music video out.")
    top.add_argument("--version", action=Version, nargs=0, help="print the version and stop")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return top


class Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        parser.exit(0, f"beatboard {version('beatboard')}\n")


if __name__ == "__main__":
    sys.exit(main())
