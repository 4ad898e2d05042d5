# SPDX-License-Identifier: GPL-3.0-or-later
"""The shots as the timeline shows them, and what is done to them there. The timeline is the truth.

Functions take a scene and can be called from scripts; operators only check, call and report.
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any

import bpy

from ..core import codec, rules, strip_layout
from ..core.strip_layout import SeenShot
from ..core.types import ClipRequest, EditPlan, Excerpt, JobState, Shot, SongAnalysis
from ..scene import compat, film_textures, grade, song_channels, timeline, treatments
from ..session import state
from ..session.state import Row
from ..session.tasks import Problem

TAKE_KEY = "take"
"""the strip's custom property that names the take it shows, by sha256"""
CHOSEN_KEY = "chosen"
"""the strip's custom property that says with which settings the editor chose a take that was made with others"""
COMPARED = {
    "kind": "its role",
    "framing": "framing",
    "prompt": "prompt",
    "negative_prompt": "negative prompt",
    "seed": "seed",
    "motion": "motion",
    "frame_count": "length",
    "hold_frames": "hold",
    "fps": "frame rate",
    "width_px": "size",
    "height_px": "size",
    "cover_sha256": "cover",
}
"""what of a request makes a clip stale when it changes, in words"""


@lru_cache(maxsize=8)
def _analysis(text: str) -> SongAnalysis:
    return codec.loads(SongAnalysis, text)


@lru_cache(maxsize=512)
def request_from(text: str) -> ClipRequest:
    """What a take was made from."""
    return codec.loads(ClipRequest, text)


def analysis_of(scene: Any) -> SongAnalysis | None:
    """The song's analysis, as the editor reads it now."""
    text = state.settings_of(scene).analysis
    return _analysis(text) if text else None


def edit_of(scene: Any) -> EditPlan | None:
    """The edit as the timeline shows it; None if nothing was planned here."""
    if timeline.SCENE_KEY not in scene:
        return None
    return timeline.read(scene, ids_in_use(scene))


def seen_shots(scene: Any) -> tuple[SeenShot, ...]:
    """The shots that the timeline shows; none gets the id of a deleted one whose takes are kept."""
    return timeline.seen_shots(scene, ids_in_use(scene))


def ids_in_use(scene: Any) -> set[str]:
    """Ids that no new shot gets: of shots with takes or jobs, even if they were deleted."""
    settings = state.settings_of(scene)
    return {take.shot_id for take in settings.takes} | {record.shot_id for record in settings.jobs}


def adopt(scene: Any) -> None:
    """Writes onto the strips what the timeline shows: new ids for pieces and copies, where each shot is now.

    A strip that others cover in its middle is cut there, so that each of its shots has a strip.
    """
    _cut_covered(scene)
    by_name = {strip.name: strip for strip in timeline.shot_strips(scene)}
    for seen in seen_shots(scene):
        strip = by_name[seen.strip.name]
        if seen.is_new:
            strip.name = seen.shot.id
        for key, value in strip_layout.properties_of(seen.shot).items():
            if strip.get(key) != value:
                strip[key] = value


def _cut_covered(scene: Any) -> None:
    seen = seen_shots(scene)
    for name in {one.strip.name for one in seen}:
        pieces = [one for one in seen if one.strip.name == name]
        strip = timeline.named(scene, name)
        assert strip is not None
        for piece in reversed(pieces[1:]):
            strip.split(frame=_scene_frame(scene, piece.shot.start_frame), split_method="SOFT")


def strip_of(scene: Any, shot_id: str) -> Any | None:
    """The strip that shows this shot."""
    for seen in seen_shots(scene):
        if seen.shot.id == shot_id:
            return timeline.named(scene, seen.strip.name)
    return None


def active_row(scene: Any) -> Any | None:
    """The row that is chosen in the list."""
    listed = state.shot_list()
    return listed.shots[listed.active] if 0 <= listed.active < len(listed.shots) else None


def active_strip(scene: Any) -> Any | None:
    """The strip of the row that is chosen."""
    row = active_row(scene)
    return timeline.named(scene, row.strip) if row else None


def selected_ids(scene: Any) -> list[str]:
    """The shots whose strips are selected, in order of time."""
    strips = {strip.name: strip for strip in timeline.shot_strips(scene)}
    return [seen.shot.id for seen in seen_shots(scene) if strips[seen.strip.name].select]


