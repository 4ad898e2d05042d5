# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of shots."""

from typing import Any

import bpy

STATE_ICONS = {
    "empty": "RADIOBUT_OFF",
    "queued": "TIME",
    "running": "PLAY",
    "done": "CHECKMARK",
    "stale": "FILE_REFRESH",
    "failed": "ERROR",
    "missing": "LIBRARY_DATA_BROKEN",
    "muted": "HIDE_ON",
}
STATE_NAMES = {
    "empty": "No clip yet",
    "queued": "Queued",
    "running": "Under way",
    "done": "Up to date",
    "stale": "Changed since its clip was made",
    "failed": "Failed",
    "missing": "Its file is missing",
    "muted": "Muted: not in the video",
}
ACT_ICONS = {1: "STRIP_COLOR_05", 2: "STRIP_COLOR_02", 3: "STRIP_COLOR_06"}
"""Blender's icons of the colour tags that the strips wear"""


class BEATBOARD_UL_shots(bpy.types.UIList):
    """One row per shot of the timeline."""

    bl_idname = "BEATBOARD_UL_shots"

    def draw_item(
        self,
        context: Any,
        layout: Any,
        data: Any,
        item: Any,
        icon: Any,
        active_data: Any,
        active_property: str,
        index: int,
    ) -> None:
        split = layout.split(factor=0.26, align=True)
        split.label(text=item.name, icon=ACT_ICONS.get(item.act, "STRIP_COLOR_02"))
        split = split.split(factor=0.34, align=True)
        split.label(text=item.bars if item.bars.endswith("s") else f"{item.bars} bars" if item.bars != "1" else "1 bar")
        row = split.row(align=True)
        if item.state == "running":
            row.progress(factor=item.progress, text=f"{item.progress:.0%}")
        off = row.row(align=True)
        off.alignment = "RIGHT"
        if item.frames_off:
            late = off.row(align=True)
            late.alert = True  # this alone: the lock beside it has nothing to do with it
            late.label(text=f"{item.frames_off:+d} f")
        if item.take_count > 1:
            off.label(text=f"{item.take_index}/{item.take_count}")
        if item.state in ("queued", "running"):
            off.operator("beatboard.cancel_jobs", text="", icon="CANCEL", emboss=False).shot = item.name
        else:
            off.label(text="", icon=STATE_ICONS.get(item.state, "QUESTION"))
        lock = off.operator("beatboard.lock", text="", icon="LOCKED" if item.is_locked else "UNLOCKED", emboss=False)
        lock.shot = item.name

    def filter_items(self, context: Any, data: Any, name: str) -> tuple[list[int], list[int]]:
        rows = getattr(data, name)
        flags = bpy.types.UI_UL_list.filter_items_by_name(self.filter_name, self.bitflag_filter_item, rows, "name")
        return flags, []


def register() -> None:
    bpy.utils.register_class(BEATBOARD_UL_shots)


def unregister() -> None:
    bpy.utils.unregister_class(BEATBOARD_UL_shots)
