# SPDX-License-Identifier: GPL-3.0-or-later
"""Painter `sdxl`: Stable Diffusion XL keyframes (Podell et al. 2023), one character and one look throughout."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from blender_addon.core.types import ClipRequest
from bridge.clips import options
from bridge.clips.base import Still, Work
from bridge.clips.diffusion import common, few_steps, guidance
from bridge.clips.diffusion.common import StepReport
from bridge.clips.diffusion.few_steps import FewSteps
from bridge.clips.gpu import devices, footprints, models
from bridge.clips.gpu.devices import MemoryPolicy
from bridge.clips.gpu.pipeline_cache import PIPELINES, Kept
from bridge.clips.options import Values
from bridge.common.frames import Frame, resized

BASE = models.Model("stabilityai/stable-diffusion-xl-base-1.0", variant="fp16")
REFINER = models.Model("stabilityai/stable-diffusion-xl-refiner-1.0", variant="fp16")
HALF_SAFE_DECODER = models.Model("madebyollin/sdxl-vae-fp16-fix")
ADAPTERS = models.Model("h94/IP-Adapter")
STYLE_ADAPTER = "ip-adapter_sdxl_vit-h.safetensors"
FACE_ADAPTER = "ip-adapter-plus-face_sdxl_vit-h.safetensors"
LONG_SIDE_PX, SHORT_SIDE_PX = 1024, 576
MOST_AT_ONCE = 8
"""keyframes; more at once are hardly faster"""

SHAPING = (
    options.text("painter_model", "an SDXL model, by id, folder or file", automatic=f"{BASE.source}, or the turbo one"),
    options.whole(
        "painter_steps", "denoising steps", 1, 150, automatic="30, or 4 to 8 with the option fast", draft="20"
    ),
    options.number(
        "painter_guidance", "how closely it follows the prompt", 0.0, 30.0, automatic="6, or what the option fast needs"
    ),
    options.GUIDANCE_INTERVAL,
    options.number("painter_scale", "makes the model's own picture smaller or larger", 0.05, 2.0, 1.0),
    options.LORA,
    options.choice("fast", "keyframes in 4 to 8 steps; each method has weights of its own", few_steps.METHODS, "no"),
    options.text("fast_lora", "another LoRA file for the option fast", automatic="its usual one"),
    options.number("style", "how much of the cover's style IP-Adapter brings in", 0.0, 1.0, 0.0),
    options.text("character_prompt", "paints a character sheet once, where no picture is given"),
    options.whole("character_seed", "the seed of that sheet", 0, 2**31 - 1, 7),
    options.choice("character_by", "what holds the keyframes to the character", ("sheet", "face", "both"), "sheet"),
    options.number("character_strength", "0 keeps the sheet as it is, 1 forgets it", 0.0, 1.0, 0.5),
    options.number("face_strength", "how strongly the face holds", 0.0, 1.0, 0.6),
    options.text("adapters", "a folder laid out like h94/IP-Adapter", ADAPTERS.source),
    options.text("refiner", "paint fine detail again: yes, or a model", "no"),
    options.number("refiner_strength", "how much the refiner may change", 0.05, 1.0, 0.25),
)
"""the options that shape a keyframe"""
OPTIONS = (
    *SHAPING,
    options.whole("painter_batch", "keyframes that are painted at once", 1, 64, automatic="as many as fit"),
    options.MEMORY,
)


@dataclass(frozen=True)
class Recipe:
    """The painter's options, read from a request; requests of equal recipes share a batch."""

    model: models.Model
    adapters: models.Model
    loras: tuple[tuple[str, float], ...]
    few_steps: FewSteps
    steps: int
    guidance: float
    guidance_interval: tuple[float, float] | None
    width_px: int
    height_px: int
    style_strength: float
    """0-1: how much of the cover's style IP-Adapter brings in; 0 leaves it out"""
    character: "Character"
    refiner: models.Model | None
    refiner_strength: float
    cover_sha256: str
    memory: MemoryPolicy | None

    @classmethod
    def of(cls, request: ClipRequest) -> "Recipe":
        """Reads and checks the options.

        Raises:
            BadInput: one is out of range.
        """
        given = options.of(request, OPTIONS)
        width_px, height_px = model_size(request, given.number("painter_scale"))
        fast = few_steps.named(given.text("fast"), given.text("fast_lora"))
        refiner = given.text("refiner")
        return cls(
            model=models.Model.named(given.text("painter_model"), fast.model or BASE),
            adapters=models.Model.named(given.text("adapters"), ADAPTERS),
            loras=models.read_loras(given.text("lora")),
            few_steps=fast,
            steps=given.whole("painter_steps", automatic=fast.steps),
            guidance=given.number("painter_guidance", automatic=fast.guidance),
            guidance_interval=given.interval("guidance_interval"),
            width_px=width_px,
            height_px=height_px,
            style_strength=given.number("style"),
            character=Character.of(request, given),
            refiner=None if refiner == "no" else models.Model.named("" if refiner == "yes" else refiner, REFINER),
            refiner_strength=given.number("refiner_strength"),
            cover_sha256=request.cover_sha256,
            memory=devices.asked_policy(given),
        )

    @property
    def steps_run(self) -> int:
        """Image to image leaves out the first steps."""
        return max(1, int(self.steps * self.character.strength)) if self.from_image else self.steps

    @property
    def from_image(self) -> bool:
        """Whether the keyframe starts from the character sheet's pixels."""
        return self.character.is_known and self.character.by != "face"

    @property
    def adapter_files(self) -> tuple[str, ...]:
        """The IP-Adapters that it needs."""
        style = (STYLE_ADAPTER,) if self.style_strength else ()
        return style + ((FACE_ADAPTER,) if self.character.is_known and self.character.by != "sheet" else ())


