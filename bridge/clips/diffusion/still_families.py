# SPDX-License-Identifier: GPL-3.0-or-later
"""The families of image transformers that paint keyframes: what each is, needs, and how it wants to be asked.

A row is all there is to add for a new family that diffusers has a pipeline for. Pure until it is asked.
"""

from dataclasses import dataclass

from blender_addon.core.options import Option
from bridge.clips import options
from bridge.clips.gpu import footprints
from bridge.clips.gpu.footprints import Footprint

REFERENCES = ("both", "cover", "character", "none")
LONG_SIDE_PX, SHORT_SIDE_PX = 1344, 768
"""about a million pixels, which all of these were trained on"""


@dataclass(frozen=True)
class StillFamily:
    """One family of models."""

    name: str
    """the painter's"""
    title: str
    """for people"""
    models: tuple[tuple[str, Footprint], ...]
    """the hub's, by id, and what each needs; the first is the usual one"""
    licences: tuple[str, ...]
    """of each model's weights, in a few words"""
    pipeline: str
    """the class of diffusers, which is the one in the model's own index too"""
    steps: int
    guidance: float
    guidance_option: str = "guidance_scale"
    """what the pipeline calls it"""
    most_references: int = 0
    """how many pictures it can be shown; 0 if it reads words alone"""
    needs_reference: bool = False
    """whether it can't paint without one: an editor of pictures"""
    takes_negative: bool = True
    multiple_px: int = 32
    area_option: str = ""
    """what the pipeline calls the number of pixels, where it goes by that instead of width and height"""
    needs_vision: bool = False
    """whether its processor needs torchvision, which the extra `vision` brings"""

    @property
    def shaping(self) -> tuple[Option, ...]:
        """The options that shape a keyframe."""
        usual, known = self.models[0][0], [model for model, _ in self.models]
        shown = REFERENCES[:3] if self.needs_reference else REFERENCES
        references = options.choice(
            "references",
            "the pictures that it is shown: the cover for the look, the character for the face",
            shown,
            shown[0],
        )
        return (
            options.text("painter_model", "the model, by id or folder", usual, known),
            options.whole("painter_steps", "denoising steps", 1, 150, self.steps),
            options.number("painter_guidance", "how closely it follows the prompt", 0.0, 30.0, self.guidance),
            options.number("painter_scale", "makes the model's own picture smaller or larger", 0.05, 2.0, 1.0),
            options.LORA,
            *([references] if self.most_references else []),
        )

    @property
    def options(self) -> tuple[Option, ...]:
        """All that may be asked of it."""
        return (*self.shaping, options.MEMORY)

    def footprint(self, model: str) -> Footprint:
        """What a model needs; one that isn't known is taken for the usual one."""
        return dict(self.models).get(model, self.models[0][1])


APACHE = "Apache 2.0"
FLUX_NON_COMMERCIAL = "FLUX non-commercial licence; the hub asks you to accept it first"

STILL_FAMILIES = (
    StillFamily(
        name="flux2-klein",
        title="FLUX.2 klein",
        models=(
            ("black-forest-labs/FLUX.2-klein-4B", footprints.FLUX2_KLEIN_4B),
            ("black-forest-labs/FLUX.2-klein-9B", footprints.FLUX2_KLEIN_9B),
        ),
        licences=(APACHE, FLUX_NON_COMMERCIAL),
        pipeline="Flux2KleinPipeline",
        steps=4,
        guidance=1.0,
        most_references=4,
        takes_negative=False,
    ),
    StillFamily(
        name="z-image",
        title="Z-Image",
        models=(("Tongyi-MAI/Z-Image-Turbo", footprints.Z_IMAGE),),
        licences=(APACHE,),
        pipeline="ZImagePipeline",
        steps=9,
        guidance=0.0,
    ),
    StillFamily(
        name="qwen-image",
        title="Qwen-Image",
        models=(("Qwen/Qwen-Image", footprints.QWEN_IMAGE),),
        licences=(APACHE,),
        pipeline="QwenImagePipeline",
        steps=50,
        guidance=4.0,
        guidance_option="true_cfg_scale",
    ),
    StillFamily(
        name="qwen-image-edit",
        title="Qwen-Image-Edit",
        models=(
            ("Qwen/Qwen-Image-Edit-2509", footprints.QWEN_IMAGE),
            ("Qwen/Qwen-Image-Edit-2511", footprints.QWEN_IMAGE),
        ),
        licences=(APACHE, APACHE),
        pipeline="QwenImageEditPlusPipeline",
        steps=40,
        guidance=4.0,
        guidance_option="true_cfg_scale",
        most_references=3,
        needs_reference=True,
        needs_vision=True,
    ),
    StillFamily(
        name="flux-kontext",
        title="FLUX.1 Kontext",
        models=(("black-forest-labs/FLUX.1-Kontext-dev", footprints.FLUX_KONTEXT),),
        licences=(FLUX_NON_COMMERCIAL,),
        pipeline="FluxKontextPipeline",
        steps=28,
        guidance=2.5,
        most_references=1,
        needs_reference=True,
        takes_negative=False,
        area_option="max_area",
    ),
)
