# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of painters and animators: what each is, can do and needs, and which can run here.

An engine is one of each, chosen apart. A row declares all that the rest of Beatboard asks about: a new painter or
animator is a row here, or, for an image-to-video transformer, in `bridge.clips.diffusion.families`. What a row names is
imported when it is loaded, not before.
"""

import difflib
import functools
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from blender_addon.core import options as core_options
from blender_addon.core.messages import EnginePart, Engines
from blender_addon.core.options import Option
from blender_addon.core.types import ClipRequest
from bridge.clips import fal, footage, options, runway
from bridge.clips.base import Animator, Painter
from bridge.clips.comfyui import engine as comfyui
from bridge.clips.diffusion import animatediff, families, sdxl, still_families, svd
from bridge.clips.gpu import footprints
from bridge.clips.gpu.footprints import Footprint
from bridge.common import files
from bridge.common.errors import BadInput


@dataclass(frozen=True)
class Entry:
    """What a row of either table declares."""

    name: str
    make: Callable[[], Any]
    description: str
    own_options: tuple[Option, ...] = ()
    needs_gpu: bool = False
    packages: tuple[str, ...] = ()
    """import names that it cannot do without"""
    extra: str = ""
    """the extra of Beatboard's package that brings them"""
    keys: tuple[str, ...] = ()
    """environment variables that it cannot do without"""
    models: tuple[tuple[str, Footprint], ...] = ()
    """by id, and what each needs of a GPU; the first is the usual one"""
    licences: tuple[str, ...] = ()
    """of the weights of each of `models`, in a few words; as many as they are"""
    model_option: str = "model"
    """names the model"""
    file_options: tuple[str, ...] = ()
    """options that name a file whose content shapes the picture, so that another content is another clip"""

    @property
    def memory(self) -> tuple[str, ...]:
        """How its models run on which size of GPU, a line for each, for people."""
        return tuple(dict.fromkeys(f"{need.name}: {need.by_card}" for _, need in self.models))

    @property
    def terms(self) -> tuple[str, ...]:
        """Whose licence each model's weights are under, a line for each, for people."""
        return tuple(f"{model}: {licence}" for (model, _), licence in zip(self.models, self.licences, strict=True))

    def footprint(self, given: Mapping[str, str]) -> Footprint | None:
        """What the model that is asked for needs; one that isn't known is taken for the usual one."""
        if not self.models:
            return None
        known = dict(self.models)
        return known.get(given.get(self.model_option, "").partition("@")[0], self.models[0][1])


@dataclass(frozen=True)
class PainterEntry(Entry):
    """A row of the painters."""

    paints_together: bool = False
    """whether it is a `KeyframePainter`: a video's keyframes are painted together, kept and compared"""

    @property
    def options(self) -> tuple[Option, ...]:
        """All that may be asked of it."""
        return (*self.own_options, *(options.KEYFRAMES if self.paints_together else ()))


@dataclass(frozen=True)
class AnimatorEntry(Entry):
    """A row of the animators."""

    takes_last_frame: bool = False
    """whether it can end a shot on a given picture, with some of its models at least"""
    takes_words: bool = False
    """whether it reads the prompt"""
    handle_frames: int = 6
    """how many its clips have at either side unless asked otherwise; see `bridge.clips.handles`"""
    price: Callable[[Sequence[ClipRequest]], object] | None = None
    """for those that cost money: what some shots cost, for people"""

    @property
    def options(self) -> tuple[Option, ...]:
        """All that may be asked of it."""
        into_next = (options.INTO_NEXT,) if self.takes_last_frame else ()
        return (*self.own_options, options.handles(self.handle_frames), *into_next)


def _lazily(place: str) -> Callable[[], Any]:
    """Makes the class at "module:Class", which is imported then."""

    def make() -> Any:
        module, _, name = place.partition(":")
        return getattr(importlib.import_module(module), name)()

    return make


