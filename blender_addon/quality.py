# SPDX-License-Identifier: GPL-3.0-or-later
"""How much time the generative engines may take, by one word. Pure: standard library only."""

PRESETS: dict[str, tuple[tuple[str, str], ...]] = {
    "draft": (("cache", "0.1"), ("guidance_interval", "0.28-5.42"), ("painter_steps", "20"), ("steps", "12")),
    "good": (),
    "best": (("quality", "best"), ("reroll", "8")),
}
"""the engines' options that each stands for; `best` also films a shot again whose motion is far from what was asked"""
