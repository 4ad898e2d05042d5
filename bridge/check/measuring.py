# SPDX-License-Identifier: GPL-3.0-or-later
"""The check itself: the file is probed, watched and heard, then judged."""

from bisect import bisect
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from blender_addon.core import rules
from blender_addon.core.encoding import H264, Codec
from blender_addon.core.platforms import Platform
from blender_addon.core.types import EditPlan, SongAnalysis
from bridge import cover as covers
from bridge import song as songs
from bridge.check import sound, sound_file
from bridge.check.container import Container, VideoTrack, probe
from bridge.check.file_measures import file_measures
from bridge.check.measures import not_measured
from bridge.check.picture_measures import cover_measures, cut_measures, hold_measures, motion_measures, plan_measures
from bridge.check.platform_measures import loudness, platform_measures
from bridge.check.report import CheckReport, GridBeat, GridSection, Group, Measure, Series, ShotMotion, VisibleCut
from bridge.check.sound_measures import KNOWN_LIKENESS, SongPlace, song_place
from bridge.check.sound_quality import quality_measures
from bridge.check.title_measures import frame_of, title_measures
from bridge.check.watching import Moved, Watched, watch
from bridge.common.errors import BadInput
from bridge.common.progress import OnProgress

ENERGY_STEP_S = 0.1


_NEAR_S = 0.5
"""a planned cut with a visible one this near has been seen, early or late"""


def check(
    video: Path,
    song: Path,
    cover: Path,
    plan: EditPlan | None,
    analysis: SongAnalysis | None,
    on_progress: OnProgress,
    platform: Platform | None = None,
    *,
    codec: Codec = H264,
    brief: bool,
) -> CheckReport:
    """See `bridge.check.check`."""
    container = probe(video)
    art = covers.load(cover)
    on_progress(0.02, "listening to the song")
    if analysis is None:
        analysis = songs.analyze(song)
    titled = {frame_of(line) for line in plan.titles} if plan else set[int]()
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(_hear, video, song, container, analysis, plan, platform, brief=brief)
        seen = watch(
            video,
            container.video,
            lambda done: on_progress(0.1 + 0.8 * done, "watching the video"),
            titled,
            motion=not brief,
        )
        place = heard.result()
    on_progress(0.9, "comparing with the cover")
    cuts = _cuts(seen, container.video, place.start_s, analysis)
    shots = _shots(_edges(seen, plan, float(container.video.fps)), seen, container.video, place.start_s, analysis)
    measures: list[Measure] = [
        *file_measures(container, seen.damaged_packets, plan, codec),
        *(platform_measures(container, plan, platform) if platform else ()),
        *place.measures,
        *cut_measures(cuts, analysis, plan),
        *hold_measures(seen, analysis, float(container.video.fps), plan),
        *cover_measures(seen, art),
        *([not_measured(Group.MOTION, "motion follows energy")] if brief else motion_measures(shots)),
        *((*title_measures(seen.kept, plan), *plan_measures(plan, analysis)) if plan else ()),
    ]
    on_progress(1.0, "done")
    duration_s = container.video.duration_s
    return CheckReport(
        str(video),
        str(song),
        str(cover),
        container.video.width_px,
        container.video.height_px,
        float(container.video.fps),
        container.video.frame_count,
        duration_s,
        place.start_s,
        tuple(measures),
        cuts,
        shots,
        _beats(analysis, place.start_s, duration_s),
        _sections(analysis, place.start_s, duration_s),
        _energy(analysis, place.start_s, duration_s),
        _motion(seen),
    )


def _hear(
    video: Path,
    song: Path,
    container: Container,
    analysis: SongAnalysis,
    plan: EditPlan | None,
    platform: Platform | None,
    *,
    brief: bool,
) -> SongPlace:
    heard = sound_file.read(video) if container.sound else None
    if heard is None:
        return song_place(None, 0.0, False, analysis, plan)
    original = sound_file.read(song)
    if original is None:
        raise BadInput(f"{song.name} has no sound that can be decoded, so the video can't be compared with it.")
    lead_s = container.video.start_s - heard.start_s
    expected_s = plan.excerpt.start_s - lead_s if plan else None
    known = original.at(sound.RATE_HZ)
    sign = sound.middle_or_sides(known)
    placement = sound.place(sound.mixed(heard.at(sound.RATE_HZ), sign), sound.mixed(known, sign), expected_s)
    place = song_place(placement, lead_s, True, analysis, plan)
    measures = place.measures + (loudness(heard, platform) if platform else [])
    if brief:
        measures = [*measures, not_measured(Group.SOUND, "level")]
    elif placement is not None and placement.likeness >= KNOWN_LIKENESS:
        measures = measures + quality_measures(heard, original, placement.song_start_s)
    return replace(place, measures=measures)


