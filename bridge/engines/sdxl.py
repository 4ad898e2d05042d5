# SPDX-License-Identifier: GPL-3.0-or-later
"""Painter `sdxl`: Stable Diffusion XL keyframes (Podell et al. 2023), one character and one look throughout."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blender_addon.protocol import ClipRequest
from bridge.engines import devices, diffusion, footprints, models
from bridge.engines.base import Frame, Still, Work
from bridge.engines.devices import MemoryPolicy
from bridge.engines.shelf import SHELF
from bridge.errors import BadInput

BASE = models.Model("stabilityai/stable-diffusion-xl-base-1.0", variant="fp16")
HALF_SAFE_DECODER = models.Model("madebyollin/sdxl-vae-fp16-fix")
ADAPTERS = models.Model("h94/IP-Adapter")
LONG_SIDE_PX, SHORT_SIDE_PX = 1024, 576


@dataclass(frozen=True)
class Recipe:
    """The painter's options, read from a request; requests of equal recipes share a batch."""

    model: models.Model
    loras: tuple[tuple[str, float], ...]
    steps: int
    guidance: float
    width_px: int
    height_px: int
    style_strength: float
    """0-1: how much of the cover's style IP-Adapter brings in; 0 leaves it out"""
    character_sha256: str | None
    character_strength: float
    """img2img's strength when there is a character sheet: 0 keeps the sheet, 1 forgets it"""
    memory: MemoryPolicy | None

    @classmethod
    def of(cls, request: ClipRequest) -> "Recipe":
        """Reads and checks the options.

        Raises:
            BadInput: one is out of range.
        """
        settings = dict(request.settings)
        width_px, height_px = model_size(request)
        return cls(
            model=models.Model.named(settings.get("painter_model"), BASE),
            loras=read_loras(settings.get("lora", "")),
            steps=int(diffusion.number_setting(request, "painter_steps", 30, 1, 150)),
            guidance=diffusion.number_setting(request, "painter_guidance", 6.0, 0.0, 30.0),
            width_px=width_px,
            height_px=height_px,
            style_strength=diffusion.number_setting(request, "style", 0.0, 0.0, 1.0),
            character_sha256=request.character_sha256,
            character_strength=diffusion.number_setting(request, "character_strength", 0.5, 0.0, 1.0),
            memory=devices.policy_setting(request),
        )


class SdxlPainter:
    """Text to image; with a character sheet, image to image from the sheet.

    Options: painter_model, painter_steps, painter_guidance, painter_scale, painter_batch, lora
    ("file.safetensors:0.8,other.safetensors"), style, character_strength, memory.
    """

    name = "sdxl"
    version = "1"

    def paint(self, requests: Sequence[ClipRequest], work: Work) -> Iterator[Still]:
        """A keyframe per request, in order; neighbours of the same recipe are painted together."""
        for recipe, group in batches(requests):
            work.report(0.0, "loading stable-diffusion-xl")
            pipeline = load(recipe, work.memory_level)
            for picture in paint_batch(pipeline, recipe, group, work):
                yield Still(picture)


def batches(requests: Sequence[ClipRequest]) -> Iterator[tuple[Recipe, list[ClipRequest]]]:
    """Neighbouring requests of one recipe, in lots of at most the option `painter_batch` (default 6)."""
    lot: list[ClipRequest] = []
    for request in requests:
        most = int(diffusion.number_setting(request, "painter_batch", 6, 1, 64))
        if lot and (len(lot) >= most or Recipe.of(request) != Recipe.of(lot[0])):
            yield Recipe.of(lot[0]), lot
            lot = []
        lot.append(request)
    if lot:
        yield Recipe.of(lot[0]), lot


def read_loras(text: str) -> tuple[tuple[str, float], ...]:
    """ "a.safetensors:0.8,b.safetensors" to pairs of file and weight; the weight is 1 if none is given.

    Raises:
        BadInput: a weight is no number, or a file isn't there.
    """
    pairs = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        file, _, weight = entry.partition(":")
        if not Path(file).expanduser().is_file():
            raise BadInput(f"The LoRA file {file} is not there. Give its path with --set lora=FILE:WEIGHT.")
        try:
            pairs.append((file, float(weight or 1.0)))
        except ValueError:
            raise BadInput(f"The weight of the LoRA {file} is a number such as 0.8, not {weight!r}.") from None
    return tuple(pairs)


