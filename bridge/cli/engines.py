# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard engines`: which painters and animators can run here, and what one of them may be asked."""

from __future__ import annotations

import argparse

from bridge.cli import options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("engines", help="lists painters and animators and what each still needs")
    one.add_argument(
        "name", nargs="?", metavar="NAME", help="an engine, a painter or an animator: its options, needs and memory"
    )
    options.add_json(one)
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge.cli import show
    from bridge.clips import registry

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
