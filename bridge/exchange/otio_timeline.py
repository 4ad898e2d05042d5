# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of cuts as an OpenTimelineIO timeline, and back: `.otio`, FCP 7 XML and CMX 3600 by its adapters."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from blender_addon.core.cut_list import CutList, Item, ItemKind, TimelineMarker, Track
from bridge.common.errors import BadInput
from bridge.exchange import format_limits, media_paths

ADAPTERS = {".otio": "otio_json", ".xml": "fcp_xml", ".edl": "cmx_3600"}
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".exr", ".heic", ".gif", ".psd")
SOUNDS = (".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aif", ".aiff")
NTSC = tuple(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120))
OURS = "beatboard"
"""where our own things are kept in the metadata"""


def write(cuts: CutList, path: Path, suffix: str, folder: Path) -> None:
    """Writes the timeline; its media are named relative to `folder`.

    Raises:
        BadInput: the format can't hold its frame rate.
    """
    if suffix == ".edl":
        kept = format_limits.edl_track(cuts)
        cuts = replace(cuts, tracks=(kept,) if kept else (), markers=())
    if suffix == ".xml":
        cuts = replace(cuts, tracks=tuple(map(format_limits.balanced, cuts.tracks)))
    extra: dict[str, Any] = {"rate": float(cuts.fps)} if suffix == ".edl" else {}
    try:
        otio.adapters.write_to_file(to_otio(cuts, folder, suffix), str(path), ADAPTERS[suffix], **extra)
    except (otio.exceptions.OTIOError, ValueError) as error:
        raise BadInput(
            f"{format_limits.FORMATS[suffix]} can't hold this timeline of {cuts.fps} frames per second: {error}. "
            "Export it as .otio or .fcpxml."
        ) from error


def read(path: Path, suffix: str, fps: Fraction | None = None) -> CutList:
    """Reads a timeline as another program wrote it; what can't be laid out is in its notes.

    Raises:
        BadInput: the file is not of its format, or holds no timeline; or it is an EDL and no rate is given.
    """
    if suffix == ".edl" and fps is None:
        raise BadInput(f"{path.name} is an EDL, which doesn't say its frame rate: add --fps, as in --fps 25.")
    extra: dict[str, Any] = {"rate": float(fps)} if suffix == ".edl" and fps else {}
    try:
        found = otio.adapters.read_from_file(str(path), ADAPTERS[suffix], **extra)
    except Exception as error:  # the adapters raise whatever their parsers do
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise BadInput(f"{path} can't be read as {format_limits.FORMATS[suffix]}: {reason}.") from error
    timelines = [found] if isinstance(found, otio.schema.Timeline) else _timelines(found)
    if not timelines:
        raise BadInput(f"{path} holds no timeline; export a sequence, not a bin or a clip.")
    notes = [f"{path.name} holds {len(timelines)} timelines: {timelines[0].name} is laid out."] * (len(timelines) > 1)
    return from_otio(timelines[0], path.parent.absolute(), notes)


def _timelines(found: Any) -> list[Any]:
    children = found if isinstance(found, otio.schema.SerializableCollection) else []
    return [child for child in children if isinstance(child, otio.schema.Timeline)]


# Out


def to_otio(cuts: CutList, folder: Path, suffix: str = ".otio") -> otio.schema.Timeline:
    """The timeline in OpenTimelineIO's terms."""
    rate = float(cuts.fps)
    timeline = otio.schema.Timeline(cuts.name, global_start_time=_time(0, rate))
    size = {"width": str(cuts.width_px), "height": str(cuts.height_px)}
    timeline.metadata["fcp_xml"] = {"media": {"video": {"format": {"samplecharacteristics": size}}}}
    timeline.metadata[OURS] = {"width_px": cuts.width_px, "height_px": cuts.height_px, "fps": str(cuts.fps)}
    timeline.tracks.metadata["fcp_xml"] = timeline.metadata["fcp_xml"]
    timeline.tracks.metadata[OURS] = timeline.metadata[OURS]
    for track in cuts.tracks:
        timeline.tracks.append(_track_to_otio(track, rate, folder, suffix))
    for marker in cuts.markers:
        mark = _range(marker.frame, 0 if suffix == ".otio" else 1, rate)
        timeline.tracks.markers.append(otio.schema.Marker(marker.name, mark, color=marker.color))
    return timeline


def _track_to_otio(track: Track, rate: float, folder: Path, suffix: str) -> otio.schema.Track:
    kind = otio.schema.TrackKind.Audio if track.is_sound else otio.schema.TrackKind.Video
    made, at = otio.schema.Track(track.name, kind=kind), 0
    for item in track.items:
        if item.start_frame > at:
            made.append(otio.schema.Gap(source_range=_range(0, item.start_frame - at, rate)))
        elif item.fade_before or item.fade_after:
            early, late = _time(item.fade_before, rate), _time(item.fade_after, rate)
            made.append(otio.schema.Transition("", "SMPTE_Dissolve", early, late))
        made.append(_clip(item, rate, folder, suffix))
        at = item.end_frame
    return made


