# SPDX-License-Identifier: GPL-3.0-or-later
"""The grid to hear: clicks beside the song while Blender plays. They are no part of the edit, nor of its render."""

from typing import Any

import bpy

from ..core.song_clock import Clock
from ..core.types import SongAnalysis
from ..scene import timeline
from ..session import state, tasks
from . import shots

RATE_HZ = 22_050
CLICK_S = 0.03
DOWNBEAT_HZ, BEAT_HZ = 1760.0, 880.0
VOLUME = 0.4
APART_S = 0.15
"""how far clicks and picture may part before the clicks are moved: as when playback loops, or drops frames"""


def follow(scene: Any) -> None:
    """Starts or ends the clicks, as the switch, the reading and Blender's playback now say."""
    stop()
    screen = bpy.context.screen
    if screen is not None and screen.is_animation_playing:
        start(scene)


def start(scene: Any) -> None:
    """Playback begins: clicks from the playhead on, if they are switched on and the song was heard."""
    stop()
    analysis, clock = shots.analysis_of(scene), timeline.clock_of(scene)
    if not (state.shot_list().clicks and tasks.has_numpy()) or analysis is None or clock is None:
        return
    import aud  # Blender's own player

    track = clicks(times_s(analysis, clock, scene), _length_s(scene))
    handle = aud.Device().play(aud.Sound.buffer(track, RATE_HZ))
    handle.position = _at_s(scene)
    state.session().clicks = handle


def keep_up(scene: Any) -> None:
    """The clicks stay with the picture when it jumps."""
    handle = state.session().clicks
    if handle is not None and abs(handle.position - _at_s(scene)) > APART_S:
        handle.position = _at_s(scene)


def stop() -> None:
    """Playback ends."""
    handle, state.session().clicks = state.session().clicks, None
    if handle is not None:
        handle.stop()


def times_s(analysis: SongAnalysis, clock: Clock, scene: Any) -> list[tuple[float, bool]]:
    """When the beats are heard, in seconds from the scene's first frame on, and whether each is a downbeat.

    By the song under the playhead; nothing where another song plays.
    """
    heard = clock.heard_at(scene.frame_current)
    if heard is None:
        return []
    first_s = float((clock.start - scene.frame_start) / clock.fps)
    return [(first_s + beat.time_s - heard.start_s, beat.position == 1) for beat in analysis.beats]


def clicks(beats: list[tuple[float, bool]], length_s: float) -> Any:
    """A track of clicks, shape (samples, 1) at `RATE_HZ`, in -1..1: high on downbeats, low on the other beats."""
    import numpy as np

    track = np.zeros((round(length_s * RATE_HZ), 1), np.float32)
    seconds = np.arange(round(CLICK_S * RATE_HZ)) / RATE_HZ
    fade = VOLUME * (1 - seconds / CLICK_S) ** 2
    for time_s, is_downbeat in beats:
        at = round(time_s * RATE_HZ)
        if 0 <= at < len(track):
            click = fade * np.sin(2 * np.pi * (DOWNBEAT_HZ if is_downbeat else BEAT_HZ) * seconds)
            track[at : at + len(click), 0] = click[: len(track) - at]
    return track


def _length_s(scene: Any) -> float:
    return float((scene.frame_end + 1 - scene.frame_start) / timeline.scene_fps(scene))


def _at_s(scene: Any) -> float:
    return max(0.0, float((scene.frame_current - scene.frame_start) / timeline.scene_fps(scene)))
