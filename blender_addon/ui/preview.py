# SPDX-License-Identifier: GPL-3.0-or-later
"""A preview that plays: small proxies of large clips, made in the background, and the grade on them.

Blender makes the proxies in a job of its own and shows its progress; a strip's modifiers, the grade among them, work
on the proxy's pixels. A final render never uses them, and a segment's name doesn't know of them.
"""
# pyright: reportInvalidTypeForm=false

import os
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty

from ..scene import timeline
from ..session.state import scene_of, session
from .panels import Tab

CORES_FOR_HALF = 6
"""below this, half-size frames are graded more slowly than 24 a second: a core grades 5 of them, or 19 of a quarter"""
LONG_SIDE_PX = {50: 1024, 25: 512}
"""what is not larger plays without a proxy of so many percent"""
QUALITY = 80
"""of the proxies' JPEG frames, 0-100"""
BUILD = "INVOKE_DEFAULT"
"""in a job in the background"""
LOOK_EVERY_S = 2.0


def percent() -> int:
    """How large proxies are that this computer grades at the full rate."""
    return 50 if (os.cpu_count() or 1) >= CORES_FOR_HALF else 25


def show(scene: Any, *, proxies: bool) -> None:
    """Switches the preview of every sequencer between proxies and full size; what is not there yet gets made."""
    for _, area in _sequencers():
        space = area.spaces.active
        space.use_proxies = True
        space.proxy_render_size = f"PROXY_{percent()}" if proxies else "SCENE"
    if proxies:
        session().proxies.clear()
        make(scene)
    else:
        for strip in _large(scene):
            strip.use_proxy = False


def make(scene: Any) -> int:
    """Has Blender make the proxies that are not there yet; gives how many. None without a sequencer in a window."""
    for strip in _large(scene):
        if not strip.use_proxy:
            _set_up(strip)
    asked = session().proxies
    strips = [strip for strip in _large(scene) if not (proxy_of(strip).exists() or proxy_of(strip) in asked)]
    place = next(_sequencers(), None)
    if not strips or place is None:
        return 0
    asked.update(proxy_of(strip) for strip in strips)
    window, area = place
    selected = {strip: strip.select for strip in timeline.all_strips(scene)}
    for strip in selected:
        strip.select = strip in strips
    region = next(region for region in area.regions if region.type == "WINDOW")
    try:
        with bpy.context.temp_override(window=window, area=area, region=region):
            bpy.ops.sequencer.rebuild_proxy(BUILD)
    finally:
        for strip, was_selected in selected.items():
            strip.select = was_selected
    return len(strips)


def _set_up(strip: Any) -> None:
    strip.use_proxy = True
    strip.proxy.use_overwrite = False
    strip.proxy.quality = QUALITY
    for size in (25, 50, 75, 100):
        setattr(strip.proxy, f"build_{size}", size == percent())


def proxy_of(strip: Any) -> Path:
    """Where Blender keeps the proxy of a movie."""
    movie = timeline.absolute(strip.filepath)
    return movie.parent / "BL_proxy" / movie.name / f"proxy_{percent()}.avi"


def _large(scene: Any) -> list[Any]:
    """Our movies that are too large to play."""
    movies = [strip for strip in timeline.shot_strips(scene) if strip.type == "MOVIE" and strip.elements]
    return [strip for strip in movies if max(timeline.picture_size(strip)) > LONG_SIDE_PX[percent()]]


def _sequencers() -> Any:
    """The windows' sequencer areas."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR":
                yield window, area


def _changed(scene: Any, _context: Any) -> None:
    show(scene, proxies=scene.beatboard_proxies)


def _tick() -> float:
    """Takes that landed meanwhile get theirs."""
    scene = scene_of(bpy.context)
    if scene is not None and scene.beatboard_proxies:
        make(scene)
    return LOOK_EVERY_S


class BEATBOARD_PT_preview(Tab, bpy.types.Panel):
    """The preview's one switch."""

    bl_label = "Preview"
    bl_order = 4
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 -- as Blender wants it

    def draw(self, context: Any) -> None:
        layout, scene, _ = self.start(context)
        layout.prop(scene, "beatboard_proxies")


def register() -> None:
    bpy.types.Scene.beatboard_proxies = BoolProperty(
        name="Proxies",
        description="Play small copies of large clips, made in the background; the render never uses them",
        update=_changed,
    )
    bpy.utils.register_class(BEATBOARD_PT_preview)
    bpy.app.timers.register(_tick, first_interval=LOOK_EVERY_S, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    bpy.utils.unregister_class(BEATBOARD_PT_preview)
    del bpy.types.Scene.beatboard_proxies
