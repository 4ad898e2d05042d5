# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard engines`: which painters and animators can run here, and what one of them may be asked."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import options
from bridge.common.errors import BadInput


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("engines", help="list painters and animators, and what each still needs")
    one.add_argument(
        "name", nargs="?", metavar="NAME", help="an engine, a painter or an animator: its options, needs and memory"
    )
    one.add_argument(
        "--markdown", type=Path, metavar="PAGE", help="write the tables into the marked parts of docs/engines.md"
    )
    options.add_json(one)
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge.cli import show
    from bridge.clips import registry

    if arguments.markdown:
        _write_tables(arguments.markdown)
        return 0
    every = registry.state()
    if arguments.name:
        parts, declared = registry.described(arguments.name)
        if arguments.json:
            options.write_json((parts, declared), arguments.json)
        if str(arguments.json) != "-":
            show.show_engine(arguments.name, parts, declared)
        return 0
    if arguments.json:
        options.write_json(every, arguments.json)
    if str(arguments.json) != "-":
        show.show_engines(every)
    return 0


def _write_tables(page: Path) -> None:
    from bridge.cli import engine_tables
    from bridge.common import files

    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The page {page} can't be read: {error}.") from None
    files.write_text(page, engine_tables.filled(text))
