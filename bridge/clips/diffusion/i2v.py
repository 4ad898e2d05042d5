# SPDX-License-Identifier: GPL-3.0-or-later
"""Animator `i2v`: any of diffusers' image-to-video transformers, by model id, through one small table of quirks."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from blender_addon.core.types import ClipRequest, ShotKind
from bridge.clips import watermark
from bridge.clips.base import Footage, Still, Work
from bridge.clips.diffusion import chunks, common, step_cache
from bridge.clips.diffusion.camera_words import moving_prompt
from bridge.clips.gpu import devices, footprints, models
from bridge.clips.gpu.devices import MemoryPolicy
from bridge.clips.gpu.footprints import Footprint
from bridge.clips.gpu.pipeline_cache import PIPELINES
from bridge.common.errors import BadInput
from bridge.common.frames import Frame

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
    """long and short side that it was trained for; other shapes get as many pixels"""
    multiple_px: int
    steps: int
    guidance: float
    footprint: Footprint
    ends: Callable[[Any, Any], dict[str, Any]]
    """the options for the first picture and, where it is given, the last"""
    takes_last: Callable[[Any], bool]
    """whether a model of the family can be given a last picture, from its transformer's configuration"""
    dropped_frames: Callable[[Any], int] = lambda config: 0  # noqa: ARG005
    """how many of the clip's first frames the pipeline leaves out, from its transformer's configuration"""
    extra: Callable[[int], dict[str, Any]] = lambda fps: {}  # noqa: ARG005
    """more options, from the frame rate"""
    can_reuse: bool = True
    """whether diffusers' first-block cache works with its pipeline; the option `cache` does nothing if not"""
    is_bare: bool = False
    """its call takes neither size, guidance nor callback: the pipeline's own attributes stand for them"""
    mark: str = ""
    """an entry that is set in the index of these models only, where others share the prefix"""


def _first_only(first: Any, last: Any) -> dict[str, Any]:  # noqa: ARG001 - the families share one shape
    return {"image": first}


def _always(config: Any) -> bool:  # noqa: ARG001
    return True


def _never(config: Any) -> bool:  # noqa: ARG001
    return False


def _hunyuan_drops(config: Any) -> int:
    return 4 if config.image_condition_type == "latent_concat" else 0


def _wan_takes_last(config: Any) -> bool:
    """Wan 2.2 reads its pictures from the latents; 2.1 through an image encoder, for two only in its FLF2V version."""
    return config.image_dim is None or config.pos_embed_seq_len is not None


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
        mark="expand_timesteps",  # the small 2.2
        pipeline="WanImageToVideoPipeline",
        fps=24,
        frame_step=4,
        most_frames=121,
        size_px=(1280, 704),
        multiple_px=32,
        steps=50,
        guidance=5.0,
        footprint=footprints.WAN22_5B,
        ends=_first_only,
        takes_last=_never,
    ),
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
        takes_last=_wan_takes_last,
    ),
    Family(
        prefix="LTX2",
        pipeline="LTX2ConditionPipeline",
        fps=24,
        frame_step=8,
        most_frames=241,
        size_px=(768, 512),
        multiple_px=64,  # of 32, the last of the decoder's tiles may be one row, which it can't pad
        steps=30,
        guidance=3.0,
        footprint=footprints.LTX2,
        ends=_ltx2,
        takes_last=_always,
        extra=lambda fps: {"frame_rate": float(fps)},
        can_reuse=False,
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
        takes_last=_always,
        # the decoder's own noise: what its makers recommend for versions that know a decoding time step
        extra=lambda fps: {"frame_rate": fps, "decode_timestep": 0.05, "decode_noise_scale": 0.025},
    ),
    Family(
        prefix="CogVideoX",
        pipeline="CogVideoXImageToVideoPipeline",
        fps=8,
        frame_step=8,  # its decoder works on pairs of latent frames after the first
        most_frames=49,
        size_px=(720, 480),
        multiple_px=16,
        steps=50,
        guidance=6.0,
        footprint=footprints.COGVIDEOX,
        ends=_first_only,
        takes_last=_never,
    ),
    Family(
        prefix="HunyuanVideo15",
        pipeline="HunyuanVideo15ImageToVideoPipeline",
        fps=24,
        frame_step=4,
        most_frames=121,
        size_px=(848, 480),
        multiple_px=16,
        steps=50,
        guidance=6.0,
        footprint=footprints.HUNYUAN15,
        ends=_first_only,
        takes_last=_never,
        is_bare=True,
        can_reuse=False,
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
        takes_last=_never,
        dropped_frames=_hunyuan_drops,
        can_reuse=False,
    ),
)


