# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties, preferences, panels and operators."""


def register() -> None:
    """Registers everything with Blender."""


def unregister() -> None:
    """Takes everything back, last first."""
