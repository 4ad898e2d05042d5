# SPDX-License-Identifier: GPL-3.0-or-later
"""How much time the generative engines may take, by one word. Pure: standard library only."""

from collections.abc import Iterable

PRESETS: dict[str, tuple[tuple[str, str], ...]] = {
    "draft": (("cache", "0.1"), ("guidance_interval", "0.28-5.42"), ("painter_steps", "20"), ("steps", "12")),
    "good": (),
    "best": (("quality", "best"), ("reroll", "8")),
}
"""the engines' options that each stands for; `best` also films a shot again whose motion is far from what was asked"""


def engine_settings(quality: str, pairs: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The engine's options that a quality stands for and those of NAME=VALUE pairs, which win; sorted by name.

    Raises:
        ValueError: of the first that is no such pair.
    """
    named = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ValueError(pair)
        named[name] = value
    return tuple(sorted({**dict(PRESETS[quality]), **named}.items()))
