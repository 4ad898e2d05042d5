# SPDX-License-Identifier: GPL-3.0-or-later
"""Beatboard's engines against the recipe that people copy, on one GPU, with full-size networks of random weights.

The recipe: six SDXL keyframes one by one (50 steps), each through SVD-XT (25 frames, 25 steps), 1024x576, half
precision, plain diffusers. Both run the same requests with the same seeds in one process, in turn.

    python scripts/bench_gpu.py            # about six minutes on an H100, most of it compiling
    python scripts/bench_gpu.py --quick    # two steps of everything: does it run?

Figures: gpu_keyframe_recipe_s, gpu_keyframe_s, gpu_clip_recipe_s, gpu_clip_s, gpu_speedup, gpu_latent_difference,
gpu_compile_s, gpu_peak_gib, gpu_floor_share.
"""

import argparse
import json
import string
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

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

    from blender_addon.protocol import ClipRequest, Framing, ShotKind

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
        from bridge.engines import diffusion

        return self.sdxl(
            request.prompt,
            negative_prompt=request.negative_prompt,
            width=1024,
            height=576,
            num_inference_steps=self.steps[0],
            guidance_scale=6.0,
            generator=diffusion.generator(request.seed),
            output_type=output_type,
        ).images

    def clip(self, request: Any, picture: Any, output_type: str = "pil") -> Any:
        """One SVD clip of 25 frames."""
        from bridge.engines import diffusion

        return self.svd(
            picture,
            width=1024,
            height=576,
            num_frames=25,
            num_inference_steps=self.steps[1],
            fps=6,
            motion_bucket_id=request.motion,
            generator=diffusion.generator(request.seed),
            output_type=output_type,
        ).frames


def run(steps: tuple[int, int], report: Callable[[str], None]) -> dict[str, tuple[float, str]]:
    """All figures by name, with their units."""
    import torch

    from bridge.engines import fast, sdxl, svd
    from bridge.engines.base import Still

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        painter = build_sdxl(Path(folder))
    plain = build_svd()
    recipe = Recipe(painter, plain, steps)
    shots = requests(steps)
    work: Any = SimpleNamespace(report=lambda *_: None, memory_level=0)

    recipe.keyframe(shots[0])
    keyframe_s, pictures = timed(lambda: recipe.keyframe(shots[0]))
    picture = pictures[0]
    clip_s, _ = timed(lambda: recipe.clip(shots[0], picture))
    latents = recipe.clip(shots[0], picture, "latent")
    report(f"recipe: keyframe {keyframe_s:.2f} s, clip {clip_s:.2f} s")

    ours = sdxl.Recipe.of(shots[0])
    list(sdxl.paint_batch(painter, ours, shots, work))
    batch_s, stills = timed(lambda: list(sdxl.paint_batch(painter, ours, shots, work)))
    report(f"ours: six keyframes {batch_s:.2f} s")

    fast.prepare_video(plain)
    loaded: Any = SimpleNamespace(pipeline=plain, policy=svd.MemoryPolicy.RESIDENT)
    still = Still(stills[0])
    animate = lambda request: svd.run(loaded, request, still, work, 25, 25 * request.fps / 100)  # noqa: E731
    first_s, _ = timed(lambda: animate(shots[0]))
    torch.cuda.reset_peak_memory_stats()
    warm = [timed(lambda shot=shot: animate(shot))[0] for shot in shots[:3]]
    fast_s = sorted(warm)[1]
    peak = torch.cuda.max_memory_allocated() / 2**30
    off = difference(latents, recipe.clip(shots[0], picture, "latent"))
    report(f"ours: clip {fast_s:.2f} s ({first_s:.0f} s the first time), latents differ by {off:.1e}")

    theirs_s = SHOTS * (keyframe_s + clip_s)
    ours_s = batch_s + SHOTS * fast_s
    floor_s = SHOTS * sum(COUNTED_TFLOP.values()) / FLOOR_TFLOPS
    return {
        "gpu_keyframe_recipe_s": (keyframe_s, "s"),
        "gpu_keyframe_s": (batch_s / SHOTS, "s"),
        "gpu_clip_recipe_s": (clip_s, "s"),
        "gpu_clip_s": (fast_s, "s"),
        "gpu_speedup": (theirs_s / ours_s, "ratio"),
        "gpu_latent_difference": (off, "ratio"),
        "gpu_compile_s": (first_s - fast_s, "s"),
        "gpu_peak_gib": (peak, "GiB"),
        "gpu_floor_share": (floor_s / ours_s, "ratio"),
    }


def main() -> None:
    """Prints the figures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="two steps of everything")
    steps = (2, 2) if arguments.parse_args().quick else (50, 25)
    for name, (value, unit) in run(steps, lambda line: print(line, flush=True)).items():
        print(f"figure {name} {value:.4g} {unit}")


if __name__ == "__main__":
    main()
