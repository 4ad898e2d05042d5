# SPDX-License-Identifier: GPL-3.0-or-later
"""The edit in segments that end on cuts, each named by the hash of everything that shapes its pixels.

A segment with the same name has the same pixels, so that only what changed is rendered again. What is hashed is read
from Blender's own description of each strip, modifier and node, so that a setting that we never heard of counts too.
Frames are relative to the segment's start: a shot that only moved along is not rendered again.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..core import encoding, formats, mp4, song_clock, strip_layout, timing, title_style
from ..core.code_version import code_version
from ..core.types import Graded, ShotKind
from . import compat, grade, passthrough, timeline, treatments

SHORTEST_REST = 12
"""frames: a shorter rest is not worth a segment of its own"""
_CORE = (encoding, formats, mp4, song_clock, strip_layout, timing, title_style)
SOURCES = (Path(__file__).parent, *(Path(str(module.__file__)) for module in _CORE))
"""the code that shapes what a scene renders to"""
_NO_PIXELS = {
    "rna_type", "name", "label", "select", "select_left_handle", "select_right_handle", "lock", "color_tag",
    "show_retiming_keys", "show_expanded", "is_active", "show_preview", "proxy", "use_proxy", "open_mask_input_panel",
    "show_group_selector", "connections",
}  # fmt: skip
_NODE_LOOKS = {
    "location", "location_absolute", "width", "height", "dimensions", "color", "color_tag", "use_custom_color",
    "show_options", "show_texture", "hide", "parent", "internal_links", "bl_idname", "bl_label", "warning_propagation",
}  # fmt: skip
_FRAMES = {
    "frame_start", "frame_final_start", "frame_final_end",
    "content_start", "content_end", "left_handle", "right_handle",
}  # fmt: skip
_HANDLES = {
    "frame_final_duration", "frame_duration", "frame_offset_start", "frame_offset_end", "animation_offset_start",
    "animation_offset_end", "duration", "content_duration", "left_handle_offset", "right_handle_offset",
    "content_trim_start", "content_trim_end",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Movie:
    """A movie that alone fills the frame: from which frame on, and how large it is."""

    path: str
    first_frame: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Scene frames [start, end), and the name that its pixels give it."""

    start: int
    end: int
    name: str
    movie: Movie | None
    """if nothing but this movie and our grade is seen"""
    graded: Graded
    rests: bool
    """the shot says that the picture rests here"""


def segments(scene: Any) -> list[Segment]:
    """The scene's frame range, cut where a shot of ours, a long rest of it, or the grade's fade starts or ends, and
    where split channels have come together.
    """
    first, end = scene.frame_start, scene.frame_end + 1
    shots = timeline.shot_strips(scene)
    rests = [rest for strip in shots if (rest := _rest(strip))]
    fade = _fade(scene)
    splits = [split for strip in shots if (split := _split(scene, strip))]
    cuts = {compat.left(strip) for strip in shots} | {frame for rest in rests for frame in rest}
    cuts |= {treatments.together_from(split.node_group) for split in splits}
    cuts |= {fade.start, fade.stop} if fade else set()
    edges = [first, *sorted(cut for cut in cuts if first < cut < end), end]
    return [
        Segment(
            start=a,
            end=b,
            name=_name(scene, a, b),
            movie=_sole_movie(scene, a, b, [one for one in splits if treatments.together_from(one.node_group) <= a]),
            graded=_graded(scene, a, b),
            rests=any(left <= a and b <= right for left, right in rests),
        )
        for a, b in pairwise(edges)
    ]


def _fade(scene: Any) -> range | None:
    """Where the grade that the edit wears falls to nothing."""
    return grade.fading(grade.find(scene)) if grade.is_worn(scene) else None


def _graded(scene: Any, start: int, end: int) -> Graded:
    return grade.graded(grade.find(scene), start, end) if grade.is_worn(scene) else Graded.NOT


def _rest(strip: Any) -> tuple[int, int] | None:
    """The scene frames on which the shot rests: its first ones, the ending's last ones."""
    left, right = compat.left(strip), compat.right(strip)
    length = min(int(strip.get("hold_frames", 0)), right - left)
    if length < SHORTEST_REST:
        return None
    return (right - length, right) if strip["kind"] == ShotKind.COVER_END else (left, left + length)


def _seen(scene: Any, start: int, end: int) -> list[Any]:
    """The strips with a picture in [start, end), lowest first."""
    strips = [
        strip
        for strip in scene.sequence_editor.strips
        if strip.type != "SOUND" and compat.left(strip) < end and compat.right(strip) > start
    ]
    return sorted(strips, key=lambda strip: (strip.channel, compat.left(strip)))


