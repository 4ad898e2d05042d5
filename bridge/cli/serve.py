# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard serve`: the bridge."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from bridge.cli import options
from bridge.common.errors import BadInput


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser(
        "serve",
        help="run the bridge, which makes shots for Blender here and elsewhere",
        epilog="Clients need the token in the environment variable BEATBOARD_TOKEN. Without it, a random one is made.",
    )
    one.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on; for other machines, TLS is used (default: 127.0.0.1)",
    )
    one.add_argument("--port", type=int, default=0, metavar="N", help="(default: any free one)")
    one.add_argument(
        "--certificate", type=Path, metavar="CERT.pem", help="certificate for TLS (default: one of its own)"
    )
    one.add_argument("--key", type=Path, metavar="KEY.pem", help="the certificate's private key")
    one.add_argument(
        "--store-limit", type=options.count, metavar="GIB", help="how many GiB of files to keep at most (default: 50)"
    )
    one.add_argument("--workers", type=options.count, metavar="N", help="CPU workers (default: one per core)")
    one.add_argument("--cluster", metavar="ADDRESS", help="make the clips on a Ray cluster: ray://HOST:10001 or auto")
    one.add_argument(
        "--allow",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="requests from other machines may name files, such as LoRAs, in this folder; may be repeated",
    )
    one.add_argument("--until-stdin-ends", action="store_true", help="stop when the program that started it does")
    one.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs it."""
    from bridge.common import paths
    from bridge.server import serve, tls

    if (arguments.certificate is None) != (arguments.key is None):
        raise BadInput("A certificate and its key go together: give both --certificate and --key, or neither.")
    certificate = tls.Certificate(arguments.certificate, arguments.key) if arguments.key else None
    limit_gib = arguments.store_limit
    serve.serve(
        serve.Listening(arguments.host, arguments.port, certificate, os.environ.get("BEATBOARD_TOKEN")),
        store_limit_bytes=limit_gib * 2**30 if limit_gib else paths.DEFAULT_STORE_LIMIT_BYTES,
        cpu_workers=arguments.workers,
        cluster=arguments.cluster,
        until_stdin_ends=arguments.until_stdin_ends,
        allowed_folders=tuple(arguments.allow),
    )
    return 0
