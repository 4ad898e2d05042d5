# SPDX-License-Identifier: GPL-3.0-or-later
"""What is saved with the scene, what lasts as long as the session, and a shot's settings on its strip."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..core import formats, rules, textures
from ..core.timing import FRAME_RATES
from ..core.types import Framing, Treatment
from ..session import state

BESIDE = {"PATH_SUPPORTS_BLEND_RELATIVE"}
"""paths that start with // are meant from the .blend's folder"""
SHAPES = (
    *((name, f"{name} {shape.title}", shape.purpose) for name, shape in formats.SHAPES.items()),
    ("CUSTOM", "Other", "A size of your own, in pixels"),
)
SIZES = tuple(
    (str(side_px), f"{side_px}p", f"The shorter side has {side_px} pixels: {what}")
    for side_px, what in formats.SHORT_SIDES_PX.items()
)
QUALITIES = (
    ("draft", "Draft", "Fewer steps, and work reused between them: a look at what would come"),
    ("good", "Good", "The model's own settings"),
    ("best", "Best", "Shots that move too much or too little are filmed once more, unlike keyframes painted again"),
)
RATES = tuple((str(rate), f"{float(rate):.5g} fps", f"{float(rate):.5g} frames per second") for rate in FRAME_RATES)
MARKERS = (
    ("NONE", "None", "No markers"),
    ("DOWNBEATS", "Downbeats", "A marker on each bar's first beat, where sections start, and on the drop"),
    ("BEATS", "All Beats", "A marker on every beat too"),
)
ENDINGS = (
    ("auto", "As It Fits", "As large as fits where that leaves nothing uncertain beside the cover, else as a card"),
    ("card", "Card", "The whole cover with room around it, on a ground of its own colors"),
    ("full", "As Large as Fits", "The whole cover as large as fits into the frame"),
)
TREATMENT_LEVELS = (
    ("none", "None", "Shots stay as they are"),
    ("gentle", "Gentle", "A soft glow in the chorus, channels that split on the hit"),
    ("bold", "Bold", "Duotone, halftone, black and white and fields of color too"),
)
TREATMENTS = tuple(
    (treatment.value, treatment.value.title(), f"What the shot is drawn with, in the cover's colors: {treatment.value}")
    for treatment in Treatment
)
FRAMINGS = tuple(
    (framing.value, framing.value.title(), f"How close the camera is: {framing.value}") for framing in Framing
)


