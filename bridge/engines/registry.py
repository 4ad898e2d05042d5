# SPDX-License-Identifier: GPL-3.0-or-later
"""Which engines there are, what each needs, and which can run here.

The table is all there is to edit for a new engine; its modules are imported when it is loaded, not before.
"""

import difflib
import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

from bridge.engines.base import Animator, Painter
from bridge.errors import BadInput


@dataclass(frozen=True)
class Entry:
    """One row of the table."""

    name: str
    painter: str
    """where its class is, as "module:Class" """
    animator: str
    description: str
    packages: tuple[str, ...] = ()
    """import names that it cannot do without"""
    extra: str = ""
    """the extra of Beatboard's package that brings them"""


TABLE = (
    Entry(
        name="animatic",
        painter="bridge.engines.cover_painter:CoverPainter",
        animator="bridge.engines.parallax:ParallaxAnimator",
        description="layered camera moves through the cover itself; no GPU, no model weights",
        packages=("cv2", "scipy"),
    ),
)


@dataclass(frozen=True)
class EngineStatus:
    """Whether an engine can run here."""

    name: str
    available: bool
    missing: str
    """what it lacks and how to get it; empty if nothing"""
    description: str


@dataclass(frozen=True)
class Engine:
    """A painter and the animator that it works with."""

    painter: Painter
    animator: Animator


def engines() -> tuple[EngineStatus, ...]:
    """Every engine of the table and what it lacks here. Imports none of them."""
    return tuple(
        EngineStatus(
            name=entry.name, available=not (lack := _missing(entry)), missing=lack, description=entry.description
        )
        for entry in TABLE
    )


def load(name: str) -> Engine:
    """The engine of this name, ready to be given requests.

    Raises:
        BadInput: there is no such engine, or it lacks something here.
    """
    entry = _entry(name)
    if lack := _missing(entry):
        raise BadInput(f"The engine {name!r} cannot run here: it needs {lack}.")
    return Engine(painter=_make(entry.painter), animator=_make(entry.animator))


def _entry(name: str) -> Entry:
    table = {entry.name: entry for entry in TABLE}
    if name in table:
        return table[name]
    nearest = difflib.get_close_matches(name, table, n=1, cutoff=0.5)
    hint = f"Did you mean {nearest[0]!r}?" if nearest else f"There are: {', '.join(table)}."
    raise BadInput(f"There is no engine {name!r}. {hint} `beatboard engines` lists them.")


def _missing(entry: Entry) -> str:
    lacking = [package for package in entry.packages if importlib.util.find_spec(package) is None]
    if not lacking:
        return ""
    source = f" (pip install 'beatboard[{entry.extra}]')" if entry.extra else ""
    return ", ".join(lacking) + source


def _make(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)()
