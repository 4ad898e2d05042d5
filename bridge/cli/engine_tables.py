# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of `docs/engines.md`, made from what painters and animators declare."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from blender_addon.core.messages import EnginePart, Engines
from blender_addon.core.options import Option

if TYPE_CHECKING:
    from bridge.clips.gpu.footprints import Footprint

_MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """The page with the tables of today between its marks, `<!-- table: NAME -->` and `<!-- end -->`."""
    return _MARKED.sub(lambda match: f"{match[1]}{TABLES[match[2]]()}\n{match[3]}", page)


def _painters() -> str:
    return _table(
        ("painter", "makes the stills from", "needs a GPU", "paints them together"),
        (
            (_code(part.name), part.description, _yes(part.needs_gpu), _yes(part.paints_together))
            for part in _state().painters
        ),
    )


def _animators() -> str:
    return _table(
        ("animator", "makes them move by", "needs a GPU", "reads the prompt", "takes a last frame", "costs money"),
        (
            (
                *(_code(part.name), part.description, _yes(part.needs_gpu), _yes(part.takes_words)),
                *(_yes(part.takes_last_frame), _yes(part.costs_money)),
            )
            for part in _state().animators
        ),
    )


def _options() -> str:
    rows = sorted(_shared(_state()).items(), key=lambda row: row[0].name)
    return _table(
        ("option", "of", "what it does", "takes", "default", "draft", "best"),
        (
            (
                *(_code(option.name), ", ".join(names), option.help, option.takes),
                *(_code(option.default) if option.default else option.automatic, option.draft, option.best),
            )
            for option, names in rows
        ),
    )


def _cards() -> str:
    from bridge.clips.gpu import footprints

    def row(need: Footprint) -> tuple[str, ...]:
        policies = (need.policy(card_gb - footprints.TAKEN_GIB).words for card_gb in footprints.CARDS_GB)
        return need.name, f"{need.weights_gib:.0f} GiB", *policies

    columns = ("model", "weights", *(f"{card_gb} GB" for card_gb in footprints.CARDS_GB))
    return _table(columns, map(row, _footprints()))


TABLES: dict[str, Callable[[], str]] = {
    "painters": _painters,
    "animators": _animators,
    "options": _options,
    "cards": _cards,
}


def _state() -> Engines:
    from bridge.clips import registry

    return registry.state()


def _footprints() -> list[Footprint]:
    """Of every model that a table names, each once."""
    from bridge.clips import registry

    rows = (*registry.PAINTERS.values(), *registry.ANIMATORS.values())
    return list(dict.fromkeys(need for row in rows for _, need in row.models))


def _shared(engines: Engines) -> dict[Option, list[str]]:
    """Who has each option; those that differ in a default or a range are several."""
    found: dict[Option, list[str]] = {}
    parts: Sequence[EnginePart] = (*engines.painters, *engines.animators)
    for part in parts:
        for option in part.options:
            found.setdefault(option, []).append(part.name)
    return found | {option: ["every clip"] for option in engines.options}


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(columns)
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("|" + "|".join(f" {cell} " if cell != "---" else cell for cell in line) + "|" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else ""
