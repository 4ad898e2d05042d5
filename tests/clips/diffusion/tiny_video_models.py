"""Tiny image-to-video transformers of the true classes with random weights, saved where the production code loads from.

Each has the true model's shape of latents: 8 pixels and 4 or 8 frames to one.
"""

from pathlib import Path

import diffusers
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.clips.diffusion.tiny_models import clip_text, clip_tokenizer, clip_vision

WORDS = ["<pad>", "</s>", "<unk>", "<bos>", *"abcdefghijklmnopqrstuvwxyz"]


def letter_tokenizer(extra: tuple[str, ...] = (), **options) -> transformers.PreTrainedTokenizerFast:
    """Every letter a token: enough for any prompt."""
    words = {word: i for i, word in enumerate([*WORDS, *extra])}
    backend = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokens = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "bos_token": "<bos>"}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=64, additional_special_tokens=list(extra), **tokens, **options
    )


T5 = {"d_model": 32, "d_ff": 37, "d_kv": 8, "num_layers": 1, "num_heads": 4, "vocab_size": 64}


def t5() -> transformers.T5EncoderModel:
    return transformers.T5EncoderModel(transformers.T5Config(**T5))


def save_wan_flf(folder: Path) -> Path:
    """The version for a first and a last frame: its image embedder knows the places of two pictures."""
    return save_wan(folder, places=2 * (7 * 7 + 1))


def save_wan(folder: Path, places: int | None = None) -> Path:
    torch.manual_seed(0)
    transformer = wan_transformer(image_dim=32, pos_embed_seq_len=places)
    wan_pipeline(wan_vae(), transformer, image_encoder=clip_vision()).save_pretrained(folder, safe_serialization=True)
    return folder


def save_wan22(folder: Path) -> Path:
    """Two denoisers, one for the early steps and one for the late, which read the picture from the latents alone."""
    torch.manual_seed(0)
    early, late = wan_transformer(), wan_transformer()
    for network in (early, late):  # so that what they read shows in the pictures
        network.patch_embedding.weight.data *= 20
        network.proj_out.weight.data *= 20
    wan_pipeline(wan_vae(), early, transformer_2=late, boundary_ratio=0.9).save_pretrained(
        folder, safe_serialization=True
    )
    return folder


def save_wan22_5b(folder: Path) -> Path:
    """The small version: 16 pixels to one of the latents' and a time step of its own for the picture that is given."""
    torch.manual_seed(0)
    vae = wan_vae(
        z_dim=48,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        is_residual=True,
        scale_factor_spatial=16,
        latents_mean=[0.0] * 48,
        latents_std=[1.0] * 48,
    )
    transformer = wan_transformer(in_channels=48, out_channels=48)
    wan_pipeline(vae, transformer, expand_timesteps=True).save_pretrained(folder, safe_serialization=True)
    return folder


def wan_vae(**options) -> diffusers.AutoencoderKLWan:
    few = {"base_dim": 3, "z_dim": 16, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
    return diffusers.AutoencoderKLWan(**{**few, "temperal_downsample": [False, True, True], **options})


def wan_transformer(**options) -> diffusers.WanTransformer3DModel:
    few = {"num_attention_heads": 2, "attention_head_dim": 12, "text_dim": 32, "freq_dim": 32, "ffn_dim": 32}
    return diffusers.WanTransformer3DModel(
        **{"in_channels": 36, "out_channels": 16, "num_layers": 2, "rope_max_seq_len": 64, **few, **options}
    )


def wan_pipeline(
    vae: diffusers.AutoencoderKLWan, transformer: diffusers.WanTransformer3DModel, **options
) -> diffusers.WanImageToVideoPipeline:
    return diffusers.WanImageToVideoPipeline(
        tokenizer=letter_tokenizer(),
        text_encoder=transformers.UMT5EncoderModel(transformers.UMT5Config(**T5)),
        vae=vae,
        scheduler=diffusers.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True),
        image_processor=transformers.CLIPImageProcessor(crop_size=224, size=224),
        transformer=transformer,
        **options,
    )


def save_ltx(folder: Path) -> Path:
    torch.manual_seed(0)
    transformer = diffusers.LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        num_layers=2,
        caption_channels=32,
    )
    vae = diffusers.AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, True, False),
        decoder_spatio_temporal_scaling=(True, True, True, False),
        decoder_inject_noise=(False,) * 5,
        upsample_residual=(False,) * 4,
        upsample_factor=(1,) * 4,
        timestep_conditioning=False,
        patch_size=4,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
    )
    diffusers.LTXConditionPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        text_encoder=t5(),
        tokenizer=letter_tokenizer(),
        transformer=transformer,
    ).save_pretrained(folder, safe_serialization=True)
    return folder


