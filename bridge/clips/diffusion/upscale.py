# SPDX-License-Identifier: GPL-3.0-or-later
"""Super-resolution of an animator's frames by Swin2SR (Conde et al. 2022), where the option `upscale` asks for it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from blender_addon.core.types import ClipRequest
from bridge.clips.base import Footage, Work
from bridge.clips.diffusion import common
from bridge.clips.gpu import devices, models
from bridge.clips.gpu.footprints import Footprint
from bridge.clips.gpu.pipeline_cache import PIPELINES
from bridge.common.errors import BadInput
from bridge.common.frames import Frame

SWIN2SR = models.Model("caidas/swin2SR-classical-sr-x2-64")
NEED = Footprint("Swin2SR", 0.1, 0.1, 0.0, 3.0, 3.0)
TILE_PX = 256
OVERLAP_PX = 32
"""of neighbouring tiles, at either side, so that they meet without a seam"""


def upscaled(footage: Footage, wish: str, request: ClipRequest, work: Work) -> Footage:
    """The footage with its frames enlarged by the model that the option `upscale` names ("yes", an id, or a folder).

    Frames that are as large as the clip already stay as they are. All are made here, while the device is held.
    """
    model = models.Model.named("" if wish == "yes" else wish, SWIN2SR)
    frames = list(_enlarged(load(model), footage, request, work))
    return replace(footage, frames=iter(frames))


def load(model: models.Model) -> Any:
    """The network on the best device. Kept between shots.

    Raises:
        BadInput: the weights are missing, or not Swin2SR's.
    """
    import transformers

    def build() -> Any:
        dtype = devices.precision(devices.best_device())
        network = models.load(transformers.Swin2SRForImageSuperResolution, model, dtype=dtype)
        if network.config.num_channels != 3:
            raise BadInput(f"{model.source} does not enlarge pictures in colour: choose another with --set upscale=ID.")
        return network.eval()

    return PIPELINES.take(("upscale", model), NEED, devices.MemoryPolicy.RESIDENT, 0, build).pipeline


def _enlarged(network: Any, footage: Footage, request: ClipRequest, work: Work) -> Iterator[Frame]:
    for index, frame in enumerate(footage.frames):
        work.report(index / footage.frame_count, f"enlarging, frame {index + 1} of {footage.frame_count}")
        is_large = frame.shape[1] >= request.width_px and frame.shape[0] >= request.height_px
        yield frame if is_large else enlarged(network, frame)


def enlarged(network: Any, frame: Frame) -> Frame:
    """One frame, `network.config.upscale` times as large, made in overlapping tiles."""
    height, width = frame.shape[:2]
    scale = network.config.upscale
    large = np.empty((height * scale, width * scale, 3), np.uint8)
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            inner_h, inner_w = min(TILE_PX, height - top), min(TILE_PX, width - left)
            above, beside = min(OVERLAP_PX, top), min(OVERLAP_PX, left)
            part = frame[
                top - above : top + inner_h + OVERLAP_PX,
                left - beside : left + inner_w + OVERLAP_PX,
            ]
            tile = _run(network, part)[above * scale :, beside * scale :]
            large[top * scale : (top + inner_h) * scale, left * scale : (left + inner_w) * scale] = tile[
                : inner_h * scale, : inner_w * scale
            ]
    return large


def _run(network: Any, part: Frame) -> Frame:
    """Padded to whole windows by mirroring, as the network was trained, and cut back."""
    import torch

    height, width = part.shape[:2]
    window = network.config.window_size
    padding = ((0, -height % window), (0, -width % window), (0, 0))
    padded = np.pad(part, padding, mode="symmetric")
    device = next(network.parameters()).device
    pixels = torch.from_numpy(padded).to(device, network.dtype).movedim(-1, 0)[None] / 255
    with torch.inference_mode():
        large = network(pixel_values=pixels).reconstruction[0].movedim(0, -1)
    scale = network.config.upscale
    return common.to_bytes(large[: height * scale, : width * scale].float().clamp(0, 1), "super-resolution")
