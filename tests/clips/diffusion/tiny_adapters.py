"""Tiny adapters with random weights: IP-Adapters, motion modules, SparseCtrl, Stable Diffusion 1.5."""

from pathlib import Path
from typing import Any

import diffusers
import torch
from safetensors.torch import save_file

from tests.clips.diffusion.tiny_models import clip_text, clip_tokenizer, clip_vision, picture_vae

HIDDEN = 32
"""of the tiny image encoder; 49 patches and a class token"""


def save_lora(path: Path, layer: str, width: int, rank: int = 2) -> Path:
    """A LoRA for one square layer, named as trainers name it."""
    torch.manual_seed(0)
    down, up = torch.randn(rank, width), torch.randn(width, rank)
    save_file({f"{layer}.lora_A.weight": down, f"{layer}.lora_B.weight": up}, path)
    return path


def save_ip_adapters(folder: Path, sdxl: Path, cross_dim: int = 64, unet: Any = None) -> Path:
    """A folder laid out like h94/IP-Adapter: the plain, the plus and the plus-face adapter, and their encoder."""
    torch.manual_seed(0)
    unet = unet or diffusers.UNet2DConditionModel.from_pretrained(sdxl, subfolder="unet")
    layers = {}
    crossing = [name for name in unet.attn_processors if "attn2" in name]
    for i, name in enumerate(crossing):
        width = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape[0]
        for part in ("to_k_ip", "to_v_ip"):
            layers[f"ip_adapter.{2 * i + 1}.{part}.weight"] = torch.randn(width, cross_dim) * 0.3
    plain = {
        "image_proj.proj.weight": torch.randn(4 * cross_dim, 32),
        "image_proj.proj.bias": torch.zeros(4 * cross_dim),
        "image_proj.norm.weight": torch.ones(cross_dim),
        "image_proj.norm.bias": torch.zeros(cross_dim),
    }
    (folder / "sdxl_models").mkdir(parents=True)
    save_file(plain | layers, folder / "sdxl_models" / "ip-adapter_sdxl_vit-h.safetensors")
    for name in ("plus", "plus-face"):
        save_file(resampler(cross_dim) | layers, folder / "sdxl_models" / f"ip-adapter-{name}_sdxl_vit-h.safetensors")
    clip_vision().save_pretrained(folder / "models" / "image_encoder")
    return folder


def resampler(cross_dim: int, width: int = 64) -> dict[str, torch.Tensor]:
    """The plus adapters' image projection: queries that look at all patches, in four layers."""
    norm = {f"0.norm{i}.{part}": torch.ones(width) for i in (1, 2) for part in ("weight", "bias")}
    layer = norm | {
        "0.to_q.weight": torch.randn(64, width) * 0.1,
        "0.to_kv.weight": torch.randn(128, width) * 0.1,
        "0.to_out.weight": torch.randn(width, 64) * 0.1,
        "1.0.weight": torch.ones(width),
        "1.0.bias": torch.zeros(width),
        "1.1.weight": torch.randn(4 * width, width) * 0.1,
        "1.3.weight": torch.randn(width, 4 * width) * 0.1,
    }
    layers = {f"layers.{i}.{k}": v.clone() for i in range(4) for k, v in layer.items()}
    ends = {
        "latents": torch.randn(1, 4, width),
        "proj_in.weight": torch.randn(width, HIDDEN) * 0.2,
        "proj_in.bias": torch.zeros(width),
        "proj_out.weight": torch.randn(cross_dim, width) * 0.2,
        "proj_out.bias": torch.zeros(cross_dim),
        "norm_out.weight": torch.ones(cross_dim),
        "norm_out.bias": torch.zeros(cross_dim),
    }
    return {f"image_proj.{k}": v for k, v in (ends | layers).items()}


def save_motion(folder: Path, widths: tuple[int, ...] = (16, 32), mid: bool = False) -> Path:
    torch.manual_seed(0)
    diffusers.MotionAdapter(
        block_out_channels=widths,
        motion_layers_per_block=2,
        motion_norm_num_groups=2,
        motion_num_attention_heads=2,
        use_motion_mid_block=mid,
    ).save_pretrained(folder)
    return folder


def save_sd15(folder: Path) -> Path:
    """Stable Diffusion 1.5, about 0.2 M weights."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=2,
        sample_size=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32,
        norm_num_groups=4,
        attention_head_dim=2,
    )
    vae = picture_vae()
    diffusers.StableDiffusionPipeline(
        vae=vae,
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(folder / "words"),
        unet=unet,
        scheduler=diffusers.DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder, safe_serialization=True)
    return folder


def save_sparse(folder: Path) -> Path:
    torch.manual_seed(0)
    control = diffusers.SparseControlNetModel(
        block_out_channels=(16, 32),
        layers_per_block=2,
        in_channels=4,
        conditioning_channels=4,
        down_block_types=("CrossAttnDownBlockMotion", "DownBlockMotion"),
        cross_attention_dim=32,
        conditioning_embedding_out_channels=(16, 16),
        norm_num_groups=4,
        attention_head_dim=2,
        motion_num_attention_heads=2,
        use_simplified_condition_embedding=True,
    )
    for parameter in control.parameters():  # its last layers start at zero, and would change nothing
        torch.nn.init.normal_(parameter, std=0.1)
    control.save_pretrained(folder)
    return folder


def save_camera_lora(path: Path) -> Path:
    """A LoRA on a motion module's attention, named as AnimateDiff's are."""
    torch.manual_seed(1)
    place = "unet.down_blocks.0.motion_modules.0.transformer_blocks.0.attn1"
    weights = {}
    for part in ("to_q", "to_k", "to_v"):
        weights[f"{place}.{part}.lora_A.weight"] = torch.randn(4, 16)
        weights[f"{place}.{part}.lora_B.weight"] = torch.randn(16, 4)
    save_file(weights, path)
    return path


def save_painter_lora(path: Path) -> Path:
    """A LoRA on one cross-attention of the tiny SDXL."""
    torch.manual_seed(2)
    place = "unet.up_blocks.0.attentions.0.transformer_blocks.0.attn2"
    weights = {}
    for part, width in (("to_q", 32), ("to_k", 64), ("to_v", 64)):
        weights[f"{place}.{part}.lora_A.weight"] = torch.randn(4, width)
        weights[f"{place}.{part}.lora_B.weight"] = torch.randn(32, 4)
    save_file(weights, path)
    return path