def save_ltx2(folder: Path) -> Path:
    from diffusers.pipelines.ltx2 import LTX2TextConnectors
    from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder

    torch.manual_seed(0)
    text = {
        "vocab_size": 64,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "max_position_embeddings": 2048,
    }
    vision = {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": 28,
        "patch_size": 14,
    }
    gemma = transformers.Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4)
    transformer = diffusers.LTX2VideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=1,
        qk_norm="rms_norm_across_heads",
        caption_channels=16,
        rope_double_precision=False,
        rope_type="split",
    )
    connectors = LTX2TextConnectors(
        caption_channels=16,
        text_proj_in_factor=2,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=8,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=None,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=8,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=None,
        connector_rope_base_seq_len=32,
        rope_double_precision=False,
        rope_type="split",
    )
    vae = diffusers.AutoencoderKLLTX2Video(
        latent_channels=4,
        block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, True),
        decoder_spatio_temporal_scaling=(True, True, True),
        decoder_inject_noise=(False,) * 4,
        downsample_type=("spatiotemporal",) * 3,
        upsample_residual=(False,) * 3,
        upsample_factor=(1,) * 3,
        timestep_conditioning=False,
        patch_size=4,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
    )
    audio_vae = diffusers.AutoencoderKLLTX2Audio(
        base_channels=4,
        output_channels=2,
        ch_mult=(1,),
        num_res_blocks=1,
        attn_resolutions=None,
        in_channels=2,
        resolution=32,
        latent_channels=2,
        norm_type="pixel",
        causality_axis="height",
        mid_block_add_attention=False,
        sample_rate=16000,
        mel_hop_length=160,
        is_causal=True,
        mel_bins=8,
    )
    vocoder = LTX2Vocoder(
        in_channels=16,
        hidden_channels=32,
        out_channels=2,
        upsample_kernel_sizes=[4, 4],
        upsample_factors=[2, 2],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        output_sampling_rate=16000,
    )
    diffusers.LTX2ConditionPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        audio_vae=audio_vae,
        text_encoder=transformers.Gemma3ForConditionalGeneration(gemma),
        tokenizer=letter_tokenizer(),
        connectors=connectors,
        transformer=transformer,
        vocoder=vocoder,
    ).save_pretrained(folder, safe_serialization=True)
    return folder


def save_cogvideox(folder: Path, learned: bool = False) -> Path:
    torch.manual_seed(0)
    transformer = diffusers.CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=8,
        out_channels=4,
        time_embed_dim=2,
        text_embed_dim=32,
        num_layers=2,
        sample_width=12,
        sample_height=8,
        sample_frames=9,
        patch_size=2,
        temporal_compression_ratio=4,
        max_text_seq_length=226,
        use_rotary_positional_embeddings=True,
        use_learned_positional_embeddings=learned,
    )
    vae = diffusers.AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
    )
    diffusers.CogVideoXImageToVideoPipeline(
        tokenizer=letter_tokenizer(),
        text_encoder=t5(),
        vae=vae,
        transformer=transformer,
        scheduler=diffusers.CogVideoXDDIMScheduler(),
    ).save_pretrained(folder, safe_serialization=True)
    return folder


def save_hunyuan(folder: Path) -> Path:
    torch.manual_seed(0)
    marks = ("<image>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    words = {word: i for i, word in enumerate([*WORDS, *marks])}
    backend = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>", additional_special_tokens=list(marks)
    )
    text = transformers.LlamaConfig(
        hidden_size=16, intermediate_size=16, num_attention_heads=2, num_hidden_layers=3, vocab_size=64, pad_token_id=0
    )
    vision = transformers.CLIPVisionConfig(
        hidden_size=8,
        intermediate_size=8,
        projection_dim=8,
        num_attention_heads=2,
        num_hidden_layers=2,
        image_size=336,
        patch_size=14,
    )
    llava = transformers.LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=words["<image>"], pad_token_id=0
    )
    transformer = diffusers.HunyuanVideoTransformer3DModel(
        in_channels=2 * 4 + 1,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=10,
        num_layers=2,
        num_single_layers=1,
        num_refiner_layers=1,
        patch_size=2,
        patch_size_t=1,
        guidance_embeds=False,
        text_embed_dim=16,
        pooled_projection_dim=32,
        rope_axes_dim=(2, 4, 4),
        image_condition_type="latent_concat",
    )
    vae = diffusers.AutoencoderKLHunyuanVideo(
        latent_channels=4,
        down_block_types=("HunyuanVideoDownBlock3D",) * 4,
        up_block_types=("HunyuanVideoUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
    )
    diffusers.HunyuanVideoImageToVideoPipeline(
        text_encoder=transformers.LlavaForConditionalGeneration(llava),
        tokenizer=tokenizer,
        transformer=transformer,
        vae=vae,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=clip_text(),
        tokenizer_2=clip_tokenizer(folder / "words"),
        image_processor=transformers.CLIPImageProcessor(crop_size=336, size=336),
    ).save_pretrained(folder, safe_serialization=True)
    return folder


def save_hunyuan15(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = letter_tokenizer()
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    text = transformers.Qwen2_5_VLTextConfig(
        hidden_size=16,
        intermediate_size=16,
        num_attention_heads=2,
        num_key_value_heads=2,
        num_hidden_layers=3,
        vocab_size=64,
        rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6},
    )
    vision = transformers.SiglipVisionConfig(
        hidden_size=8, intermediate_size=8, num_attention_heads=2, num_hidden_layers=1, image_size=384, patch_size=14
    )
    transformer = diffusers.HunyuanVideo15Transformer3DModel(
        in_channels=2 * 4 + 1,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=1,
        num_refiner_layers=1,
        text_embed_dim=16,
        text_embed_2_dim=32,
        image_embed_dim=8,
        rope_axes_dim=(2, 6, 8),
    )
    vae = diffusers.AutoencoderKLHunyuanVideo15(
        latent_channels=4, block_out_channels=(8, 8, 8, 8, 8), layers_per_block=1, scaling_factor=1.0
    )
    diffusers.HunyuanVideo15ImageToVideoPipeline(
        text_encoder=transformers.Qwen2_5_VLTextModel(text),
        tokenizer=tokenizer,
        transformer=transformer,
        vae=vae,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=5.0),
        text_encoder_2=transformers.T5EncoderModel(transformers.T5Config(**(T5 | {"vocab_size": 1510}))),
        tokenizer_2=transformers.ByT5Tokenizer(),
        guider=diffusers.ClassifierFreeGuidance(guidance_scale=6.0),
        image_encoder=transformers.SiglipVisionModel(vision),
        feature_extractor=transformers.SiglipImageProcessor(size={"height": 384, "width": 384}),
    ).save_pretrained(folder, safe_serialization=True)
    return folder