def _scene_frame(scene: Any, frame: int) -> int:
    return strip_layout.to_scene(frame, timeline.start_frame(scene))


def heard(scene: Any, plan: EditPlan) -> dict[str, EditPlan | None]:
    """The plan as the song under each shot has it, by the shot's id; None where another song is heard."""
    clock = timeline.clock_of(scene)
    if clock is None:
        return {}
    excerpts = {shot.id: clock.heard_at(strip_layout.to_scene(shot.start_frame, clock.start)) for shot in plan.shots}
    plans = {excerpt: replace(plan, excerpt=excerpt) for excerpt in excerpts.values() if excerpt}
    return {shot_id: plans[excerpt] if excerpt else None for shot_id, excerpt in excerpts.items()}


# The list


@dataclass(frozen=True)
class _State:
    name: str
    progress: float = 0.0
    detail: str = ""


_MUTED = _State("muted", detail="muted: it is not in the video")


def refresh(scene: Any, *, force: bool = False) -> bool:
    """Makes the list's rows from the timeline, if anything changed; whether it did.

    Nothing is written to Blender's data as long as the shots are the same ones: that would redraw every editor.
    """
    known, now = state.session().shots, _signature(scene)
    if now == known.signature and not force:
        return False
    known.signature = now
    if scene is not None:
        grade.follow(scene)
        treatments.follow(scene)
        timeline.unshare(scene, film_textures.NAME)
        timeline.follow_song(scene)
        song_channels.follow(scene)
    listed = state.shot_list()
    plan, analysis = edit_of(scene), analysis_of(scene)
    seen = seen_shots(scene) if plan else ()
    while len(listed.shots) > len(seen):
        listed.shots.remove(len(listed.shots) - 1)
    while len(listed.shots) < len(seen):
        listed.shots.add()
    known.rows.clear()
    clocks = heard(scene, plan) if plan else {}
    for row, one, before in zip(listed.shots, seen, (None, *seen), strict=False):
        assert plan
        if row.name != one.shot.id:
            row.name = one.shot.id
        clock = clocks[one.shot.id]
        off = _frames_off(one.shot, before.shot if before else None, clock, analysis) if clock and analysis else 0
        known.rows[one.shot.id] = _row(scene, one, plan, clock, off)
    shown = (clocks, analysis, _filled(scene), [one.shot.id for one in seen if one.strip.muted])
    if known.violations_of != shown:
        known.violations_of = shown
        known.violations = []
        if plan is not None and plan.shots and analysis is not None:
            known.violations = _violations(seen, clocks, analysis, shown[2])
    _follow_selection(scene, listed)
    return True


def _violations(
    seen: Sequence[SeenShot],
    clocks: Mapping[str, EditPlan | None],
    analysis: SongAnalysis,
    filled: Sequence[range],
) -> list[rules.Violation]:
    """Which rules the edit breaks, as it is seen and heard.

    Where the song is heard in several places, its cuts alone are held against it: the rest is about one run of a song.
    """
    parts: dict[Excerpt, list[Shot]] = {}
    plans = {}
    for one in seen:
        clock = clocks[one.shot.id]
        if clock and not one.strip.muted:
            parts.setdefault(clock.excerpt, []).append(one.shot)
            plans[clock.excerpt] = clock
    edits = [
        replace(plan, shots=strip_layout.at_cuts(parts[excerpt], rules.downbeat_frames(plan, analysis)))
        for excerpt, plan in plans.items()
    ]
    found = [violation for edit in edits for violation in rules.broken(edit, analysis, filled)]
    is_one = len(parts) == 1 and all(clocks.values())
    return found if is_one else [violation for violation in found if violation.rule is rules.Rule.DOWNBEATS]


def _filled(scene: Any) -> list[range]:
    """The frames of the edit on which something of the editor's own is seen."""
    start = timeline.start_frame(scene)
    spans = [(compat.left(strip) - start, compat.right(strip) - start) for strip in timeline.foreign_pictures(scene)]
    return [range(*span) for span in spans]