@dataclass(frozen=True)
class Character:
    """Who is in the shots, and how the keyframes are held to them."""

    sha256: str | None
    """of the character sheet's picture, if one was given"""
    prompt: str
    """paints a sheet once where none was given; empty for none"""
    seed: int
    by: str
    """"sheet": image to image from the sheet; "face": IP-Adapter plus-face; "both" """
    strength: float
    """image to image's: 0 keeps the sheet, 1 forgets it"""
    face_strength: float

    @classmethod
    def of(cls, request: ClipRequest, given: Values) -> "Character":
        """As the options say."""
        return cls(
            request.character_sha256,
            "" if request.character_sha256 else given.text("character_prompt"),
            given.whole("character_seed"),
            given.text("character_by"),
            given.number("character_strength"),
            given.number("face_strength"),
        )

    @property
    def is_known(self) -> bool:
        """Whether there is a sheet, or a prompt for one."""
        return bool(self.sha256 or self.prompt)


class SdxlPainter:
    """Text to image; with a character sheet, image to image from the sheet."""

    version = "3"

    def paint(self, requests: Sequence[ClipRequest], work: Work) -> Iterator[Still]:
        """A keyframe per request, in order; neighbours of the same recipe are painted together."""
        for recipe, group in itertools.groupby(requests, Recipe.of):
            yield from map(Still, painted(recipe, list(group), work))

    def cache_request(self, request: ClipRequest) -> ClipRequest:
        """See `KeyframePainter`."""
        given = options.of(request, SHAPING)
        width_px, height_px = model_size(request, given.number("painter_scale"))
        return common.still_request(request, (width_px, height_px), given)

    def character_reference(self, request: ClipRequest, work: Work) -> Frame | None:
        """See `KeyframePainter`."""
        recipe = Recipe.of(request)
        return character_sheet(recipe, work) if recipe.character.is_known else None


def painted(recipe: Recipe, requests: Sequence[ClipRequest], work: Work) -> Iterator[Frame]:
    """The keyframes of requests of one recipe, as many at once as fit; each batch is given before the next is begun."""
    sheet = character_sheet(recipe, work) if recipe.character.is_known else None
    work.report(0.0, "loading stable-diffusion-xl")
    kept = load(recipe, work.memory_level)
    words = encoded(kept.pipeline, recipe, requests)
    size = batch_size(requests[0], kept, work.memory_level)
    for start in range(0, len(requests), size):
        lot = requests[start : start + size]
        done, upto = start / len(requests), (start + len(lot)) / len(requests)
        on_step = StepReport(work, painting_stage(start, len(lot), len(requests)), recipe.steps_run, done, upto)
        pipeline = load(recipe, work.memory_level).pipeline  # the refiner may have pushed it out
        pictures = [*paint_batch(pipeline, recipe, lot, work, sheet, words[start : start + size], on_step)]
        yield from refined(recipe, lot, pictures, work) if recipe.refiner else pictures


def painting_stage(start: int, count: int, all_of: int) -> str:
    """What is being done, for people."""
    if all_of == 1:
        return "painting"
    which = f"keyframe {start + 1}" if count == 1 else f"keyframes {start + 1} to {start + count}"
    return f"painting {which} of {all_of}"


