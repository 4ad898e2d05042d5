# SPDX-License-Identifier: GPL-3.0-or-later
"""Which engines there are, what each needs, and which can run here.

The table is all there is to edit for a new engine; its modules are imported when it is loaded, not before.
"""

import difflib
import importlib
import importlib.util
import os
from dataclasses import dataclass
from typing import Any

from bridge.clips.base import Animator, Painter
from bridge.clips.gpu import footprints
from bridge.clips.gpu.footprints import Footprint
from bridge.common.errors import BadInput


@dataclass(frozen=True)
class Entry:
    """One row of the table."""

    name: str
    painter: str
    """where its class is, as "module:Class" """
    animator: str
    description: str
    packages: tuple[str, ...] = ()
    """import names that it cannot do without"""
    extra: str = ""
    """the extra of Beatboard's package that brings them"""
    keys: tuple[str, ...] = ()
    """environment variables that it cannot do without"""
    footprints: tuple[Footprint, ...] = ()
    """what its models need on the device, one after the other"""
    choices: tuple[Footprint, ...] = ()
    """of its last model: what others in its place need"""
    handle_frames: int = 6
    """how many its clips have at either side unless asked otherwise; see `bridge.clips.handles`"""


_RUNWAY = "bridge.clips.runway:RunwayAnimator"
_RUNWAY_KEYS = ("RUNWAYML_API_SECRET",)
_DIFFUSION = ("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors")
_SDXL = "bridge.clips.diffusion.sdxl:SdxlPainter"
_VIDEO_MODELS = tuple(model for model in dict.fromkeys(footprints.VIDEO_MODELS.values()) if model != footprints.WAN)
_COVER = "bridge.clips.animatic.cover_painter:CoverPainter"

TABLE = (
    Entry(
        name="animatic",
        painter="bridge.clips.animatic.cover_painter:CoverPainter",
        animator="bridge.clips.animatic.camera_animator:ParallaxAnimator",
        description="layered camera moves through the cover itself; no GPU, no model weights",
        packages=("cv2", "scipy"),
        handle_frames=0,
    ),
    Entry(
        name="sdxl-animatic",
        painter=_SDXL,
        animator="bridge.clips.animatic.camera_animator:ParallaxAnimator",
        description="Stable Diffusion XL keyframes, filmed by the animatic's layered camera",
        packages=_DIFFUSION,
        extra="gpu",
        footprints=(footprints.SDXL,),
    ),
    Entry(
        name="sdxl-svd",
        painter=_SDXL,
        animator="bridge.clips.diffusion.svd:SvdAnimator",
        description="Stable Diffusion XL keyframes, brought to life by Stable Video Diffusion",
        packages=_DIFFUSION,
        extra="gpu",
        footprints=(footprints.SDXL, footprints.SVD),
    ),
    Entry(
        name="cover-svd",
        painter=_COVER,
        animator="bridge.clips.diffusion.svd:SvdAnimator",
        description="parts of the cover, brought to life by Stable Video Diffusion",
        packages=_DIFFUSION,
        extra="gpu",
        footprints=(footprints.SVD,),
    ),
    Entry(
        name="sdxl-animatediff",
        painter=_SDXL,
        animator="bridge.clips.diffusion.animatediff:AnimateDiffAnimator",
        description="Stable Diffusion XL keyframes, brought to life by AnimateDiff with SDXL or Stable Diffusion 1.5",
        packages=_DIFFUSION,
        extra="gpu",
        footprints=(footprints.SDXL, footprints.ANIMATEDIFF_SDXL),
        choices=(footprints.ANIMATEDIFF_SPARSE,),
    ),
    Entry(
        name="cover-animatediff",
        painter=_COVER,
        animator="bridge.clips.diffusion.animatediff:AnimateDiffAnimator",
        description="parts of the cover, brought to life by AnimateDiff with SDXL or Stable Diffusion 1.5",
        packages=_DIFFUSION,
        extra="gpu",
        footprints=(footprints.ANIMATEDIFF_SDXL,),
        choices=(footprints.ANIMATEDIFF_SPARSE,),
    ),
    Entry(
        name="sdxl-i2v",
        painter=_SDXL,
        animator="bridge.clips.diffusion.i2v:ImageToVideoAnimator",
        description="Stable Diffusion XL keyframes, brought to life by Wan, LTX, CogVideoX or HunyuanVideo",
        packages=_DIFFUSION,
        extra="gpu",
        footprints=(footprints.SDXL, footprints.WAN),
        choices=_VIDEO_MODELS,
    ),
    Entry(
        name="cover-i2v",
        painter=_COVER,
        animator="bridge.clips.diffusion.i2v:ImageToVideoAnimator",
        description="parts of the cover, brought to life by Wan, LTX, CogVideoX or HunyuanVideo",
        packages=_DIFFUSION,
        extra="gpu",
        footprints=(footprints.WAN,),
        choices=_VIDEO_MODELS,
    ),
    Entry(
        name="sdxl-runway",
        painter=_SDXL,
        animator=_RUNWAY,
        description="Stable Diffusion XL keyframes, brought to life by Runway; costs money",
        packages=(*_DIFFUSION, "runwayml"),
        extra="gpu,runway",
        keys=_RUNWAY_KEYS,
        footprints=(footprints.SDXL,),
        handle_frames=0,  # whose seconds are paid for
    ),
    Entry(
        name="cover-runway",
        painter=_COVER,
        animator=_RUNWAY,
        description="parts of the cover, brought to life by Runway; costs money",
        packages=("runwayml",),
        extra="runway",
        keys=_RUNWAY_KEYS,
        handle_frames=0,  # whose seconds are paid for
    ),
)