def _signature(scene: Any) -> Any:
    if scene is None:
        return None
    settings = state.settings_of(scene)
    strips = [
        (strip.name, compat.left(strip), compat.right(strip), strip.channel, strip.lock, strip.type, *strip.items())
        for strip in timeline.shot_strips(scene)
    ]
    around = [
        (strip.name, compat.left(strip), compat.right(strip), compat.content_start(strip), strip.channel, strip.mute)
        for strip in timeline.all_strips(scene)
    ]
    active = scene.sequence_editor and scene.sequence_editor.active_strip
    waiting = [(record.name, state.session().shots.jobs.get(record.name)) for record in settings.jobs]
    render = scene.render
    return (
        scene.session_uid,
        [tuple(map(str, strip)) for strip in strips],
        around,
        waiting,
        [(take.sha256, take.shot_id) for take in settings.takes],
        hash(settings.analysis),
        sorted(state.session().files.missing),
        (render.fps, render.fps_base, render.resolution_x, render.resolution_y, scene.get(timeline.SCENE_KEY)),
        active.name if active else "",
    )


def _frames_off(shot: Shot, before: Shot | None, clock: EditPlan, analysis: SongAnalysis) -> int:
    """How far the cut to a shot is from its downbeat."""
    if before is None or before.end_frame <= shot.start_frame:
        return rules.frames_off(shot.start_frame, clock, analysis)
    cut = strip_layout.cut(before, shot, rules.downbeat_frames(clock, analysis))
    return rules.frames_off(cut, clock, analysis)


def _row(scene: Any, seen: SeenShot, plan: EditPlan, clock: EditPlan | None, frames_off: int) -> Row:
    shot, settings = seen.shot, state.settings_of(scene)
    strip = timeline.named(scene, seen.strip.name)
    assert strip is not None
    row_state = _MUTED if seen.strip.muted else _state(settings, strip, seen, plan)
    takes, shown = takes_of(scene, shot.id, strip), strip.get(TAKE_KEY, "")
    return Row(
        strip=strip.name,
        start=shot.start_frame,
        frame_count=shot.frame_count,
        bars=_bars(shot, clock or plan, settings.analysis if clock else ""),
        act=shot.act,
        state=row_state.name,
        progress=row_state.progress,
        detail=row_state.detail,
        frames_off=frames_off,
        is_locked=strip.lock,
        take_count=len(takes),
        take_index=next((index for index, take in enumerate(takes, 1) if take.sha256 == shown), 0),
    )


def _bars(shot: Shot, plan: EditPlan, analysis_text: str) -> str:
    """How long a shot is, in the song's bars: "2", or "1.5" off the grid, or seconds where no bars are heard."""
    analysis = _analysis(analysis_text) if analysis_text else None
    if analysis is None or not rules.has_bars(analysis):
        return f"{float(shot.frame_count / plan.fps):.1f} s"
    start_s = plan.excerpt.start_s
    around = (start_s + float(shot.start_frame / plan.fps) - 1, start_s + float(shot.end_frame / plan.fps) + 1)
    beats = [beat for beat in analysis.beats if around[0] < beat.time_s < around[1]]  # exact frames cost time
    frames = [rules.frame_at(beat.time_s - start_s, plan.fps) for beat in beats]
    inside = [beat.bar for beat, frame in zip(beats, frames, strict=True) if shot.start_frame <= frame < shot.end_frame]
    beats_of = _bar_lengths(analysis_text)
    return f"{float(sum(Fraction(1, beats_of[bar]) for bar in inside)):.3g}"


@lru_cache(maxsize=8)
def _bar_lengths(analysis_text: str) -> Counter[int]:
    """How many beats each bar has."""
    return Counter(beat.bar for beat in _analysis(analysis_text).beats)


def takes_of(scene: Any, shot_id: str, strip: Any | None = None) -> list[Any]:
    """A shot's takes, oldest first; another shot's that it shows, as a duplicate does, comes before them."""
    settings = state.settings_of(scene)
    own = [take for take in settings.takes if take.shot_id == shot_id]
    strip = strip or strip_of(scene, shot_id)
    shown = shown_take(settings, strip, shot_id) if strip is not None and strip.type == "MOVIE" else None
    return own if shown is None or shown.shot_id == shot_id else [shown, *own]


