# SPDX-License-Identifier: GPL-3.0-or-later
"""Beatboard's engines against the recipe that people copy, on one GPU, with full-size networks of random weights.

The recipe: six SDXL keyframes one by one (50 steps), each through SVD-XT (25 frames, 25 steps), 1024x576, half
precision, plain diffusers. Both run the same requests with the same seeds in one process, in turn.

    python scripts/bench/one_gpu.py              # about seven minutes on an H100, most of it compiling
    python scripts/bench/one_gpu.py --quick      # two steps of everything: does it run?
    python scripts/bench/one_gpu.py --profile    # and which kernels a step of the video network spends its time in

Figures: gpu_keyframe_recipe_s, gpu_keyframe_s, gpu_clip_recipe_s, gpu_clip_s, gpu_speedup, gpu_latent_difference,
gpu_compile_s, gpu_peak_gib, gpu_floor_share; then, in a new process that finds the compiled code on disk:
gpu_cold_first_clip_s and gpu_cold_six_shots_s, against gpu_six_shots_s.
"""

import argparse
import json
import logging
import os
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

SHOTS = 6
FLOOR_TFLOPS = 790.0
"""a large half-precision matrix product on this card"""
COUNTED_TFLOP = {"keyframe": 50 * 7.28 + 5.8, "clip": 25 * 159.9 + 173.6}


def build_svd() -> Any:
    """Stable Video Diffusion XT's architecture, half precision, on the GPU."""
    import diffusers
    import torch
    import transformers

    with torch.device("cuda"):
        unet = diffusers.UNetSpatioTemporalConditionModel(num_attention_heads=(5, 10, 20, 20), num_frames=25)
        vae = diffusers.AutoencoderKLTemporalDecoder(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
        )
        encoder = transformers.CLIPVisionModelWithProjection(
            transformers.CLIPVisionConfig(
                hidden_size=1280,
                intermediate_size=5120,
                num_hidden_layers=32,
                num_attention_heads=16,
                projection_dim=1024,
                patch_size=14,
            )
        )
    scheduler = diffusers.EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        timestep_type="continuous",
        prediction_type="v_prediction",
        use_karras_sigmas=True,
        sigma_min=0.002,
        sigma_max=700.0,
    )
    parts = [part.to("cuda", torch.float16).eval() for part in (vae, encoder, unet)]
    pipeline = diffusers.StableVideoDiffusionPipeline(*parts, scheduler, transformers.CLIPImageProcessor())
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def build_sdxl(words: Path) -> Any:
    """Stable Diffusion XL's architecture, half precision, on the GPU."""
    import diffusers
    import torch
    import transformers

    with torch.device("cuda"):
        unet = diffusers.UNet2DConditionModel(
            sample_size=128,
            block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10),
            attention_head_dim=(5, 10, 20),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
            cross_attention_dim=2048,
        )
        vae = diffusers.AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            sample_size=1024,
            force_upcast=False,
        )
        small = transformers.CLIPTextModel(transformers.CLIPTextConfig(hidden_size=768, num_attention_heads=12))
        large = transformers.CLIPTextModelWithProjection(
            transformers.CLIPTextConfig(
                hidden_size=1280,
                intermediate_size=5120,
                num_hidden_layers=32,
                num_attention_heads=20,
                projection_dim=1280,
                hidden_act="gelu",
            )
        )
    scheduler = diffusers.EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    parts = [part.to("cuda", torch.float16).eval() for part in (vae, small, large)]
    tokenizer = letters(words)
    unet = unet.to("cuda", torch.float16).eval()
    pipeline = diffusers.StableDiffusionXLPipeline(*parts, tokenizer, tokenizer, unet, scheduler)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def letters(folder: Path) -> Any:
    """A tokenizer of letters: the prompts' content does not matter for speed."""
    import transformers

    signs = [*string.ascii_lowercase, *string.digits, ",", "."]
    words = ["<|startoftext|>", "<|endoftext|>", *signs, *(sign + "</w>" for sign in signs)]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def requests(steps: tuple[int, int]) -> list[Any]:
    """Six shots, for Beatboard's engines."""
    from fractions import Fraction

    from blender_addon.core.types import ClipRequest, Framing, ShotKind

    options = (("painter_guidance", "6.0"), ("painter_steps", str(steps[0])), ("steps", str(steps[1])))
    return [
        ClipRequest(
            engine="sdxl-svd",
            shot_id=f"s{i}",
            kind=ShotKind.MOTION,
            framing=Framing.WIDE,
            prompt="a lighthouse at night, deep teal",
            negative_prompt="text",
            seed=i,
            motion=127,
            frame_count=100,
            hold_frames=0,
            fps=Fraction(24),
            width_px=1920,
            height_px=1080,
            cover_sha256="0" * 64,
            settings=options,
        )
        for i in range(SHOTS)
    ]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds until the GPU is done, and what came of it."""
    import torch

    torch.cuda.synchronize()
    started = time.perf_counter()
    result = work()
    torch.cuda.synchronize()
    return time.perf_counter() - started, result


def difference(one: Any, other: Any) -> float:
    """Relative difference of two tensors."""
    return float((one.float() - other.float()).norm() / one.float().norm())


class Recipe:
    """The recipe, as tutorials write it."""

    def __init__(self, sdxl: Any, svd: Any, steps: tuple[int, int]) -> None:
        self.sdxl, self.svd, self.steps = sdxl, svd, steps

    def keyframe(self, request: Any, output_type: str = "pil") -> Any:
        """One SDXL picture."""
        from bridge.clips.diffusion import common

        return self.sdxl(
            request.prompt,
            negative_prompt=request.negative_prompt,
            width=1024,
            height=576,
            num_inference_steps=self.steps[0],
            guidance_scale=6.0,
            generator=common.generator(request.seed),
            output_type=output_type,
        ).images

    def clip(self, request: Any, picture: Any, output_type: str = "pil") -> Any:
        """One SVD clip of 25 frames."""
        from bridge.clips.diffusion import common

        return self.svd(
            picture,
            width=1024,
            height=576,
            num_frames=25,
            num_inference_steps=self.steps[1],
            fps=6,
            motion_bucket_id=request.motion,
            generator=common.generator(request.seed),
            output_type=output_type,
        ).frames


class Ours:
    """Beatboard's engines, on the same networks."""

    def __init__(self, sdxl_pipeline: Any, svd_pipeline: Any) -> None:
        from bridge.clips.diffusion import svd
        from bridge.clips.gpu import compiled_svd

        self.sdxl = sdxl_pipeline
        self.svd: Any = SimpleNamespace(pipeline=svd_pipeline, policy=svd.MemoryPolicy.RESIDENT)
        self.work: Any = SimpleNamespace(report=lambda *_: None, memory_level=0)
        self.compiled = compiled_svd.prepare_video(svd_pipeline)

    def keyframes(self, shots: list[Any]) -> list[Any]:
        """All of them, painted together."""
        from bridge.clips.diffusion import sdxl

        return list(sdxl.paint_batch(self.sdxl, sdxl.Recipe.of(shots[0]), shots, self.work))

    def clip(self, shot: Any, picture: Any) -> Any:
        """25 frames, as bytes."""
        from bridge.clips.base import Still
        from bridge.clips.diffusion import svd

        return svd.run(self.svd, shot, Still(picture), self.work, 25, 25 * shot.fps / 100)

    def compile(self, shot: Any, picture: Any) -> bool:
        """Waits until the other process has compiled both networks; gives whether it succeeded."""
        for compiled in self.compiled:
            free_all()
            self.clip(shot, picture)  # starts what isn't done, as far as there is room
            compiled.wait()
        return all(compiled.wait() for compiled in self.compiled)


