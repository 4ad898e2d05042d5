# SPDX-License-Identifier: GPL-3.0-or-later
"""The option `--codec`: what the pictures are encoded in."""

from __future__ import annotations

import argparse

from blender_addon.core.encoding import CODECS, H264, Codec


def add(one: argparse.ArgumentParser, what: str) -> None:
    """Adds it to a command."""
    names = ", ".join(CODECS)
    one.add_argument(
        "--codec", type=_named, default=H264, metavar="NAME", help=f"{what}: {names} (default: {H264.name})"
    )


def _named(text: str) -> Codec:
    if text not in CODECS:
        raise argparse.ArgumentTypeError(f"there is no codec {text!r}; there are {', '.join(CODECS)}")
    return CODECS[text]