class BeatboardTake(bpy.types.PropertyGroup):
    """A generated clip of a shot. Takes are kept; the editor picks."""

    sha256: StringProperty()
    shot_id: StringProperty()
    path: StringProperty(subtype="FILE_PATH", options=BESIDE)
    request: StringProperty(description="What it was made from, as JSON")
    seconds_taken: FloatProperty(subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE")
    likeness: FloatProperty(default=-1.0, description="Of its keyframe to the other shots'; below 0 if not compared")


class BeatboardJob(bpy.types.PropertyGroup):
    """A clip that was asked for and has not landed yet; its `name` is the job's id."""

    shot_id: StringProperty()


class BeatboardOption(bpy.types.PropertyGroup):
    """An option of a painter or animator that isn't the default; its `name` is as in "svd.steps"."""

    value: StringProperty()


class BeatboardSwatch(bpy.types.PropertyGroup):
    """One colour of the cover; its `name` is the colour's."""

    value: FloatVectorProperty(subtype="COLOR_GAMMA", size=3, min=0.0, max=1.0)
    weight: FloatProperty()
    color: FloatVectorProperty(
        name="Cover Color",
        description="One of the cover's colors, in order of their share of it",
        subtype="COLOR_GAMMA",
        size=3,
        min=0.0,
        max=1.0,
        get=lambda self: self.value,
    )


def _markers_changed(settings: Any, context: Any) -> None:
    from ..actions import song

    song.show_markers(settings.id_data)


def _clicks_changed(_: Any, context: Any) -> None:
    from ..actions import clicks

    clicks.follow(state.scene_of(context))


def _grade_changed(settings: Any, context: Any) -> None:
    from ..actions import look

    look.apply_grade(settings.id_data)


def _side(name: str, default: int) -> Any:
    low, high = formats.SIDES_PX
    what = "In pixels, an even number"
    return IntProperty(name=name, description=what, default=default, min=low, max=high, step=2, subtype="PIXEL")


def _texture_changed(settings: Any, context: Any) -> None:
    from ..actions import look

    look.apply_texture(settings.id_data)


def _texture_amount(name: str, title: str, description: str) -> Any:
    """A slider for one of the cover's textures."""

    def changed(settings: Any, context: Any) -> None:
        from ..actions import look

        look.set_texture(settings.id_data, name)

    most = getattr(textures.MOST, name)
    return FloatProperty(name=title, description=description, min=0.0, max=most, precision=3, update=changed)


def _strength_changed(settings: Any, context: Any) -> None:
    from ..actions import look

    look.set_strength(settings.id_data)


def _hold_changed(settings: Any, context: Any) -> None:
    from ..actions import look

    look.apply_holds(settings.id_data)


def _ending_changed(settings: Any, context: Any) -> None:
    from ..actions import look

    look.apply_ending(settings.id_data)


def _treatment_changed(strip: Any, context: Any) -> None:
    from ..scene import treatments

    treatments.spread(strip.id_data)


class BeatboardScene(bpy.types.PropertyGroup):
    """Saved with the scene."""

    song: StringProperty(name="Song", description="mp3, wav, flac, ogg, opus or m4a", options=BESIDE)
    cover: StringProperty(name="Cover", description="The album cover: png, jpg, webp or avif", options=BESIDE)
    storyboard: StringProperty(
        name="Storyboard",
        description="Optional: a TOML file that says what the shots show",
        options=BESIDE,
    )
    character: StringProperty(
        name="Character",
        description="Optional: a picture of the hero, which every keyframe must resemble",
        options=BESIDE,
    )
    analysis: StringProperty(description="The song's analysis, as JSON")
    heard: StringProperty(description="The song that was analyzed, and its size and time of change")
    wav: StringProperty(description="The song as WAV", subtype="FILE_PATH", options=BESIDE)
    look: StringProperty(description="The cover's look, as JSON")
    seen: StringProperty(description="The cover that was looked at, and its size and time of change")
    palette: CollectionProperty(type=BeatboardSwatch)
    markers: EnumProperty(
        name="Markers",
        description="Which of the song's markers to show; your own markers are never touched",
        items=MARKERS,
        default="DOWNBEATS",
        update=_markers_changed,
    )
    length_s: FloatProperty(
        name="Length",
        description="The longest that the video may be. The best part of a longer song is used",
        default=rules.DEFAULT_LENGTH_S,
        min=rules.LENGTHS_S[0],
        soft_min=10.0,
        soft_max=120.0,
        max=rules.LENGTHS_S[1],
        subtype="TIME_ABSOLUTE",
        unit="TIME_ABSOLUTE",
        precision=1,
        step=100,
    )
    shape: EnumProperty(name="Format", description="The shape of the video", items=SHAPES)
    size: EnumProperty(name="Size", description="The size of the video", items=SIZES)
    width_px: _side("Width", 1920)
    height_px: _side("Height", 1080)
    fps: EnumProperty(name="Frame Rate", description="The frame rate of the video", items=RATES, default="24")
    planned_fps: StringProperty(description="The frame rate that the timeline was planned for")
    painter: StringProperty(name="Painter", description="What makes each shot's still", default="cover")
    animator: StringProperty(name="Animator", description="What makes the stills move", default="camera")
    quality: EnumProperty(
        name="Quality", description="How much time a generative engine may take", items=QUALITIES, default="good"
    )
    clip_options: CollectionProperty(type=BeatboardOption)
    use_grade: BoolProperty(
        name="Grade from the Cover",
        description="Give the whole edit the cover's colors, in Blender's compositor",
        default=True,
        update=_grade_changed,
    )
    fit_grade: BoolProperty(
        name="Fit to Footage",
        description="When clips arrive, fit the grade to them, so the whole edit gets the cover's colors",
        default=True,
    )
    grade_strength: FloatProperty(
        name="Strength",
        description="0 leaves the clips as they are, 1 is the whole grade",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        update=_strength_changed,
    )
    use_texture: BoolProperty(
        name="Texture from the Cover",
        description="Give the edit the cover's texture, in Blender's compositor: grain, halation, vignette, fade",
        default=False,
        update=_texture_changed,
    )
    texture_grain: _texture_amount("grain", "Grain", "Film grain: how much brightness varies")
    texture_halation: _texture_amount("halation", "Halation", "How strongly highlights glow warm")
    texture_vignette: _texture_amount("vignette", "Vignette", "How much light the corners lack")
    texture_fade: _texture_amount("fade", "Fade", "How far blacks are lifted")
    hero_hold: BoolProperty(
        name="Hero Hold",
        description="Open on a frozen frame that starts to move on the second beat",
        default=True,
        update=_hold_changed,
    )
    end_on_cover: BoolProperty(
        name="End on Cover",
        description="Let the last shot turn into the album cover and stay there",
        default=True,
        update=_hold_changed,
    )
    ending: EnumProperty(
        name="Cover",
        description="How the whole cover stands in the last frame",
        items=ENDINGS,
        default="auto",
        update=_ending_changed,
    )
    treatments: EnumProperty(
        name="Treatments",
        description="How far shots may be restyled when they are planned, in the cover's own colors",
        items=TREATMENT_LEVELS,
        default="gentle",
    )
    title: StringProperty(name="Title", description="Title, shown over the opening as a text strip that you can change")
    artist: StringProperty(name="Artist", description="Artist name, shown under the title")
    font: StringProperty(
        name="Font",
        description="Font for title and artist: a .ttf, .otf, .ttc or .otc file. If empty, one that suits the cover",
        subtype="FILE_PATH",
        options=BESIDE,
    )
    takes: CollectionProperty(type=BeatboardTake)
    jobs: CollectionProperty(type=BeatboardJob)
    output: StringProperty(
        name="Output",
        description="Where the finished video goes, an MP4 file",
        subtype="FILE_PATH",
        options=BESIDE,
        default="//video.mp4",
    )


def _of_row(field: str) -> dict[str, Any]:
    def read(row: Any) -> Any:
        return getattr(state.session().shots.rows.get(row.name, state.NO_ROW), field)

    return {"get": read}


class BeatboardShot(bpy.types.PropertyGroup):
    """A row of the list of shots. Its `name` is the shot's id; the rest shows what `shots.refresh` read.

    It is shown and not kept here: whenever a property of this kind is written, Blender redraws every editor.
    """

    strip: StringProperty(**_of_row("strip"))
    start: IntProperty(**_of_row("start"))
    frame_count: IntProperty(**_of_row("frame_count"))
    bars: StringProperty(**_of_row("bars"))
    act: IntProperty(**_of_row("act"))
    state: StringProperty(**_of_row("state"))
    progress: FloatProperty(**_of_row("progress"))
    detail: StringProperty(**_of_row("detail"))
    frames_off: IntProperty(**_of_row("frames_off"))
    is_locked: BoolProperty(**_of_row("is_locked"))
    take_count: IntProperty(**_of_row("take_count"))
    take_index: IntProperty(**_of_row("take_index"))


def _shot_chosen(listed: Any, context: Any) -> None:
    from ..actions import shots

    shots.select_active(context)


class BeatboardShotList(bpy.types.PropertyGroup):
    """What the list draws, and what is heard; lasts as long as Blender runs, never saved, and not part of undo."""

    shots: CollectionProperty(type=BeatboardShot)
    active: IntProperty(name="Shot", description="The shot that the settings below are for", update=_shot_chosen)
    clicks: BoolProperty(
        name="Clicks",
        description="Click on each beat while Blender plays, high on downbeats. It is not in the render",
        update=_clicks_changed,
    )


def _text(key: str) -> dict[str, Any]:
    def write(strip: Any, value: str) -> None:
        strip[key] = value

    return {"get": lambda strip: str(strip.get(key, "")), "set": write}


def _whole(key: str, default: int) -> dict[str, Any]:
    def write(strip: Any, value: int) -> None:
        strip[key] = value

    return {"get": lambda strip: int(strip.get(key, default)), "set": write}


def _choice(key: str, names: list[str], default: int) -> dict[str, Any]:
    def read(strip: Any) -> int:
        value = strip.get(key)
        return names.index(value) if value in names else default

    def write(strip: Any, index: int) -> None:
        strip[key] = names[index]

    return {"get": read, "set": write}


STRIP_PROPERTIES = {
    "beatboard_prompt": StringProperty(name="Prompt", description="What the shot shows", **_text("prompt")),
    "beatboard_negative_prompt": StringProperty(
        name="Negative", description="What the shot must not show", **_text("negative_prompt")
    ),
    "beatboard_seed": IntProperty(
        name="Seed",
        description="The same seed gives the same clip",
        min=0,
        max=rules.SEEDS[1],
        **_whole("seed", 0),
    ),
    "beatboard_motion": IntProperty(
        name="Motion",
        description=f"How much moves, {rules.MOTIONS[0]} to {rules.MOTIONS[1]}: "
        f"about {rules.CALM_MOTION} in calm parts, about {rules.LOUD_MOTION} in choruses",
        min=rules.MOTIONS[0],
        max=rules.MOTIONS[1],
        **_whole("motion", rules.DEFAULT_MOTION),
    ),
    "beatboard_framing": EnumProperty(
        name="Framing",
        description="How close the camera is",
        items=FRAMINGS,
        **_choice("framing", [framing.value for framing in Framing], 1),
    ),
    "beatboard_treatment": EnumProperty(
        name="Treatment",
        description="What the shot is drawn with, in the cover's own colors: nodes that you can open and key",
        items=TREATMENTS,
        update=_treatment_changed,
        **_choice("treatment", [treatment.value for treatment in Treatment], 0),
    ),
}
"""a shot's settings, under the keys that `strip_layout` reads, with names, ranges and tooltips"""

_CLASSES = (
    BeatboardTake,
    BeatboardJob,
    BeatboardOption,
    BeatboardSwatch,
    BeatboardScene,
    BeatboardShot,
    BeatboardShotList,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.beatboard = PointerProperty(type=BeatboardScene)
    bpy.types.WindowManager.beatboard = PointerProperty(type=BeatboardShotList, options={"SKIP_SAVE"})
    for name, definition in STRIP_PROPERTIES.items():
        setattr(bpy.types.Strip, name, definition)


def unregister() -> None:
    for name in STRIP_PROPERTIES:
        delattr(bpy.types.Strip, name)
    del bpy.types.WindowManager.beatboard
    del bpy.types.Scene.beatboard
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
