# SPDX-License-Identifier: GPL-3.0-or-later
"""The families of image-to-video transformers: what each is, needs, and how it wants to be asked.

A row is all there is to add for a new family that diffusers has a pipeline for. Pure until it is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blender_addon.core.options import Option
from bridge.clips import options
from bridge.clips.gpu import footprints
from bridge.clips.gpu.footprints import Footprint

END_MODEL = options.text("end_model", "another model for the shot that ends on the cover", automatic="the same")
CACHE = options.number(
    "cache",
    "reuse a step's work where the next one hardly differs; 0.08 to 0.12 is hardly seen",
    0.0,
    1.0,
    0.0,
    draft="0.1",
)
VIDEO_LORA = options.text(
    "video_lora", "LoRA files for the video model, with their weights; one for few steps wants steps=4 and guidance=1"
)


@dataclass(frozen=True)
class Family:
    """One family of models."""

    name: str
    """the animator's"""
    title: str
    """for people"""
    models: tuple[tuple[str, Footprint], ...]
    """the hub's, by id, and what each needs; the first is the usual one"""
    licence: str
    """of the weights, in a few words"""
    prefix: str
    """of the pipeline class in the model's own index"""
    pipeline: str
    """the image-to-video class of diffusers"""
    fps: int
    """native frame rate"""
    frame_step: int
    """frame counts are a multiple of this, plus one"""
    most_frames: int
    size_px: tuple[int, int]
    """long and short side that it was trained for; other shapes get as many pixels"""
    multiple_px: int
    steps: int
    guidance: float
    ends: Callable[[Any, Any], dict[str, Any]]
    """the options for the first picture and, where it is given, the last"""
    takes_last: Callable[[Any], bool] | None = None
    """whether a model can be given a last picture, from its transformer's configuration; None if none of them can"""
    dropped_frames: Callable[[Any], int] = lambda config: 0  # noqa: ARG005
    """how many of the clip's first frames the pipeline leaves out, from its transformer's configuration"""
    extra: Callable[[int], dict[str, Any]] = lambda fps: {}  # noqa: ARG005
    """more options, from the frame rate"""
    can_reuse: bool = True
    """whether diffusers' first-block cache works with its pipeline"""
    is_bare: bool = False
    """its call takes neither size, guidance nor callback: the pipeline's own attributes stand for them"""
    mark: str = ""
    """an entry that is set in the index of these models only, where others share the prefix"""

    @property
    def options(self) -> tuple[Option, ...]:
        """What may be asked of it."""
        usual, known = self.models[0][0], [model for model, _ in self.models]
        return (
            options.text("model", "the model, by id or folder", usual, known),
            *([END_MODEL] if self.takes_last else []),
            options.whole("steps", "denoising steps", 1, 200, self.steps, draft="12"),
            options.number("guidance", "how closely it follows the prompt", 0.0, 30.0, self.guidance),
            *([CACHE] if self.can_reuse else []),
            VIDEO_LORA,
            options.SCALE,
            options.MEMORY,
            options.CHUNKS,
            options.watermark("keep"),
        )

    def footprint(self, model: str) -> Footprint:
        """What a model needs; one that isn't known is taken for the usual one."""
        return dict(self.models).get(model, self.models[0][1])


def _first_only(first: Any, last: Any) -> dict[str, Any]:  # noqa: ARG001 - the families share one shape
    return {"image": first}


def _always(config: Any) -> bool:  # noqa: ARG001
    return True


def _hunyuan_drops(config: Any) -> int:
    return 4 if config.image_condition_type == "latent_concat" else 0


def _wan_takes_last(config: Any) -> bool:
    """Wan 2.2 reads its pictures from the latents; 2.1 through an image encoder, for two only in its FLF2V version."""
    return config.image_dim is None or config.pos_embed_seq_len is not None


def _wan(first: Any, last: Any) -> dict[str, Any]:
    return {"image": first} if last is None else {"image": first, "last_image": last}


def _ltx(first: Any, last: Any) -> dict[str, Any]:
    from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition

    conditions = [LTXVideoCondition(image=first, frame_index=0)]
    if last is not None:
        conditions.append(LTXVideoCondition(image=last, frame_index=-1))
    return {"conditions": conditions}


def _ltx2(first: Any, last: Any) -> dict[str, Any]:
    from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

    conditions = [LTX2VideoCondition(frames=first, index=0, strength=1.0)]
    if last is not None:
        conditions.append(LTX2VideoCondition(frames=last, index=-1, strength=1.0))
    return {"conditions": conditions}


LTX_TERMS = "Lightricks' own licence: read it before you sell what you make"
TENCENT_TERMS = "Tencent's community licence: not for the European Union, the United Kingdom and South Korea"