def _clip(item: Item, rate: float, folder: Path, suffix: str) -> otio.schema.Clip:
    start = item.source_start if suffix == ".otio" else round(item.source_start)
    clip = otio.schema.Clip(item.name, _media(item, item.path, rate, folder), _range(start, item.frame_count, rate))
    if item.takes:
        takes = {f"take {number}": _media(item, path, rate, folder) for number, path in enumerate(item.takes, start=2)}
        clip.set_media_references({"take 1": clip.media_reference, **takes}, "take 1")
    clip.metadata["cmx_3600"] = {"reel": re.sub(r"[^A-Z0-9]", "", item.name.upper())[:8] or "AX"}
    clip.metadata[OURS] = {"item": str(item.kind), **dict(item.properties)}
    return clip


def _media(item: Item, path: str, rate: float, folder: Path) -> Any:
    if item.kind is ItemKind.TITLE:
        text = {"parameterid": "str", "name": "Text", "value": item.text}
        effect = {"effectid": "Text", "effectcategory": "Text", "effecttype": "generator", "mediatype": "video"}
        reference = otio.schema.GeneratorReference("Text", "text", parameters={"text": item.text})
        reference.available_range = _range(0, item.frame_count, rate)
        reference.metadata["fcp_xml"] = {**effect, "parameter": text}
        return reference
    if not path:
        return otio.schema.MissingReference(available_range=_range(0, item.frame_count, rate))
    length = item.source_frames or round(item.source_start) + item.frame_count
    return otio.schema.ExternalReference(
        media_paths.url_of(path, folder, quoted=False), _range(0, max(1, length), rate)
    )


def _time(frames: float, rate: float) -> otio.opentime.RationalTime:
    return otio.opentime.RationalTime(frames, rate)


def _range(start: float, count: int, rate: float) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(_time(start, rate), _time(count, rate))


# In


@dataclass
class _Reading:
    """What goes on while a timeline is read."""

    fps: Fraction
    folder: Path
    notes: list[str] = field(default_factory=list)

    def frames(self, time: otio.opentime.RationalTime) -> float:
        """At the timeline's rate."""
        return time.value_rescaled_to(float(self.fps))


def from_otio(timeline: otio.schema.Timeline, folder: Path, notes: list[str] | None = None) -> CutList:
    """The list of cuts of a timeline, whoever made it."""
    reading = _Reading(_fps(timeline), folder, list(notes or ()))
    tracks: list[Track] = []
    for found in (track for track in timeline.tracks if isinstance(track, otio.schema.Track)):
        is_sound = found.kind == otio.schema.TrackKind.Audio
        track = Track(found.name, is_sound, tuple(_items(found, is_sound, 0, reading)))
        if is_sound and any(_same(track, other) for other in tracks):
            reading.notes.append("A stereo sound lies on two tracks there: it is laid once.")
        elif track.items:
            tracks.append(track)
    width_px, height_px = _size(timeline)
    markers = sorted(_markers(timeline, reading), key=lambda marker: marker.frame)
    end = max((item.end_frame for track in tracks for item in track.items), default=0)
    return CutList(
        timeline.name or "Timeline",
        reading.fps,
        width_px,
        height_px,
        end,
        tuple(tracks),
        tuple(markers),
        tuple(dict.fromkeys(reading.notes)),
    )


def _fps(timeline: otio.schema.Timeline) -> Fraction:
    start = timeline.global_start_time
    clips = timeline.find_clips()
    rate = start.rate if start is not None and start.rate > 1 else (clips[0].duration().rate if clips else 24.0)
    return exact_rate(rate)


def exact_rate(rate: float) -> Fraction:
    """29.97 is 30000/1001."""
    return next((ntsc for ntsc in NTSC if abs(float(ntsc) - rate) < 0.006), Fraction(rate).limit_denominator(1000))


def _size(timeline: otio.schema.Timeline) -> tuple[int, int]:
    for holder in (timeline, timeline.tracks):
        own = holder.metadata.get(OURS, {})
        given = holder.metadata.get("fcp_xml", {}).get("media", {}).get("video", {}).get("format", {})
        given = given.get("samplecharacteristics", {})
        for values in ((own.get("width_px"), own.get("height_px")), (given.get("width"), given.get("height"))):
            if all(str(value).isdigit() for value in values):
                return int(str(values[0])), int(str(values[1]))
    return 1920, 1080


def _markers(timeline: otio.schema.Timeline, reading: _Reading) -> list[TimelineMarker]:
    return [
        TimelineMarker(marker.name, round(reading.frames(marker.marked_range.start_time)), marker.color or "GREEN")
        for marker in timeline.tracks.markers
    ]


