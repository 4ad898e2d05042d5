# SPDX-License-Identifier: GPL-3.0-or-later
"""Animator `svd`: Stable Video Diffusion brings a keyframe to life (Blattmann et al. 2023)."""

from fractions import Fraction
from typing import Any

from blender_addon.core.types import ClipRequest
from bridge.clips import holds, options
from bridge.clips.base import Footage, Still, Work
from bridge.clips.diffusion import chunks, common, guidance
from bridge.clips.gpu import devices, footprints, models
from bridge.clips.gpu.devices import MemoryPolicy
from bridge.clips.gpu.pipeline_cache import PIPELINES, Kept
from bridge.common.frames import Frame, resized

XT = models.Model("stabilityai/stable-video-diffusion-img2vid-xt", variant="fp16")
LONG_SIDE_PX, SHORT_SIDE_PX = 1024, 576
LEAST_FPS = 5
"""below this, chunks are too far apart to be retimed; it is also the lowest rate that the model was trained with"""

OPTIONS = (
    options.text("model", "the model, by id or folder", XT.source, (XT.source,)),
    options.whole("steps", "denoising steps", 1, 100, 25, draft="12"),
    options.number("guidance", "how closely the last frames follow the keyframe", 1.0, 10.0, 3.0),
    options.GUIDANCE_INTERVAL,
    options.number("noise", "how much noise is laid over the keyframe first: more lets it move more", 0.0, 1.0, 0.02),
    options.SCALE,
    options.MEMORY,
    options.yes_no("compile", "use compiled networks where the card has room; made once for a machine", "yes"),
    options.CHUNKS,
    options.watermark("inpaint"),
)


class SvdAnimator:
    """Image to video, 25 frames (XT) or 14; the motion bucket is the shot's own `motion`."""

    version = "2"

    def animate(self, request: ClipRequest, still: Still, work: Work) -> Footage:
        """Clips of as many frames as the model was trained for, spread over the shot's moving part."""
        from bridge.clips import watermark  # whose OpenCV the tables do without

        given = options.of(request, OPTIONS)
        model = models.Model.named(given.text("model"), XT)
        without_marks = watermark.remover(work, given.text("watermark"))
        work.report(0.0, "loading stable-video-diffusion")
        loaded = load(model, devices.asked_policy(given), work.memory_level, given.yes("compile"))
        frame_count = loaded.pipeline.unet.config.num_frames

        def chunk(part: ClipRequest, start: Still, part_work: Work) -> Frame:
            fps = Fraction(frame_count) * part.fps / holds.moving_frames(part)
            return run(loaded, part, start, part_work, frame_count, fps)

        count = chunks.chunk_count(request, given, Fraction(frame_count, LEAST_FPS))
        frames = chunks.made_in_chunks(request, still, work, count, chunk)
        fps = Fraction(len(frames)) * request.fps / holds.moving_frames(request)
        return Footage(without_marks(frames), len(frames), fps, holds=False)


def load(model: models.Model, asked: MemoryPolicy | None, memory_level: int, compiled: bool = False) -> Kept:
    """The pipeline on the best device, under a memory policy."""
    import diffusers

    def build() -> Any:
        dtype = devices.precision(devices.best_device())
        pipeline = models.load(diffusers.StableVideoDiffusionPipeline, model, dtype=dtype)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def tune(kept: Kept) -> None:
        if compiled and kept.policy is MemoryPolicy.RESIDENT:
            from bridge.clips.gpu import compiled_svd

            compiled_svd.prepare_video(kept.pipeline)

    return PIPELINES.take(
        ("svd", model, compiled), models.sized(footprints.SVD, model), asked, memory_level, build, tune
    )


def run(loaded: Kept, request: ClipRequest, still: Still, work: Work, frame_count: int, fps: Fraction) -> Frame:
    """Shape (frames, height, width, 3): the model's own output."""
    given = options.of(request, OPTIONS)
    steps = given.whole("steps")
    width_px, height_px = model_size(request, given.number("scale"))
    with guidance.limited(loaded.pipeline, given.interval("guidance_interval")):
        latents = loaded.pipeline(
            image=_pil(resized(still.rgb, width_px, height_px)),
            width=width_px,
            height=height_px,
            num_frames=frame_count,
            num_inference_steps=steps,
            max_guidance_scale=given.number("guidance"),
            fps=min(30, max(5, round(fps))),
            motion_bucket_id=request.motion,
            noise_aug_strength=given.number("noise"),
            generator=common.generator(request.seed),
            callback_on_step_end=common.StepReport(work, "animating", steps, 0.05, 0.9),
            output_type="latent",
        ).frames
    work.report(0.9, "decoding")
    if loaded.policy is not MemoryPolicy.RESIDENT:
        return decode(loaded.pipeline, latents, 4)
    work.hand_over(footprints.SVD_DECODING_GIB)
    return decode(loaded.pipeline, latents, frame_count)


def decode(pipeline: Any, latents: Any, chunk: int) -> Frame:
    """The pictures of one clip's latents, `chunk` frames at a time; they leave the device as bytes.

    Raises:
        GenerationFailed: there are numbers that are no numbers.
    """
    import torch

    with torch.no_grad():
        precision = pipeline.vae.decoder.conv_in.weight.dtype  # the encoder may have another
        pictures = pipeline.decode_latents(latents.to(precision), latents.shape[1], chunk)[0]
        return common.to_bytes(pictures.movedim(0, -1) / 2 + 0.5, "stable-video-diffusion")


def model_size(request: ClipRequest, scale: float) -> tuple[int, int]:
    """Width and height for the shot's shape, multiples of 64; the scale makes both smaller or larger."""
    return common.size_like(request, (LONG_SIDE_PX, SHORT_SIDE_PX), scale)


def _pil(picture: Frame) -> Any:
    from PIL import Image

    return Image.fromarray(picture)