FAMILIES = (
    Family(
        name="wan5b",
        title="Wan 2.2 5B",
        models=(("Wan-AI/Wan2.2-TI2V-5B-Diffusers", footprints.WAN22_5B),),
        licence="Apache 2.0",
        prefix="Wan",
        mark="expand_timesteps",  # the small 2.2
        pipeline="WanImageToVideoPipeline",
        fps=24,
        frame_step=4,
        most_frames=121,
        size_px=(1280, 704),
        multiple_px=32,
        steps=50,
        guidance=5.0,
        ends=_first_only,
    ),
    Family(
        name="wan",
        title="Wan 2.1 and 2.2",
        models=(
            ("Wan-AI/Wan2.1-I2V-14B-480P-Diffusers", footprints.WAN),
            ("Wan-AI/Wan2.1-I2V-14B-720P-Diffusers", footprints.WAN),
            ("Wan-AI/Wan2.1-FLF2V-14B-720P-diffusers", footprints.WAN),
            ("Wan-AI/Wan2.2-I2V-A14B-Diffusers", footprints.WAN22),
        ),
        licence="Apache 2.0",
        prefix="Wan",
        pipeline="WanImageToVideoPipeline",
        fps=16,
        frame_step=4,
        most_frames=81,
        size_px=(832, 480),
        multiple_px=16,
        steps=40,
        guidance=5.0,
        ends=_wan,
        takes_last=_wan_takes_last,
    ),
    Family(
        name="ltx2",
        title="LTX-2",
        models=(("Lightricks/LTX-2", footprints.LTX2),),
        licence=LTX_TERMS,
        prefix="LTX2",
        pipeline="LTX2ConditionPipeline",
        fps=24,
        frame_step=8,
        most_frames=241,
        size_px=(768, 512),
        multiple_px=64,  # of 32, the last of the decoder's tiles may be one row, which it can't pad
        steps=30,
        guidance=3.0,
        ends=_ltx2,
        takes_last=_always,
        extra=lambda fps: {"frame_rate": float(fps)},
        can_reuse=False,
    ),
    Family(
        name="ltx",
        title="LTX-Video",
        models=(
            ("Lightricks/LTX-Video", footprints.LTX),
            ("Lightricks/LTX-Video-0.9.5", footprints.LTX),
            ("Lightricks/LTX-Video-0.9.7-dev", footprints.LTX_13B),
            ("Lightricks/LTX-Video-0.9.8-13B-distilled", footprints.LTX_13B),
        ),
        licence=LTX_TERMS,
        prefix="LTX",
        pipeline="LTXConditionPipeline",
        fps=25,
        frame_step=8,
        most_frames=161,
        size_px=(704, 512),
        multiple_px=32,
        steps=40,
        guidance=3.0,
        ends=_ltx,
        takes_last=_always,
        # the decoder's own noise: what its makers recommend for versions that know a decoding time step
        extra=lambda fps: {"frame_rate": fps, "decode_timestep": 0.05, "decode_noise_scale": 0.025},
    ),
    Family(
        name="cogvideox",
        title="CogVideoX",
        models=(
            ("zai-org/CogVideoX-5b-I2V", footprints.COGVIDEOX),
            ("THUDM/CogVideoX-5b-I2V", footprints.COGVIDEOX),
        ),
        licence="CogVideoX licence: commercial use has to be registered",
        prefix="CogVideoX",
        pipeline="CogVideoXImageToVideoPipeline",
        fps=8,
        frame_step=8,  # its decoder works on pairs of latent frames after the first
        most_frames=49,
        size_px=(720, 480),
        multiple_px=16,
        steps=50,
        guidance=6.0,
        ends=_first_only,
    ),
    Family(
        name="hunyuan15",
        title="HunyuanVideo 1.5",
        models=(("hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-480p_i2v", footprints.HUNYUAN15),),
        licence=TENCENT_TERMS,
        prefix="HunyuanVideo15",
        pipeline="HunyuanVideo15ImageToVideoPipeline",
        fps=24,
        frame_step=4,
        most_frames=121,
        size_px=(848, 480),
        multiple_px=16,
        steps=50,
        guidance=6.0,
        ends=_first_only,
        is_bare=True,
        can_reuse=False,
    ),
    Family(
        name="hunyuan",
        title="HunyuanVideo",
        models=(("hunyuanvideo-community/HunyuanVideo-I2V", footprints.HUNYUAN),),
        licence=TENCENT_TERMS,
        prefix="HunyuanVideo",
        pipeline="HunyuanVideoImageToVideoPipeline",
        fps=24,
        frame_step=4,
        most_frames=129,
        size_px=(960, 544),
        multiple_px=16,
        steps=40,
        guidance=1.0,
        ends=_first_only,
        dropped_frames=_hunyuan_drops,
        can_reuse=False,
    ),
)
