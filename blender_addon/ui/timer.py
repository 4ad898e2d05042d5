# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer on Blender's main thread that takes over what threads left, and keeps the panels up to date.

Each tick has a few milliseconds; what does not fit waits for the next one. What makes Blender redraw comes at a pace
that it can bear: a redraw takes a millisecond on one machine and a third of a second on another, so its cost is
measured, and clips land and panels change only as often as leaves the editor `1 - SHARE` of the time. Without a
window there is no timer.
"""

import time

import bpy

from ..actions import generate, project, shots, takes
from ..session import connection, file_watch, state, tasks
from ..session.state import Pace

PERIOD_S = 0.1
AT_ONCE_S = 0.001
REFRESH_S = 0.3
SLOWEST_REFRESH_S = 8.0
RECONNECT_S = 5.0
WATCH_S = 4.0
SHARE = 0.02
"""of the main thread's time, for redraws that we ask for"""


def tick() -> float:
    """One tick; the seconds until the next."""
    session, now_s = state.session(), time.monotonic()
    pace = session.pace
    measure(pace, now_s)
    if tasks.hand_over() or session.tasks.running:
        pace.is_due = True
    for job in connection.news():
        generate.hear(job)
    _keep_connected(now_s)
    if now_s - pace.fetched_at_s >= generate.FETCH_AGAIN_S:
        pace.fetched_at_s = now_s
        generate.fetch_again()
    scene = state.scene_of(bpy.context)
    if scene is not None and now_s - pace.watched_at_s >= WATCH_S:
        pace.watched_at_s = now_s
        file_watch.look(scene)
    if may_redraw(pace, now_s):
        landed = takes.land_next()
        generate.grade_what_landed()
        if landed:
            project.move_beside()
        if (scene is not None and shots.refresh(scene)) or landed or pace.is_due:
            redraw(pace, time.monotonic())
            return AT_ONCE_S
    return PERIOD_S


def measure(pace: Pace, now_s: float) -> None:
    """Called at each tick: after a redraw was asked for, the next is due at once, so what passed is its cost."""
    if pace.is_drawing:
        pace.cost_s = 0.5 * pace.cost_s + 0.5 * (now_s - pace.redrawn_at_s)
        pace.is_drawing = False


def may_redraw(pace: Pace, now_s: float) -> bool:
    """Whether the last redraw was long enough ago."""
    return now_s - pace.redrawn_at_s >= min(SLOWEST_REFRESH_S, max(REFRESH_S, pace.cost_s / SHARE))


def redraw(pace: Pace, now_s: float) -> None:
    """Shows what changed."""
    pace.redrawn_at_s, pace.is_drawing, pace.is_due = now_s, True, False
    shots.redraw()


def _keep_connected(now_s: float) -> None:
    """A bridge that died under its jobs is started again."""
    session = state.session()
    if session.connection.is_lost and now_s - session.pace.reconnected_at_s > RECONNECT_S:
        session.pace.reconnected_at_s = now_s
        connection.again()


def register() -> None:
    if not bpy.app.background:
        bpy.app.timers.register(tick, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
