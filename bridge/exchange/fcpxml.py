# SPDX-License-Identifier: GPL-3.0-or-later
"""Final Cut Pro's FCPXML (Apple, "FCPXML reference", version 1.9), out and in.

Its times are fractions of seconds, so every frame rate is exact. The first picture track is the primary storyline;
what lies on other tracks is connected to the element above or below which it begins.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from blender_addon.core.cut_list import CutList, Item, ItemKind, TimelineMarker, Track
from bridge.common.errors import BadInput
from bridge.exchange import media_paths
from bridge.exchange.otio_timeline import PICTURES, SOUNDS, exact_rate

TITLE = ".../Titles.localized/Bumper:Opener.localized/Basic Title.localized/Basic Title.moti"
_CLIPS = ("asset-clip", "clip", "video", "audio", "title", "gap", "ref-clip", "sync-clip", "mc-clip")


# Out


def write(cuts: CutList, path: Path, folder: Path) -> None:
    """Writes the timeline; its media are named relative to `folder`."""
    root = ET.Element("fcpxml", version="1.9")
    writer = _Writer(cuts, folder, ET.SubElement(root, "resources"))
    library = ET.SubElement(root, "library")
    project = ET.SubElement(ET.SubElement(library, "event", name=cuts.name), "project", name=cuts.name)
    sequence = ET.SubElement(
        project, "sequence", format="r1", duration=writer.time(cuts.frame_count), tcStart="0s", tcFormat="NDF"
    )
    writer.storyline(ET.SubElement(sequence, "spine"))
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{text}\n', encoding="utf-8")


class _Writer:
    """Makes the elements, and keeps the resources that they name."""

    def __init__(self, cuts: CutList, folder: Path, resources: ET.Element) -> None:
        self.cuts, self.folder, self.resources = cuts, folder, resources
        self.ids: dict[str, str] = {}
        size = {"width": str(cuts.width_px), "height": str(cuts.height_px)}
        ET.SubElement(resources, "format", {"id": "r1", "frameDuration": self.time(1), **size})

    def time(self, frames: float) -> str:
        """A number of frames as FCPXML writes it."""
        seconds = round(frames) / self.cuts.fps
        return f"{seconds.numerator}/{seconds.denominator}s" if seconds.denominator > 1 else f"{seconds.numerator}s"

    def storyline(self, spine: ET.Element) -> None:
        pictures = [track for track in self.cuts.tracks if not track.is_sound]
        main = pictures[0] if pictures else Track("", False, ())
        pieces: list[tuple[ET.Element, int, int, int]] = []
        at = 0
        end = Item("", ItemKind.EMPTY, self.cuts.frame_count, 0)
        for item in (*main.items, end):
            if item.start_frame > at:
                span = item.start_frame - at
                gap = ET.SubElement(
                    spine, "gap", name="Gap", offset=self.time(at), start="0s", duration=self.time(span)
                )
                pieces.append((gap, at, item.start_frame, 0))
            if item is end:
                break
            if (item.fade_before or item.fade_after) and item.start_frame == at:
                span = item.fade_before + item.fade_after
                begin = self.time(item.start_frame - item.fade_before)
                ET.SubElement(spine, "transition", name="Cross Dissolve", offset=begin, duration=self.time(span))
            element = self.element(spine, item, item.start_frame)
            pieces.append((element, item.start_frame, item.end_frame, round(item.source_start)))
            at = item.end_frame
        for lane, track in enumerate(pictures[1:], start=1):
            self.connect(track, lane, pieces)
        for number, track in enumerate((track for track in self.cuts.tracks if track.is_sound), start=1):
            self.connect(track, -number, pieces)
        for marker in self.cuts.markers:
            element, start, _, source = _under(pieces, marker.frame)
            local = self.time(source + marker.frame - start)
            ET.SubElement(element, "marker", start=local, duration=self.time(1), value=marker.name)

    def connect(self, track: Track, lane: int, pieces: list[tuple[ET.Element, int, int, int]]) -> None:
        for item in track.items:
            parent, start, _, source = _under(pieces, item.start_frame)
            self.element(parent, item, source + item.start_frame - start).set("lane", str(lane))

    def element(self, parent: ET.Element, item: Item, offset: int) -> ET.Element:
        place = {"name": item.name, "offset": self.time(offset), "duration": self.time(item.frame_count)}
        if item.kind is ItemKind.TITLE:
            element = ET.SubElement(parent, "title", {"ref": self.title(), "start": "0s", **place})
            style = f"ts{len(self.resources)}-{offset}-{item.start_frame}"
            ET.SubElement(ET.SubElement(element, "text"), "text-style", ref=style).text = item.text
            ET.SubElement(ET.SubElement(element, "text-style-def", id=style), "text-style", font="Helvetica")
            return element
        if not item.path:
            return ET.SubElement(parent, "gap", {"start": "0s", **place})
        start = self.time(item.source_start)
        if item.kind is ItemKind.IMAGE:
            return ET.SubElement(parent, "video", {"ref": self.asset(item), "start": start, **place})
        return ET.SubElement(parent, "asset-clip", {"ref": self.asset(item), "start": start, **place})

    def asset(self, item: Item) -> str:
        if item.path not in self.ids:
            self.ids[item.path] = f"r{len(self.resources) + 1}"
            has = {"hasAudio": "1"} if item.kind is ItemKind.SOUND else {"hasVideo": "1", "format": "r1"}
            length = item.source_frames or round(item.source_start) + item.frame_count
            if item.kind is ItemKind.IMAGE:
                length = 0
            asset = ET.SubElement(
                self.resources,
                "asset",
                {
                    "id": self.ids[item.path],
                    "name": Path(item.path).stem,
                    "start": "0s",
                    "duration": self.time(length),
                    **has,
                },
            )
            source = media_paths.url_of(item.path, self.folder, quoted=True)
            ET.SubElement(asset, "media-rep", kind="original-media", src=source)
        return self.ids[item.path]

    def title(self) -> str:
        if TITLE not in self.ids:
            self.ids[TITLE] = f"r{len(self.resources) + 1}"
            ET.SubElement(self.resources, "effect", id=self.ids[TITLE], name="Basic Title", uid=TITLE)
        return self.ids[TITLE]


def _under(pieces: list[tuple[ET.Element, int, int, int]], frame: int) -> tuple[ET.Element, int, int, int]:
    return next((piece for piece in pieces if piece[1] <= frame < piece[2]), pieces[-1])


# In


def read(path: Path) -> CutList:
    """Reads a timeline as another program wrote it; what can't be laid out is in its notes.

    Raises:
        BadInput: the file is no FCPXML, or holds no project.
    """
    try:
        root = ET.fromstring(path.read_text(encoding="utf-8"))
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} can't be read as FCPXML: {error}.") from None
    sequence = root.find(".//project/sequence")
    spine = sequence.find("spine") if sequence is not None else None
    if sequence is None or spine is None:
        raise BadInput(f"{path} holds no project; export the project, not an event.")
    project = root.find(".//project")
    formats = {found.get("id", ""): found for found in root.findall("./resources/format")}
    form = formats.get(sequence.get("format", ""))
    step = _seconds(form.get("frameDuration", "1/24s")) if form is not None else Fraction(1, 24)
    size = [int(form.get(name, default)) if form is not None else int(default) for name, default in
            (("width", "1920"), ("height", "1080"))]  # fmt: skip
    reader = _Reader(1 / step, path.parent.absolute(), {a.get("id", ""): a for a in root.findall("./resources/asset")})
    reader.spine(spine, 0, _seconds(sequence.get("tcStart", "0s")), 0)
    tracks = tuple(Track("", lane < 0, tuple(items)) for lane, items in sorted(reader.tracks().items()))
    return CutList(
        (project.get("name", "") if project is not None else "") or path.stem,
        exact_rate(float(1 / step)),
        size[0],
        size[1],
        max((item.end_frame for track in tracks for item in track.items), default=0),
        tracks,
        tuple(sorted(reader.markers, key=lambda marker: marker.frame)),
        tuple(dict.fromkeys(reader.notes)),
    )


@dataclass
class _Reader:
    """Walks the storyline and what is connected to it."""

    fps: Fraction
    folder: Path
    assets: dict[str, ET.Element]
    items: list[tuple[int, Item]] = field(default_factory=list)
    """each with its lane"""
    markers: list[TimelineMarker] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def frames(self, seconds: Fraction) -> int:
        return round(seconds * self.fps)

    def spine(self, spine: ET.Element, at: int, zero: Fraction, lane: int) -> None:
        fade: tuple[int, int] | None = None
        follows = at
        for element in spine:
            offset = self.frames(_seconds(element.get("offset", "")) - zero) + at if element.get("offset") else follows
            if element.tag == "transition":
                fade = (offset, offset + self.frames(_seconds(element.get("duration", "0s"))))
                continue
            if element.tag not in _CLIPS:
                continue
            self.clip(element, offset, lane, fade)
            follows = offset + self.frames(_seconds(element.get("duration", "0s")))
            fade = None

    def clip(self, element: ET.Element, at: int, lane: int, fade: tuple[int, int] | None = None) -> None:
        """One element that begins on the frame `at`, and what is connected to it."""
        start, duration = _seconds(element.get("start", "0s")), _seconds(element.get("duration", "0s"))
        if element.get("enabled") == "0":
            self.notes.append(f"{element.get('name', '')} is switched off there and is left out.")
        elif element.tag != "gap":
            item = self.item(element, at, self.frames(duration), start)
            if fade:
                item = replace(item, fade_before=max(0, at - fade[0]), fade_after=max(0, fade[1] - at))
            is_sound = item.kind is ItemKind.SOUND
            self.items.append((-max(1, abs(lane)) if is_sound else max(0, lane), item))
        for child in element:
            if child.tag in _CLIPS and child.get("lane"):
                offset = at + self.frames(_seconds(child.get("offset", "0s")) - start)
                self.clip(child, offset, int(child.get("lane", "1")))
            elif child.tag == "spine":
                offset = at + self.frames(_seconds(child.get("offset", "0s")) - start)
                self.spine(child, offset, Fraction(0), int(child.get("lane", "1")))
            elif child.tag in ("marker", "chapter-marker"):
                frame = at + self.frames(_seconds(child.get("start", "0s")) - start)
                self.markers.append(TimelineMarker(child.get("value", ""), frame))
            elif child.tag == "timeMap":
                self.notes.append(f"{element.get('name', '')} is retimed there, which is not laid out.")

    def item(self, element: ET.Element, at: int, count: int, start: Fraction) -> Item:
        name = element.get("name", "")
        if element.tag == "title":
            text = "".join(part.text or "" for part in element.iter("text-style"))
            return Item(name, ItemKind.TITLE, at, count, text=text or name)
        inner = next((part for part in element if part.tag in ("video", "audio") and not part.get("lane")), None)
        reference = element.get("ref") or (inner.get("ref") if inner is not None else None) or ""
        asset = self.assets.get(reference)
        if asset is None:
            what = "is made of other clips" if element.tag in ("ref-clip", "sync-clip", "mc-clip") else "names no file"
            self.notes.append(f"{name} {what}: it is laid as a placeholder.")
            return Item(name, ItemKind.EMPTY, at, count)
        rep = asset.find("media-rep")
        url = (rep.get("src") if rep is not None else None) or asset.get("src", "")
        path = media_paths.path_of(url, self.folder)
        suffix = Path(path).suffix.lower()
        kind = ItemKind.IMAGE if suffix in PICTURES else ItemKind.MOVIE
        if suffix in SOUNDS or (asset.get("hasAudio") == "1" and asset.get("hasVideo") != "1"):
            kind = ItemKind.SOUND
        begin = _seconds(asset.get("start", "0s"))
        if kind is ItemKind.IMAGE:
            return Item(name, kind, at, count, path)
        length = self.frames(_seconds(asset.get("duration", "0s")))
        return Item(name, kind, at, count, path, float(self.frames(start - begin)), length)

    def tracks(self) -> dict[int, list[Item]]:
        """The items by lane; sounds have lanes below 0."""
        found: dict[int, list[Item]] = {}
        for first, item in sorted(self.items, key=lambda pair: pair[1].start_frame):
            lane, step = first, -1 if first < 0 else 1
            while lane in found and found[lane][-1].end_frame > item.start_frame:
                lane += step
            found.setdefault(lane, []).append(item)
        return found


def _seconds(text: str) -> Fraction:
    """A time such as "1001/24000s".

    Raises:
        BadInput: it is none.
    """
    try:
        return Fraction(text.removesuffix("s") or "0")
    except (ValueError, ZeroDivisionError):
        raise BadInput(f"The FCPXML has the time {text!r}, which can't be read; export it again.") from None