def shown_take(settings: Any, strip: Any, shot_id: str) -> Any | None:
    """The take that a shot shows: its own if two shots have the same clip."""
    sha256 = strip.get(TAKE_KEY, "")
    found = [take for take in settings.takes if take.sha256 == sha256]
    return next((take for take in found if take.shot_id == shot_id), found[0] if found else None)


def _state(settings: Any, strip: Any, seen: SeenShot, plan: EditPlan) -> _State:
    job = next((record for record in reversed(settings.jobs) if record.shot_id == seen.shot.id), None)
    if job is not None:
        known = state.session().shots.jobs.get(job.name)
        if known is None:
            return _State("queued", 0.0, "waiting for the bridge")
        if known.state is JobState.FAILED:
            return _State("failed", 0.0, known.error)
        if known.state is not JobState.CANCELLED:
            name = "running" if known.state in (JobState.RUNNING, JobState.DONE) else "queued"
            return _State(name, known.progress, known.stage)
    if timeline.OWN_KEY in strip:
        return _State("done", detail="a strip of yours")
    if strip.type != "MOVIE":
        return _State("empty", detail="no clip yet")
    return _take_state(settings, strip, seen, plan)


def _take_state(settings: Any, strip: Any, seen: SeenShot, plan: EditPlan) -> _State:
    shot = seen.shot
    lengths = seen.lengths if compat.has_frames(strip) else range(shot.frame_count, shot.frame_count + 1)
    if strip.filepath in state.session().files.missing:
        return _State("missing", detail=f"{strip.filepath} is not there: put it back, or generate the shot again")
    take = shown_take(settings, strip, shot.id)
    if take is None or not take.request:
        resized = compat.content_length(strip) - 2 * int(strip.get(timeline.HANDLE_KEY, 0)) not in lengths
        return _State("stale", detail="the length changed") if resized else _State("done")
    request = request_from(take.request)
    length = request.frame_count if request.frame_count in lengths else shot.frame_count
    changed = changes(request, replace(shot, frame_count=length), plan)
    alike = {fingerprint(replace(shot, frame_count=length), plan, take.sha256) for length in lengths if changed}
    if changed and strip.get(CHOSEN_KEY) in alike:
        return _State("done", detail=f"chosen, though made with another {' and '.join(changed)}")
    if changed:
        return _State("stale", detail=f"changed since this take: {', '.join(changed)}")
    return _State("done", detail=f"made in {take.seconds_taken:.0f} s")


def fingerprint(shot: Shot, plan: EditPlan, sha256: str) -> str:
    """A shot's settings, as far as they make a clip stale, and the take that was chosen for them."""
    values = [getattr(shot if hasattr(shot, name) else plan, name) for name in COMPARED]
    return hashlib.sha256(repr((values, sha256)).encode()).hexdigest()[:16]


def changes(request: ClipRequest, shot: Shot, plan: EditPlan) -> list[str]:
    """What of a shot is no longer what its clip was made from, in words."""
    found = []
    for name, words in COMPARED.items():
        holder = shot if hasattr(shot, name) else plan
        if getattr(request, name) != getattr(holder, name) and words not in found:
            found.append(words)
    if shot.kind is strip_layout.ShotKind.COVER_END and request.ending is not plan.ending:
        found.append("ending")
    return found


def _follow_selection(scene: Any, listed: Any) -> None:
    """The row of the strip that is active in the sequencer is the active one."""
    active = scene.sequence_editor and scene.sequence_editor.active_strip
    if active is not None:
        for index, row in enumerate(listed.shots):
            if row.strip == active.name and listed.active != index:
                listed["active"] = index
                return


def select_active(context: Any) -> None:
    """Selects the strip of the row that was clicked, and shows its first frame."""
    scene = state.scene_of(context)
    strip = active_strip(scene)
    if strip is None or scene.sequence_editor.active_strip == strip:
        return
    for other in timeline.all_strips(scene):
        other.select = other == strip
    scene.sequence_editor.active_strip = strip
    row = active_row(scene)
    if row is not None and not context.screen.is_animation_playing:
        scene.frame_set(_scene_frame(scene, row.start))


# Edits


