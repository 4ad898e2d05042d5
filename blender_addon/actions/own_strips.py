# SPDX-License-Identifier: GPL-3.0-or-later
"""The editor's own strips: as shots, and moved onto the bars of the song."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from ..core import rules, strip_layout
from ..core.conform import fit
from ..core.timing import frame_at
from ..core.types import Framing, Shot, ShotKind, SongAnalysis
from ..scene import compat, timeline
from ..session import state
from ..session.tasks import Problem
from . import look, shots

ADOPTED = ("MOVIE", "IMAGE", "SCENE")
"""kinds of strips that can be shots"""
ENDLESS = ("IMAGE", "COLOR", "META")
"""kinds of strips that don't run out of pictures; a meta's end is its own affair"""
_CHANNEL_ABOVE = 1


def use_as_shots(scene: Any, names: Sequence[str]) -> list[str]:
    """Makes shots of the editor's own strips, each showing what it showed; their ids.

    A strip lies above the shots that it overlaps, which are shorter by that. Generating leaves it alone, for it has its
    picture; *Keep* and the lock do what they do for every shot.

    Raises:
        Problem: nothing was planned, or no such strip is among these.
    """
    plan = shots.edit_of(scene)
    if plan is None:
        raise Problem("Plan the shots first.")
    strips = [strip for name in names if (strip := timeline.named(scene, name)) is not None and _is_own(strip)]
    if not strips:
        raise Problem("Select movie, image or scene strips of your own: they become shots.")
    used = {shot.id for shot in plan.shots} | shots.ids_in_use(scene)
    start, made = timeline.start_frame(scene), []
    for strip in sorted(strips, key=compat.left):
        shot = _shot_of(strip, _fresh_id(used), plan.shots, start)
        used.add(shot.id)
        _lift(scene, strip)
        for key, value in strip_layout.properties_of(shot).items():
            strip[key] = value
        strip[timeline.OWN_KEY] = True
        strip.color_tag = strip_layout.ACT_COLORS.get(shot.act, "NONE")
        made.append(shot.id)
    shots.adopt(scene)
    look.apply_grade(scene)
    shots.refresh(scene, force=True)
    return made


def _is_own(strip: Any) -> bool:
    return strip.type in ADOPTED and not timeline.is_ours(strip)


def _fresh_id(used: set[str]) -> str:
    """The first number that no shot has had, as in "o01"."""
    return next(id_ for number in range(1, 10_000) if (id_ := f"o{number:02d}") not in used)


def _shot_of(strip: Any, id_: str, planned: Sequence[Shot], start: int) -> Shot:
    """The shot that a strip is; what it doesn't say itself is as in the planned shot in its middle."""
    left, right = compat.left(strip), compat.right(strip)
    middle = strip_layout.from_scene((left + right) // 2, start)
    under = next((shot for shot in planned if shot.start_frame <= middle < shot.end_frame), None)
    seed = int(hashlib.sha256(strip.name.encode()).hexdigest()[:7], 16)
    return Shot(
        id=id_,
        start_frame=strip_layout.from_scene(left, start),
        frame_count=right - left,
        act=under.act if under else 2,
        kind=ShotKind.MOTION,
        framing=under.framing if under else Framing.MEDIUM,
        hold_frames=0,
        prompt=under.prompt if under else "",
        negative_prompt=under.negative_prompt if under else "",
        seed=seed,
        motion=under.motion if under else rules.DEFAULT_MOTION,
        why=(f"your strip {strip.name}",),
    )


def _lift(scene: Any, strip: Any) -> None:
    """Puts a strip above the shots, on a channel that is free there."""
    above = max((other.channel for other in timeline.shot_strips(scene)), default=0) + _CHANNEL_ABOVE
    if strip.channel < above and strip.parent_meta() is None:
        strip.channel = timeline.free_channel(scene, above, compat.left(strip), compat.right(strip), movable=[strip])


@dataclass(frozen=True)
class Conformed:
    """What became of an edit."""

    moved: int
    """strips whose edges moved"""
    muted: tuple[str, ...]
    """strips for which the song had no bar: they are muted, not removed"""
    resting: tuple[str, ...]
    """strips that have no more of their source, and rest on its last picture"""


def conform(scene: Any, names: Sequence[str]) -> Conformed:
    """Moves the cuts between the editor's own strips to downbeats, with the least change.

    Where a strip gets longer, more of its source is shown, behind its end or else before its beginning. Sound strips
    that lie with a strip and play its file move along.

    Args:
        names: of the strips, those of one edit; all that fill the picture if there are none.

    Raises:
        Problem: the song was not analysed or isn't on the timeline, it has no bars, there are no such strips, or one is
            locked.
    """
    strips = _edit(scene, names)
    downbeats = _downbeats(scene)
    first = min(range(len(downbeats)), key=lambda i: abs(downbeats[i] - compat.left(strips[0])))
    origin = downbeats[first]
    segments = _segments(strips)
    edges = [left - origin for left, _, _ in segments] + [segments[-1][1] - origin]
    kept = {one.old_start: one for one in fit(edges, [frame - origin for frame in downbeats[first:]], Fraction(1))}
    wanted, muted = [], []
    for left, _, strip in segments:
        place = kept.get(left - origin)
        if strip is not None and place is None:
            muted.append(strip)
        elif strip is not None and place is not None:
            wanted.append((strip, origin + place.new_start, origin + place.new_end))
    overlaps = _overlaps(strips)
    wanted = [(strip, left, right + overlaps.get(strip.name, 0)) for strip, left, right in wanted]
    moved = [one for one in wanted if (compat.left(one[0]), compat.right(one[0])) != one[1:]]
    resting = _laid(scene, moved)
    for strip in muted:
        strip.mute = True
    shots.refresh(scene, force=True)
    return Conformed(len(moved), tuple(strip.name for strip in muted), tuple(resting))


def _edit(scene: Any, names: Sequence[str]) -> list[Any]:
    """The strips that are one edit, in order of time."""
    own = [strip for strip in timeline.foreign_pictures(scene) if not timeline.inputs(strip)]
    strips = [strip for strip in own if strip.name in set(names)] if names else own
    if not strips:
        raise Problem("There are no strips of your own that fill the picture: lay your edit out first.")
    for strip in strips:
        if strip.lock:
            raise Problem(f"Your strip {strip.name} is locked: unlock it first.")
    strips.sort(key=lambda strip: (compat.left(strip), strip.channel))
    for before, after in pairwise(strips):
        if compat.left(after) == compat.left(before) or compat.right(after) < compat.right(before):
            raise Problem(
                f"Your strips {before.name} and {after.name} lie above each other: select those that are one edit."
            )
    return strips


def _downbeats(scene: Any) -> list[int]:
    """The scene frames of the song's downbeats, as the song lies on the timeline; a bar more behind the last."""
    analysis: SongAnalysis | None = shots.analysis_of(scene)
    if analysis is None:
        raise Problem("Analyze the song first.")
    if not rules.has_bars(analysis):
        raise Problem("No bars were heard in this song, so there are no downbeats to conform to.")
    settings = state.settings_of(scene)
    files = [path for path in (state.path_of(settings.wav), state.path_of(settings.song)) if path is not None]
    song = timeline.song_strip(scene) or next(iter(timeline.own_songs(scene, files)), None)
    if song is None:
        raise Problem("The song is not on the timeline: add it as a sound strip, or plan the shots.")
    fps, times = timeline.scene_fps(scene), list(analysis.downbeats_s)
    times.append(times[-1] + (times[-1] - times[0]) / (len(times) - 1))
    start = timeline.start_by(song, 0.0, fps)
    return [start + frame_at(time_s, fps) for time_s in times]


def _segments(strips: Sequence[Any]) -> list[tuple[int, int, Any]]:
    """Strips and the gaps between them, from cut to cut: first frame, one past the last, the strip if there is one."""
    found: list[tuple[int, int, Any]] = []
    for index, strip in enumerate(strips):
        left, right = compat.left(strip), compat.right(strip)
        if index + 1 < len(strips):
            right = min(right, compat.left(strips[index + 1]))
        if found and found[-1][1] < left:
            found.append((found[-1][1], left, None))
        found.append((left, right, strip))
    return found


def _overlaps(strips: Sequence[Any]) -> dict[str, int]:
    """By how many frames a strip goes on under the next one, as where a transition joins them."""
    return {
        before.name: over
        for before, after in pairwise(strips)
        if (over := compat.right(before) - compat.left(after)) > 0
    }


def _laid(scene: Any, wanted: Sequence[tuple[Any, int, int]]) -> list[str]:
    """Puts strips on other frames; the names of those that have too little of their source."""
    resting = []
    plans = []
    for strip, left, right in wanted:
        content = _content_start(strip, left, right)
        plans.append((strip, content, left, right, strip.channel))
        plans += [(sound, content, left, right, sound.channel) for sound in _sounds_of(scene, strip)]
    far = timeline.FAR_FRAME
    for strip, *_ in plans:  # a strip that lands on another is pushed aside by Blender
        length = compat.right(strip) - compat.left(strip)
        compat.place(strip, far + compat.content_start(strip) - compat.left(strip), far, far + length)
        far += 2 * length + compat.content_length(strip)
    for strip, content, left, right, channel in plans:
        compat.place(strip, content, left, right)
        strip.channel = channel
        if strip.type not in (*ENDLESS, "SOUND") and not compat.has_frames(strip):
            resting.append(strip.name)
    return resting


def _content_start(strip: Any, left: int, right: int) -> int:
    """Where the source's first frame goes, so that the strip begins as it did; earlier in the source if it runs out."""
    if strip.type == "COLOR":
        return left
    before = compat.left(strip) - compat.content_start(strip)
    if strip.type in ENDLESS:
        return left - before
    lacking = max(0, before + right - left - compat.content_length(strip))
    return left - before + min(lacking, max(0, before))


def _sounds_of(scene: Any, strip: Any) -> list[Any]:
    """The sound strips that came with a movie."""
    if strip.type != "MOVIE":
        return []
    path, span = timeline.absolute(strip.filepath), (compat.left(strip), compat.right(strip))
    return [
        sound
        for sound in timeline.own_strips(scene)
        if sound.type == "SOUND"
        and timeline.absolute(sound.sound.filepath) == path
        and (compat.left(sound), compat.right(sound)) == span
    ]
