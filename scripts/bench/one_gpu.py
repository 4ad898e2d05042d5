# SPDX-License-Identifier: GPL-3.0-or-later
"""Beatboard's engines against the recipe that people copy, on one GPU, with full-size networks of random weights.

The recipe: six SDXL keyframes one by one (50 steps), each through SVD-XT (25 frames, 25 steps), 1024x576, half
precision, plain diffusers. Both run the same requests with the same seeds in one process, in turn.

    python scripts/bench/one_gpu.py              # about seven minutes on an H100, most of it compiling
    python scripts/bench/one_gpu.py --quick      # two steps of everything: does it run?
    python scripts/bench/one_gpu.py --quick --tiny    # and that on the CPU with tiny networks
    python scripts/bench/one_gpu.py --profile    # and which kernels a step of the video network spends its time in

Figures: gpu_keyframe_recipe_s, gpu_keyframe_s, gpu_clip_recipe_s, gpu_clip_s, gpu_speedup, gpu_latent_difference,
gpu_compile_s, gpu_peak_gib, gpu_floor_share; then, in a new process that finds the compiled code on disk:
gpu_cold_first_clip_s and gpu_cold_six_shots_s, against gpu_six_shots_s.
"""

import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from blender_addon.core.types import ClipRequest
from scripts.bench import engines
from scripts.measuring import Alone, clip_request, figure, parser

SUBJECT = engines.SUBJECTS["svd"]
SHOTS = 6
FLOOR_TFLOPS = 790.0
"""a large half-precision matrix product on this card"""
Figures = dict[str, tuple[float, str]]
"""values and units by name"""
COUNTED_TFLOP = {"keyframe": 50 * 7.28 + 5.8, "clip": 25 * 159.9 + 173.6}


@dataclass(frozen=True)
class Size:
    """How much there is to do."""

    painter_steps: int
    animator_steps: int
    width_px: int = 1024
    height_px: int = 576
    is_tiny: bool = False

    def shots(self) -> list[ClipRequest]:
        """Six of them, for Beatboard's engines."""
        options = {
            "painter_guidance": "6.0",
            "painter_steps": str(self.painter_steps),
            "steps": str(self.animator_steps),
        }
        if self.is_tiny:
            options |= {"painter_scale": "0.1", "scale": "0.1"}
        given = {"painter": "sdxl", "animator": SUBJECT.animator, "options": tuple(sorted(options.items()))}
        return [clip_request(f"s{i}", seed=i, motion=127, frame_count=100, **given) for i in range(SHOTS)]


WHOLE, SHORTEST = Size(50, 25), Size(2, 2)


def built(is_tiny: bool) -> tuple[Any, Any]:
    """The two pipelines, on the device; the same weights in every process."""
    import diffusers
    import torch

    from bridge.clips.gpu import devices, models

    torch.manual_seed(0)
    device = devices.best_device()
    with tempfile.TemporaryDirectory() as folder:
        world = engines.World(Path(folder), is_tiny)
        found = world.options(SUBJECT)
        kinds = {"painter_model": "StableDiffusionXLPipeline", "model": "StableVideoDiffusionPipeline"}
        with world.taking_over():
            painter, animator = (
                models.load(getattr(diffusers, kind), models.Model(found[name]), dtype=devices.precision(device))
                for name, kind in kinds.items()
            )
    for pipeline in (painter, animator):
        pipeline.to(device)
        pipeline.set_progress_bar_config(disable=True)
    return painter, animator


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds until the device is done, and what came of it."""
    synchronize()
    started = time.perf_counter()
    result = work()
    synchronize()
    return time.perf_counter() - started, result


def synchronize() -> None:
    """Waits for what the GPU still has to do."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def difference(one: Any, other: Any) -> float:
    """Relative difference of two tensors."""
    return float((one.float() - other.float()).norm() / one.float().norm())


