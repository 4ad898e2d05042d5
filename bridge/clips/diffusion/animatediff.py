# SPDX-License-Identifier: GPL-3.0-or-later
"""Animator `animatediff`: a motion module in an image model (Guo et al. 2023), held to the keyframe.

With an SDXL model the keyframe comes in by IP-Adapter: its look, not its pixels. With a Stable Diffusion 1.5 model it
comes in by SparseCtrl, as the clip's first frame, and motion LoRAs move the camera.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from blender_addon.core.types import ClipRequest, ShotKind
from bridge.clips import options
from bridge.clips.base import Footage, Still, Work
from bridge.clips.diffusion import common
from bridge.clips.gpu import devices, footprints, models
from bridge.clips.gpu.devices import MemoryPolicy
from bridge.clips.gpu.models import Model
from bridge.clips.gpu.pipeline_cache import PIPELINES, Kept
from bridge.clips.options import Values
from bridge.common.errors import BadInput
from bridge.common.frames import Frame, resized

SDXL = Model("stabilityai/stable-diffusion-xl-base-1.0", variant="fp16")
SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
SDXL_MOTION = Model("guoyww/animatediff-motion-adapter-sdxl-beta")
SD15_MOTION = Model("guoyww/animatediff-motion-adapter-v1-5-3")
SPARSE = Model("guoyww/animatediff-sparsectrl-rgb")
ADAPTER = Model("h94/IP-Adapter")

CAMERA_LORAS = {
    "zoom-in": "guoyww/animatediff-motion-lora-zoom-in",
    "zoom-out": "guoyww/animatediff-motion-lora-zoom-out",
    "pan-left": "guoyww/animatediff-motion-lora-pan-left",
    "pan-right": "guoyww/animatediff-motion-lora-pan-right",
    "tilt-up": "guoyww/animatediff-motion-lora-tilt-up",
    "tilt-down": "guoyww/animatediff-motion-lora-tilt-down",
}
FRAME_COUNT = 16
"""what the motion modules were trained on"""
SIZES_PX = {True: (1024, 576), False: (768, 448)}
"""long and short side, with SDXL and without"""

OPTIONS = (
    options.text("model", "an SDXL or Stable Diffusion 1.5 model, by id or folder", SDXL.source, (SDXL.source, SD15)),
    options.text("motion_model", "the motion module, by id or folder", automatic="the usual one for the model"),
    options.text(
        "keyframe_model",
        "what holds it to the keyframe: IP-Adapter or SparseCtrl",
        automatic="the usual one for the model",
    ),
    options.number("keyframe", "how strongly the keyframe holds it", 0.0, 1.0, automatic="0.7 with SDXL, else 1"),
    options.choice(
        "camera", "how the camera moves, with Stable Diffusion 1.5", ("auto", *CAMERA_LORAS, "none"), "auto"
    ),
    options.text("camera_lora", "a LoRA file with a camera move of your own"),
    options.whole("frames", "frames of the model's own clip", 8, 32, FRAME_COUNT),
    options.whole("steps", "denoising steps", 1, 150, 25, draft="12"),
    options.number("guidance", "how closely it follows the prompt", 0.0, 30.0, 7.0),
    options.SCALE,
    options.MEMORY,
)


@dataclass(frozen=True)
class Recipe:
    """What a pipeline is made from."""

    model: Model
    motion: Model
    holder: Model
    """what holds it to the keyframe: IP-Adapter's weights, or SparseCtrl's"""
    is_sdxl: bool

    @classmethod
    def of(cls, given: Values) -> "Recipe":
        """Reads the options; the model's own index tells which kind it is.

        Raises:
            BadInput: the model is missing, or neither SDXL nor Stable Diffusion.
        """
        model = Model.named(given.text("model"), SDXL)
        is_sdxl = _is_sdxl(model)
        motion = Model.named(given.text("motion_model"), SDXL_MOTION if is_sdxl else SD15_MOTION)
        holder = Model.named(given.text("keyframe_model"), ADAPTER if is_sdxl else SPARSE)
        return cls(model, motion, holder, is_sdxl)


class AnimateDiffAnimator:
    """Sixteen frames (option `frames`: 8-32) over the shot's moving part."""

    version = "1"

    def animate(self, request: ClipRequest, still: Still, work: Work) -> Footage:
        """One clip, made of the prompt, the keyframe and the shot's motion."""
        work.report(0.0, "loading animatediff")
        given = options.of(request, OPTIONS)
        recipe = Recipe.of(given)
        kept = load(recipe, devices.asked_policy(given), work)
        frames = run(kept.pipeline, recipe, request, still, work)
        moving = max(2, request.frame_count - request.hold_frames)
        return Footage(_each(frames), len(frames), Fraction(len(frames)) * request.fps / moving, holds=False)


def _is_sdxl(model: Model) -> bool:
    import diffusers

    name = models.index_of(diffusers.DiffusionPipeline, model)["_class_name"]
    if name.startswith("StableDiffusionXL"):
        return True
    if name in ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"):
        return False
    raise BadInput(f"{model.source} is a {name}. The engine animatediff takes SDXL or Stable Diffusion 1.5.")


