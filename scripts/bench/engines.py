# SPDX-License-Identifier: GPL-3.0-or-later
"""Every generative engine at full size with random weights: six shots from request to finished clip.

Animators stand on SDXL's keyframes; painters are filmed by the camera, which costs little.

The networks are built from their published configurations, so nothing is downloaded; tokenizers, schedulers and
processors come from the tests' tiny models, whose folders are loaded by the production path with the large networks in
place of the small ones. Few steps, since time grows in proportion to them: multiply for the usual 25 to 50.

    python scripts/bench/engines.py                        # on a GPU: all of them, four steps each
    python scripts/bench/engines.py --engines ltx,svd --steps 8
    python scripts/bench/engines.py --engines svd --memory 3   # under another memory policy
    python scripts/bench/engines.py --tiny                 # on the CPU with tiny networks: does it run?
    python scripts/bench/engines.py --count                # parameters only: what the memory table should say

Figures for each: engine_NAME_first_shot_s (with building both models, and all six keyframes), engine_NAME_shot_s
(the median of the others), engine_NAME_peak_gib; with --count engine_NAME_weights_gib.
"""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from blender_addon.core.types import ShotKind
from scripts.measuring import ROOT, Alone, clip_request, figure, parser

SHOTS = 6
Part = tuple[str, Mapping[str, Any]]
"""a class of diffusers or transformers, and its configuration"""

T5_XXL: Part = (
    "T5EncoderModel",
    {"d_model": 4096, "d_ff": 10240, "d_kv": 64, "num_layers": 24, "num_heads": 64, "vocab_size": 32128,
     "feed_forward_proj": "gated-gelu"},
)  # fmt: skip
UMT5_XXL: Part = ("UMT5EncoderModel", {**T5_XXL[1], "vocab_size": 256384})
VIT_H: Part = (
    "CLIPVisionModel",
    {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 16,
     "patch_size": 14, "projection_dim": 1024, "hidden_act": "gelu"},
)  # fmt: skip
SDXL: dict[str, Part] = {
    "unet": (
        "UNet2DConditionModel",
        {"sample_size": 128, "block_out_channels": (320, 640, 1280),
         "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
         "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
         "transformer_layers_per_block": (1, 2, 10), "attention_head_dim": (5, 10, 20),
         "use_linear_projection": True, "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
         "projection_class_embeddings_input_dim": 2816, "cross_attention_dim": 2048},
    ),
    "vae": (
        "AutoencoderKL",
        {"block_out_channels": (128, 256, 512, 512), "down_block_types": ("DownEncoderBlock2D",) * 4,
         "up_block_types": ("UpDecoderBlock2D",) * 4, "layers_per_block": 2, "sample_size": 1024,
         "force_upcast": False, "scaling_factor": 0.13025},
    ),
    "text_encoder": ("CLIPTextModel", {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}),
    "text_encoder_2": (
        "CLIPTextModelWithProjection",
        {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
         "projection_dim": 1280, "hidden_act": "gelu"},
    ),
}  # fmt: skip

WAN22_DENOISER: Part = ("WanTransformer3DModel", {"in_channels": 36, "num_layers": 40})
WAN: dict[str, Part] = {
    "transformer": (
        WAN22_DENOISER[0],
        {**WAN22_DENOISER[1], "image_dim": 1280, "added_kv_proj_dim": 5120},
    ),
    "vae": ("AutoencoderKLWan", {}),
    "text_encoder": UMT5_XXL,
    "image_encoder": VIT_H,
}


FLUX_VAE: Part = (
    "AutoencoderKL",
    {
        **SDXL["vae"][1],
        "latent_channels": 16,
        "use_quant_conv": False,
        "use_post_quant_conv": False,
        "shift_factor": 0.1159,
        "scaling_factor": 0.3611,
    },
)
QWEN3_4B: Part = (
    "Qwen3ForCausalLM",
    {"vocab_size": 151936, "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36,
     "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": True},
)  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """One painter or animator to measure."""

    animator: str
    tiny: str
    """of the tests' builders: `save_...`"""
    parts: Mapping[str, Part]
    """of the pipeline, at full size"""
    painter: str = "sdxl"
    """for one to be measured, `tiny` and `parts` are its own"""
    motion: Part | None = None
    control: Part | None = None
    options: tuple[tuple[str, str], ...] = ()
    meets: bool = False
    """each shot ends on the next one's first frame: for a model that needs a last frame"""