def built() -> tuple[Any, Any]:
    """The two pipelines; the same weights in every process."""
    import torch

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        return build_sdxl(Path(folder)), build_svd()


def warm_figures(steps: tuple[int, int], report: Callable[[str], None], profiled: bool) -> dict[str, tuple[float, str]]:
    """The recipe and Beatboard in turn, everything compiled: figures by name, with their units."""
    import torch

    painter, animator = built()
    shots = requests(steps)
    recipe = Recipe(painter, animator, steps)
    recipe.keyframe(shots[0])
    keyframe_s, pictures = timed(lambda: recipe.keyframe(shots[0]))
    clip_s, _ = timed(lambda: recipe.clip(shots[0], pictures[0]))
    latents = recipe.clip(shots[0], pictures[0], "latent")
    report(f"recipe: keyframe {keyframe_s:.2f} s, clip {clip_s:.2f} s")
    if profiled:
        profile(lambda: recipe.clip(shots[0], pictures[0], "latent"), steps[1], report)

    ours = Ours(painter, animator)
    ours.keyframes(shots)
    batch_s, stills = timed(lambda: ours.keyframes(shots))
    report(f"ours: six keyframes {batch_s:.2f} s")
    compile_s, compiled = timed(lambda: ours.compile(requests((2, 2))[0], stills[0]))
    report(f"ours: compiled in {compile_s:.0f} s" if compiled else "ours: NOT compiled")
    load_s, _ = timed(lambda: ours.clip(requests((2, 2))[0], stills[0]))
    report(f"ours: loaded in {load_s:.0f} s")
    torch.cuda.reset_peak_memory_stats()
    fast_s = sorted(timed(lambda shot=shot: ours.clip(shot, stills[0]))[0] for shot in shots[:3])[1]
    peak = torch.cuda.max_memory_allocated() / 2**30
    off = difference(latents, recipe.clip(shots[0], pictures[0], "latent"))
    report(f"ours: clip {fast_s:.2f} s, latents differ by {off:.1e}")
    if profiled:
        profile(lambda: recipe.clip(shots[0], pictures[0], "latent"), steps[1], report)

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
        "gpu_peak_gib": (peak, "GiB"),
        "gpu_floor_share": (SHOTS * sum(COUNTED_TFLOP.values()) / FLOOR_TFLOPS / ours_s, "ratio"),
    }


def cold_figures(steps: tuple[int, int], report: Callable[[str], None]) -> dict[str, tuple[float, str]]:
    """Six shots in a process that has compiled nothing yet, but finds what others compiled on disk."""
    ours = Ours(*built())
    shots = requests(steps)
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two steps of everything")
    parser.add_argument("--profile", action="store_true", help="print the longest kernels, before and after")
    parser.add_argument("--cold", action="store_true", help="only the part in a new process")
    arguments = parser.parse_args()
    steps = (2, 2) if arguments.quick else (50, 25)
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")  # as the workers have it
    logging.basicConfig(level=logging.INFO)
    report: Callable[[str], None] = lambda line: print(line, flush=True)  # noqa: E731
    figures = cold_figures(steps, report) if arguments.cold else warm_figures(steps, report, arguments.profile)
    for name, (value, unit) in figures.items():
        print(f"figure {name} {value:.4g} {unit}", flush=True)
    if not arguments.cold:
        free_all()
        command = [sys.executable, __file__, "--cold", *(["--quick"] if arguments.quick else [])]
        subprocess.run(command, check=True)


def free_all() -> None:
    """Gives the GPU's memory back to the process that comes next."""
    import gc

    import torch

    gc.collect()
    torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