def split(scene: Any, scene_frame: int) -> str:
    """Splits the shot under a scene frame on the downbeat nearest to it; the new shot's id.

    Raises:
        Problem: there is no shot there, or it holds no downbeat to split on.
    """
    plan, analysis = _planned(scene)
    frame = strip_layout.from_scene(scene_frame, timeline.start_frame(scene))
    seen = next((s for s in seen_shots(scene) if s.shot.start_frame <= frame < s.shot.end_frame), None)
    if seen is None:
        raise Problem("There is no shot under the playhead.")
    _must_be_free([seen], scene)
    clock = heard(scene, plan)[seen.shot.id]
    downbeats = rules.downbeat_frames(clock, analysis) if clock else ()
    inside = [f for f in downbeats if seen.shot.start_frame < f < seen.shot.end_frame]
    if not inside:
        raise Problem(f"Shot {seen.shot.id} is one bar long: there is no downbeat inside to split it on.")
    nearest = min(inside, key=lambda downbeat: abs(downbeat - frame))
    strip = timeline.named(scene, seen.strip.name)
    assert strip is not None
    right = strip.split(frame=_scene_frame(scene, nearest), split_method="SOFT")
    adopt(scene)
    refresh(scene)
    return str(right["id"])


def merge(scene: Any, shot_ids: Sequence[str]) -> str:
    """Makes one shot of neighbours: the first goes on to the last's end; its id.

    Raises:
        Problem: fewer than two, they are no neighbours, or one is locked.
    """
    adopt(scene)
    seen = seen_shots(scene)
    chosen = [index for index, one in enumerate(seen) if one.shot.id in set(shot_ids)]
    if len(chosen) < 2:
        raise Problem("Select two or more shots that follow each other.")
    if chosen[-1] - chosen[0] != len(chosen) - 1:
        raise Problem("The selected shots don't follow each other: select the ones in between too.")
    parts = [seen[index] for index in chosen]
    _must_be_free(parts, scene)
    end = _scene_frame(scene, parts[-1].shot.end_frame)
    first, *rest = (timeline.named(scene, part.strip.name) for part in parts)
    assert first is not None
    for strip in rest:
        timeline.beside(scene, strip).remove(strip)
    compat.set_right(first, end)
    if parts[-1].shot.kind is strip_layout.ShotKind.COVER_END:  # the video still ends on the cover
        first["kind"], first["hold_frames"] = parts[-1].shot.kind.value, parts[-1].shot.hold_frames
    adopt(scene)
    refresh(scene)
    return parts[0].shot.id


def snap(scene: Any, shot_ids: Sequence[str]) -> int:
    """Moves these shots' edges onto the nearest downbeats, their neighbours with them; how many edges moved.

    Raises:
        Problem: nothing was planned, no bars were heard, or a shot is locked.
    """
    plan, analysis = _planned(scene)
    if not rules.has_bars(analysis):
        raise Problem("No bars were heard in this song, so there are no downbeats to snap to.")
    adopt(scene)
    start, seen, ids = timeline.start_frame(scene), list(seen_shots(scene)), set(shot_ids)
    grids = {
        shot_id: sorted({strip_layout.to_scene(frame, start) for frame in rules.downbeat_frames(clock, analysis)})
        for shot_id, clock in heard(scene, plan).items()
        if clock and shot_id in ids
    }
    _must_be_free([one for one in seen if one.shot.id in ids], scene)
    wanted = _snapped(seen, grids)
    moved = _move_edges(scene, seen, wanted)
    adopt(scene)
    refresh(scene)
    return moved