def batch_size(request: ClipRequest, kept: Kept, memory_level: int) -> int:
    """How many keyframes are painted at once: the option `painter_batch`, or as many as the free memory has room for.

    One at a time once memory ran out.
    """
    if memory_level:
        return 1
    given = options.of(request, OPTIONS)
    width_px, height_px = model_size(request, given.number("painter_scale"))
    room_gib = devices.room_gib(devices.best_device())
    room_gib -= (
        footprints.SDXL.working_gib if kept.policy is MemoryPolicy.RESIDENT else footprints.SDXL.tiled_working_gib
    )
    if not kept.holds_memory:
        room_gib -= footprints.SDXL.network_gib
    each_gib = footprints.SDXL_PICTURE_GIB * width_px * height_px / (LONG_SIDE_PX * SHORT_SIDE_PX)
    fitting = int(room_gib / each_gib)
    return given.whole("painter_batch", automatic=min(MOST_AT_ONCE, max(1, fitting)))


@dataclass(frozen=True)
class Words:
    """A shot's prompts as the text encoders see them; names are the pipeline's options."""

    prompt_embeds: Any
    negative_prompt_embeds: Any
    pooled_prompt_embeds: Any
    negative_pooled_prompt_embeds: Any

    @classmethod
    def together(cls, many: "Sequence[Words]") -> dict[str, Any]:
        """Of a batch, as the pipeline's options. Without guidance there are no negative ones."""
        import torch

        columns = {field.name: [getattr(words, field.name) for words in many] for field in dataclasses.fields(cls)}
        return {name: torch.cat(column) for name, column in columns.items() if column[0] is not None}


def encoded(pipeline: Any, recipe: Recipe, requests: Sequence[ClipRequest]) -> list[Words]:
    """The requests' prompts through the text encoders, each pair once."""
    import torch

    pairs = {(request.prompt, request.negative_prompt): Words(None, None, None, None) for request in requests}
    with torch.no_grad():
        for prompt, negative in pairs:
            pairs[prompt, negative] = Words(
                *pipeline.encode_prompt(
                    prompt, negative_prompt=negative, do_classifier_free_guidance=recipe.guidance > 1.0
                )
            )
    return [pairs[request.prompt, request.negative_prompt] for request in requests]


def model_size(request: ClipRequest, scale: float) -> tuple[int, int]:
    """Width and height for the shot's shape, multiples of 64; the scale makes both smaller or larger."""
    return common.size_like(request, (LONG_SIDE_PX, SHORT_SIDE_PX), scale)


def load(recipe: Recipe, memory_level: int) -> Kept:
    """The pipeline on the best device. Kept between shots.

    Raises:
        BadInput: weights are missing or don't fit.
    """
    import diffusers
    import torch

    def build() -> Any:
        dtype = devices.precision(devices.best_device())
        sheet = recipe.from_image
        kind = diffusers.StableDiffusionXLImg2ImgPipeline if sheet else diffusers.StableDiffusionXLPipeline
        parts = {}
        if dtype is torch.float16 and recipe.model.source == BASE.source:
            # SDXL's own decoder overflows in half precision, and would be run in single precision, far slower
            parts["vae"] = models.load(diffusers.AutoencoderKL, HALF_SAFE_DECODER, dtype=dtype)
        pipeline = models.load(kind, recipe.model, dtype=dtype, **parts)
        pipeline.set_progress_bar_config(disable=True)
        pipeline.vae.enable_slicing()  # a batch is decoded one by one: as fast, and needs the memory of one
        models.add_loras(pipeline, (*recipe.few_steps.loras, *recipe.loras))
        recipe.few_steps.schedule(pipeline)
        if recipe.adapter_files:
            models.add_ip_adapters(pipeline, recipe.adapters, recipe.adapter_files)
        return pipeline

    adapters = (recipe.adapters, recipe.adapter_files)
    key = ("sdxl", recipe.model, recipe.few_steps, recipe.loras, adapters, recipe.from_image)
    need = models.sized(footprints.SDXL, recipe.model)
    return PIPELINES.take(key, need, recipe.memory, memory_level, build)


def paint_batch(
    pipeline: Any,
    recipe: Recipe,
    requests: Sequence[ClipRequest],
    work: Work,
    sheet: Frame | None = None,
    words: Sequence[Words] | None = None,
    on_step: StepReport | None = None,
) -> Iterator[Frame]:
    """The keyframes of requests of one recipe, in one run.

    Args:
        sheet: the character's picture, if the recipe has a character.
        words: the requests' prompts, if they are encoded already.
        on_step: told of every step, in place of `work`.
    """
    words = words or encoded(pipeline, recipe, requests)
    asked: dict[str, Any] = {"width": recipe.width_px, "height": recipe.height_px}
    if recipe.from_image:
        assert sheet is not None
        asked = {"image": [_pil(sheet)] * len(requests), "strength": recipe.character.strength}
    if recipe.adapter_files:
        asked |= adapter_options(pipeline, recipe, len(requests), sheet, work)
    with guidance.limited(pipeline, recipe.guidance_interval):
        output = pipeline(
            num_inference_steps=recipe.steps,
            guidance_scale=recipe.guidance,
            generator=[common.generator(request.seed) for request in requests],
            callback_on_step_end=on_step or StepReport(work, "painting", recipe.steps_run),
            output_type="np",
            **Words.together(words),
            **asked,
        )
    yield from common.to_frames(output.images, "stable-diffusion-xl")


