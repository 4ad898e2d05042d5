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
    return (*cuts.notes, *_of_format(cuts, suffix, FORMATS[suffix]))


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


def _of_format(cuts: CutList, suffix: str, name: str) -> Iterator[str]:
    items = [item for track in cuts.tracks for item in track.items]
    if suffix == ".edl":
        kept = edl_track(cuts)
        for track in cuts.tracks:
            if track is not kept:
                yield f"{name} has one picture track: {track.name} ({_named(track.items)}) is not in the file."
        if cuts.markers:
            yield f"{name} has no markers: {len(cuts.markers)} are not in the file; `beatboard markers` writes them."
        yield f"{name} doesn't tell the frame's size, nor how long each file is."
    if suffix != ".otio":
        if any(item.takes for item in items):
            yield f"{name} has one file for each shot: the other takes are not in the file."
        if any(item.properties for item in items):
            yield f"{name} has no place for a shot's prompt, seed and motion."
        odd = [item for item in items if item.kind is ItemKind.SOUND and item.source_start % 1]
        if odd and suffix != ".edl":
            yield f"{name} counts whole frames: {_named(odd)} starts up to half a frame off."
    if suffix in (".xml", ".fcpxml") and any(marker.color != "GREEN" for marker in cuts.markers):
        yield f"{name} has no colours of markers: they all have one."
    if suffix == ".xml" and any(track.name for track in cuts.tracks):
        yield f"{name} has no names of tracks."
    odd = [item for item in items if item.fade_before != item.fade_after]
    if suffix == ".xml" and odd:
        yield f"{name} has transitions around their cuts: those into {_named(odd)} are shorter on one side."
    if suffix == ".edl" and any(item.fade_before for item in items):
        yield f"{name} counts a shot from where its transition begins."
    if suffix == ".fcpxml":
        above = [item for track in cuts.tracks for item in track.items if item.fade_before or item.fade_after]
        first = next((track for track in cuts.tracks if not track.is_sound), None)
        if first is not None and any(item not in first.items for item in above):
            yield f"{name} has transitions on its first track: those above it are cuts."


def _named(items: tuple[Item, ...] | list[Item]) -> str:
    names = ", ".join(item.name for item in items[:3])
    return names + (f" and {len(items) - 3} more" if len(items) > 3 else "")