def _video(family: families.Family) -> AnimatorEntry:
    """The row of a family of image-to-video transformers."""

    def make() -> Animator:
        from bridge.clips.diffusion.i2v import ImageToVideoAnimator

        return ImageToVideoAnimator(family)

    return AnimatorEntry(
        name=family.name,
        make=make,
        description=f"image to video by {family.title}",
        own_options=family.options,
        needs_gpu=True,
        packages=_DIFFUSION,
        extra="gpu",
        models=family.models,
        licences=(family.licence,) * len(family.models),
        takes_last_frame=family.takes_last is not None,
        takes_words=True,
    )


def _stills(family: still_families.StillFamily) -> PainterEntry:
    """The row of a family of image transformers."""

    def make() -> Painter:
        from bridge.clips.diffusion.transformer_painter import TransformerPainter

        return TransformerPainter(family)

    seen = ", which is shown the cover and the character" if family.most_references else ""
    return PainterEntry(
        name=family.name,
        make=make,
        description=f"keyframes by {family.title}{seen}",
        own_options=family.options,
        needs_gpu=True,
        packages=(*_DIFFUSION, *(["torchvision"] if family.needs_vision else [])),
        extra="gpu,vision" if family.needs_vision else "gpu",
        models=family.models,
        licences=family.licences,
        model_option="painter_model",
        paints_together=True,
    )


Row = TypeVar("Row", bound=Entry)


def _table(rows: Iterable[Row]) -> dict[str, Row]:
    return {row.name: row for row in rows}


_DIFFUSION = ("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors")

_STABILITY_TERMS = (
    "Stability AI community licence: free below a yearly income of a million dollars;"
    " the hub asks you to accept it first"
)

PAINTERS = _table(
    (
        PainterEntry(
            name="cover",
            make=_lazily("bridge.clips.animatic.cover_painter:CoverPainter"),
            description="parts of the album cover itself",
            own_options=(options.DEPTH,),
            packages=("cv2", "scipy"),
        ),
        PainterEntry(
            name="sdxl",
            make=sdxl.SdxlPainter,
            description="keyframes by Stable Diffusion XL",
            own_options=sdxl.OPTIONS,
            needs_gpu=True,
            packages=_DIFFUSION,
            extra="gpu",
            models=((sdxl.BASE.source, footprints.SDXL),),
            licences=("CreativeML Open RAIL++-M",),
            model_option="painter_model",
            paints_together=True,
        ),
        *map(_stills, still_families.STILL_FAMILIES),
        PainterEntry(
            name="comfyui",
            make=comfyui.ComfyPainter,
            description="keyframes by your own workflow on your own ComfyUI",
            own_options=comfyui.PAINTER_OPTIONS,
            packages=("httpx", "websocket"),
            file_options=("painter_workflow",),
        ),
        PainterEntry(
            name="footage",
            make=footage.FootagePainter,
            description="a picture of a clip of yours, which the storyboard names",
            own_options=footage.OPTIONS,
            packages=("av", "scipy"),
        ),
    )
)

