# SPDX-License-Identifier: GPL-3.0-or-later
"""The atmosphere of a shot: haze, a light leak and dust, in the picture's own colours."""

import math
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from bridge.clips.animatic.camera import Pose
from bridge.common.frames import Frame

_LIGHT_SIDE_PX = 480
"""light is soft: it's computed at half the frame's longer side, this at most, and enlarged"""
_SMALLEST_SPECK_PX = 0.5
"""standard deviation: a smaller one would come and go between the places that are computed"""
_TILE_PX = 256
_SPECKS = 90
_HAZE = 20.0
_LEAK = 44.0
_DUST = 64.0
_DITHER = 0.9
_SHINE = 1.6
"""light brightens what is bright: a place gets this much of it, times its own value, so that no dark turns grey"""
_LEVELS = np.arange(256)
_SCREENED = np.round(_SHINE * _LEVELS * (255 - _LEVELS) / 255).astype(np.uint8)
"""how much brighter full light makes each level: what is screened over it, times its own value"""
_IN_PRINT = 0.3
"""how much of it flat colours get: over print, haze is a stain"""


class Atmosphere:
    """Light to be laid over a shot's frames."""

    def __init__(self, picture: Frame, width_px: int, height_px: int, rng: np.random.Generator) -> None:
        scale = min(0.5, _LIGHT_SIDE_PX / max(width_px, height_px))
        self._size_px = (width_px, height_px)
        self._grid_px = (max(8, round(width_px * scale)), max(8, round(height_px * scale)))
        self._aspect = height_px / width_px
        self._warm, self._mist = _colors(picture)
        self._presence = _presence(picture)
        # Every random choice is made here, and none depends on the size: a small preview is the same shot.
        self._tile = _clouds(rng)
        self._drift = rng.uniform(-1, 1, 2) * (0.02, 0.008)
        self._leak_from = float(rng.choice([-1.0, 1.0])), float(rng.uniform(-0.6, 0.3))
        self._leak_phase = float(rng.uniform(0, 2 * math.pi))
        self._dust = _Dust(rng)
        self._dither = np.random.default_rng(1).uniform(-_DITHER, _DITHER, (height_px, width_px, 3)).astype(np.float32)
        self._x, self._y = (np.linspace(-0.5, 0.5, count, dtype=np.float32) for count in self._grid_px)
        from_above = 0.35 + 0.65 * np.clip(0.6 + self._y, 0, 1)
        self._from_above = np.repeat(from_above[:, None], self._grid_px[0], axis=1)
        self._tints = np.stack([self._mist * _HAZE, self._warm], axis=1).astype(np.float32)

    def lay_over(
        self,
        frame: Frame,
        matte: npt.NDArray[np.uint8] | None,
        pose: Pose,
        clock_s: float,
        strength: float,
    ) -> Frame:
        """The frame with light screened over it.

        Args:
            matte: the subject's opacity; haze stays behind it.
            clock_s: the atmosphere's own time.
            strength: 0 leaves the frame as it is, 1 is full.
        """
        strength *= self._presence
        if strength <= 0.001:
            return frame
        haze, warm = self._haze(pose, clock_s), self._leak(clock_s)
        if matte is not None:
            open_air = cv2.resize(matte, self._grid_px, interpolation=cv2.INTER_LINEAR)
            open_air = cv2.convertScaleAbs(open_air, alpha=-0.8, beta=255)
            haze, warm = (cv2.multiply(light, open_air, scale=1 / 255, dtype=cv2.CV_32F) for light in (haze, warm))
        warm = cv2.add(warm, self._dust.light(self._x, self._y, pose, clock_s, self._aspect))
        light = cv2.transform(cv2.merge([haze, warm]), self._tints * np.float32(strength))
        large = cv2.resize(light, self._size_px, interpolation=cv2.INTER_LINEAR)
        glow = cv2.add(large, self._dither, dtype=cv2.CV_8U)
        return cast(Frame, cv2.add(frame, cv2.multiply(cv2.LUT(frame, _SCREENED), glow, scale=1 / 255)))

    def _haze(self, pose: Pose, clock_s: float) -> npt.NDArray[np.float32]:
        far, near = self._cloud(pose, clock_s, 0.9, 1.0), self._cloud(pose, clock_s, 1.3, 0.55)
        return np.asarray(cv2.multiply(cv2.addWeighted(far, 0.6, near, 0.4, 0), self._from_above), np.float32)

    def _leak(self, clock_s: float) -> npt.NDArray[np.float32]:
        side, height = self._leak_from
        sway = 0.06 * math.sin(0.5 * clock_s + self._leak_phase)
        across = np.exp(-(((self._x - side * (0.56 + sway)) / 0.42) ** 2))
        down = np.exp(-(((self._y - height - sway) / 0.75) ** 2)) * _LEAK
        return np.asarray(np.outer(down, across), np.float32)

    def _cloud(self, pose: Pose, clock_s: float, near: float, size: float) -> npt.NDArray[np.float32]:
        scale = (1 - pose.dolly * near) / pose.zoom * _TILE_PX * 0.9 * size
        shift_x = (pose.x * (near - pose.pin) + pose.pan_x + self._drift[0] * clock_s * near) * _TILE_PX * size
        shift_y = (pose.y * (near - pose.pin) + pose.pan_y + self._drift[1] * clock_s * near) * _TILE_PX * size
        width, height = self._grid_px
        tall = scale * self._aspect
        place = np.array(
            [
                [scale / (width - 1), 0, shift_x + (_TILE_PX - scale) / 2],
                [0, tall / (height - 1), shift_y + (_TILE_PX - tall) / 2],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cloud = cv2.warpAffine(self._tile, place, self._grid_px, flags=flags, borderMode=cv2.BORDER_WRAP)
        return np.asarray(cloud, np.float32)


class _Dust:
    """Dust: soft discs that drift at different distances; the nearest are large, faint and out of focus."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._place = rng.uniform(-0.75, 0.75, (_SPECKS, 2))
        self._near = rng.uniform(0.7, 1.0, _SPECKS) + 1.1 * rng.uniform(0, 1, _SPECKS) ** 3
        self._velocity = np.array([0.006, -0.010]) + rng.normal(0, 0.010, (_SPECKS, 2))
        self._phase = rng.uniform(0, 2 * math.pi, _SPECKS)
        self._bright = rng.uniform(0.35, 1.0, _SPECKS)

    def light(
        self, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], pose: Pose, clock_s: float, aspect: float
    ) -> npt.NDArray[np.float32]:
        """Their light at each place of the frame, shape (len(y), len(x)), in levels.

        Args:
            x: places from the frame's left side to its right one, -0.5 to 0.5.
            y: from above, likewise.
        """
        near = self._near[:, None]
        place = self._place * (1, max(1.0, aspect)) + self._velocity * clock_s * near
        shift = np.array([pose.x, pose.y]) * (near - pose.pin) + (pose.pan_x, pose.pan_y)
        seen = (place - shift) / np.maximum(1 - pose.dolly * near, 0.2) * pose.zoom
        blur = np.abs(self._near - 1.0)
        width, height = len(x), len(y)
        wanted = max(width, height) / _LIGHT_SIDE_PX * (0.9 + 5.5 * blur)
        sigma = np.maximum(wanted, _SMALLEST_SPECK_PX)
        twinkle = 0.7 + 0.3 * np.sin(1.3 * clock_s + self._phase)
        strength = _DUST * self._bright * twinkle / (1 + 5.0 * blur) * (wanted / sigma) ** 2
        across = _bells(width, seen[:, 0] * width + width / 2, sigma)
        down = _bells(height, seen[:, 1] * width + height / 2, sigma) * strength[:, None].astype(np.float32)
        return down.T @ across


def _bells(count: int, middle: npt.NDArray[np.float64], sigma: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """A bell curve of height 1 a row, over so many places."""
    way = (np.arange(count, dtype=np.float32) - middle[:, None].astype(np.float32)) / sigma[:, None].astype(np.float32)
    return np.exp(np.float32(-0.5) * way * way)


def _clouds(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Smooth noise that tiles, 0-1: a spectrum falling with the frequency."""
    frequency = np.hypot(np.fft.fftfreq(_TILE_PX)[:, None], np.fft.fftfreq(_TILE_PX)[None]) * _TILE_PX
    amplitude = np.where(frequency > 0, 1 / np.maximum(frequency, 1) ** 1.9, 0) * np.exp(-((frequency / 24) ** 2))
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal((_TILE_PX, _TILE_PX))) * amplitude).real
    low, high = np.percentile(noise, (5, 99))
    return np.clip((noise - low) / (high - low), 0, 1).astype(np.float32)


