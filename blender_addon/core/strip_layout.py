# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots to strips and back, without Blender: standard library only.

`lay_out` says where each shot's strip goes; `read_back` makes shots of whatever an editor left on the timeline.
Untouched strips give back exactly the shots they were made from.

How an edited timeline is read:
- Strips without our properties belong to someone else and are ignored.
- Where strips overlap, the one on the upper channel is seen (on one channel: the later start). A strip that is covered
  at one end is shorter by that; covered in its middle it is seen as two shots; covered wholly, as none.
- Where a transition blends two strips, both are seen: the overlap belongs to both. A muted strip covers none.
- Frames count from where the song's excerpt starts on the timeline (`song_clock`), wherever an editor moved it all.
- Strips that share an id are pieces or copies of one shot. The piece nearest to where the shot last was keeps the id;
  the others get new ones, as in "s03b". The first keeps the hold at a shot's start, the last the turn into the cover.
- What lies before the scene's first frame is cut off. Settings out of range are brought into it.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import count, pairwise
from typing import TypeVar

from .rules import DEFAULT_MOTION, MOTIONS, SEEDS
from .types import Framing, Shot, ShotKind, Treatment

SCENE_START = 1
"""the scene frame that shows the excerpt's first frame"""
SONG_CHANNEL = 1
SHOT_CHANNEL = 2
ACT_COLORS = {1: "COLOR_05", 2: "COLOR_02", 3: "COLOR_06"}
"""Blender's colour tags: blue, orange, purple"""
TURN_S = 1.0
"""how long the last shot's picture takes to become the cover"""

Setting = str | int
Choice = TypeVar("Choice", ShotKind, Framing, Treatment)


@dataclass(frozen=True, slots=True)
class Strip:
    """One strip of the sequencer, as far as a shot is concerned."""

    id: str
    """the shot's; empty for a strip that is not ours"""
    left: int
    """the first scene frame"""
    right: int
    """one past the last scene frame"""
    channel: int = SHOT_CHANNEL
    """of a strip in metas, the outermost one's"""
    color_tag: str = "NONE"
    properties: Mapping[str, Setting] = field(default_factory=dict)
    """custom properties: everything else about the shot, and where it was last"""
    name: str = ""
    """the strip's name in Blender, for whoever has to find it again"""
    inner_channels: tuple[int, ...] = ()
    """of a strip in metas: its channel and those of the metas within others, from the outside"""
    blends_with: frozenset[str] = frozenset()
    """names of strips that a transition blends it with"""
    muted: bool = False


@dataclass(frozen=True, slots=True)
class SeenShot:
    """A shot as the timeline shows it, and the strip that it comes from."""

    shot: Shot
    strip: Strip
    is_new: bool
    """the shot has an id that its strip doesn't carry yet"""
    lengths: range
    """how many frames it may be said to have: without and with those on which a transition shows a neighbour too"""


def lay_out(shots: Sequence[Shot], start: int = SCENE_START) -> tuple[Strip, ...]:
    """The strip of each shot."""
    return tuple(
        Strip(
            id=shot.id,
            left=to_scene(shot.start_frame, start),
            right=to_scene(shot.end_frame, start),
            channel=SHOT_CHANNEL,
            color_tag=ACT_COLORS.get(shot.act, "NONE"),
            properties=properties_of(shot),
            name=shot.id,
        )
        for shot in shots
    )


def to_scene(frame: int, start: int = SCENE_START) -> int:
    """The scene's frame number for a frame counted from 0, which is the scene's `start`."""
    return frame + start


def from_scene(scene_frame: int, start: int = SCENE_START) -> int:
    """A frame counted from 0, for a scene's frame number."""
    return scene_frame - start


def at_cuts(shots: Sequence[Shot], downbeats: Sequence[int] = ()) -> tuple[Shot, ...]:
    """The shots without overlaps: where a transition leads from one to the next, each ends or starts at its `cut`."""
    starts = [cut(before, after, downbeats) for before, after in pairwise(shots)]
    found = list(shots)
    for index, start in enumerate(starts):
        before, after = found[index], found[index + 1]
        if before.end_frame > after.start_frame:
            found[index] = replace(before, frame_count=max(1, start - before.start_frame))
            found[index + 1] = replace(after, start_frame=start, frame_count=max(1, after.end_frame - start))
    return tuple(found)