ANIMATORS = _table(
    (
        AnimatorEntry(
            name="camera",
            make=_lazily("bridge.clips.animatic.camera_animator:CameraAnimator"),
            description="a camera moves through the layers of the still; no GPU, no weights",
            own_options=(options.DEPTH,),
            packages=("cv2", "scipy"),
        ),
        AnimatorEntry(
            name="svd",
            make=svd.SvdAnimator,
            description="image to video by Stable Video Diffusion",
            own_options=svd.OPTIONS,
            needs_gpu=True,
            packages=_DIFFUSION,
            extra="gpu",
            models=((svd.XT.source, footprints.SVD),),
            licences=(_STABILITY_TERMS,),
        ),
        AnimatorEntry(
            name="animatediff",
            make=animatediff.AnimateDiffAnimator,
            description="AnimateDiff with SDXL or Stable Diffusion 1.5",
            own_options=animatediff.OPTIONS,
            needs_gpu=True,
            packages=_DIFFUSION,
            extra="gpu",
            models=(
                (animatediff.SDXL.source, footprints.ANIMATEDIFF_SDXL),
                (animatediff.SD15, footprints.ANIMATEDIFF_SPARSE),
            ),
            licences=("Apache 2.0, on SDXL's CreativeML Open RAIL++-M", "Apache 2.0, on CreativeML Open RAIL-M"),
            takes_words=True,
        ),
        *map(_video, families.FAMILIES),
        AnimatorEntry(
            name="comfyui",
            make=comfyui.ComfyAnimator,
            description="your own workflow on your own ComfyUI",
            own_options=comfyui.ANIMATOR_OPTIONS,
            packages=("httpx", "websocket"),
            file_options=("workflow",),
            takes_last_frame=True,
            takes_words=True,
        ),
        AnimatorEntry(
            name="runway",
            make=runway.RunwayAnimator,
            description="image to video on Runway's machines; costs money",
            own_options=runway.OPTIONS,
            packages=("runwayml",),
            extra="runway",
            keys=("RUNWAYML_API_SECRET",),
            takes_last_frame=True,
            takes_words=True,
            handle_frames=0,  # whose seconds are paid for
            price=runway.cost_of,
        ),
        AnimatorEntry(
            name="fal",
            make=fal.FalAnimator,
            description="image to video by Kling, Seedance, Veo or Wan on fal's machines; costs money",
            own_options=fal.OPTIONS,
            packages=("fal_client",),
            extra="fal",
            keys=(fal.KEY,),
            takes_last_frame=True,
            takes_words=True,
            handle_frames=0,  # whose seconds are paid for
            price=fal.cost_of,
        ),
        AnimatorEntry(
            name="footage",
            make=footage.FootageAnimator,
            description="a clip of yours, trimmed, retimed a little, and reframed around its subject",
            own_options=footage.OPTIONS,
            packages=("av", "scipy"),
            handle_frames=0,
        ),
    )
)

NAMED = {"animatic": ("cover", "camera")}
"""engines with a name of their own: a painter and an animator"""


@dataclass(frozen=True)
class Engine:
    """A painter and the animator that it works with."""

    painter: Painter
    animator: Animator


def named(engine: str) -> tuple[str, str]:
    """The painter and the animator of an engine such as "sdxl+svd" or "animatic".

    Raises:
        BadInput: there is no such engine.
    """
    if engine in NAMED:
        return NAMED[engine]
    first, plus, second = engine.partition("+")
    if not plus:
        near = difflib.get_close_matches(engine, (*NAMED, *(f"{p}+{a}" for p in PAINTERS for a in ANIMATORS)), n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "It is a painter and an animator, as in 'sdxl+svd'."
        raise BadInput(f"There is no engine {engine!r}. {hint} `beatboard engines` lists them.")
    return painter(first).name, animator(second).name


def painter(name: str) -> PainterEntry:
    """The painter's row.

    Raises:
        BadInput: there is none of this name.
    """
    return _row(PAINTERS, name, "painter")


def animator(name: str) -> AnimatorEntry:
    """The animator's row.

    Raises:
        BadInput: there is none of this name.
    """
    return _row(ANIMATORS, name, "animator")


def _row(table: Mapping[str, Row], name: str, what: str) -> Row:
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(table)}."
    raise BadInput(f"There is no {what} {name!r}. {hint} `beatboard engines` lists them.")


def needs_gpu(painter_name: str, animator_name: str) -> bool:
    """Whether either is made for a GPU; False for names that are in no table."""
    rows = (PAINTERS.get(painter_name), ANIMATORS.get(animator_name))
    return any(row is not None and row.needs_gpu for row in rows)


def paints_together(painter_name: str) -> bool:
    """Whether this painter paints a video's keyframes together; False for names that are not in the table."""
    row = PAINTERS.get(painter_name)
    return row is not None and row.paints_together