class ImageToVideoAnimator:
    """Image to video by a transformer; the final shot is generated into the cover where the model takes a last frame.

    Options: model, end_model (for the shot that ends on the cover), steps, guidance, cache (see `step_cache`), scale,
    memory (0-4), chunks (a long shot is made in so many), watermark (keep, the default, inpaint or crop).
    """

    name = "i2v"
    version = "1"
    takes_end = True

    def animate(self, request: ClipRequest, still: Still, work: Work) -> Footage:
        """As many frames as the shot's moving part lasts at the model's own rate, within what the model can do."""
        model = model_for(request)
        without_marks = watermark.remover(request, work, "keep")
        work.report(0.0, f"loading {model.source}")
        pipeline, family = load(model, devices.policy_setting(request), work.memory_level)
        # a clip may be slowed down by half before another chunk is worth its time
        count = chunks.chunk_count(request, Fraction(family.most_frames * 3, family.fps * 2))
        frames = chunks.made_in_chunks(
            request, still, work, count, lambda part, start, part_work: run(pipeline, family, part, start, part_work)
        )
        fps = Fraction(len(frames)) * request.fps / chunks.moving_frames(request)
        return Footage(without_marks(frames), len(frames), fps, holds=False)


def model_for(request: ClipRequest) -> models.Model:
    """The model that makes this shot."""
    settings = dict(request.settings)
    model = models.Model.named(settings.get("model"), DEFAULT)
    return models.Model.named(settings.get("end_model"), model) if request.kind is ShotKind.COVER_END else model


def family_of(model: models.Model) -> Family:
    """The family, by the pipeline class in the model's index.

    Raises:
        BadInput: the model is missing, or of no family in the table.
    """
    import diffusers

    index = models.index_of(diffusers.DiffusionPipeline, model)
    name = index["_class_name"]
    for family in FAMILIES:  # the narrower stands first: LTX2 before LTX, HunyuanVideo15 before HunyuanVideo
        if name.startswith(family.prefix) and (not family.mark or index.get(family.mark)):
            return family
    known = ", ".join(dict.fromkeys(family.prefix for family in FAMILIES))
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

    need = models.sized(footprints.VIDEO_MODELS.get(model.source, family.footprint), model)
    kept = PIPELINES.take(("i2v", model), need, asked, memory_level, build)
    return kept.pipeline, family


def frame_count(family: Family, request: ClipRequest) -> int:
    """As many as the shot's moving part has at the model's own rate; the model's longest clip if that is too long."""
    wanted = Fraction(chunks.moving_frames(request)) / request.fps * family.fps
    steps = max(1, round((wanted - 1) / family.frame_step))
    return min(steps * family.frame_step + 1, family.most_frames)


