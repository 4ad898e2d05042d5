# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole cover in a frame of another shape: extended beyond its edges, without bars."""

from dataclasses import dataclass

import cv2
import numpy as np

from bridge.common.frames import Frame, smoothstep
from bridge.cover.box import Box
from bridge.cover.defocus import defocused
from bridge.cover.extension_modes import ABOVE_OR_BELOW, BESIDE, LENGTH, Mirrored, Side, flattened, harmonic, straight
from bridge.cover.lettering import lettering
from bridge.cover.oklab import Floats
from bridge.cover.rarity import rarity
from bridge.cover.shiftmap import continued
from bridge.cover.subject import faces

_FIGURE_COST, _FACE_COST = 0.6, 3.0
"""of showing something rare, or a face, again beside the cover, as `shiftmap` counts"""
_AROUND = 5
"""so many pixels of the small version belong to what is rare"""
_FLAT = 2
"""sRGB levels"""
_NARROW = 0.4
"""sides in this proportion leave no room for pieces to be taken from"""
_GOOD, _POOR = 1.2, 3.6
"""energies of what was grown, from which on it goes out of focus, and as much as it may"""
_SOFTEST, _SEEN = 0.035, 0.15
"""deviation of the blur farthest out; how much of the cover it sees; in lengths of the edge"""
_TONE, _TONE_REACH = 30, 0.04
"""sRGB levels of a step at the edge that may be one of tone; how far out it is evened, in lengths of the edge"""