class Recipe:
    """The recipe, as tutorials write it."""

    def __init__(self, sdxl: Any, svd: Any, size: Size) -> None:
        self.sdxl, self.svd, self.size = sdxl, svd, size

    def keyframe(self, request: Any, output_type: str = "pil") -> Any:
        """One SDXL picture."""
        from bridge.clips.diffusion import common

        return self.sdxl(
            request.prompt,
            negative_prompt=request.negative_prompt,
            width=self.size.width_px,
            height=self.size.height_px,
            num_inference_steps=self.size.painter_steps,
            guidance_scale=6.0,
            generator=common.generator(request.seed),
            output_type=output_type,
        ).images

    def clip(self, request: Any, picture: Any, output_type: str = "pil") -> Any:
        """One SVD clip, of as many frames as it was made for."""
        from bridge.clips.diffusion import common

        return self.svd(
            picture,
            width=self.size.width_px,
            height=self.size.height_px,
            num_frames=self.svd.unet.config.num_frames,
            num_inference_steps=self.size.animator_steps,
            fps=6,
            motion_bucket_id=request.motion,
            generator=common.generator(request.seed),
            output_type=output_type,
        ).frames


class Ours:
    """Beatboard's engines, on the same networks."""

    def __init__(self, sdxl_pipeline: Any, svd_pipeline: Any) -> None:
        from bridge.clips.gpu import compiled_svd
        from bridge.clips.gpu.devices import MemoryPolicy
        from bridge.clips.gpu.pipeline_cache import Kept

        self.sdxl = sdxl_pipeline
        self.svd = Kept(svd_pipeline, MemoryPolicy.RESIDENT)
        self.frame_count = svd_pipeline.unet.config.num_frames
        self.work = Alone(Path(), Path)  # no file is asked for, and none left behind
        self.compiled = compiled_svd.prepare_video(svd_pipeline)

    def keyframes(self, shots: list[Any]) -> list[Any]:
        """All of them, painted together."""
        from bridge.clips.diffusion import sdxl

        return list(sdxl.paint_batch(self.sdxl, sdxl.Recipe.of(shots[0]), shots, self.work))

    def clip(self, shot: Any, picture: Any) -> Any:
        """As many frames as the recipe's, as bytes."""
        from bridge.clips.base import Still
        from bridge.clips.diffusion import svd

        return svd.run(self.svd, shot, Still(picture), self.work, self.frame_count, self.frame_count * shot.fps / 100)

    def compile(self, shot: Any, picture: Any) -> bool:
        """Waits until the other process has compiled both networks; gives whether it succeeded."""
        for compiled in self.compiled:
            free_all()
            self.clip(shot, picture)  # starts what isn't done, as far as there is room
            compiled.wait()
        return all(compiled.wait() for compiled in self.compiled)


def warm_figures(size: Size, report: Callable[[str], None], profiled: bool) -> Figures:
    """The recipe and Beatboard in turn, everything compiled."""
    painter, animator = built(size.is_tiny)
    shots = size.shots()
    recipe = Recipe(painter, animator, size)
    recipe.keyframe(shots[0])
    keyframe_s, pictures = timed(lambda: recipe.keyframe(shots[0]))
    clip_s, _ = timed(lambda: recipe.clip(shots[0], pictures[0]))
    latents = recipe.clip(shots[0], pictures[0], "latent")
    report(f"recipe: keyframe {keyframe_s:.2f} s, clip {clip_s:.2f} s")
    if profiled:
        profile(lambda: recipe.clip(shots[0], pictures[0], "latent"), size.animator_steps, report)

    ours = Ours(painter, animator)
    ours.keyframes(shots)
    batch_s, stills = timed(lambda: ours.keyframes(shots))
    report(f"ours: six keyframes {batch_s:.2f} s")
    shortest = replace(size, painter_steps=2, animator_steps=2).shots()[0]
    compile_s, compiled = timed(lambda: ours.compile(shortest, stills[0]))
    report(f"ours: compiled in {compile_s:.0f} s" if compiled else "ours: NOT compiled")
    load_s, _ = timed(lambda: ours.clip(shortest, stills[0]))
    report(f"ours: loaded in {load_s:.0f} s")
    fast_s, peak_gib = measured_clip(ours, shots[:3], stills[0])
    off = difference(latents, recipe.clip(shots[0], pictures[0], "latent"))
    report(f"ours: clip {fast_s:.2f} s, latents differ by {off:.1e}")
    if profiled:
        profile(lambda: recipe.clip(shots[0], pictures[0], "latent"), size.animator_steps, report)

    ours_s = batch_s + SHOTS * fast_s
    return {
        "gpu_keyframe_recipe_s": (keyframe_s, "s"),
        "gpu_keyframe_s": (batch_s / SHOTS, "s"),
        "gpu_clip_recipe_s": (clip_s, "s"),
        "gpu_clip_s": (fast_s, "s"),
        "gpu_six_shots_s": (ours_s, "s"),
        "gpu_speedup": (SHOTS * (keyframe_s + clip_s) / ours_s, "ratio"),
        "gpu_latent_difference": (off, "ratio"),
        "gpu_compile_s": (compile_s, "s"),
        "gpu_peak_gib": (peak_gib, "GiB"),
        "gpu_floor_share": (SHOTS * sum(COUNTED_TFLOP.values()) / FLOOR_TFLOPS / ours_s, "ratio"),
    }


