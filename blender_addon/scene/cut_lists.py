# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene's sequencer as a list of cuts for other editors, and theirs laid out in a scene."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..core.cut_list import CutList, Item, ItemKind, TimelineMarker, Track, marker_color
from . import compat, timeline

KINDS = {
    "MOVIE": ItemKind.MOVIE,
    "IMAGE": ItemKind.IMAGE,
    "SOUND": ItemKind.SOUND,
    "TEXT": ItemKind.TITLE,
    "COLOR": ItemKind.EMPTY,
}
BLENDS = ("CROSS", "GAMMA_CROSS")
"""transitions that other editors know as a dissolve"""
EMPTY_RGB = (0.12, 0.12, 0.12)


def read(scene: Any) -> CutList:
    """The sequencer from the scene's first frame to its last; a channel becomes a track.

    What is cut off, muted or of a kind that other editors don't know is in `notes`.
    """
    notes: list[str] = []
    first, end = scene.frame_start, scene.frame_end + 1
    strips = [strip for strip in timeline.all_strips(scene) if _is_seen(scene, strip, notes)]
    blends = {strip for strip in strips if strip.type in BLENDS}
    found: dict[tuple[int, bool], list[Item]] = {}
    for strip in (strip for strip in strips if strip.type in KINDS):
        if item := _item(scene, strip, first, end):
            found.setdefault((_channel(strip), strip.type == "SOUND"), []).append(item)
            notes += _changes(strip)
    names = scene.sequence_editor.channels if scene.sequence_editor else ()
    tracks = [
        Track(names[channel].name, is_sound, tuple(sorted(items, key=lambda item: item.start_frame)))
        for (channel, is_sound), items in sorted(found.items())
    ]
    for blend in blends:
        tracks = _blended(tracks, blend, notes)
    return CutList(
        name=scene.name,
        fps=timeline.scene_fps(scene),
        width_px=scene.render.resolution_x,
        height_px=scene.render.resolution_y,
        frame_count=end - first,
        tracks=tuple(tracks),
        markers=tuple(
            TimelineMarker(marker.name, marker.frame - first, marker_color(marker.name))
            for marker in sorted(scene.timeline_markers, key=lambda marker: marker.frame)
            if first <= marker.frame < end
        ),
        notes=tuple(dict.fromkeys(notes)),
    )


def lay_out(scene: Any, cuts: CutList) -> list[str]:
    """Puts a list of cuts into a scene that has no strips yet; gives what is not there, for people.

    Raises:
        ValueError: the scene has strips already.
    """
    if timeline.all_strips(scene):
        raise ValueError(f"The scene {scene.name!r} has strips already: lay the timeline out in a new scene.")
    timeline.prepare(scene)
    scene.render.fps = round(cuts.fps)
    scene.render.fps_base = float(round(cuts.fps) / cuts.fps)
    scene.render.resolution_x, scene.render.resolution_y = cuts.width_px, cuts.height_px
    scene.frame_start, scene.frame_end = 1, max(1, cuts.frame_count)
    notes: list[str] = []
    channel = 1
    for track in sorted(cuts.tracks, key=lambda track: not track.is_sound):
        height = _lay_track(scene, track, channel, notes)
        if track.name:
            scene.sequence_editor.channels[channel].name = track.name
        channel += height
    for marker in cuts.markers:
        scene.timeline_markers.new(marker.name, frame=1 + marker.frame)
    return notes


# Out


def _is_seen(scene: Any, strip: Any, notes: list[str]) -> bool:
    if timeline.is_muted(scene, strip):
        notes.append(f"The muted strip {strip.name} stays in Blender.")
        return False
    if strip.type == "META" or strip.type in KINDS or strip.type in BLENDS:
        return True
    notes.append(f"{strip.name} ({strip.type.lower().replace('_', ' ')}) is Blender's own and is not in the file.")
    return False


def _channel(strip: Any) -> int:
    while (meta := strip.parent_meta()) is not None:
        strip = meta
    return strip.channel


def _item(scene: Any, strip: Any, first: int, end: int) -> Item | None:
    left, right = max(first, compat.left(strip)), min(end, compat.right(strip))
    if left >= right:
        return None
    kind, path = KINDS[strip.type], _path(strip)
    start = float(left - compat.source_start(strip)) if kind in (ItemKind.MOVIE, ItemKind.SOUND) else 0.0
    length = 0
    if kind is ItemKind.SOUND:
        start += -strip.sound_offset * float(timeline.scene_fps(scene))
    if kind in (ItemKind.MOVIE, ItemKind.SOUND):
        length = max(_source_length(strip), round(start) + right - left)
    return Item(
        name=strip.name,
        kind=kind,
        start_frame=left - first,
        frame_count=right - left,
        path=str(path) if path else "",
        source_start=max(0.0, start),
        source_frames=length,
        text=strip.text if strip.type == "TEXT" else "",
        takes=_takes(strip, path),
        properties=tuple(
            sorted((key, str(value)) for key, value in strip.items() if isinstance(value, str | int))
            if "kind" in strip and "id" in strip
            else ()
        ),
    )


def _source_length(strip: Any) -> int:
    trimmed = getattr(strip, "animation_offset_start", 0) + getattr(strip, "animation_offset_end", 0)
    return compat.content_length(strip) + trimmed


def _path(strip: Any) -> Path | None:
    if strip.type == "MOVIE":
        return timeline.absolute(strip.filepath)
    if strip.type == "SOUND" and strip.sound is not None:
        return timeline.absolute(strip.sound.filepath)
    if strip.type == "IMAGE" and len(strip.elements):
        return timeline.absolute(strip.directory) / strip.elements[0].filename
    return None