def load(recipe: Recipe, asked: MemoryPolicy | None, work: Work) -> Kept:
    """The pipeline on the best device. Kept between shots."""
    usual = footprints.ANIMATEDIFF_SDXL if recipe.is_sdxl else footprints.ANIMATEDIFF_SPARSE
    need = models.sized(usual, recipe.model)
    build = _build_sdxl if recipe.is_sdxl else _build_sparse
    return PIPELINES.take(("animatediff", recipe), need, asked, work.memory_level, lambda: build(recipe))


def _build_sdxl(recipe: Recipe) -> Any:
    import diffusers

    dtype = devices.precision(devices.best_device())
    motion = models.load(diffusers.MotionAdapter, recipe.motion, dtype=dtype)
    pipeline = models.load(diffusers.AnimateDiffSDXLPipeline, recipe.model, dtype=dtype, motion_adapter=motion)
    _prepare(pipeline)
    models.add_ip_adapters(pipeline, recipe.holder, ["ip-adapter-plus_sdxl_vit-h.safetensors"])
    return pipeline


def _build_sparse(recipe: Recipe) -> Any:
    import diffusers

    dtype = devices.precision(devices.best_device())
    parts = {
        "motion_adapter": models.load(diffusers.MotionAdapter, recipe.motion, dtype=dtype),
        "controlnet": models.load(diffusers.SparseControlNetModel, recipe.holder, dtype=dtype),
    }
    pipeline = models.load(diffusers.AnimateDiffSparseControlNetPipeline, recipe.model, dtype=dtype, **parts)
    _prepare(pipeline)
    return pipeline


def _prepare(pipeline: Any) -> None:
    """The noise schedule that the motion modules were trained with: linear betas, no clipping."""
    import diffusers

    pipeline.scheduler = diffusers.DDIMScheduler.from_config(
        pipeline.scheduler.config,
        beta_schedule="linear",
        clip_sample=False,
        timestep_spacing="linspace",
        steps_offset=1,
    )
    pipeline.set_progress_bar_config(disable=True)


def run(pipeline: Any, recipe: Recipe, request: ClipRequest, still: Still, work: Work) -> Frame:
    """Shape (frames, height, width, 3): the model's own output."""
    import torch
    from PIL import Image

    torch.manual_seed(request.seed)  # SparseCtrl draws the keyframe's latents without asking for our generator

    given = options.of(request, OPTIONS)
    width_px, height_px = model_size(request, recipe, given.number("scale"))
    key = Image.fromarray(resized(still.rgb, width_px, height_px))
    hold = given.number("keyframe", automatic=0.7 if recipe.is_sdxl else 1.0)
    if recipe.is_sdxl:
        pipeline.set_ip_adapter_scale(hold)
        held = {"ip_adapter_image": key}
    else:
        held = {
            "conditioning_frames": [key],
            "controlnet_frame_indices": [0],
            "controlnet_conditioning_scale": hold,
        }
        move_camera(pipeline, request, given)
    steps = given.whole("steps")
    output = pipeline(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=width_px,
        height=height_px,
        num_frames=given.whole("frames"),
        num_inference_steps=steps,
        guidance_scale=given.number("guidance"),
        generator=common.generator(request.seed),
        callback_on_step_end=common.StepReport(work, "animating", steps, 0.05, 0.95),
        output_type="np",
        **held,
    )
    return common.to_frames(output.frames[0], "animatediff")


def move_camera(pipeline: Any, request: ClipRequest, given: Values) -> None:
    """Puts the camera's motion LoRA into the pipeline, or takes the last shot's out.

    Raises:
        BadInput: its weights can't be used.
    """
    pipeline.unload_lora_weights()
    move, strength = camera_move(request, given.text("camera"))
    file = given.text("camera_lora")
    if move == "none" and not file:
        return
    models.add_loras(pipeline, [(file or CAMERA_LORAS[move], strength)])


def camera_move(request: ClipRequest, asked: str) -> tuple[str, float]:
    """Which way the camera goes and how much: as the option `camera` asks, or "auto", by the shot.

    Our rule: the shot that ends on the cover backs away from it, the hero's comes closer, others go the way that their
    seed says; the strength is the shot's motion, and calm shots (below 60) keep the camera still.
    """
    strength = min(1.0, 0.4 + request.motion / 255 * 0.6)
    if asked != "auto":
        return asked, strength
    if request.motion < 60:
        return "none", 0.0
    if request.kind is ShotKind.COVER_END:
        return "zoom-out", strength
    if request.kind is ShotKind.HERO_HOLD:
        return "zoom-in", strength
    return list(CAMERA_LORAS)[request.seed % len(CAMERA_LORAS)], strength


def model_size(request: ClipRequest, recipe: Recipe, scale: float) -> tuple[int, int]:
    """Width and height for the shot's shape, multiples of 64; the scale makes both smaller or larger."""
    return common.size_like(request, SIZES_PX[recipe.is_sdxl], scale)


def _each(frames: Frame) -> Iterator[Frame]:
    yield from frames