def measured_clip(ours: Ours, shots: list[ClipRequest], still: Any) -> tuple[float, float]:
    """The median seconds of a clip, and the most memory that the GPU held meanwhile, in GiB."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    median_s = statistics.median(timed(lambda shot=shot: ours.clip(shot, still))[0] for shot in shots)
    return median_s, torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0


def cold_figures(size: Size, report: Callable[[str], None]) -> Figures:
    """Six shots in a process that has compiled nothing yet, but finds what others compiled on disk."""
    ours = Ours(*built(size.is_tiny))
    shots = size.shots()
    batch_s, stills = timed(lambda: ours.keyframes(shots))
    clips_s = [timed(lambda shot=shot: ours.clip(shot, stills[0]))[0] for shot in shots]
    report("cold: clips " + ", ".join(f"{clip_s:.1f}" for clip_s in clips_s) + " s")
    return {
        "gpu_cold_first_clip_s": (clips_s[0], "s"),
        "gpu_cold_six_shots_s": (batch_s + sum(clips_s), "s"),
    }


def profile(work: Callable[[], Any], steps: int, report: Callable[[str], None]) -> None:
    """Which kernels the work spends its time in."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    with profiler(activities=[ProfilerActivity.CUDA]) as trace:
        work()
    rows = sorted(trace.key_averages(), key=lambda row: -row.device_time_total)
    report(f"{sum(row.device_time_total for row in rows) / 1e3 / steps:.0f} ms of kernels a step; the longest:")
    for row in rows[:40]:
        report(f"{row.device_time_total / 1e3 / steps:8.2f} ms {row.count / steps:7.1f} {row.key[:110]}")


def main() -> None:
    """Prints the figures."""
    command = parser(__doc__, wants_gpu=True)
    command.add_argument("--profile", action="store_true", help="print the longest kernels, before and after")
    command.add_argument("--cold", action="store_true", help="only the part in a new process")
    options = command.parse_args()
    size = SHORTEST if options.quick else WHOLE
    if options.tiny:
        size = replace(size, width_px=128, height_px=64, is_tiny=True)
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")  # as the workers have it
    engines.quiet()
    logging.basicConfig(level=logging.INFO)
    report: Callable[[str], None] = lambda line: print(line, flush=True)  # noqa: E731
    figures = cold_figures(size, report) if options.cold else warm_figures(size, report, options.profile)
    for name, (value, unit) in figures.items():
        figure(name, value, unit)
    if not options.cold:
        free_all()
        given = [word for word in ("--quick", "--tiny") if word in sys.argv]
        subprocess.run([sys.executable, __file__, "--cold", *given], check=True)


def free_all() -> None:
    """Gives the GPU's memory back to the process that comes next."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