def _takes(strip: Any, path: Path | None) -> tuple[str, ...]:
    """The shot's other takes: they lie beside the one that is shown, under the shot's name."""
    if path is None or "kind" not in strip or "id" not in strip:
        return ()
    return tuple(str(take) for take in sorted(path.parent.glob(f"{strip['id']}-*.mp4")) if take != path)


def _changes(strip: Any) -> Iterator[str]:
    """What Blender does to a strip that the file doesn't say."""
    if getattr(strip, "speed_factor", 1.0) != 1.0 or len(getattr(strip, "retiming_keys", ())) > 2:
        yield f"{strip.name} is retimed in Blender; the file has it at its own speed."
    if strip.type == "IMAGE" and len(strip.elements) > 1:
        yield f"{strip.name} is a sequence of pictures; the file has its first."
    if strip.type == "TEXT":
        yield f"The title {strip.text!r} keeps its words and its time; font, place and fades are Blender's."


def _blended(tracks: list[Track], blend: Any, notes: list[str]) -> list[Track]:
    """Two strips that overlap in a transition, as two that meet in its middle on one track."""
    inputs = sorted((blend.input_1, blend.input_2), key=compat.left)
    places = [
        (number, item)
        for one in inputs
        for number, track in enumerate(tracks)
        for item in track.items
        if item.name == one.name and not track.is_sound
    ]
    if len(places) == 2:
        (lower, before), (upper, after) = places
        if after.start_frame < before.end_frame < after.end_frame and before.start_frame < after.start_frame:
            middle = (after.start_frame + before.end_frame) // 2
            joined = _met(before, after, middle)
            rest = {lower: [i for i in tracks[lower].items if i not in (before, after)]}
            rest[upper] = [i for i in (rest[lower] if upper == lower else tracks[upper].items) if i is not after]
            if not any(i.start_frame < after.end_frame and i.end_frame > before.start_frame for i in rest[lower]):
                rest[lower] = sorted([*rest[lower], *joined], key=lambda item: item.start_frame)
                new = [
                    Track(track.name, track.is_sound, tuple(rest.get(number, track.items)))
                    for number, track in enumerate(tracks)
                ]
                return [track for track in new if track.items]
    notes.append(f"The transition {blend.name} can't be told to another editor: its strips are cut there.")
    return tracks


def _met(before: Item, after: Item, middle: int) -> tuple[Item, Item]:
    cut = middle - after.start_frame
    return (
        dataclasses.replace(before, frame_count=middle - before.start_frame),
        dataclasses.replace(
            after,
            start_frame=middle,
            frame_count=after.frame_count - cut,
            source_start=after.source_start + cut if after.kind is ItemKind.MOVIE else after.source_start,
            fade_before=cut,
            fade_after=before.end_frame - middle,
        ),
    )


# In


def _lay_track(scene: Any, track: Track, channel: int, notes: list[str]) -> int:
    """Lays one track; gives how many channels it took: more than one where transitions overlap its items."""
    height, up, last = 1, 0, None
    for number, item in enumerate(track.items):
        after = track.items[number + 1] if number + 1 < len(track.items) else None
        up = 1 - up if item.fade_before or item.fade_after else 0
        late = after.fade_after if after and (after.fade_before or after.fade_after) else 0
        strip = _lay(scene, item, channel + up, item.fade_before, late, notes)
        if (item.fade_before or item.fade_after) and last is not None:
            effect = scene.sequence_editor.strips.new_effect(
                f"Transition {item.name}",
                "CROSS",
                channel + 2,
                compat.left(strip),
                length=max(1, compat.right(last) - compat.left(strip)),
                input1=last,
                input2=strip,
            )
            effect.blend_type = "REPLACE"
            height = 3
        last = strip
    return height


def _lay(scene: Any, item: Item, channel: int, early: int, late: int, notes: list[str]) -> Any:
    """One item on [start - early, end + late)."""
    left, right = 1 + item.start_frame - early, 1 + item.end_frame + late
    strips, path = scene.sequence_editor.strips, item.path
    is_there = bool(path) and Path(path).is_file()
    if path and not is_there:
        notes.append(f"{path} is not there: {item.name} is laid as a placeholder.")
    if not is_there or item.kind is ItemKind.EMPTY:
        kind = "TEXT" if item.kind is ItemKind.TITLE else "COLOR"
        strip = strips.new_effect(item.name, kind, channel, left, length=right - left)
        if kind == "TEXT":
            strip.text = item.text or item.name
        else:
            strip.color = EMPTY_RGB
        if path:
            strip["missing"] = path
        return strip
    whole = int(item.source_start)
    new: Callable[..., Any] = {
        ItemKind.MOVIE: strips.new_movie,
        ItemKind.IMAGE: strips.new_image,
        ItemKind.SOUND: strips.new_sound,
    }[item.kind]
    fit = {} if item.kind is ItemKind.SOUND else {"fit_method": "FIT"}
    strip = new(item.name, path, timeline.MAX_CHANNEL, timeline.FAR_FRAME, **fit)  # alone: it may be too long
    if item.kind is ItemKind.SOUND:
        strip.sound_offset = -(item.source_start - whole) / float(timeline.scene_fps(scene))
    source = left if item.kind is ItemKind.IMAGE else left - whole + early
    compat.place(strip, source, left, right)
    strip.channel = channel
    return strip