def _split(scene: Any, strip: Any) -> Any | None:
    """The modifier that splits the shot's channels, as it was laid: what an editor made of it is drawn throughout."""
    split = treatments.split_on(strip)
    if split is None or split.node_group.animation_data is not None:
        return None
    with treatments.split_as_laid(scene, split) as laid:
        first, second = (_pointed_to(group, 0, ()) for group in (laid, split.node_group))
    return split if first == second else None


def _sole_movie(scene: Any, start: int, end: int, idle: Sequence[Any]) -> Movie | None:
    strips = _seen(scene, start, end)
    if len(strips) != 1 or not passthrough.is_plain(scene, strips, idle) or not _is_untouched(scene, strips[0]):
        return None
    (strip,) = strips
    first = start - compat.content_start(strip)
    if compat.left(strip) > start or compat.right(strip) < end or first < 0:
        return None
    if first + end - start > compat.content_length(strip):
        return None
    return Movie(str(timeline.absolute(strip.filepath)), first, *timeline.picture_size(strip))


def _is_untouched(scene: Any, strip: Any) -> bool:
    """Whether the movie fills the frame as `timeline` laid it, and nothing else is done to it."""
    fill, place, crop = timeline.fill_scale(scene, strip), strip.transform, strip.crop
    if not fill or abs(strip.fps - float(timeline.scene_fps(scene))) > 0.01:
        return False
    moved = [place.offset_x, place.offset_y, place.rotation, place.scale_x - fill, place.scale_y - fill]
    colored = [strip.blend_alpha - 1, strip.color_multiply - 1, strip.color_saturation - 1]
    if any(abs(value) > 1e-4 for value in moved + colored) or any((crop.min_x, crop.max_x, crop.min_y, crop.max_y)):
        return False
    if (
        strip.use_flip_x
        or strip.use_flip_y
        or strip.use_reverse_frames
        or strip.use_deinterlace
        or _is_muted(scene, strip)
    ):
        return False
    path = strip.path_from_id()
    animated = timeline.drivers(scene, path) or any(
        curve.data_path.startswith(path) for curve in timeline.animation(scene)
    )
    return strip.strobe <= 1 and not len(strip.retiming_keys) and not animated and strip.blend_type == "ALPHA_OVER"


def _name(scene: Any, start: int, end: int) -> str:
    strips = _seen(scene, start, end)
    data = {
        "version": [code_version(*SOURCES), *timeline.BLENDER],
        "length": end - start,
        "output": _output(scene),
        "strips": [[_is_muted(scene, strip), _within(strip, start, end)] for strip in strips],
        "elsewhere": _elsewhere(scene, strips, start, end),
    }
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:32]


def _is_muted(scene: Any, strip: Any) -> bool:
    """Whether the strip itself or its channel is switched off."""
    return strip.mute or scene.sequence_editor.channels[strip.channel].mute


def _within(strip: Any, start: int, end: int) -> Any:
    """What a strip does in [start, end). Of one without content, it doesn't matter how far it goes on beyond."""
    if strip.type == "IMAGE":
        contents = [_content(str(timeline.absolute(strip.directory) / each.filename)) for each in strip.elements]
        return [contents, _describe(strip, start, skip={"directory", "elements"})]
    if strip.type not in ("ADJUSTMENT", "TEXT"):
        return _describe(strip, start)
    seen = (max(compat.left(strip), start) - start, min(compat.right(strip), end) - start)
    return [seen, _describe(strip, start, skip=_FRAMES | _HANDLES)]


def _output(scene: Any) -> Any:
    render = scene.render
    return [
        [render.resolution_x, render.resolution_y, render.resolution_percentage, str(timeline.scene_fps(scene))],
        [render.dither_intensity, render.pixel_aspect_x, render.pixel_aspect_y],
        _describe(render.ffmpeg, 0, skip={name for name in dir(render.ffmpeg) if name.startswith("audio_")}),
        _describe(scene.view_settings, 0),
        scene.sequencer_colorspace_settings.name,
    ]


def _elsewhere(scene: Any, strips: list[Any], start: int, end: int) -> Any:
    """What reaches the pixels from outside the strips: animation, and time where a node or effect may look at it."""
    curves = [
        [curve.data_path, curve.array_index, [round(curve.evaluate(frame), 6) for frame in range(start, end)]]
        for curve in timeline.animation(scene)
        if any(curve.data_path.startswith(strip.path_from_id()) for strip in strips)
    ]
    fade = _fade(scene)
    if fade is not None and _graded(scene, start, end) is not Graded.FADING:
        fade = None
    return [
        curves,
        _driven(scene, strips, start, end),
        _graded(scene, start, end),
        [fade.start - start, fade.stop - start] if fade else None,
        None if all(_is_timeless(strip) for strip in strips) else start,
    ]


