# SPDX-License-Identifier: GPL-3.0-or-later
"""When a shot moves, and how strongly each beat is felt: everything that follows the clip's clock."""

from dataclasses import dataclass, replace

import numpy as np

from blender_addon.core.types import ClipRequest, ShotKind
from bridge.common.frames import Curve, smoothstep

_SETTLE_S = 1.4
"""the last shot slows down over this time"""
_ACCENT_LEAD_S = 0.06
_ACCENT_PEAK_S = 0.05
_ACCENT_FADE_S = 0.28


@dataclass(frozen=True)
class Pacing:
    """One value per frame of the clip."""

    way_s: Curve
    """seconds that the camera has moved at mean speed; constant while it holds"""
    clock_s: Curve
    """seconds that the atmosphere has moved; constant while the picture holds"""
    energy: Curve
    """0-1"""
    accent: Curve
    """0-1, how strongly a beat is felt"""
    moving_share: float
    """the part of the clip that isn't held"""

    def with_handles(self, count: int) -> "Pacing":
        """So many frames more at either end, over which the shot goes on as it did there; the others are the same."""
        if not count:
            return self
        return replace(
            self,
            way_s=_gone_on(self.way_s, count),
            clock_s=_gone_on(self.clock_s, count),
            energy=np.pad(self.energy, count, mode="edge"),
            accent=np.pad(self.accent, count, mode="linear_ramp"),
        )


def _gone_on(curve: Curve, count: int) -> Curve:
    """The curve with straight lines at its ends."""
    steps = np.diff(curve) if len(curve) > 1 else np.zeros(1)
    beyond = np.arange(1, count + 1)
    return np.concatenate([curve[0] - steps[0] * beyond[::-1], curve, curve[-1] + steps[-1] * beyond])


def pace(request: ClipRequest) -> Pacing:
    """The shot's timing: hold, ease, speed that leans on the energy, accents."""
    count, fps = request.frame_count, float(request.fps)
    hold = min(request.hold_frames, count)
    ends = request.kind is ShotKind.COVER_END
    first, last = (0, count - hold) if ends else (hold, count)
    energy = _energy(request)
    speed = np.zeros(count)
    moving = np.arange(first, last)
    t_s = (moving - first + 0.5) / fps
    speed[moving] = (0.75 + 0.5 * energy[moving]) * _burst(t_s, request.motion)
    if not ends and hold:
        speed[moving] *= smoothstep(t_s / 0.45)
    if ends:
        speed[moving] *= smoothstep((t_s[::-1] if len(t_s) else t_s) / min(_SETTLE_S, max(0.2, 0.6 * len(t_s) / fps)))
    if speed.sum() > 0:
        speed *= len(moving) / speed.sum()
    awake = _awake(count, first, last, fps, eases_in=not ends and hold > 0, eases_out=ends)
    return Pacing(
        way_s=_position(speed) / fps,
        clock_s=_position(awake) / fps,
        energy=energy,
        accent=_accents(request) * awake,
        moving_share=max(len(moving), 1) / max(count, 1),
    )


def _position(speed: Curve) -> Curve:
    """Where one is at each frame; the first two frames after a hold differ by the first speed."""
    return np.concatenate([[0.0], np.cumsum(speed)[:-1]]) if len(speed) else speed


def _energy(request: ClipRequest) -> Curve:
    if not request.energy:
        return np.full(request.frame_count, 0.5)
    return np.interp(np.linspace(0, 1, request.frame_count), np.linspace(0, 1, len(request.energy)), request.energy)


def _burst(t_s: Curve, motion: int) -> Curve:
    """Lively shots start fast and settle."""
    return 1 + 0.9 * float(np.clip((motion - 120) / 100, 0, 1)) * np.exp(-t_s / 0.4)


def _awake(count: int, first: int, last: int, fps: float, *, eases_in: bool, eases_out: bool) -> Curve:
    frames = np.arange(count)
    awake = ((frames >= first) & (frames < last)).astype(float)
    if eases_in:
        awake *= smoothstep((frames - first + 0.5) / fps / 0.35)
    if eases_out:
        awake *= smoothstep((last - frames - 0.5) / fps / 0.8)
    return awake


def _accents(request: ClipRequest) -> Curve:
    """A soft bump per beat: it rises in a blink just before, and fades."""
    frames = np.arange(request.frame_count)
    felt = np.zeros(request.frame_count)
    for accent in request.accents:
        t_s = (frames - accent) / float(request.fps)
        rise = smoothstep((t_s + _ACCENT_LEAD_S) / (_ACCENT_LEAD_S + _ACCENT_PEAK_S))
        felt = np.maximum(felt, rise * np.exp(-np.maximum(t_s - _ACCENT_PEAK_S, 0) / _ACCENT_FADE_S))
    return felt