def character_sheet(recipe: Recipe, work: Work) -> Frame:
    """The character's picture at the keyframe's size: the one that was given, or painted once from its prompt."""
    from bridge import cover

    if recipe.character.sha256:
        picture = cover.load(work.file(recipe.character.sha256))
        return resized(picture, recipe.width_px, recipe.height_px)
    key = (recipe.model, recipe.few_steps, recipe.loras, recipe.character, recipe.width_px, recipe.height_px)
    if key not in _SHEETS:
        _SHEETS.clear()
        _SHEETS[key] = paint_sheet(recipe, work)
    return _SHEETS[key]


_SHEETS: dict[Any, Frame] = {}
"""the one that was painted last"""


def paint_sheet(recipe: Recipe, work: Work) -> Frame:
    """Paints the character sheet, with nothing of the shots in it."""
    nobody = dataclasses.replace(recipe.character, prompt="")
    plain = dataclasses.replace(recipe, character=nobody, style_strength=0.0)
    work.report(0.0, "painting the character sheet")
    pipeline = load(plain, work.memory_level).pipeline
    output = pipeline(
        prompt=f"{recipe.character.prompt}, character sheet, full body, front view, plain background",
        negative_prompt="crowd, text, watermark",
        width=recipe.width_px,
        height=recipe.height_px,
        num_inference_steps=recipe.steps,
        guidance_scale=recipe.guidance,
        generator=common.generator(recipe.character.seed),
        callback_on_step_end=common.StepReport(work, "painting the character sheet", recipe.steps, 0.0, 0.3),
        output_type="np",
    )
    return common.to_frames(output.images, "stable-diffusion-xl")[0]


def adapter_options(pipeline: Any, recipe: Recipe, count: int, sheet: Frame | None, work: Work) -> dict[str, Any]:
    """IP-Adapter's options: style only from the album cover, the face from the sheet; computed once for all shots."""
    from bridge import cover

    scales: list[Any] = []
    pictures: list[Any] = []
    if STYLE_ADAPTER in recipe.adapter_files:
        # only this block's layer carries style, not content (Wang et al. 2024, InstantStyle)
        scales.append({"up": {"block_0": [0.0, recipe.style_strength, 0.0]}})
        pictures.append(_pil(cover.load(work.file(recipe.cover_sha256))))
    if FACE_ADAPTER in recipe.adapter_files:
        assert sheet is not None
        scales.append(recipe.character.face_strength)
        pictures.append(_pil(sheet))
    pipeline.set_ip_adapter_scale(scales)
    embeds = pipeline.prepare_ip_adapter_image_embeds(pictures, None, pipeline.device, count, recipe.guidance > 1.0)
    return {"ip_adapter_image_embeds": embeds}


def refined(recipe: Recipe, requests: Sequence[ClipRequest], pictures: list[Frame], work: Work) -> Iterator[Frame]:
    """The keyframes with their fine detail painted again by the refiner."""
    import diffusers

    model = recipe.refiner
    assert model

    def build() -> Any:
        dtype = devices.precision(devices.best_device())
        pipeline = models.load(diffusers.StableDiffusionXLImg2ImgPipeline, model, dtype=dtype)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    need = models.sized(footprints.SDXL, model)
    pipeline = PIPELINES.take(("refiner", model), need, recipe.memory, work.memory_level, build).pipeline
    steps = max(1, int(recipe.steps * recipe.refiner_strength))
    for request, picture in zip(requests, pictures, strict=True):
        output = pipeline(
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            image=_pil(picture),
            strength=recipe.refiner_strength,
            num_inference_steps=max(recipe.steps, math.ceil(1 / recipe.refiner_strength)),
            guidance_scale=max(recipe.guidance, 1.0),
            generator=common.generator(request.seed),
            callback_on_step_end=common.StepReport(work, "refining", steps, 0.8, 1.0),
            output_type="np",
        )
        yield common.to_frames(output.images, "the refiner")[0]


def _pil(picture: Frame) -> Any:
    from PIL import Image

    return Image.fromarray(picture)
