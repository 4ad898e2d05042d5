# SPDX-License-Identifier: GPL-3.0-or-later
"""Beatboard inside Blender. bpy is imported only in `register`, so the bridge can import the pure modules."""


def register() -> None:
    """Called by Blender when the extension is switched on."""
    from . import ui

    ui.register()


def unregister() -> None:
    """Called by Blender when the extension is switched off."""
    from . import ui

    ui.unregister()
