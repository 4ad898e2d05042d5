# SPDX-License-Identifier: GPL-3.0-or-later
"""What a format can't hold of a timeline: told, never dropped without a word."""

from collections.abc import Iterator
from dataclasses import replace

from blender_addon.core.cut_list import CutList, Item, ItemKind, Track

FORMATS = {
    ".otio": "OpenTimelineIO",
    ".xml": "FCP 7 XML",
    ".fcpxml": "FCPXML",
    ".edl": "CMX 3600",
}
"""by suffix"""


def losses(cuts: CutList, suffix: str) -> tuple[str, ...]:
    """A sentence for each thing that is in the timeline and won't be in the file, after the timeline's own notes."""
    return (*cuts.notes, *(sentence for limit in _LIMITS[suffix] for sentence in limit(cuts, FORMATS[suffix])))


def edl_track(cuts: CutList) -> Track | None:
    """The one track that an EDL has: the picture track that fills most of the timeline."""
    pictures = [track for track in cuts.tracks if not track.is_sound]
    return max(pictures, key=lambda track: sum(item.frame_count for item in track.items), default=None)


def balanced(track: Track) -> Track:
    """With transitions that are as long before their cut as after it, which is how FCP 7 XML has them."""
    shortest = [min(item.fade_before, item.fade_after) for item in track.items]
    items = [
        replace(item, fade_before=least, fade_after=least) for item, least in zip(track.items, shortest, strict=True)
    ]
    return replace(track, items=tuple(items))


def _one_picture_track(cuts: CutList, name: str) -> Iterator[str]:
    kept = edl_track(cuts)
    for track in cuts.tracks:
        if track is not kept:
            yield f"{name} has one picture track: {track.name} ({_named(track.items)}) is not in the file."


def _no_markers(cuts: CutList, name: str) -> Iterator[str]:
    if cuts.markers:
        yield f"{name} has no markers: {len(cuts.markers)} are not in the file; `beatboard markers` writes them."


def _no_sizes(cuts: CutList, name: str) -> Iterator[str]:  # noqa: ARG001 - all limits share one shape
    yield f"{name} doesn't tell the frame's size, nor how long each file is."


def _one_take(cuts: CutList, name: str) -> Iterator[str]:
    if any(item.takes for item in _items(cuts)):
        yield f"{name} has one file for each shot: the other takes are not in the file."


def _no_properties(cuts: CutList, name: str) -> Iterator[str]:
    if any(item.properties for item in _items(cuts)):
        yield f"{name} has no place for a shot's prompt, seed and motion."


def _whole_frames(cuts: CutList, name: str) -> Iterator[str]:
    odd = [item for item in _items(cuts) if item.kind is ItemKind.SOUND and item.source_start % 1]
    if odd:
        yield f"{name} counts whole frames: {_named(odd)} starts up to half a frame off."


def _one_marker_color(cuts: CutList, name: str) -> Iterator[str]:
    if any(marker.color != "GREEN" for marker in cuts.markers):
        yield f"{name} has no colours of markers: they all have one."


def _no_track_names(cuts: CutList, name: str) -> Iterator[str]:
    if any(track.name for track in cuts.tracks):
        yield f"{name} has no names of tracks."


def _even_transitions(cuts: CutList, name: str) -> Iterator[str]:
    odd = [item for item in _items(cuts) if item.fade_before != item.fade_after]
    if odd:
        yield f"{name} has transitions around their cuts: those into {_named(odd)} are shorter on one side."


def _early_transitions(cuts: CutList, name: str) -> Iterator[str]:
    if any(item.fade_before for item in _items(cuts)):
        yield f"{name} counts a shot from where its transition begins."


def _transitions_on_first_track(cuts: CutList, name: str) -> Iterator[str]:
    fading = [item for item in _items(cuts) if item.fade_before or item.fade_after]
    first = next((track for track in cuts.tracks if not track.is_sound), None)
    if first is not None and any(item not in first.items for item in fading):
        yield f"{name} has transitions on its first track: those above it are cuts."


_LIMITS = {
    ".otio": (),
    ".xml": (_one_take, _no_properties, _whole_frames, _one_marker_color, _no_track_names, _even_transitions),
    ".fcpxml": (_one_take, _no_properties, _whole_frames, _one_marker_color, _transitions_on_first_track),
    ".edl": (_one_picture_track, _no_markers, _no_sizes, _one_take, _no_properties, _early_transitions),
}


def _items(cuts: CutList) -> list[Item]:
    return [item for track in cuts.tracks for item in track.items]


def _named(items: tuple[Item, ...] | list[Item]) -> str:
    names = ", ".join(item.name for item in items[:3])
    return names + (f" and {len(items) - 3} more" if len(items) > 3 else "")