def model_size(request: ClipRequest) -> tuple[int, int]:
    """Width and height for the shot's shape, multiples of 64; option `painter_scale` makes both smaller or larger."""
    scale = diffusion.number_setting(request, "painter_scale", 1.0, 0.05, 2.0)
    sides = [max(64, round(side * scale / 64) * 64) for side in (LONG_SIDE_PX, SHORT_SIDE_PX)]
    return (sides[0], sides[1]) if request.width_px >= request.height_px else (sides[1], sides[0])


def load(recipe: Recipe, memory_level: int) -> Any:
    """The pipeline on the best device. Kept between shots.

    Raises:
        BadInput: weights are missing or don't fit.
    """
    import diffusers
    import torch

    from_image = recipe.character_sha256 is not None

    def build() -> Any:
        dtype = devices.precision(devices.best_device())
        kind = diffusers.StableDiffusionXLImg2ImgPipeline if from_image else diffusers.StableDiffusionXLPipeline
        parts = {}
        if dtype is torch.float16 and recipe.model.source == BASE.source:
            # SDXL's own decoder overflows in half precision, and would be run in single precision, far slower
            parts["vae"] = models.load(diffusers.AutoencoderKL, HALF_SAFE_DECODER, dtype=dtype)
        pipeline = models.load(kind, recipe.model, dtype=dtype, **parts)
        pipeline.set_progress_bar_config(disable=True)
        add_loras(pipeline, recipe.loras)
        return pipeline

    key = ("sdxl", recipe.model, recipe.loras, from_image)
    need = models.sized(footprints.SDXL, recipe.model)
    return SHELF.take(key, need, recipe.memory, memory_level, build).pipeline


def add_loras(pipeline: Any, loras: tuple[tuple[str, float], ...]) -> None:
    """Loads LoRA files and gives each its weight.

    Raises:
        BadInput: a file is no LoRA for this model.
    """
    for i, (file, _) in enumerate(loras):
        path = Path(file).expanduser()
        try:
            pipeline.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=f"lora{i}")
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise BadInput(f"{path} could not be used as a LoRA for this model ({error}).") from error
    if loras:
        pipeline.set_adapters([f"lora{i}" for i in range(len(loras))], [weight for _, weight in loras])


def paint_batch(pipeline: Any, recipe: Recipe, requests: Sequence[ClipRequest], work: Work) -> Iterator[Frame]:
    """The keyframes of requests of one recipe, in one run."""
    options: dict[str, Any] = {}
    steps = recipe.steps
    if recipe.character_sha256:
        sheet = character_sheet(work.file(recipe.character_sha256), recipe)
        options |= {"image": [sheet] * len(requests), "strength": recipe.character_strength}
        steps = max(1, int(recipe.steps * recipe.character_strength))
    else:
        options |= {"width": recipe.width_px, "height": recipe.height_px}
    if recipe.style_strength:
        options |= style_options(pipeline, recipe, requests, work)
    output = pipeline(
        prompt=[request.prompt for request in requests],
        negative_prompt=[request.negative_prompt for request in requests],
        num_inference_steps=recipe.steps,
        guidance_scale=recipe.guidance,
        generator=[diffusion.generator(request.seed) for request in requests],
        callback_on_step_end=diffusion.StepReport(work, "painting", steps, 0.0, 1.0),
        output_type="np",
        **options,
    )
    yield from diffusion.to_frames(output.images, "stable-diffusion-xl")


def character_sheet(path: Path, recipe: Recipe) -> Any:
    """The character's picture at the keyframe's size, as a PIL image."""
    from PIL import Image

    from bridge import cover

    picture = diffusion.resized(cover.load(path), recipe.width_px, recipe.height_px)
    return Image.fromarray(picture)


def style_options(pipeline: Any, recipe: Recipe, requests: Sequence[ClipRequest], work: Work) -> dict[str, Any]:
    """IP-Adapter, style only, from the album cover; its embedding is computed once for all shots."""
    from PIL import Image

    from bridge import cover

    if getattr(pipeline, "image_encoder", None) is None:
        path = ADAPTERS.local()
        pipeline.load_ip_adapter(
            str(path or ADAPTERS.source), subfolder="sdxl_models", weight_name="ip-adapter_sdxl.safetensors"
        )
    pipeline.set_ip_adapter_scale({"up": {"block_0": [0.0, recipe.style_strength, 0.0]}})
    picture = Image.fromarray(cover.load(work.file(requests[0].cover_sha256)))
    embeds = pipeline.prepare_ip_adapter_image_embeds(
        picture, None, pipeline.device, len(requests), recipe.guidance > 1.0
    )
    return {"ip_adapter_image_embeds": embeds}