def check(painter_name: str, animator_name: str, given: Sequence[tuple[str, str]]) -> None:
    """Makes sure that an engine is there, can run here, and has these options.

    Raises:
        BadInput: with what is wrong and what to do.
    """
    check_options(painter_name, animator_name, given)
    if lack := missing(painter(painter_name), animator(animator_name)):
        raise BadInput(f"The engine {painter_name}+{animator_name} cannot run here: it needs {lack}.")


def check_options(painter_name: str, animator_name: str, given: Sequence[tuple[str, str]]) -> None:
    """Makes sure that an engine has these options, and that their values are right.

    Raises:
        BadInput: one is unknown, of another kind or out of range.
    """
    try:
        core_options.check(options_of(painter_name, animator_name), given, f"{painter_name}+{animator_name}")
    except ValueError as error:
        raise BadInput(str(error)) from None


def options_of(painter_name: str, animator_name: str) -> tuple[Option, ...]:
    """All that a painter and an animator have together, each name once."""
    every = (*painter(painter_name).options, *animator(animator_name).options, *options.EVERY_CLIP)
    return tuple({option.name: option for option in every}.values())


def load(request: ClipRequest) -> Engine:
    """The engine that a request asks for, ready to be given it.

    Raises:
        BadInput: there is no such engine, it lacks something here, or it has no such option.
    """
    check(request.painter, request.animator, request.options)
    return Engine(painter(request.painter).make(), animator(request.animator).make())


def contents(request: ClipRequest) -> tuple[str, ...]:
    """The hashes of the files whose content shapes the clip: its options name them. One that isn't there has none."""
    rows = painter(request.painter), animator(request.animator)
    named = {name for row in rows for name in row.file_options}
    places = [Path(text).expanduser() for name, text in request.options if name in named]
    return tuple(files.sha256_of(place) for place in places if place.is_file())


def missing(*rows: Entry) -> str:
    """What these lack here, together, and how to get it; empty if nothing."""
    lacking = {package: row.extra for row in rows for package in row.packages if not _is_here(package)}
    if lacking:
        extras = ",".join(dict.fromkeys(filter(None, ",".join(lacking.values()).split(","))))
        return ", ".join(lacking) + (f" (pip install 'beatboard[{extras}]')" if extras else "")
    keys = dict.fromkeys(key for row in rows for key in row.keys if not os.environ.get(key))
    return ", ".join(f"the environment variable {key}" for key in keys)


@functools.cache
def _is_here(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def state() -> Engines:
    """Both tables, and what each row lacks here. Imports none of what they name."""
    return Engines(
        tuple(_part(row, row.options, paints_together=row.paints_together) for row in PAINTERS.values()),
        tuple(
            _part(
                row,
                row.options,
                costs_money=row.price is not None,
                takes_last_frame=row.takes_last_frame,
                takes_words=row.takes_words,
            )
            for row in ANIMATORS.values()
        ),
        options.EVERY_CLIP,
    )


def described(name: str) -> tuple[tuple[EnginePart, ...], tuple[Option, ...]]:
    """An engine's two parts, or a painter or an animator alone, with the options that it has.

    Raises:
        BadInput: there is none of this name.
    """
    every = state()
    alone = [part for part in (*every.painters, *every.animators) if part.name == name]
    if alone:
        return tuple(alone), (*alone[0].options, *every.options)
    first, second = named(name)
    parts = [part for part in every.painters if part.name == first]
    parts += [part for part in every.animators if part.name == second]
    return tuple(parts), every.options_of(first, second)


def _part(
    row: Entry,
    declared: tuple[Option, ...],
    *,
    costs_money: bool = False,
    paints_together: bool = False,
    takes_last_frame: bool = False,
    takes_words: bool = False,
) -> EnginePart:
    lack = missing(row)
    return EnginePart(
        name=row.name,
        description=row.description,
        available=not lack,
        missing=lack,
        needs_gpu=row.needs_gpu,
        costs_money=costs_money,
        paints_together=paints_together,
        takes_last_frame=takes_last_frame,
        takes_words=takes_words,
        options=declared,
        memory=row.memory,
        licences=row.terms,
    )