def _colors(picture: Frame) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The light's colour (bright and saturated) and the mist's (bright, from the picture's upper half), 0-1."""
    small = cv2.resize(picture, (48, 48), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float32) / 255
    chroma, value = small.max(axis=1) - small.min(axis=1), small.max(axis=1)
    warm = _weighted(small, (chroma + 0.08) ** 2 * value**2)
    mist = _weighted(small[: len(small) // 2], value[: len(small) // 2] ** 2 + 1e-3)
    return _lit(warm), 0.5 * _lit(mist) + 0.5 * mist


def _presence(picture: Frame) -> float:
    """1 for what was painted or filmed, where hardly any place is quite like the next; little for flat colours."""
    small = cv2.resize(picture.astype(np.float32), (48, 48), interpolation=cv2.INTER_AREA)
    across, down = (np.abs(np.diff(small, axis=axis)).max(axis=-1) for axis in (1, 0))
    change = float(np.quantile(across[:-1] + down[:, :-1], 0.25))
    return _IN_PRINT + (1 - _IN_PRINT) * float(np.clip((change - 0.75) / 0.75, 0, 1))


def _weighted(colors: npt.NDArray[np.float32], weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return (colors * weight[:, None]).sum(axis=0) / max(float(weight.sum()), 1e-6)


def _lit(color: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The colour as bright as it gets, a little toward white."""
    return 0.8 * color / max(float(color.max()), 1e-3) + 0.2