@dataclass(frozen=True)
class EngineStatus:
    """Whether an engine can run here."""

    name: str
    available: bool
    missing: str
    """what it lacks and how to get it; empty if nothing"""
    description: str
    memory: tuple[str, ...] = ()
    """how each of its models runs on which size of GPU, for people; empty if it needs none"""


@dataclass(frozen=True)
class Engine:
    """A painter and the animator that it works with."""

    painter: Painter
    animator: Animator


def engines() -> tuple[EngineStatus, ...]:
    """Every engine of the table and what it lacks here. Imports none of them."""
    return tuple(_status(row) for row in TABLE)


def load(name: str) -> Engine:
    """The engine of this name, ready to be given requests.

    Raises:
        BadInput: there is no such engine, or it lacks something here.
    """
    row = entry(name)
    if lack := _missing(row):
        raise BadInput(f"The engine {name!r} cannot run here: it needs {lack}.")
    return Engine(painter=_make(row.painter), animator=_make(row.animator))


def entry(name: str) -> Entry:
    """The row of this name.

    Raises:
        BadInput: there is none.
    """
    table = {row.name: row for row in TABLE}
    if name in table:
        return table[name]
    nearest = difflib.get_close_matches(name, table, n=1, cutoff=0.5)
    hint = f"Did you mean {nearest[0]!r}?" if nearest else f"There are: {', '.join(table)}."
    raise BadInput(f"There is no engine {name!r}. {hint} `beatboard engines` lists them.")


def paints_keyframes(name: str) -> bool:
    """Whether the engine of this name paints a video's keyframes together; False for names that it doesn't know."""
    return any(row.name == name and row.painter == _SDXL for row in TABLE)


def _status(row: Entry) -> EngineStatus:
    lack = _missing(row)
    return EngineStatus(row.name, not lack, lack, row.description, memory(row))


def memory(row: Entry) -> tuple[str, ...]:
    """How a row's models run on which size of GPU, a line for each; empty if it needs none."""
    return tuple(f"{need.name}: {need.by_card}" for need in (*row.footprints, *row.choices))


def _missing(row: Entry) -> str:
    lacking = [package for package in row.packages if importlib.util.find_spec(package) is None]
    if lacking:
        source = f" (pip install 'beatboard[{row.extra}]')" if row.extra else ""
        return ", ".join(lacking) + source
    return ", ".join(f"the environment variable {key}" for key in row.keys if not os.environ.get(key))


def _make(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)()
