# SPDX-License-Identifier: GPL-3.0-or-later
"""Animator `i2v`: any of diffusers' image-to-video transformers, by model id, through one small table of quirks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from blender_addon.protocol import ClipRequest, ShotKind
from bridge.engines import devices, diffusion, footprints, models
from bridge.engines.base import Footage, Frame, Still, Work
from bridge.engines.devices import MemoryPolicy
from bridge.engines.footprints import Footprint
from bridge.engines.shelf import SHELF
from bridge.errors import BadInput

DEFAULT = models.Model("Wan-AI/Wan2.1-I2V-14B-480P-Diffusers")


@dataclass(frozen=True)
class Family:
    """How one family of models wants to be asked."""

    prefix: str
    """of the pipeline class in the model's own index"""
    pipeline: str
    """the image-to-video class of diffusers"""
    fps: int
    """native frame rate"""
    frame_step: int
    """frame counts are a multiple of this, plus one"""
    most_frames: int
    size_px: tuple[int, int]
    """long and short side that it was trained for"""
    multiple_px: int
    steps: int
    guidance: float
    footprint: Footprint
    ends: Callable[[Any, Any], dict[str, Any]]
    """the options for the first picture and, where it is given, the last"""
    takes_last: bool
    extra: Callable[[int], dict[str, Any]] = lambda fps: {}  # noqa: ARG005
    """more options, from the frame rate"""


def _first_only(first: Any, last: Any) -> dict[str, Any]:  # noqa: ARG001 - the families share one shape
    return {"image": first}


def _wan(first: Any, last: Any) -> dict[str, Any]:
    return {"image": first} if last is None else {"image": first, "last_image": last}


def _ltx(first: Any, last: Any) -> dict[str, Any]:
    from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition

    conditions = [LTXVideoCondition(image=first, frame_index=0)]
    if last is not None:
        conditions.append(LTXVideoCondition(image=last, frame_index=-1))
    return {"conditions": conditions}


def _ltx2(first: Any, last: Any) -> dict[str, Any]:
    from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

    conditions = [LTX2VideoCondition(frames=first, index=0, strength=1.0)]
    if last is not None:
        conditions.append(LTX2VideoCondition(frames=last, index=-1, strength=1.0))
    return {"conditions": conditions}


FAMILIES = (
    Family(
        prefix="Wan",
        pipeline="WanImageToVideoPipeline",
        fps=16,
        frame_step=4,
        most_frames=81,
        size_px=(832, 480),
        multiple_px=16,
        steps=40,
        guidance=5.0,
        footprint=footprints.WAN,
        ends=_wan,
        takes_last=True,
    ),
    Family(
        prefix="LTX2",
        pipeline="LTX2ConditionPipeline",
        fps=24,
        frame_step=8,
        most_frames=241,
        size_px=(768, 512),
        multiple_px=32,
        steps=30,
        guidance=3.0,
        footprint=footprints.LTX2,
        ends=_ltx2,
        takes_last=True,
        extra=lambda fps: {"frame_rate": float(fps)},
    ),
    Family(
        prefix="LTX",
        pipeline="LTXConditionPipeline",
        fps=25,
        frame_step=8,
        most_frames=161,
        size_px=(704, 512),
        multiple_px=32,
        steps=40,
        guidance=3.0,
        footprint=footprints.LTX,
        ends=_ltx,
        takes_last=True,
        extra=lambda fps: {"frame_rate": fps},
    ),
    Family(
        prefix="CogVideoX",
        pipeline="CogVideoXImageToVideoPipeline",
        fps=8,
        frame_step=4,
        most_frames=49,
        size_px=(720, 480),
        multiple_px=16,
        steps=50,
        guidance=6.0,
        footprint=footprints.COGVIDEOX,
        ends=_first_only,
        takes_last=False,
    ),
    Family(
        prefix="HunyuanVideo",
        pipeline="HunyuanVideoImageToVideoPipeline",
        fps=24,
        frame_step=4,
        most_frames=129,
        size_px=(960, 544),
        multiple_px=16,
        steps=40,
        guidance=1.0,
        footprint=footprints.HUNYUAN,
        ends=_first_only,
        takes_last=False,
    ),
)