def run(pipeline: Any, family: Family, request: ClipRequest, still: Still, work: Work) -> Frame:
    """Shape (frames, height, width, 3): the model's own output."""
    from PIL import Image

    width_px, height_px = model_size(pipeline, family, request)
    first = Image.fromarray(common.resized(still.rgb, width_px, height_px))
    config = pipeline.transformer.config
    last = last_picture(request, still, work, width_px, height_px)
    if not family.takes_last(config):
        if still.end is not None:
            raise BadInput(
                f"This model can't end on a given picture, as {request.shot_id} is asked to: leave out into_next, or"
                " choose another with --set model=ID."
            )
        last = None
    if last is None and config.get("pos_embed_seq_len"):
        raise BadInput(
            "This model needs a last frame for every shot, and only the final shot has one."
            " Name it with --set end_model=ID, and one for a first frame with --set model=ID; or give every shot one"
            " with --set into_next=yes."
        )
    steps = int(common.number_setting(request, "steps", family.steps, 1, 200))
    guidance = common.number_setting(request, "guidance", family.guidance, 0.0, 30.0)
    told = common.StepReport(work, "animating", steps, 0.05, 0.95)
    if family.is_bare:
        options = _set_on(pipeline, round((width_px * height_px) ** 0.5), guidance, told)
    else:
        options = {
            "width": width_px,
            "height": height_px,
            "guidance_scale": guidance,
            "callback_on_step_end": told,
        }
    threshold = common.number_setting(request, "cache", 0.0, 0.0, 1.0) if family.can_reuse else 0.0
    transformers = [part for part in (pipeline.transformer, getattr(pipeline, "transformer_2", None)) if part]
    with step_cache.reused(transformers, threshold):
        output = pipeline(
            **family.ends(first, last),
            **family.extra(family.fps),
            prompt=moving_prompt(request),
            negative_prompt=request.negative_prompt,
            num_frames=frame_count(family, request) + family.dropped_frames(config),
            num_inference_steps=steps,
            generator=common.generator(request.seed),
            output_type="np",
            **options,
        )
    return common.to_frames(output.frames[0], family.pipeline)


class StepBar:
    """Stands in for a pipeline's progress bar, which it moves on after every step: the only place to stop it."""

    def __init__(self, told: common.StepReport) -> None:
        self.told = told
        self.step = 0

    def __call__(self, *_: Any, **__: Any) -> "StepBar":
        self.step = 0
        return self

    def __enter__(self) -> "StepBar":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to tidy up."""

    def update(self) -> None:
        """After a step."""
        self.told(None, self.step, None, {})
        self.step += 1


def _set_on(pipeline: Any, side_px: int, guidance: float, told: common.StepReport) -> dict[str, Any]:
    """Sets what a bare pipeline's call does not take: the area, as a square's side; the guidance; who is told."""
    pipeline.target_size = side_px
    pipeline.guider = pipeline.guider.new(guidance_scale=guidance)
    pipeline.progress_bar = StepBar(told)
    return {}


def last_picture(request: ClipRequest, still: Still, work: Work, width_px: int, height_px: int) -> Any:
    """What the shot ends on, as a PIL image: the recomposed cover, or what it was asked to; None if neither."""
    from PIL import Image

    from bridge import cover

    if request.kind is not ShotKind.COVER_END:
        return None if still.end is None else Image.fromarray(common.resized(still.end, width_px, height_px))
    picture = cover.load(work.file(request.cover_sha256))
    return Image.fromarray(cover.recompose(picture, width_px, height_px))


def model_size(pipeline: Any, family: Family, request: ClipRequest) -> tuple[int, int]:
    """Width and height: the shot's shape, with as many pixels as the model knows; option `scale` makes both smaller.

    Raises:
        BadInput: the model can make one shape only, and the shot has another orientation.
    """
    config = pipeline.transformer.config
    if config.get("use_learned_positional_embeddings"):  # one table entry per place: no other size can be had
        return fixed_size(config.sample_width * 8, config.sample_height * 8, request)
    scale = common.number_setting(request, "scale", 1.0, 0.05, 2.0)
    return common.size_like(request, family.size_px, scale, family.multiple_px)


def fixed_size(width_px: int, height_px: int, request: ClipRequest) -> tuple[int, int]:
    """The model's only size, if the shot is as upright."""
    if (width_px < height_px) != (request.width_px < request.height_px):
        shape = "landscape" if width_px >= height_px else "portrait"
        raise BadInput(f"This model makes {shape} clips only. Choose another with --set model=ID, or another format.")
    return width_px, height_px