def _driven(scene: Any, strips: list[Any], start: int, end: int) -> Any:
    """The drivers on the strips and their node groups, and what the scene's own curves tell them in [start, end)."""
    groups = [modifier.node_group for strip in strips for modifier in strip.modifiers if modifier.type == "COMPOSITOR"]
    owned = [("strips", driver) for strip in strips for driver in timeline.drivers(scene, strip.path_from_id())]
    owned += [(group.name, driver) for group in _with_inner(groups) for driver in timeline.drivers(group)]
    keys = {curve.data_path: curve for curve in timeline.animation(scene)}

    def heard(target: Any) -> Any:
        curve = keys.get(target.data_path) if target.id == scene else None
        if curve is None:
            return os.urandom(16).hex()  # who knows what moves it: rendered every time
        return [round(curve.evaluate(frame), 6) for frame in range(start, end)]

    return [
        [owner, curve.data_path, curve.array_index, curve.driver.type, curve.driver.expression]
        + [[one.name, one.type, [heard(target) for target in one.targets]] for one in curve.driver.variables]
        for owner, curve in owned
    ]


def _with_inner(groups: Iterable[Any]) -> list[Any]:
    """Node groups, and those that are nodes in them."""
    found: list[Any] = []
    waiting = [group for group in groups if group]
    while waiting:
        group = waiting.pop()
        if group not in found:
            found.append(group)
            waiting += [tree for node in group.nodes if (tree := getattr(node, "node_tree", None))]
    return found


def _is_timeless(strip: Any) -> bool:
    """Whether a strip looks the same wherever it lies in time."""
    return strip.type in ("MOVIE", "IMAGE", "COLOR", "TEXT") and all(
        modifier.type == "COMPOSITOR" and modifier.node_group and _stays(modifier.node_group)
        for modifier in strip.modifiers
    )


def _stays(group: Any) -> bool:
    if len(timeline.animation(group)):
        return False
    return grade.is_whole(group) or treatments.is_timeless(group)


def _describe(thing: Any, start: int, skip: Collection[str] = (), inside: tuple[Any, ...] = ()) -> Any:
    """All of a thing's properties that may matter, as plain values; one that points back at what holds it is named."""
    if thing in inside:
        return getattr(thing, "name", "")
    inside = (*inside, thing)
    described: dict[str, Any] = {"type": thing.bl_rna.identifier}
    skip = {*skip, *_NO_PIXELS, *(_NODE_LOOKS if hasattr(thing, "internal_links") else ())}
    for prop in thing.bl_rna.properties:
        name = prop.identifier
        if name not in skip:
            described[name] = _value(name, prop, getattr(thing, name), start, inside)
    return described


def _value(name: str, prop: Any, value: Any, start: int, inside: tuple[Any, ...]) -> Any:
    if name in _FRAMES:
        return value - start
    if name == "filepath":
        return _content(str(timeline.absolute(value)))
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return round(value, 6)
    if prop.type == "ENUM":
        return sorted(value)
    if prop.type == "POINTER":
        return _pointed_to(value, start, inside)
    if prop.type == "COLLECTION":
        return [_describe(item, start, inside=inside) for item in value]
    return _numbers(value)


def _pointed_to(thing: Any, start: int, inside: tuple[Any, ...]) -> Any:
    kinds = {kind.__name__ for kind in type(thing).__mro__}
    if "NodeTree" in kinds:
        links = [
            [link.from_node.name, link.from_socket.identifier, link.to_node.name, link.to_socket.identifier]
            for link in thing.links
        ]
        elsewhere = {grade.FADE} if grade.is_whole(thing) else set()  # it has scene frames: see `_elsewhere`
        return [
            [[node.name, _describe(node, start, inside=inside)] for node in thing.nodes if node.name not in elsewhere],
            links,
            _keys(thing),
        ]
    if "VectorFont" in kinds:
        return _content(str(timeline.absolute(thing.filepath)))
    if kinds & {"Node", "NodeSocket", "Strip"}:
        return thing.name  # it is described where it is a member
    if "ID" in kinds:
        return os.urandom(16).hex()  # a scene, a mask: too much hangs on it, so it is rendered every time
    return _describe(thing, start, inside=inside)


def _keys(tree: Any) -> Any:
    """The values that an editor keyed in a node group, by scene frame."""
    return [
        [curve.data_path, curve.array_index, [[*point.co, point.interpolation] for point in curve.keyframe_points]]
        for curve in timeline.animation(tree)
    ]


def _numbers(value: Any) -> Any:
    """Vectors, matrices and arrays, to any depth."""
    return round(value, 6) if isinstance(value, float | int) else [_numbers(item) for item in value]


def _content(path: str) -> str:
    """The sha256 of a file, by which it may move or be made again; its path if there is no such file."""
    try:
        stat = Path(path).stat()
    except OSError:
        return path
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@cache
def _sha256(path: str, _size: int, _changed_ns: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