class ImageToVideoAnimator:
    """Image to video by a transformer; the final shot is generated into the cover where the model takes a last frame.

    Options: model, steps, guidance, scale, memory (0-3).
    """

    name = "i2v"
    version = "1"

    def animate(self, request: ClipRequest, still: Still, work: Work) -> Footage:
        """As many frames as the shot's moving part lasts at the model's own rate, within what the model can do."""
        model = models.Model.named(dict(request.settings).get("model"), DEFAULT)
        work.report(0.0, f"loading {model.source}")
        pipeline, family = load(model, devices.policy_setting(request), work.memory_level)
        frame_count, fps = timing(family, request)
        frames = run(pipeline, family, request, still, work, frame_count)
        return Footage(iter_frames(frames), len(frames), fps, holds=False)


def family_of(model: models.Model) -> Family:
    """The family, by the pipeline class in the model's index.

    Raises:
        BadInput: the model is missing, or of no family in the table.
    """
    import diffusers

    name = models.index_of(diffusers.DiffusionPipeline, model)["_class_name"]
    for family in FAMILIES:  # LTX2 stands before LTX
        if name.startswith(family.prefix):
            return family
    known = ", ".join(family.prefix for family in FAMILIES)
    raise BadInput(f"{model.source} is a {name}, which the engine i2v does not know. It knows {known}.")


def load(model: models.Model, asked: MemoryPolicy | None, memory_level: int) -> tuple[Any, Family]:
    """The pipeline on the best device, and its family."""
    import diffusers
    import torch

    family = family_of(model)

    def build() -> Any:
        dtype = torch.bfloat16 if devices.best_device().type == "cuda" else torch.float32
        pipeline = models.load(getattr(diffusers, family.pipeline), model, dtype=dtype)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    kept = SHELF.take(("i2v", model), models.sized(family.footprint, model), asked, memory_level, build)
    return kept.pipeline, family


def timing(family: Family, request: ClipRequest) -> tuple[int, Fraction]:
    """Frame count and rate: the model's own rate if the shot fits, else its longest clip, slowed down."""
    moving = max(2, request.frame_count - request.hold_frames)
    wanted = Fraction(moving) / request.fps * family.fps
    steps = max(1, round((wanted - 1) / family.frame_step))
    frame_count = min(steps * family.frame_step + 1, family.most_frames)
    return frame_count, Fraction(frame_count) * request.fps / moving


def run(pipeline: Any, family: Family, request: ClipRequest, still: Still, work: Work, frame_count: int) -> Frame:
    """Shape (frames, height, width, 3): the model's own output."""
    from PIL import Image

    width_px, height_px = model_size(family, request)
    first = Image.fromarray(diffusion.resized(still.rgb, width_px, height_px))
    last = cover_end(request, work, width_px, height_px) if family.takes_last else None
    steps = int(diffusion.number_setting(request, "steps", family.steps, 1, 200))
    output = pipeline(
        **family.ends(first, last),
        **family.extra(family.fps),
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=width_px,
        height=height_px,
        num_frames=frame_count,
        num_inference_steps=steps,
        guidance_scale=diffusion.number_setting(request, "guidance", family.guidance, 0.0, 30.0),
        generator=diffusion.generator(request.seed),
        callback_on_step_end=diffusion.StepReport(work, "animating", steps, 0.05, 0.95),
        output_type="np",
    )
    return diffusion.to_frames(output.frames[0], family.pipeline)


def cover_end(request: ClipRequest, work: Work, width_px: int, height_px: int) -> Any:
    """The recomposed cover as a PIL image for the shot that ends on it, else None."""
    from PIL import Image

    from bridge import cover

    if request.kind is not ShotKind.COVER_END:
        return None
    picture = cover.load(work.file(request.cover_sha256))
    return Image.fromarray(cover.recompose(picture, width_px, height_px))


def model_size(family: Family, request: ClipRequest) -> tuple[int, int]:
    """Width and height for the shot's shape; option `scale` makes both smaller or larger."""
    scale = diffusion.number_setting(request, "scale", 1.0, 0.05, 2.0)
    long_px, short_px = (
        max(family.multiple_px * 2, round(side * scale / family.multiple_px) * family.multiple_px)
        for side in family.size_px
    )
    return (long_px, short_px) if request.width_px >= request.height_px else (short_px, long_px)


def iter_frames(frames: Frame) -> Iterator[Frame]:
    """One frame after the other."""
    yield from frames
