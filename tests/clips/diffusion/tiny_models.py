"""Tiny models of the true classes with random weights, saved where the production code loads from."""

from pathlib import Path

import diffusers
import torch
import transformers

torch.set_num_threads(1)


def clip_text(projection: int | None = None) -> transformers.PreTrainedModel:
    config = transformers.CLIPTextConfig(
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        vocab_size=1000,
        projection_dim=projection or 32,
        bos_token_id=0,
        eos_token_id=2,
    )
    return transformers.CLIPTextModelWithProjection(config) if projection else transformers.CLIPTextModel(config)


def clip_vision() -> transformers.CLIPVisionModelWithProjection:
    return transformers.CLIPVisionModelWithProjection(
        transformers.CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=37,
            num_attention_heads=4,
            num_hidden_layers=2,
            projection_dim=32,
            image_size=224,
            patch_size=32,
        )
    )


def clip_tokenizer(folder: Path) -> transformers.CLIPTokenizer:
    """A word list of letters: enough for any prompt."""
    import json
    import string

    letters = [*string.ascii_lowercase, *string.digits, ",", ".", "-", "'"]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def svd_unet(frames: int) -> diffusers.UNetSpatioTemporalConditionModel:
    return diffusers.UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=32,
        in_channels=8,
        out_channels=4,
        num_frames=frames,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=32,
        num_attention_heads=2,
        projection_class_embeddings_input_dim=96,
        addition_time_embed_dim=32,
    )


def svd_decoder() -> diffusers.AutoencoderKLTemporalDecoder:
    return diffusers.AutoencoderKLTemporalDecoder(
        block_out_channels=(32,) * 4, down_block_types=("DownEncoderBlock2D",) * 4, latent_channels=4
    )


def save_svd(folder: Path, frames: int = 5) -> Path:
    """Stable Video Diffusion, about 0.1 M weights."""
    torch.manual_seed(0)
    unet = svd_unet(frames)
    vae = svd_decoder()
    scheduler = diffusers.EulerDiscreteScheduler(
        beta_schedule="scaled_linear",
        timestep_type="continuous",
        prediction_type="v_prediction",
        use_karras_sigmas=True,
        sigma_min=0.002,
        sigma_max=700.0,
    )
    processor = transformers.CLIPImageProcessor(crop_size=224, size=224)
    diffusers.StableVideoDiffusionPipeline(
        vae=vae, image_encoder=clip_vision(), unet=unet, scheduler=scheduler, feature_extractor=processor
    ).save_pretrained(folder, safe_serialization=True)
    return folder


def picture_vae():
    """The decoder of Stable Diffusion and of SDXL, an eighth of the size in latents."""
    return diffusers.AutoencoderKL(
        block_out_channels=[16] * 4,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
    )


def save_refiner(folder: Path) -> Path:
    """SDXL's refiner: the second text encoder only, and an aesthetic score in place of the crop."""
    torch.manual_seed(3)
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        sample_size=8,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=5 * 8 + 32,
        cross_attention_dim=32,
    )
    vae = picture_vae()
    diffusers.StableDiffusionXLImg2ImgPipeline(
        vae=vae,
        text_encoder=None,
        text_encoder_2=clip_text(projection=32),
        tokenizer=None,
        tokenizer_2=clip_tokenizer(folder / "words"),
        unet=unet,
        scheduler=diffusers.EulerDiscreteScheduler(),
        requires_aesthetics_score=True,
    ).save_pretrained(folder, safe_serialization=True)
    return folder


def save_sdxl(folder: Path) -> Path:
    """Stable Diffusion XL, about 1 M weights."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=2,
        sample_size=8,
        norm_num_groups=4,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=80,
        cross_attention_dim=64,
    )
    vae = picture_vae()
    scheduler = diffusers.EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    tokenizer = clip_tokenizer(folder / "words")
    diffusers.StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=clip_text(),
        text_encoder_2=clip_text(projection=32),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=scheduler,
    ).save_pretrained(folder, safe_serialization=True)
    return folder