def _items(track: otio.schema.Track, is_sound: bool, at: int, reading: _Reading) -> list[Item]:
    """A track's items from the frame `at` on."""
    items: list[Item] = []
    fade = (0, 0)
    position = Fraction(0)
    for child in track:
        if isinstance(child, otio.schema.Transition):
            fade = (round(reading.frames(child.in_offset)), round(reading.frames(child.out_offset)))
            continue
        start = at + round(position)
        position += Fraction(reading.frames(child.duration())).limit_denominator(10_000)
        count = at + round(position) - start
        if isinstance(child, otio.schema.Clip) and child.enabled and count:
            item = _item(child, is_sound, start, count, reading)
            items.append(replace(item, fade_before=fade[0], fade_after=fade[1]) if items else item)
        elif isinstance(child, otio.schema.Clip) and count:
            reading.notes.append(f"{child.name} is switched off there and is left out.")
        elif isinstance(child, otio.schema.Stack | otio.schema.Track):
            reading.notes.append(f"The nested timeline {child.name} is laid out flat.")
            items += _nested(child, is_sound, start, reading)
        fade = (0, 0)
    return items


def _nested(child: Any, is_sound: bool, at: int, reading: _Reading) -> list[Item]:
    kind = otio.schema.TrackKind.Audio if is_sound else otio.schema.TrackKind.Video
    tracks = [track for track in child if getattr(track, "kind", kind) == kind] if _is_stack(child) else [child]
    flat = otio.algorithms.flatten_stack([track.deepcopy() for track in tracks])
    if child.source_range is not None:
        flat = otio.algorithms.track_trimmed_to_range(flat, child.source_range)
    return _items(flat, is_sound, at, reading)


def _is_stack(child: Any) -> bool:
    return isinstance(child, otio.schema.Stack)


def _item(clip: otio.schema.Clip, is_sound: bool, start: int, count: int, reading: _Reading) -> Item:
    media, own = clip.media_reference, dict(clip.metadata.get(OURS, {}))
    reading.notes += [f"{clip.name} has {_effect(effect)} there, which is not laid out." for effect in clip.effects]
    path, text, kind = "", "", ItemKind.EMPTY
    if isinstance(media, otio.schema.ExternalReference):
        path = media_paths.path_of(media.target_url, reading.folder)
        suffix = Path(path).suffix.lower()
        kind = ItemKind.SOUND if is_sound or suffix in SOUNDS else ItemKind.MOVIE
        kind = ItemKind.IMAGE if suffix in PICTURES else kind
    elif isinstance(media, otio.schema.GeneratorReference):
        text = _text(media)
        kind = ItemKind.TITLE if text else ItemKind.EMPTY
    if kind is ItemKind.EMPTY and own.get("item") != ItemKind.EMPTY:
        reading.notes.append(f"{clip.name} names no file: it is laid as a placeholder.")
    others = clip.media_references() if isinstance(media, otio.schema.ExternalReference) else {}
    takes = [take.target_url for take in others.values() if getattr(take, "target_url", media) != media.target_url]
    properties = {name: value for name, value in own.items() if name != "item" and isinstance(value, str)}
    return Item(
        clip.name or Path(path).stem,
        kind,
        start,
        count,
        path,
        *_source(clip, kind, reading),
        text=text,
        takes=tuple(media_paths.path_of(take, reading.folder) for take in takes),
        properties=tuple(sorted(properties.items())),
    )


def _source(clip: otio.schema.Clip, kind: ItemKind, reading: _Reading) -> tuple[float, int]:
    """Which frame of its file shows first, and how many there are."""
    if kind not in (ItemKind.MOVIE, ItemKind.SOUND):
        return 0.0, 0
    whole, used = clip.media_reference.available_range, clip.trimmed_range()
    start = reading.frames(used.start_time)
    if whole is None:
        return start, 0
    if kind is ItemKind.MOVIE and abs(whole.duration.rate - float(reading.fps)) > 0.006:
        rates = f"{whole.duration.rate:g} frames per second in a timeline of {float(reading.fps):g}"
        reading.notes.append(f"{clip.name} has {rates}: Blender plays it frame by frame.")
    start -= reading.frames(whole.start_time)
    return max(0.0, round(start, 4)), round(reading.frames(whole.duration))


def _effect(effect: Any) -> str:
    if isinstance(effect, otio.schema.FreezeFrame):
        return "a freeze frame"
    if isinstance(effect, otio.schema.LinearTimeWarp):
        return f"a speed of {effect.time_scalar:g}"
    return f"the effect {effect.effect_name or effect.name}"


def _text(media: otio.schema.GeneratorReference) -> str:
    text = media.parameters.get("text") or ""
    given = media.metadata.get("fcp_xml", {}).get("parameter", [])
    given = [given] if isinstance(given, dict) or hasattr(given, "keys") else given
    found = [value.get("value") for value in given if value.get("parameterid") == "str"]
    return str(text or next(iter(found), ""))


def _same(track: Track, other: Track) -> bool:
    def places(one: Track) -> list[tuple[Any, ...]]:
        return [(item.path, item.start_frame, item.frame_count, item.source_start) for item in one.items]

    return other.is_sound and places(track) == places(other)
