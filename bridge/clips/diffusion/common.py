# SPDX-License-Identifier: GPL-3.0-or-later
"""What all diffusion engines share: seeds, progress at every step, cancelling, and sound frames."""

import dataclasses
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from blender_addon.core.types import ClipRequest, Ending, Framing, ShotKind
from bridge.clips.base import Work
from bridge.clips.gpu import devices, models
from bridge.clips.gpu.devices import MemoryPolicy
from bridge.clips.gpu.footprints import Footprint
from bridge.clips.gpu.pipeline_cache import PIPELINES
from bridge.clips.options import Values
from bridge.common.errors import GenerationFailed


class StepReport:
    """A pipeline's `callback_on_step_end`: reports every step, and lets `Cancelled` through.

    Raising is the only way to stop that all pipelines share; Stable Video Diffusion's has no interrupt flag.
    """

    def __init__(self, work: Work, stage: str, steps: int, start: float = 0.0, end: float = 1.0) -> None:
        self.work = work
        self.stage = stage
        self.steps = steps
        self.start = start
        self.end = end

    def __call__(self, pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Called by diffusers after each step; gives the tensors back as they are."""
        share = min(1.0, (step + 1) / max(1, self.steps))
        self.work.report(self.start + (self.end - self.start) * share, f"{self.stage}, step {step + 1} of {self.steps}")
        return tensors


def generator(seed: int) -> Any:
    """A random generator on the CPU, so that a seed gives the same noise on every device."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)


def to_frames(values: npt.NDArray[np.floating], what: str) -> npt.NDArray[np.uint8]:
    """Pictures from 0-1 floats to bytes.

    Args:
        values: shape (..., height, width, 3).
        what: for the message, as in "stable-video-diffusion".

    Raises:
        GenerationFailed: there are numbers that are no numbers, as half precision can give.
    """
    if not np.isfinite(values).all():
        raise no_numbers(what)
    return (values * 255.0 + 0.5).clip(0, 255).astype(np.uint8)


def no_numbers(what: str) -> GenerationFailed:
    """What to say of pictures that are no numbers."""
    return GenerationFailed(
        f"{what} gave pictures that are not numbers. Try another seed;"
        " if that does not help, its weights don't suit half precision."
    )


def to_bytes(pictures: Any, what: str) -> npt.NDArray[np.uint8]:
    """Pictures from a tensor of 0-1 floats to bytes, on the tensor's own device: a quarter of the data to move.

    Raises:
        GenerationFailed: see `to_frames`.
    """
    import torch

    if not torch.isfinite(pictures).all():
        raise no_numbers(what)
    return (pictures * 255.0 + 0.5).clamp(0, 255).to(torch.uint8).cpu().numpy()


class Family(Protocol):
    """What a family of transformers says of itself, of videos or of stills."""

    @property
    def name(self) -> str: ...

    @property
    def pipeline(self) -> str:
        """The class of diffusers."""
        ...

    def footprint(self, model: str) -> Footprint: ...


def transformer(
    family: Family,
    model: models.Model,
    loras: tuple[tuple[str, float], ...],
    asked: MemoryPolicy | None,
    memory_level: int,
) -> Any:
    """The pipeline of a transformer with its LoRAs, on the best device. Kept between shots.

    Raises:
        BadInput: weights are missing, or don't fit.
    """
    import diffusers
    import torch

    def build() -> Any:
        dtype = torch.bfloat16 if devices.best_device().type == "cuda" else torch.float32
        pipeline = models.load(getattr(diffusers, family.pipeline), model, dtype=dtype)
        pipeline.set_progress_bar_config(disable=True)
        models.add_loras(pipeline, loras)
        return pipeline

    need = models.sized(family.footprint(model.source), model)
    return PIPELINES.take((family.name, model, loras), need, asked, memory_level, build).pipeline


def still_request(request: ClipRequest, size_px: tuple[int, int], given: Values) -> ClipRequest:
    """The request with all that doesn't shape its still set to one value: equal ones share a still.

    Args:
        size_px: width and height that the painter's model paints.
        given: the painter's options that shape a still.
    """
    return dataclasses.replace(
        request,
        animator="",
        shot_id="",
        kind=ShotKind.MOTION,
        framing=Framing.WIDE,
        motion=1,
        frame_count=1,
        hold_frames=0,
        fps=Fraction(1),
        width_px=size_px[0],
        height_px=size_px[1],
        accents=(),
        energy=(),
        options=tuple(sorted(given.texts.items())),
        into="",
        direction=0,
        matched="",
        beside=(),
        ending=Ending.AUTO,
        draft_for_px=None,
    )


def size_like(request: ClipRequest, known_px: tuple[int, int], scale: float, multiple_px: int = 64) -> tuple[int, int]:
    """Width and height in the shot's shape, with about as many pixels as a model knows, times the square of `scale`.

    Args:
        known_px: width and height that the model was trained on.
        multiple_px: both sides are multiples of it.
    """
    area = known_px[0] * known_px[1] * scale**2
    width = (area * request.width_px / request.height_px) ** 0.5
    width_px, height_px = (max(1, round(side / multiple_px)) * multiple_px for side in (width, area / width))
    return width_px, height_px
