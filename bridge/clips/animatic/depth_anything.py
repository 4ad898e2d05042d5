# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth from a single picture by Depth Anything (Yang et al., NeurIPS 2024), where its weights are on this machine."""

from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np

from bridge.clips.animatic.depth_classical import WORK_SIDE_PX, Map
from bridge.clips.gpu import models
from bridge.common.frames import Frame

DEFAULT = models.Model("depth-anything/Depth-Anything-V2-Small-hf")
_SHORT_SIDE_PX = 518
"""what it was trained at"""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""of ImageNet's colours, by which its input is normalised"""
_RANGE = (2, 98)
"""percentiles of its depths that become far and near"""


def estimate(picture: Frame, name: str = "") -> Map:
    """How near each place is.

    Args:
        picture: any size.
        name: a hub id or a folder; the small version 2 by default.

    Returns:
        float32, longer side `WORK_SIDE_PX`, 0 far, 1 near.

    Raises:
        BadInput: the weights are missing or of another kind of model.
    """
    import torch

    from bridge.clips.gpu.devices import best_device

    model = _loaded(name)
    config = model.config.backbone_config or model.config
    size = _input_size(picture, config.patch_size)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    normal = (small - np.array(_MEAN, np.float32)) / np.array(_DEVIATION, np.float32)
    pixels = torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))[None].to(best_device())
    with torch.inference_mode():
        nearness = model(pixel_values=pixels).predicted_depth[0].float().cpu().numpy()
    return _scaled(nearness, picture)


@lru_cache(maxsize=1)
def _loaded(name: str) -> Any:
    from transformers import DepthAnythingForDepthEstimation

    from bridge.clips.gpu.devices import best_device

    return models.load(DepthAnythingForDepthEstimation, models.Model.named(name, DEFAULT)).to(best_device()).eval()


def _input_size(picture: Frame, patch_px: int) -> tuple[int, int]:
    """Width and height in whole patches."""
    height, width = picture.shape[:2]
    scale = _SHORT_SIDE_PX / min(height, width)
    return cast(tuple[int, int], tuple(max(1, round(side * scale / patch_px)) * patch_px for side in (width, height)))


def _scaled(nearness: Map, picture: Frame) -> Map:
    low, high = np.percentile(nearness, _RANGE)
    scale = WORK_SIDE_PX / max(picture.shape[:2])
    size = (max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale)))
    normal = np.clip((nearness - low) / max(float(high - low), 1e-6), 0, 1).astype(np.float32)
    return np.asarray(cv2.resize(normal, size, interpolation=cv2.INTER_LINEAR), np.float32)
