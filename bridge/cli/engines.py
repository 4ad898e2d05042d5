# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard engines`: which engines can run here."""

from __future__ import annotations

import argparse

from bridge.cli import options


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("engines", help="which engines can run here, and what each lacks")
    options.add_json(one)
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge.cli import show
    from bridge.clips import registry

    engines = registry.engines()
    if arguments.json:
        options.write_json(engines, arguments.json)
    if str(arguments.json) != "-":
        show.show_engines(engines)
    return 0