def cut(before: Shot, after: Shot, downbeats: Sequence[int] = ()) -> int:
    """The frame of the cut between two shots: of a transition, a downbeat in it or at its ends, else its middle.

    Editors let a transition end on the beat, start there, or lie around it.
    """
    first, last = after.start_frame, max(after.start_frame, before.end_frame)
    middle = (first + last) // 2
    within = [frame for frame in downbeats if first <= frame <= last]
    return min(within, key=lambda frame: abs(frame - middle), default=middle)


def around(
    planned: Sequence[Shot], staying: Sequence[Shot], taken: Collection[str] = (), least_frames: int = 1
) -> tuple[Shot, ...]:
    """Shots that stay where they are and, wherever none of them lies, the planned ones; in order of time.

    No two get the same id, and no new one any of `taken`. What is left of a planned shot and shorter than
    `least_frames` is no shot.
    """
    ids = {shot.id for shot in staying}
    used = ids | {shot.id for shot in planned} | set(taken)
    found = list(staying)
    for shot in planned:
        spans = [(shot.start_frame, shot.end_frame)]
        for other in staying:
            spans = _without(spans, other.start_frame, other.end_frame)
        whole = (shot.start_frame, shot.end_frame)
        for left, right in (span for span in spans if span == whole or span[1] - span[0] >= least_frames):
            id_ = _fresh_id(shot.id, used) if shot.id in ids else shot.id
            ids.add(id_)
            used.add(id_)
            found.append(_part(shot, id_, left, right))
    return tuple(sorted(found, key=lambda shot: shot.start_frame))


def _without(spans: Sequence[tuple[int, int]], left: int, right: int) -> list[tuple[int, int]]:
    """What of some spans lies before or after [left, right)."""
    parts = [part for a, b in spans for part in ((a, min(b, left)), (max(right, a), b))]
    return [(a, b) for a, b in parts if a < b]


def _part(shot: Shot, id_: str, left: int, right: int) -> Shot:
    """A part of a shot; it has the hold only if it has the end of the shot that is held."""
    is_last = shot.kind is ShotKind.COVER_END
    keeps_role = right == shot.end_frame if is_last else left == shot.start_frame
    part = replace(shot, id=id_, start_frame=left, frame_count=right - left)
    if not keeps_role:
        return replace(part, kind=ShotKind.MOTION, hold_frames=0)
    return replace(part, hold_frames=min(shot.hold_frames, right - left))


def cover_turn(frame_count: int, hold_frames: int, fps: Fraction | float) -> range:
    """The frames of a shot that ends on the cover, counted from its first, on which its picture becomes the cover.

    They are its last second of motion; from their end on the cover rests, for one frame at least.
    """
    rest = frame_count - max(1, hold_frames)
    return range(rest - max(1, min(rest, round(TURN_S * fps))), rest)


def properties_of(shot: Shot) -> dict[str, Setting]:
    """A shot as custom properties: text and whole numbers, which Blender saves as they are."""
    return {
        "id": shot.id,
        "start_frame": shot.start_frame,
        "frame_count": shot.frame_count,
        "act": shot.act,
        "kind": str(shot.kind),
        "framing": str(shot.framing),
        "hold_frames": shot.hold_frames,
        "prompt": shot.prompt,
        "negative_prompt": shot.negative_prompt,
        "seed": shot.seed,
        "motion": shot.motion,
        "treatment": str(shot.treatment),
        "why": json.dumps(shot.why, ensure_ascii=False),
    }


def fingerprint(shot: Shot) -> str:
    """What an editor may change of a shot, in short: its frames and settings."""
    frames = shot.start_frame, shot.frame_count
    values = (
        *frames,
        shot.prompt,
        shot.negative_prompt,
        shot.seed,
        shot.motion,
        str(shot.framing),
        str(shot.treatment),
    )
    return hashlib.sha256(repr(values).encode()).hexdigest()[:12]


def read_back(
    strips: Sequence[Strip], reserved: Collection[str] = (), start: int = SCENE_START
) -> tuple[SeenShot, ...]:
    """The shots that the timeline shows, in order of time.

    `reserved` are ids that new shots must not get: those of deleted shots whose takes are kept. `start` is the scene
    frame from which frames count: see `song_clock`.
    """
    ours = [strip for strip in strips if strip.id and "kind" in strip.properties]
    pieces = sorted((piece for strip in ours for piece in _visible(strip, ours, start)), key=lambda piece: piece.left)
    ids = _ids(pieces, {strip.id for strip in ours} | set(reserved), start)
    return tuple(
        SeenShot(_shot(piece, id_, pieces, start), piece.strip, id_ != piece.strip.id, _lengths(piece, pieces))
        for piece, id_ in zip(pieces, ids, strict=True)
    )