def _snapped(seen: Sequence[SeenShot], grids: Mapping[str, Sequence[int]]) -> list[tuple[int, int]]:
    """Where each shot's strip is to lie, in scene frames; the shots with grids move to them.

    Shots that touched, or nearly, touch afterwards; those that a transition blends overlap by as much as before.
    """
    spans = [[one.strip.left, one.strip.right] for one in seen]
    for index, one in enumerate(seen):
        grid = grids.get(one.shot.id)
        if not grid:
            continue
        near = max(1, min((b - a for a, b in pairwise(grid)), default=2) // 2)
        old_left, old_right = spans[index]
        before = spans[index - 1] if index else None
        is_blended = index > 0 and seen[index - 1].strip.name in one.strip.blends_with
        left = _blended(grid, old_left, before[1]) if before and is_blended else _nearest(grid, old_left)
        after = spans[index + 1] if index + 1 < len(spans) else None
        blends = bool(after and after[0] < old_right)
        right = old_right if blends else _nearest([frame for frame in grid if frame > left], old_right)
        if before and before[1] > old_left:
            before[1] += left - old_left
        elif before and abs(before[1] - old_left) <= near and before[0] < left:
            before[1] = left
        elif before and before[1] > left:
            left = before[1]
        if blends:
            pass  # it moves with the next one
        elif after and abs(after[0] - old_right) <= near and right < after[1]:
            after[0] = right
        elif after and right > after[0]:
            right = after[0]
        if left < right:
            spans[index] = [left, right]
    return [(left, right) for left, right in spans]


def _blended(grid: Sequence[int], left: int, right: int) -> int:
    """Where a transition on [left, right) starts once a frame of the grid lies in it or at its ends."""
    if any(left <= frame <= right for frame in grid):
        return left
    middle = (left + right) // 2
    return left + _nearest(grid, middle) - middle


def _nearest(frames: Sequence[int], frame: int) -> int:
    return min(frames, key=lambda other: abs(other - frame), default=frame)


def _move_edges(scene: Any, seen: Sequence[SeenShot], wanted: Sequence[tuple[int, int]]) -> int:
    """Moves handles: those that make a strip shorter first, so that none ever lands on another."""
    moved = 0
    by_name = {strip.name: strip for strip in timeline.shot_strips(scene)}
    strips = [by_name[one.strip.name] for one in seen]
    for strip, (left, right) in zip(strips, wanted, strict=True):
        if left > compat.left(strip):
            compat.set_left(strip, left)
            moved += 1
        if right < compat.right(strip):
            compat.set_right(strip, right)
            moved += 1
    for strip, (left, right) in zip(strips, wanted, strict=True):
        if left < compat.left(strip):
            compat.set_left(strip, left)
            moved += 1
        if right > compat.right(strip):
            compat.set_right(strip, right)
            moved += 1
    return moved


def new_seed(scene: Any, shot_id: str) -> int:
    """Gives a shot another seed, and gives that.

    Raises:
        Problem: the shot is gone or locked.
    """
    seen = next((one for one in seen_shots(scene) if one.shot.id == shot_id), None)
    if seen is None:
        raise Problem(f"Shot {shot_id} is not there any more.")
    _must_be_free([seen], scene)
    adopt(scene)
    strip = strip_of(scene, shot_id)
    assert strip is not None
    low, high = rules.SEEDS
    strip["seed"] = random.choice([seed for seed in random.sample(range(low, high + 1), 2) if seed != strip["seed"]])
    refresh(scene, force=True)
    return int(strip["seed"])


def set_locked(scene: Any, shot_ids: Sequence[str], *, locked: bool) -> None:
    """Locks shots, as Blender's own Lock Strips does: planning and generating then leave them alone."""
    for shot_id in shot_ids:
        strip = strip_of(scene, shot_id)
        if strip is not None:
            strip.lock = locked
    refresh(scene)


def _planned(scene: Any) -> tuple[EditPlan, SongAnalysis]:
    plan, analysis = edit_of(scene), analysis_of(scene)
    if plan is None or analysis is None:
        raise Problem("Plan the shots first.")
    return plan, analysis


def _must_be_free(seen: Sequence[SeenShot], scene: Any) -> None:
    for one in seen:
        strip = timeline.named(scene, one.strip.name)
        if strip is not None and strip.lock:
            raise Problem(f"Shot {one.shot.id} is locked: unlock it first.")


def reasons(strip: Any) -> str:
    """Why the planner cut where this shot starts."""
    try:
        return "; ".join(map(str, json.loads(strip.get("why", "[]"))))
    except (ValueError, TypeError):
        return ""


def redraw() -> None:
    """Shows what changed: the sidebars of all sequencers, Blender's preferences if they are open, and nothing else."""
    for region in regions():
        region.tag_redraw()


def regions() -> list[Any]:
    """The regions of all windows in which something of ours is drawn."""
    drawn_in = {"SEQUENCE_EDITOR": "UI", "PREFERENCES": "WINDOW"}
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    return [region for area in areas for region in area.regions if region.type == drawn_in.get(area.type)]


def after_task(scene: Any, what: str) -> None:
    """The end of what may have begun in a thread: a step of its own in the undo history."""
    refresh(scene, force=True)
    bpy.ops.ed.undo_push(message=what)
