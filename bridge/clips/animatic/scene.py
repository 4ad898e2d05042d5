# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers seen by the camera: one picture per pose."""

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from bridge.clips.animatic.camera import Frustum, Pose, seen_from
from bridge.clips.animatic.layers import Layer, Layers
from bridge.common.frames import Frame

_NO_SECOND_MAP = np.empty(0, np.float32)
_CELL_PX = 16
"""the warp is computed at every 16th pixel: depth is smooth within a layer, so nothing is lost in between"""


class Scene:
    """A set of layers, ready to be rendered at one size."""

    def __init__(self, layers: Layers, frustum: Frustum, width_px: int, height_px: int) -> None:
        self._size_px = (width_px, height_px)
        self._frustum = frustum
        self._background = _Sheet(layers.background, frustum, width_px, height_px)
        self._subject = layers.subject and _Sheet(layers.subject, frustum, width_px, height_px)

    def render(self, pose: Pose) -> tuple[Frame, npt.NDArray[np.uint8] | None]:
        """The picture, and the subject's opacity in it (None without a subject)."""
        picture = self._background.render(pose)
        if self._subject is None:
            return cast(Frame, picture), None
        subject = self._subject.render(pose)
        alpha = subject[..., 3]
        through = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
        picture = cv2.add(cv2.multiply(picture, through, scale=1 / 255), cv2.cvtColor(subject, cv2.COLOR_RGBA2RGB))
        return cast(Frame, picture), alpha


class _Sheet:
    """One layer and what its warp needs."""

    def __init__(self, layer: Layer, frustum: Frustum, width_px: int, height_px: int) -> None:
        self._rgba = layer.rgba
        self._depth = layer.depth
        self._size_px = (width_px, height_px)
        self._room = frustum.room
        columns, rows = -(-width_px // _CELL_PX) + 2, -(-height_px // _CELL_PX) + 2
        # Cells are sampled at their middle, with one ring of them around the frame for the interpolation.
        x_px = (np.arange(columns) - 0.5) * _CELL_PX
        y_px = (np.arange(rows) - 0.5) * _CELL_PX
        grid = np.meshgrid((x_px - width_px / 2) / width_px, (y_px - height_px / 2) / width_px)
        self._x, self._y = (axis.astype(np.float32) for axis in grid)

    def render(self, pose: Pose) -> npt.NDArray[np.uint8]:
        from_x, from_y = seen_from(pose, self._x, self._y, self._depth_at)
        coarse = np.dstack(self._pixels(from_x, from_y, self._rgba.shape))
        fine = cv2.resize(coarse, None, fx=_CELL_PX, fy=_CELL_PX, interpolation=cv2.INTER_LINEAR)
        width_px, height_px = self._size_px
        fine = fine[_CELL_PX : _CELL_PX + height_px, _CELL_PX : _CELL_PX + width_px]
        border = cv2.BORDER_REFLECT_101 if self._rgba.shape[2] == 3 else cv2.BORDER_REPLICATE
        return np.asarray(cv2.remap(self._rgba, fine, _NO_SECOND_MAP, cv2.INTER_LINEAR, borderMode=border), np.uint8)

    def _depth_at(self, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        column, row = self._pixels(x, y, self._depth.shape)
        depth = cv2.remap(self._depth, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(depth, np.float32)

    def _pixels(
        self, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], shape: tuple[int, ...]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Places of the still as pixels of an array that covers it."""
        height, width = shape[:2]
        room = self._room
        column = (x - room.left) / (room.right - room.left) * width - 0.5
        row = (y - room.top) / (room.bottom - room.top) * height - 0.5
        return column.astype(np.float32), row.astype(np.float32)
