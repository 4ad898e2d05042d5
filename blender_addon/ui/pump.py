# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer on Blender's main thread that takes over what threads left, and keeps the panels up to date.

Each tick has a few milliseconds; what does not fit waits for the next one. Without a window there is no timer.
"""

import time

import bpy

from . import connection, generate, properties, shots, tasks

PERIOD_S = 0.1
REFRESH_S = 0.3
RECONNECT_S = 5.0
_last_s = {"refresh": 0.0, "reconnect": 0.0}
"""when each was done last"""


def tick() -> float:
    """One tick; the seconds until the next."""
    changed = tasks.hand_over() > 0
    for job in connection.bridge.news():
        generate.hear(job)
        changed = True
    _keep_connected()
    now_s = time.monotonic()
    if now_s - _last_s["refresh"] >= REFRESH_S:
        _last_s["refresh"] = now_s
        scene = properties.scene_of(bpy.context)
        if (scene is not None and shots.refresh(scene)) or changed or tasks.running:
            shots.redraw()
    return PERIOD_S


def _keep_connected() -> None:
    """A bridge that died under its jobs is started again."""
    now_s = time.monotonic()
    if connection.bridge.is_lost and now_s - _last_s["reconnect"] > RECONNECT_S:
        _last_s["reconnect"] = now_s
        connection.again()


def register() -> None:
    tasks.synchronous = bpy.app.background
    if not bpy.app.background:
        bpy.app.timers.register(tick, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    tasks.cancel_all()
    connection.bridge.close()
