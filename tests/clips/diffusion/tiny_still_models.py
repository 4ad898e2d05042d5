"""Tiny image transformers of the true classes with random weights, saved where the production code loads from."""

import json
from pathlib import Path

import diffusers
import torch
import transformers

from tests.clips.diffusion.tiny_models import clip_text, clip_tokenizer
from tests.clips.diffusion.tiny_video_models import letter_tokenizer, t5

TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
SPECIAL = ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>")


def qwen_tokenizer() -> transformers.PreTrainedTokenizerFast:
    """With a chat template, as Qwen's has."""
    tokenizer = letter_tokenizer(SPECIAL)
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def qwen3(layers: int) -> transformers.Qwen3ForCausalLM:
    """Pipelines read certain layers of it."""
    config = transformers.Qwen3Config(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
    )
    return transformers.Qwen3ForCausalLM(config)


def save_flux2_klein(folder: Path) -> Path:
    torch.manual_seed(0)
    transformer = diffusers.Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=256,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    vae = diffusers.AutoencoderKLFlux2(
        sample_size=32,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4,) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=1,
    )
    diffusers.Flux2KleinPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        text_encoder=qwen3(28),  # its layers 9, 18 and 27 are read
        tokenizer=qwen_tokenizer(),
        transformer=transformer,
        is_distilled=True,
    ).save_pretrained(folder, safe_serialization=True)
    return folder


def save_z_image(folder: Path) -> Path:
    torch.manual_seed(0)
    transformer = diffusers.ZImageTransformer2DModel(
        in_channels=4,
        dim=32,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[512, 64, 64],
    )
    diffusers.ZImagePipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=plain_vae(),
        text_encoder=qwen3(2),
        tokenizer=qwen_tokenizer(),
        transformer=transformer,
    ).save_pretrained(folder, safe_serialization=True)
    return folder


def plain_vae() -> diffusers.AutoencoderKL:
    return diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4,) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.0,
        scaling_factor=1.0,
    )


def save_qwen_image(folder: Path) -> Path:
    torch.manual_seed(0)
    diffusers.QwenImagePipeline(**qwen_parts()).save_pretrained(folder, safe_serialization=True)
    return folder


def save_qwen_image_edit(folder: Path) -> Path:
    """Without its processor, which can't be made where there is no torchvision: see `PictureProcessor`."""
    save_qwen_image(folder)
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"_class_name": "QwenImageEditPlusPipeline", "processor": ["transformers", "Qwen2VLProcessor"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


class PictureProcessor(transformers.ProcessorMixin):
    """What Qwen2VLProcessor does with words and pictures: a place for each patch of a picture among the words."""

    def __init__(self) -> None:
        self.tokenizer = qwen_tokenizer()
        self.pictures = transformers.Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=56 * 56)

    def __call__(self, text, images, padding, return_tensors):
        seen = self.pictures(images=images, return_tensors=return_tensors)
        (words,) = text
        for grid in seen["image_grid_thw"]:
            words = words.replace(SPECIAL[1], "#" * (int(grid.prod()) // 4), 1)
        found = self.tokenizer(words.replace("#", SPECIAL[1]), return_tensors=return_tensors, padding=padding)
        return transformers.BatchFeature({**found, **seen})


def qwen_parts() -> dict:
    tokenizer = qwen_tokenizer()
    start, pad, end, video = tokenizer.convert_tokens_to_ids(list(SPECIAL))
    config = transformers.Qwen2_5_VLConfig(
        text_config={
            "vocab_size": 64,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "rope_scaling": {"type": "default", "mrope_section": [1, 1, 2]},
            "rope_theta": 1e6,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
            "fullatt_block_indexes": [1],
        },
        vision_start_token_id=start,
        vision_end_token_id=end,
        image_token_id=pad,
        video_token_id=video,
    )
    return {
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(),
        "vae": diffusers.AutoencoderKLQwenImage(
            base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
        ),
        "text_encoder": transformers.Qwen2_5_VLForConditionalGeneration(config),
        "tokenizer": tokenizer,
        "transformer": diffusers.QwenImageTransformer2DModel(
            in_channels=64,
            out_channels=16,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            axes_dims_rope=(8, 4, 4),
        ),
    }


def save_flux_kontext(folder: Path) -> Path:
    torch.manual_seed(0)
    transformer = diffusers.FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=True,
    )
    diffusers.FluxKontextPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=plain_vae(),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(folder / "words"),
        text_encoder_2=t5(),
        tokenizer_2=letter_tokenizer(),
        transformer=transformer,
    ).save_pretrained(folder, safe_serialization=True)
    return folder
