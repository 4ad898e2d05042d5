# SPDX-License-Identifier: GPL-3.0-or-later
"""The animators `wan`, `ltx`, ...: diffusers' image-to-video transformers, through the table of `families`."""

from fractions import Fraction
from typing import Any

from blender_addon.core.types import ClipRequest, ShotKind
from bridge.clips import holds, options, watermark
from bridge.clips.base import Footage, Still, Work
from bridge.clips.camera_words import moving_prompt
from bridge.clips.diffusion import chunks, common, step_cache
from bridge.clips.diffusion.families import FAMILIES, Family
from bridge.clips.gpu import devices, models
from bridge.clips.gpu.devices import MemoryPolicy
from bridge.clips.options import Values
from bridge.common.errors import BadInput
from bridge.common.frames import Frame, resized


class ImageToVideoAnimator:
    """Image to video by a transformer; the final shot is generated into the cover where the model takes a last frame.

    Args:
        family: of the models that it runs.
    """

    version = "1"

    def __init__(self, family: Family) -> None:
        self.family = family

    def animate(self, request: ClipRequest, still: Still, work: Work) -> Footage:
        """As many frames as the shot's moving part lasts at the model's own rate, within what the model can do."""
        family, given = self.family, options.of(request, self.family.options)
        model = model_for(request, given, family)
        without_marks = watermark.remover(work, given.text("watermark"))
        work.report(0.0, f"loading {model.source}")
        loras = models.read_loras(given.text("video_lora"))
        pipeline = load(model, family, loras, devices.asked_policy(given), work.memory_level)
        # a clip may be slowed down by half before another chunk is worth its time
        count = chunks.chunk_count(request, given, Fraction(family.most_frames * 3, family.fps * 2))
        frames = chunks.made_in_chunks(
            request, still, work, count, lambda part, start, part_work: run(pipeline, family, part, start, part_work)
        )
        fps = Fraction(len(frames)) * request.fps / holds.moving_frames(request)
        return Footage(without_marks(frames), len(frames), fps, holds=False)


def model_for(request: ClipRequest, given: Values, family: Family) -> models.Model:
    """The model that makes this shot."""
    ends = request.kind is ShotKind.COVER_END and "end_model" in given.texts and given.text("end_model")
    return models.Model.named(ends or given.text("model"), models.Model(family.models[0][0]))


def check_family(model: models.Model, family: Family) -> None:
    """Makes sure that a model is of a family, by the pipeline class in its index.

    Raises:
        BadInput: the model is missing, or of another family or none.
    """
    import diffusers

    index = models.index_of(diffusers.DiffusionPipeline, model)
    name = index["_class_name"]
    # the narrower stands first: LTX2 before LTX, HunyuanVideo15 before HunyuanVideo
    found = next((f for f in FAMILIES if name.startswith(f.prefix) and (not f.mark or index.get(f.mark))), None)
    if found is None:
        known = ", ".join(dict.fromkeys(family.prefix for family in FAMILIES))
        raise BadInput(f"{model.source} is a {name}, which no animator knows. They know {known}.")
    if found is not family:
        raise BadInput(f"The animator {family.name} can't run {model.source}: choose --animator {found.name}.")


def load(
    model: models.Model,
    family: Family,
    loras: tuple[tuple[str, float], ...],
    asked: MemoryPolicy | None,
    memory_level: int,
) -> Any:
    """The pipeline on the best device."""
    check_family(model, family)
    return common.transformer(family, model, loras, asked, memory_level)


def frame_count(family: Family, request: ClipRequest) -> int:
    """As many as the shot's moving part has at the model's own rate; the model's longest clip if that is too long."""
    wanted = Fraction(holds.moving_frames(request)) / request.fps * family.fps
    steps = max(1, round((wanted - 1) / family.frame_step))
    return min(steps * family.frame_step + 1, family.most_frames)


def run(pipeline: Any, family: Family, request: ClipRequest, still: Still, work: Work) -> Frame:
    """Shape (frames, height, width, 3): the model's own output."""
    from PIL import Image

    given = options.of(request, family.options)
    width_px, height_px = model_size(pipeline, family, request, given)
    first = Image.fromarray(resized(still.rgb, width_px, height_px))
    config = pipeline.transformer.config
    last = last_picture(request, still, work, width_px, height_px)
    if family.takes_last is None or not family.takes_last(config):
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
    steps, guidance = given.whole("steps"), given.number("guidance")
    on_step = common.StepReport(work, "animating", steps, 0.05, 0.95)
    if family.is_bare:
        asked = _set_on(pipeline, round((width_px * height_px) ** 0.5), guidance, on_step)
    else:
        asked = {
            "width": width_px,
            "height": height_px,
            "guidance_scale": guidance,
            "callback_on_step_end": on_step,
        }
    threshold = given.number("cache") if family.can_reuse else 0.0
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
            **asked,
        )
    return common.to_frames(output.frames[0], family.pipeline)


class StepBar:
    """Stands in for a pipeline's progress bar, which it moves on after every step: the only place to stop it."""

    def __init__(self, on_step: common.StepReport) -> None:
        self.on_step = on_step
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
        self.on_step(None, self.step, None, {})
        self.step += 1


def _set_on(pipeline: Any, side_px: int, guidance: float, on_step: common.StepReport) -> dict[str, Any]:
    """Sets what a bare pipeline's call does not take: the area, as a square's side; the guidance; who is told."""
    pipeline.target_size = side_px
    pipeline.guider = pipeline.guider.new(guidance_scale=guidance)
    pipeline.progress_bar = StepBar(on_step)
    return {}


def last_picture(request: ClipRequest, still: Still, work: Work, width_px: int, height_px: int) -> Any:
    """What the shot ends on, as a PIL image: the whole cover, or what it was asked to; None if neither."""
    from PIL import Image

    if request.kind is not ShotKind.COVER_END:
        return None if still.end is None else Image.fromarray(resized(still.end, width_px, height_px))
    return Image.fromarray(holds.whole_cover(request, work, width_px, height_px))


def model_size(pipeline: Any, family: Family, request: ClipRequest, given: Values) -> tuple[int, int]:
    """Width and height: the shot's shape, with as many pixels as the model knows; option `scale` makes both smaller.

    Raises:
        BadInput: the model can make one shape only, and the shot has another orientation.
    """
    config = pipeline.transformer.config
    if config.get("use_learned_positional_embeddings"):  # one table entry per place: no other size can be had
        return fixed_size(config.sample_width * 8, config.sample_height * 8, request)
    return common.size_like(request, family.size_px, given.number("scale"), family.multiple_px)


def fixed_size(width_px: int, height_px: int, request: ClipRequest) -> tuple[int, int]:
    """The model's only size, if the shot is as upright."""
    if (width_px < height_px) != (request.width_px < request.height_px):
        shape = "landscape" if width_px >= height_px else "portrait"
        raise BadInput(f"This model makes {shape} clips only. Choose another with --set model=ID, or another format.")
    return width_px, height_px