def is_resized(strip: Strip) -> bool:
    """Whether the strip's length is no longer its shot's, so that its clip is stale."""
    return strip.right - strip.left != strip.properties.get("frame_count")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a strip that nothing covers."""

    strip: Strip
    left: int
    right: int


def _visible(strip: Strip, others: Sequence[Strip], start: int) -> list[_Piece]:
    """What is left of a strip under those that cover it."""
    spans = [(max(strip.left, start), strip.right)]
    for other in others:
        if _covers(other, strip):
            spans = _without(spans, other.left, other.right)
    return [_Piece(strip, left, right) for left, right in spans if left < right]


def _lengths(piece: _Piece, pieces: Sequence[_Piece]) -> range:
    """A piece's length without its overlaps, if it is more than them, up to all of it."""
    beside = [other for other in pieces if other.strip.name in piece.strip.blends_with]
    shared = sum(max(0, min(other.right, piece.right) - max(other.left, piece.left)) for other in beside)
    whole = piece.right - piece.left
    return range(max(1, whole - shared), whole + 1)


def _covers(upper: Strip, lower: Strip) -> bool:
    if upper.muted or upper.name in lower.blends_with:
        return False
    return _layer(upper) > _layer(lower)


def _layer(strip: Strip) -> tuple[tuple[int, ...], int, str, str]:
    return (strip.channel, *strip.inner_channels), strip.left, strip.id, strip.name


def _ids(pieces: Sequence[_Piece], taken: set[str], start: int) -> list[str]:
    """An id for each piece; of those that share one, the nearest to the shot's last place keeps it."""
    keepers = {}
    for index, piece in enumerate(pieces):
        frame = from_scene(piece.left, start)
        moved = abs(frame - _number(piece.strip, "start_frame", frame, 0, 2**31 - 1))
        keepers[piece.strip.id] = min(keepers.get(piece.strip.id, (moved, index)), (moved, index))
    ids = []
    for index, piece in enumerate(pieces):
        id_ = piece.strip.id if keepers[piece.strip.id][1] == index else _fresh_id(piece.strip.id, taken)
        taken.add(id_)
        ids.append(id_)
    return ids


def _fresh_id(id_: str, taken: Collection[str]) -> str:
    """The next free id after one: "s03b" after "s03", "s03c" after that."""
    stem = re.sub(r"(?<=\d)[a-z]+$", "", id_)
    return next(fresh for number in count(2) if (fresh := stem + _letters(number)) not in taken)


def _letters(number: int) -> str:
    """1 is a, 26 is z, 27 is aa."""
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


def _shot(piece: _Piece, id_: str, pieces: Sequence[_Piece], start: int) -> Shot:
    strip = piece.strip
    length = piece.right - piece.left
    shot = Shot(
        id=id_,
        start_frame=from_scene(piece.left, start),
        frame_count=length,
        act=_number(strip, "act", 2, 1, 3),
        kind=_choice(strip, "kind", ShotKind.MOTION),
        framing=_choice(strip, "framing", Framing.MEDIUM),
        hold_frames=_number(strip, "hold_frames", 0, 0, length),
        prompt=str(strip.properties.get("prompt", "")),
        negative_prompt=str(strip.properties.get("negative_prompt", "")),
        seed=_number(strip, "seed", 0, *SEEDS),
        motion=_number(strip, "motion", DEFAULT_MOTION, *MOTIONS),
        why=_reasons(strip),
        treatment=_choice(strip, "treatment", Treatment.NONE),
    )
    siblings = [other for other in pieces if other.strip.id == strip.id]
    keeps_role = siblings[-1 if shot.kind is ShotKind.COVER_END else 0] is piece
    return shot if keeps_role else replace(shot, kind=ShotKind.MOTION, hold_frames=0)


def _number(strip: Strip, key: str, default: int, low: int, high: int) -> int:
    value = strip.properties.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return max(low, min(high, default))
    return max(low, min(high, round(value)))


def _choice(strip: Strip, key: str, default: Choice) -> Choice:
    try:
        return type(default)(strip.properties.get(key))
    except ValueError:
        return default


def _reasons(strip: Strip) -> tuple[str, ...]:
    try:
        reasons = json.loads(str(strip.properties.get("why", "[]")))
    except ValueError:
        return ()
    return tuple(str(reason) for reason in reasons) if isinstance(reasons, list) else ()