SUBJECTS = {
    "svd": Subject(
        "svd",
        "svd",
        {
            "unet": ("UNetSpatioTemporalConditionModel", {"num_attention_heads": (5, 10, 20, 20), "num_frames": 25}),
            "vae": (
                "AutoencoderKLTemporalDecoder",
                {"block_out_channels": (128, 256, 512, 512), "down_block_types": ("DownEncoderBlock2D",) * 4,
                 "layers_per_block": 2, "latent_channels": 4},
            ),
            "image_encoder": ("CLIPVisionModelWithProjection", VIT_H[1]),
        },
        options=(("compile", "no"),),
    ),
    "animatediff-sdxl": Subject(
        "animatediff",
        "sdxl",
        SDXL,
        motion=("MotionAdapter", {"block_out_channels": (320, 640, 1280), "use_motion_mid_block": False}),
    ),
    "animatediff-sparse": Subject(
        "animatediff",
        "sd15",
        {
            "unet": ("UNet2DConditionModel", {"sample_size": 64, "cross_attention_dim": 768}),
            "vae": (
                "AutoencoderKL",
                {"block_out_channels": (128, 256, 512, 512), "down_block_types": ("DownEncoderBlock2D",) * 4,
                 "up_block_types": ("UpDecoderBlock2D",) * 4, "layers_per_block": 2, "sample_size": 512},
            ),
            "text_encoder": SDXL["text_encoder"],
        },
        motion=("MotionAdapter", {"use_motion_mid_block": False}),
        control=("SparseControlNetModel", {"conditioning_channels": 4, "use_simplified_condition_embedding": True}),
        options=(("camera", "none"),),  # its LoRAs would have to be downloaded
    ),
    "ltx": Subject(
        "ltx",
        "ltx",
        {
            "transformer": ("LTXVideoTransformer3DModel", {}),
            "vae": (
                "AutoencoderKLLTXVideo",
                {"block_out_channels": (128, 256, 512, 1024, 2048), "decoder_block_out_channels": (256, 512, 1024),
                 "layers_per_block": (4, 6, 6, 2, 2), "decoder_layers_per_block": (5, 5, 5, 5),
                 "down_block_types": ("LTXVideo095DownBlock3D",) * 4,
                 "spatio_temporal_scaling": (True,) * 4, "decoder_spatio_temporal_scaling": (True,) * 3,
                 "decoder_inject_noise": (False,) * 4, "upsample_residual": (True,) * 3, "upsample_factor": (2, 2, 2),
                 "downsample_type": ("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
                 "timestep_conditioning": True, "spatial_compression_ratio": 32, "temporal_compression_ratio": 8},
            ),
            "text_encoder": T5_XXL,
        },
    ),
    "cogvideox": Subject(
        "cogvideox",
        "cogvideox",
        {
            "transformer": (
                "CogVideoXTransformer3DModel",
                {"num_attention_heads": 48, "attention_head_dim": 64, "in_channels": 32, "out_channels": 16,
                 "num_layers": 42, "sample_width": 90, "sample_height": 60, "sample_frames": 49,
                 "use_rotary_positional_embeddings": True, "use_learned_positional_embeddings": True},
            ),
            "vae": (
                "AutoencoderKLCogVideoX",
                {"down_block_types": ("CogVideoXDownBlock3D",) * 4, "up_block_types": ("CogVideoXUpBlock3D",) * 4,
                 "block_out_channels": (128, 256, 256, 512), "latent_channels": 16, "layers_per_block": 3,
                 "scaling_factor": 0.7},
            ),
            "text_encoder": T5_XXL,
        },
    ),
    "wan": Subject("wan", "wan", WAN),
    "wan-flf": Subject(
        "wan",
        "wan_flf",
        {**WAN, "transformer": (WAN["transformer"][0], {**WAN["transformer"][1], "pos_embed_seq_len": 514})},
        meets=True,
    ),
    "wan22": Subject(
        "wan",
        "wan22",
        {
            "transformer": WAN22_DENOISER,
            "transformer_2": WAN22_DENOISER,
            "vae": WAN["vae"],
            "text_encoder": WAN["text_encoder"],
        },
    ),
    "wan22-5b": Subject(
        "wan5b",
        "wan22_5b",
        {
            "transformer": (
                "WanTransformer3DModel",
                {"in_channels": 48, "out_channels": 48, "num_attention_heads": 24, "ffn_dim": 14336, "num_layers": 30},
            ),
            "vae": (
                "AutoencoderKLWan",
                {"base_dim": 160, "decoder_base_dim": 256, "z_dim": 48, "in_channels": 12, "out_channels": 12,
                 "patch_size": 2, "is_residual": True, "scale_factor_spatial": 16,
                 "latents_mean": (0.0,) * 48, "latents_std": (1.0,) * 48},
            ),
            "text_encoder": UMT5_XXL,
        },
    ),
    "ltx2": Subject(
        "ltx2",
        "ltx2",
        {
            "transformer": ("LTX2VideoTransformer3DModel", {"rope_type": "split"}),
            "connectors": ("LTX2TextConnectors", {"rope_type": "split"}),
            "vae": ("AutoencoderKLLTX2Video", {"spatial_compression_ratio": 32, "temporal_compression_ratio": 8}),
            "audio_vae": ("AutoencoderKLLTX2Audio", {}),
            "vocoder": ("LTX2Vocoder", {}),
            "text_encoder": (
                "Gemma3ForConditionalGeneration",
                {"text_config": {"hidden_size": 3840, "intermediate_size": 15360, "num_hidden_layers": 48,
                                 "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256,
                                 "vocab_size": 262208},
                 "vision_config": {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27,
                                   "num_attention_heads": 16, "image_size": 896, "patch_size": 14}},
            ),
        },
    ),
    "hunyuan": Subject(
        "hunyuan",
        "hunyuan",
        {
            "transformer": (
                "HunyuanVideoTransformer3DModel",
                {"in_channels": 33, "guidance_embeds": False, "image_condition_type": "latent_concat"},
            ),
            "vae": ("AutoencoderKLHunyuanVideo", {}),
            "text_encoder": (
                "LlavaForConditionalGeneration",
                {"image_token_index": 30, "pad_token_id": 0,  # of the tests' tokenizer
                 "text_config": {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
                                 "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
                                 "vocab_size": 128320},
                 "vision_config": {"model_type": "clip_vision_model", "hidden_size": 1024, "intermediate_size": 4096,
                                   "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 336,
                                   "patch_size": 14, "projection_dim": 768}},
            ),
            "text_encoder_2": SDXL["text_encoder"],
        },
    ),
    "hunyuan15": Subject(
        "hunyuan15",
        "hunyuan15",
        {
            "transformer": ("HunyuanVideo15Transformer3DModel", {}),
            "vae": ("AutoencoderKLHunyuanVideo15", {}),
            "text_encoder_2": (
                "T5EncoderModel",
                {"d_model": 1472, "d_ff": 3584, "d_kv": 64, "num_layers": 12, "num_heads": 6, "vocab_size": 1510,
                 "feed_forward_proj": "gated-gelu"},
            ),
            "text_encoder": (
                "Qwen2_5_VLTextModel",
                {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
                 "num_key_value_heads": 4, "vocab_size": 152064,
                 "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6}},
            ),
            "image_encoder": (
                "SiglipVisionModel",
                {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
                 "image_size": 384, "patch_size": 14},
            ),
        },
    ),
    "flux2-klein": Subject(
        "camera",
        "flux2_klein",
        {
            "transformer": (
                "Flux2Transformer2DModel",
                {"num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24, "joint_attention_dim": 7680,
                 "guidance_embeds": False},
            ),
            "vae": ("AutoencoderKLFlux2", {}),
            "text_encoder": QWEN3_4B,
        },
        painter="flux2-klein",
    ),
    "z-image": Subject(
        "camera",
        "z_image",
        {"transformer": ("ZImageTransformer2DModel", {}), "vae": FLUX_VAE, "text_encoder": QWEN3_4B},
        painter="z-image",
    ),
    "qwen-image": Subject(
        "camera",
        "qwen_image",
        {
            "transformer": ("QwenImageTransformer2DModel", {}),
            "vae": ("AutoencoderKLQwenImage", {}),
            "text_encoder": (
                "Qwen2_5_VLForConditionalGeneration",
                {"text_config": {"vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944,
                                 "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
                                 "rope_scaling": {"type": "default", "mrope_section": [16, 24, 24]},
                                 "rope_theta": 1e6},
                 "vision_config": {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
                                   "out_hidden_size": 3584, "fullatt_block_indexes": [7, 15, 23, 31]}},
            ),
        },
        painter="qwen-image",
    ),
    "flux-kontext": Subject(
        "camera",
        "flux_kontext",
        {
            "transformer": ("FluxTransformer2DModel", {"guidance_embeds": True}),
            "vae": FLUX_VAE,
            "text_encoder": ("CLIPTextModel", SDXL["text_encoder"][1]),
            "text_encoder_2": T5_XXL,
        },
        painter="flux-kontext",
    ),
}  # fmt: skip


def built(part: Part, device: str, dtype: Any) -> Any:
    """A network of random weights."""
    import diffusers
    import torch
    import transformers
    from diffusers.pipelines import ltx2

    name, config = part
    kind = next(found for place in (diffusers, transformers, ltx2) if (found := getattr(place, name, None)))
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)  # built in single precision first, the largest would not fit
    try:
        with torch.device(device):
            network = kind(**config) if hasattr(kind, "load_config") else kind(kind.config_class(**config))
    finally:
        torch.set_default_dtype(default)
    return network.to(device, dtype).eval()


def weights_gib(parts: Mapping[str, Part]) -> dict[str, float]:
    """What each part's weights take in half precision; nothing is allocated."""
    import torch

    networks = {name: built(part, "meta", torch.float16) for name, part in parts.items()}
    return {name: sum(p.numel() for p in network.parameters()) * 2 / 2**30 for name, network in networks.items()}


@dataclass
class World:
    """Where the production path finds its models: tiny folders, and large networks to take their networks' places."""

    folder: Path
    is_tiny: bool
    large: dict[str, Mapping[str, Part]] = field(default_factory=dict)
    """by folder"""
    sizes_gib: dict[str, float] = field(default_factory=dict)
    """of the large networks, by folder; counting them takes half a second, which real files don't"""

    def save(self, name: str, parts: Mapping[str, Part]) -> str:
        """A tiny model's folder, whose networks are to be replaced by these."""
        from tests.clips.diffusion import tiny_adapters, tiny_models, tiny_still_models, tiny_video_models

        folder = self.folder / name
        for module in (tiny_models, tiny_adapters, tiny_still_models, tiny_video_models):
            if hasattr(module, f"save_{name}") and not folder.exists():
                getattr(module, f"save_{name}")(folder)
        if not self.is_tiny:
            self.large[str(folder)] = parts
        return str(folder)

    @contextlib.contextmanager
    def taking_over(self) -> Iterator[None]:
        """`models.load` gives pipelines with large networks."""
        from bridge.clips.gpu import devices, models

        load, size_gib = models.load, models.size_gib

        def large(kind: Any, model: Any, **options: Any) -> Any:
            parts = self.large.get(model.source, {})
            networks = {name: built(part, str(devices.best_device()), options["dtype"]) for name, part in parts.items()}
            if set(networks) == {""}:
                return networks[""]
            return load(kind, model, **{**options, **networks})

        models.load = large
        models.size_gib = lambda model: self.large_gib(model.source) if model.source in self.large else size_gib(model)
        try:
            yield
        finally:
            models.load, models.size_gib = load, size_gib

    def large_gib(self, folder: str) -> float:
        """What the large networks in a folder's place take; counted once."""
        if folder not in self.sizes_gib:
            self.sizes_gib[folder] = sum(weights_gib(self.large[folder]).values())
        return self.sizes_gib[folder]

    def options(self, subject: Subject) -> dict[str, str]:
        """The engine's options that name the models."""
        import torch

        from tests.clips.diffusion import tiny_adapters

        if subject.painter != "sdxl":
            return {"painter_model": self.save(subject.tiny, subject.parts), "likeness": "no"}
        named = {"painter_model": self.save("sdxl", SDXL), "likeness": "no"}
        named["model"] = named["painter_model"] if subject.tiny == "sdxl" else self.save(subject.tiny, subject.parts)
        if subject.motion:
            named["motion_model"] = self.save("motion", {"": subject.motion})
        if subject.control:
            named["keyframe_model"] = self.save("sparse", {"": subject.control})
        elif subject.motion:
            adapters = self.folder / "adapters"
            cross_dim = 64 if self.is_tiny else int(SDXL["unet"][1]["cross_attention_dim"])
            if not adapters.exists():
                unet = None if self.is_tiny else built(SDXL["unet"], "meta", torch.float16)
                tiny_adapters.save_ip_adapters(adapters, Path(named["model"]), cross_dim, unet)
            named["keyframe_model"] = str(adapters)
        return named | dict(subject.options)


def storyboard(subject: Subject, options: Mapping[str, str], cover_sha256: str) -> list[Any]:
    """Six shots of one to four seconds; the last one ends on the cover."""
    given = tuple(sorted(options.items()))
    kinds = [ShotKind.HERO_HOLD, *[ShotKind.MOTION] * (SHOTS - 2), ShotKind.COVER_END]
    return [
        clip_request(
            f"s{i + 1:02d}",
            painter=subject.painter,
            animator=subject.animator,
            kind=kind,
            prompt=f"a lighthouse at night, shot {i}",
            seed=i,
            motion=127,
            frame_count=(36, 48, 60, 48, 72, 96)[i],
            hold_frames=0 if kind is ShotKind.MOTION else 12,
            cover_sha256=cover_sha256,
            options=given,
            into=f"s{i + 2:02d}" if subject.meets and i < SHOTS - 1 else "",
        )
        for i, kind in enumerate(kinds)
    ]


def measure(name: str, subject: Subject, world: World, options: Mapping[str, str], count: int) -> dict[str, float]:
    """So many clips of the six, from request to file; figures by name."""
    import torch

    from bridge.clips.gpu.pipeline_cache import PIPELINES
    from bridge.common.store import Store

    store = Store(world.folder / f"store-{name}")
    cover = store.put(ROOT / "examples" / "cover.jpg")
    options = world.options(subject) | dict(options)
    if world.is_tiny:
        options |= {"scale": "0.1", "painter_scale": "0.1"}
    if subject.animator == "camera":
        options = {name: value for name, value in options.items() if name not in ("steps", "scale")}
    shots = storyboard(subject, options, cover)[-count:]
    if world.is_tiny:
        shots = [replace(shot, width_px=128, height_px=72, frame_count=20) for shot in shots]
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    (folder := world.folder / "work").mkdir(exist_ok=True)
    work = Alone(folder, store.path)
    for shot in shots:
        work.siblings = [other for other in shots if other != shot]
        started_s = time.perf_counter()
        clip = made(shot, store, work)
        seconds.append(time.perf_counter() - started_s)
        print(f"{name}: {shot.shot_id} {clip.frame_count} frames in {seconds[-1]:.1f} s", flush=True)
    peak_gib = torch.cuda.max_memory_allocated() / 2**30 if on_gpu else 0.0
    PIPELINES.clear()
    store.close()
    return {"first_shot_s": seconds[0], "shot_s": median(seconds[1:] or seconds), "peak_gib": peak_gib}


def made(shot: Any, store: Any, work: Any) -> Any:
    """The clip; like a worker, with the next memory policy where memory ran out."""
    import torch

    from bridge.clips import make_clip
    from bridge.clips.gpu.pipeline_cache import PIPELINES

    while True:
        try:
            return make_clip.make_clip(shot, store, work)
        except torch.OutOfMemoryError as error:
            work.memory_level += 1
            print(f"{shot.shot_id}: out of memory, level {work.memory_level} next ({str(error)[:80]})", flush=True)
        PIPELINES.clear()  # outside of the handler, where the error still holds the network's frames


def count(name: str, subject: Subject) -> dict[str, float]:
    """The weights of each of its networks."""
    extra = {part[0]: part for part in (subject.motion, subject.control) if part}
    found = weights_gib({**subject.parts, **extra})
    print(f"{name}: " + ", ".join(f"{part} {gib:.1f}" for part, gib in found.items()), flush=True)
    return {"weights_gib": sum(found.values())}


def quiet() -> None:
    """Figures only: no progress bars, no advice."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


def main() -> None:
    """Prints the figures."""
    command = parser(__doc__, wants_gpu=True)
    command.add_argument("--engines", default=",".join(SUBJECTS), help="which, with commas between")
    command.add_argument("--steps", type=int, default=4, help="of painter and animator")
    command.add_argument("--shots", type=int, default=SHOTS, help="so many of them")
    command.add_argument("--memory", help="the memory policy, 0 to 4, in place of the one that fits")
    command.add_argument("--count", action="store_true", help="only the networks' sizes")
    given = command.parse_args()
    steps, shots = (1, 1) if given.quick else (given.steps, given.shots)
    options = {"steps": str(steps), "painter_steps": str(steps)}
    if given.memory:
        options["memory"] = given.memory
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")  # as the workers have it
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), given.tiny)
        for name in given.engines.split(","):
            with world.taking_over():
                subject = SUBJECTS[name]
                found = count(name, subject) if given.count else measure(name, subject, world, options, shots)
            for part, value in found.items():
                figure(f"engine_{name}_{part}", value, "GiB" if part.endswith("_gib") else "s")


if __name__ == "__main__":
    main()
