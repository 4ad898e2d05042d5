# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of an MP4 file (ISO/IEC 14496-12): read, and moved to the front. Pure: standard library only.

Blender writes the index (`moov`) behind the media data; web players want it first, so that the video plays while it
loads. The index holds absolute file offsets (`stco`, `co64`), which then grow by the index's own size.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

HANDLES_COMMENT = "Beatboard, handles of frames: "
_COPY_BYTES = 1 << 20
_PROTECTED = {b"enca", b"encv", b"drms", b"drmi", b"aavd"}
"""sample entries that stand for an encrypted one: of the standard, of iTunes' shop, of Audible's"""
_HOLDS_BOXES = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


class Box(NamedTuple):
    """One box: its type, where it starts, how long it is with its header, and how long that is."""

    kind: bytes
    start: int
    size: int
    header: int

    @property
    def body(self) -> int:
        return self.start + self.header

    @property
    def end(self) -> int:
        return self.start + self.size


def move_index_first(path: Path) -> None:
    """Rewrites the file with `moov` before `mdat`, beside and then renamed; a file that is so already is left alone.

    Raises:
        ValueError: it is no whole MP4 file, or its offsets would outgrow their 32 bits.
    """
    with path.open("rb") as file:
        boxes = _top_boxes(file)
        index = _the_index(boxes, path)
        if all(box.kind != b"mdat" or box.start > index.start for box in boxes):
            return
        file.seek(index.start)
        moov = bytearray(file.read(index.size))
        for box in _boxes_within(moov):
            if box.kind in (b"stco", b"co64"):
                _shift_table(moov, box, index.size)
        beside = path.with_name(path.name + "~")
        try:
            _write(file, boxes, moov, beside)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def _write(file: BinaryIO, boxes: list[Box], moov: bytearray, beside: Path) -> None:
    with beside.open("wb") as out:
        for box in boxes:
            if box.kind == b"ftyp":
                _copy(file, box, out)
        out.write(moov)
        for box in boxes:
            if box.kind not in (b"ftyp", b"moov"):
                _copy(file, box, out)


def frame_count(path: Path) -> int:
    """How many frames the index lists for the first video track.

    Raises:
        ValueError: it is no whole MP4 file, or has no video.
    """
    moov = _read_index(path)
    return struct.unpack_from(">I", moov, _of_video(moov, path)[b"stsz"].body + 8)[0]


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of the first video track in pixels, as it is to be shown: a phone's film may lie on its side.

    Raises:
        ValueError: it is no whole MP4 file, or has no video.
    """
    moov = _read_index(path)
    boxes = _of_video(moov, path)
    width_px, height_px = struct.unpack_from(">HH", moov, boxes[b"stsd"].body + 40)
    track = boxes[b"tkhd"].body
    (along,) = struct.unpack_from(">i", moov, track + (52 if moov[track] else 40))  # 0 in the matrix of a quarter turn
    return (width_px, height_px) if along else (height_px, width_px)


def is_protected(path: Path) -> bool:
    """Whether a track is encrypted (ISO/IEC 14496-12, 8.12, or a shop's own way); False for other kinds of file."""
    try:
        moov = _read_index(path)
        return any(
            bytes(moov[box.body + 12 : box.body + 16]) in _PROTECTED
            for box in _boxes_within(moov)
            if box.kind == b"stsd"
        )
    except (OSError, ValueError):
        return False


def handle_frames(path: Path) -> int:
    """How many frames a clip of ours has before what its shot shows, and after it; 0 for others' files.

    `bridge.clips.conform` notes it in the file's comment (iTunes' metadata, as FFmpeg writes it).

    Raises:
        ValueError: it is no whole MP4 file.
    """
    _, _, text = _read_index(path).partition(b"\xa9cmt")
    size = struct.unpack_from(">I", text)[0] if len(text) >= 16 else 0
    comment = text[16:size].decode(errors="replace") if text[4:8] == b"data" else ""
    count = comment.removeprefix(HANDLES_COMMENT)
    return int(count) if comment.startswith(HANDLES_COMMENT) and count.isdecimal() else 0


def _read_index(path: Path) -> bytearray:
    with path.open("rb") as file:
        index = _the_index(_top_boxes(file), path)
        file.seek(index.start)
        return bytearray(file.read(index.size))


def _of_video(moov: bytearray, path: Path) -> dict[bytes, Box]:
    """The first video track's boxes, by type."""
    track: dict[bytes, Box] = {}
    for box in _boxes_within(moov):
        if box.kind == b"trak":
            track = {}
        track[box.kind] = box
        is_video = b"hdlr" in track and moov[track[b"hdlr"].body + 8 : track[b"hdlr"].body + 12] == b"vide"
        if is_video and {b"tkhd", b"stsd", b"stsz"} <= set(track):
            return track
    raise ValueError(f"{path} has no video")


def _the_index(boxes: list[Box], path: Path) -> Box:
    for box in boxes:
        if box.kind == b"moov":
            return box
    raise ValueError(f"{path} is not a whole MP4 file: it has no index")


def _top_boxes(file: BinaryIO) -> list[Box]:
    end = file.seek(0, os.SEEK_END)
    boxes = []
    start = 0
    while start < end:
        file.seek(start)
        boxes.append(_box(file.read(16), start, end))
        start = boxes[-1].end
    return boxes


def _boxes_within(moov: bytearray, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Every box in `moov`, itself first, those inside a box after it."""
    end = len(moov) if end is None else end
    while start < end:
        box = _box(bytes(moov[start : start + 16]), start, end)
        yield box
        if box.kind in _HOLDS_BOXES:
            yield from _boxes_within(moov, box.body, box.end)
        start = box.end


def _box(head: bytes, start: int, end: int) -> Box:
    if len(head) < 8:
        raise ValueError(f"the file ends within the box at byte {start}")
    size, kind = struct.unpack_from(">I4s", head)
    header = 8
    if size == 1 and len(head) == 16:
        size, header = struct.unpack_from(">Q", head, 8)[0], 16
    elif size == 0:
        size = end - start
    if size < header or start + size > end:
        raise ValueError(f"the box {kind!r} at byte {start} does not fit into the file")
    return Box(kind, start, size, header)


def _shift_table(moov: bytearray, box: Box, shift: int) -> None:
    number = "I" if box.kind == b"stco" else "Q"
    (count,) = struct.unpack_from(">I", moov, box.body + 4)
    offsets = struct.unpack_from(f">{count}{number}", moov, box.body + 8)
    try:
        struct.pack_into(f">{count}{number}", moov, box.body + 8, *(offset + shift for offset in offsets))
    except struct.error:
        raise ValueError("the file is too large for its 32-bit index to be moved") from None


def _copy(source: BinaryIO, box: Box, out: BinaryIO) -> None:
    source.seek(box.start)
    left = box.size
    while left:
        chunk = source.read(min(left, _COPY_BYTES))
        if not chunk:
            raise ValueError("the file ended early")
        out.write(chunk)
        left -= len(chunk)
