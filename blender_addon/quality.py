# SPDX-License-Identifier: GPL-3.0-or-later
"""How much time the generative engines may take: options by one word. Pure: standard library only."""

from collections.abc import Mapping

PRESETS: dict[str, dict[str, str]] = {
    "draft": {"painter_steps": "20", "steps": "12", "guidance_interval": "0.28-5.42"},
    "good": {},
    "best": {"reroll": "8"},
}
"""what each means; `best` also films a shot again whose motion is far from what was asked"""


def options(settings: Mapping[str, str]) -> dict[str, str]:
    """An engine's options with those that the option `quality` stands for; what was given by name wins.

    Raises:
        ValueError: there is no such quality.
    """
    quality = settings.get("quality", "good")
    if quality not in PRESETS:
        raise ValueError(f"The option quality is {', '.join(PRESETS)}, not {quality!r}.")
    return {**PRESETS[quality], **settings}