def recomposed_box(cover_size_px: tuple[int, int], width_px: int, height_px: int) -> Box:
    """Where the cover lies in its recomposition: as large as fits, centred.

    Args:
        cover_size_px: width, height.
    """
    scale = min(width_px / cover_size_px[0], height_px / cover_size_px[1])
    width = min(width_px, max(1, round(cover_size_px[0] * scale)))
    height = min(height_px, max(1, round(cover_size_px[1] * scale)))
    return Box((width_px - width) // 2, (height_px - height) // 2, width, height)


def recompose(cover: Frame, width_px: int, height_px: int) -> Frame:
    """The whole cover, undistorted and uncropped, extended on two sides to fill a frame of any shape.

    Inside of `recomposed_box` the result is the cover resized, and nothing else. Beyond, flat colours go on straight,
    with their borders, at whatever slope these meet the edge, smooth ones as they rise or fall; the rest goes on with
    copies of its own parts and its mirror image (`shiftmap`), which show no face, no letters and, where that can be
    helped, nothing again that the cover has only once. The less good all that fits, the more it goes out of focus with
    the distance from the cover, and most beside a cover too narrow for copies. Deterministic.

    Returns:
        uint8, shape (height_px, width_px, 3).
    """
    box = recomposed_box((cover.shape[1], cover.shape[0]), width_px, height_px)
    kernel = cv2.INTER_AREA if box.width_px < cover.shape[1] else cv2.INTER_CUBIC
    fitted = np.asarray(cv2.resize(cover, (box.width_px, box.height_px), interpolation=kernel), np.uint8)
    frame = np.zeros((height_px, width_px, 3), np.uint8)
    frame[box.slices] = fitted
    depths_px = (box.left_px, box.top_px, width_px - box.right_px, height_px - box.bottom_px)
    if not any(depths_px):
        return frame
    rows, columns = box.slices
    places = (
        (rows, slice(0, box.left_px)),
        (slice(0, box.top_px), columns),
        (rows, slice(box.right_px, width_px)),
        (slice(box.bottom_px, height_px), columns),
    )
    bare = lettering(cover).bare
    source = np.asarray(cv2.resize(bare, (box.width_px, box.height_px), interpolation=kernel), np.float32)
    known = _Known.of(bare)
    for turns, (depth_px, place) in enumerate(zip(depths_px, places, strict=True)):
        if depth_px:  # a quarter turn brings the next edge to the left
            turned = np.ascontiguousarray(np.rot90(source, turns))
            side = ABOVE_OR_BELOW if turns % 2 else BESIDE
            strip = _left_extension(turned, known.turned(turns), depth_px, side)
            frame[place] = np.rot90(np.clip(np.round(strip), 0, 255).astype(np.uint8), -turns)
    return frame


@dataclass(frozen=True)
class _Known:
    """The cover as it is, whatever the frame's size, so that frames of all sizes are extended alike."""

    cover: Floats
    rare: Floats
    """where it has something only once, 0-1, shape (height, width)"""
    people: Floats
    """1 where there are faces, with some room around"""

    @classmethod
    def of(cls, cover: Frame) -> "_Known":
        people = np.zeros(cover.shape[:2], np.float32)
        for face in faces(cover):
            room = face.height_px // 2
            top, left = max(0, face.top_px - room), max(0, face.left_px - room)
            people[top : face.bottom_px + 2 * room, left : face.right_px + room] = 1
        floats = cover.astype(np.float32)
        return cls(floats, rarity(floats), people)

    def turned(self, turns: int) -> "_Known":
        parts = (np.ascontiguousarray(np.rot90(part, turns)) for part in (self.cover, self.rare, self.people))
        return _Known(*parts)

    def small(self, picture: Floats) -> Floats:
        """One of its pictures, as high as `shiftmap` wants it."""
        size = (max(1, round(LENGTH * self.cover.shape[1] / self.cover.shape[0])), LENGTH)
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)

    def avoid(self) -> Floats:
        """What it costs to show each place again beyond the left edge.

        What the edge cuts is ground there, as mountains are, and may go on.
        """
        rare, people = self.small(self.rare), self.small(self.people)
        at_edge = cv2.GaussianBlur(rare[:, : LENGTH // 40].mean(axis=1, keepdims=True), (1, 0), 0.1, sigmaY=4)
        apart = 1 - np.clip(1.5 * at_edge, 0, 1).reshape(-1, 1)
        around = cv2.dilate(rare, np.ones((_AROUND, _AROUND), np.uint8))
        return np.maximum(_FIGURE_COST * around * apart, _FACE_COST * people)


def _left_extension(cover: Floats, known: _Known, depth_px: int, side: Side) -> Floats:
    """What lies beyond the left edge; shape (height, depth_px, 3)."""
    if _is_flat(cover):
        return straight(flattened(cover), np.arange(-depth_px, 0))
    if min(cover.shape[:2]) < _NARROW * max(cover.shape[:2]):
        return _out_of_focus(cover, Mirrored().full(cover, depth_px), 1.0)
    grown, energy = continued(cover, known.small(known.cover), known.avoid(), depth_px, side)
    step = cover[:, 0] - grown[:, -1]
    step *= np.exp(-((np.linalg.norm(step, axis=-1, keepdims=True) / _TONE) ** 2))
    distances = np.arange(1, depth_px + 1, dtype=np.float32)
    fading = np.exp(-distances / (_TONE_REACH * len(cover)))
    grown += (harmonic(step, distances) * fading[None, :, None])[:, ::-1]
    return _out_of_focus(cover, grown, float(smoothstep((energy - _GOOD) / (_POOR - _GOOD))))


def _out_of_focus(cover: Floats, beyond: Floats, strength: float) -> Floats:
    """What lies beyond the left edge, ever softer from there, at one distance everywhere alike; shape as it has."""
    if strength == 0:
        return beyond
    depth_px = beyond.shape[1]
    whole = np.concatenate([beyond, cover[:, : round(_SEEN * len(cover))]], axis=1)
    way = 1 - (np.arange(whole.shape[1]) + 0.5) / depth_px
    return defocused(whole, strength * _SOFTEST * smoothstep(way))[:, :depth_px]


def _is_flat(cover: Floats) -> bool:
    """Whether nothing changes toward the left edge, as where print has flat colours; never in anything filmed."""
    width_px = max(3, round(0.01 * len(cover)))
    return bool(cover[:, :width_px].std(axis=1).max() < _FLAT)