def _cuts(seen: Watched, track: VideoTrack, start_s: float | None, analysis: SongAnalysis) -> tuple[VisibleCut, ...]:
    known = start_s is not None and rules.has_bars(analysis)
    downbeats = [beat for beat in analysis.beats if beat.position == 1] if known else []
    found = []
    for frame in seen.cuts:
        time_s = _time_of(frame, track)
        nearest = min(downbeats, key=lambda beat: abs(beat.time_s - (start_s or 0.0) - time_s), default=None)
        if nearest is None:
            found.append(VisibleCut(frame, time_s, None, None, None))
            continue
        downbeat_s = nearest.time_s - (start_s or 0.0)
        late_frames = (time_s - downbeat_s) * float(track.fps)
        found.append(VisibleCut(frame, time_s, downbeat_s, nearest.bar, late_frames))
    return tuple(found)


def _edges(seen: Watched, plan: EditPlan | None, fps: float) -> list[int]:
    """Where shots begin, and the end: every cut seen, and the planned ones that are too soft to be seen."""
    planned = [shot.start_frame for shot in plan.shots[1:]] if plan else []
    near = round(_NEAR_S * fps)
    unseen = [frame for frame in planned if all(abs(frame - cut) > near for cut in seen.cuts)]
    return [0, *sorted([*seen.cuts, *(frame for frame in unseen if frame < seen.frame_count)]), seen.frame_count]


def _shots(
    edges: Sequence[int], seen: Watched, track: VideoTrack, start_s: float | None, analysis: SongAnalysis
) -> tuple[ShotMotion, ...]:
    shots = []
    for first, end in pairwise(edges):
        begin_s, end_s = _time_of(first, track), _time_of(end, track)
        energy = None if start_s is None else analysis.energy.mean(start_s + begin_s, start_s + end_s)
        shots.append(ShotMotion(first, end, begin_s, end_s, _flow(seen.moves, first, end), energy))
    return tuple(shots)


def _flow(moves: Sequence[Moved], first: int, end: int) -> float:
    """The mean flow of a shot, holds and rests included; pairs of pictures with a cut between them don't count."""
    inside = [move.flow_px for move in moves if first <= move.from_frame and move.to_frame < end]
    return float(np.mean(inside)) if inside else 0.0


def _time_of(frame: int, track: VideoTrack) -> float:
    """When a frame is shown, from the first frame's time on; one past the last is the video's end."""
    if frame < track.frame_count:
        return float(track.times_s[frame] - track.start_s)
    return track.duration_s


def _beats(analysis: SongAnalysis, start_s: float | None, duration_s: float) -> tuple[GridBeat, ...]:
    if start_s is None:
        return ()
    times = [beat.time_s - start_s for beat in analysis.beats]
    span = slice(bisect(times, -1e-3), bisect(times, duration_s))
    return tuple(
        GridBeat(time_s, beat.bar, beat.position)
        for time_s, beat in zip(times[span], analysis.beats[span], strict=True)
    )


def _sections(analysis: SongAnalysis, start_s: float | None, duration_s: float) -> tuple[GridSection, ...]:
    if start_s is None:
        return ()
    return tuple(
        GridSection(
            max(0.0, one.start_s - start_s),
            min(duration_s, one.end_s - start_s),
            f"{one.role.value} {one.label}",
            one.energy,
        )
        for one in analysis.sections
        if one.end_s - start_s > 0.05 and one.start_s - start_s < duration_s - 0.05
    )


def _energy(analysis: SongAnalysis, start_s: float | None, duration_s: float) -> Series:
    if start_s is None:
        return Series(ENERGY_STEP_S, ())
    at = np.arange(0, duration_s, ENERGY_STEP_S) + start_s
    values = [analysis.energy.mean(time_s - ENERGY_STEP_S / 2, time_s + ENERGY_STEP_S / 2) for time_s in at.tolist()]
    return Series(ENERGY_STEP_S, tuple(values))


def _motion(seen: Watched) -> Series:
    """The flow over time; where a cut lies between the two pictures, the value before it."""
    values: list[float] = []
    for move in seen.moves:
        across = any(move.from_frame < cut <= move.to_frame for cut in seen.cuts)
        values.append(values[-1] if across and values else 0.0 if across else move.flow_px)
    return Series(seen.move_step_s, tuple(values))
