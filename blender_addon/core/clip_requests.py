# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine is asked for, shot by shot. Pure: standard library only, so that the add-on knows it at once."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from .timing import frame_at
from .types import ClipRequest, EditPlan, Ending, EnergyCurve, Neighbour, Shot, ShotKind, SongAnalysis

ENERGY_SAMPLES_PER_S = 8
COVER_PAINTER = "cover"
"""the painter that frames the cover itself, so that it alone can frame a shot otherwise than its neighbours"""


def clip_requests(
    plan: EditPlan,
    analysis: SongAnalysis,
    *,
    painter: str,
    animator: str,
    options: Iterable[tuple[str, str]] = (),
    character_sha256: str | None = None,
) -> tuple[ClipRequest, ...]:
    """A request per shot of the plan, in order. The accents are the beats within the shot.

    The option `into_next` names the shots that end on the next one's keyframe ("s02,s05", or "yes" for all); those
    clips meet at their cuts, so without another wish they have no handles.
    """
    given = dict(options)
    into = _into_next(plan, given.pop("into_next", ""))
    if into:
        given.setdefault("handles", "0")
    directions = _matched_cuts(plan.shots)
    beside = _beside(plan.shots, directions) if painter == COVER_PAINTER else [()] * len(plan.shots)
    beats = tuple(frame_at(beat.time_s - plan.excerpt.start_s, plan.fps) for beat in analysis.beats)
    return tuple(
        ClipRequest(
            painter=painter,
            animator=animator,
            shot_id=shot.id,
            kind=shot.kind,
            framing=shot.framing,
            prompt=shot.prompt,
            negative_prompt=shot.negative_prompt,
            seed=shot.seed,
            motion=shot.motion,
            frame_count=shot.frame_count,
            hold_frames=shot.hold_frames,
            fps=plan.fps,
            width_px=plan.width_px,
            height_px=plan.height_px,
            cover_sha256=plan.cover_sha256,
            character_sha256=character_sha256,
            accents=tuple(
                sorted({beat - shot.start_frame for beat in beats if shot.start_frame <= beat < shot.end_frame})
            ),
            energy=_energy(shot, plan, analysis.energy),
            options=tuple(sorted(given.items())),
            into=into.get(shot.id, ""),
            direction=direction,
            matched=matched,
            ending=plan.ending if shot.kind is ShotKind.COVER_END else Ending.AUTO,
            beside=neighbours,
        )
        for shot, (direction, matched), neighbours in zip(plan.shots, directions, beside, strict=True)
    )


def _beside(shots: Sequence[Shot], directions: Sequence[tuple[int, str]]) -> list[tuple[Neighbour, ...]]:
    """The neighbours that each shot must not look like.

    Every second shot looks at both of its neighbours, and the one before the whole cover at that. The others stay as
    they are, so that a shot that is changed changes those beside it at most.
    """
    ends = [after.kind is ShotKind.COVER_END for after in shots[1:]] + [False]
    known = [
        Neighbour(shot.kind, shot.framing, shot.seed, *direction, meets_ending)
        for shot, direction, meets_ending in zip(shots, directions, ends, strict=True)
    ]
    found: list[tuple[Neighbour, ...]] = []
    for index, shot in enumerate(shots):
        looks = index % 2 == 1 and shot.kind is not ShotKind.COVER_END
        after = tuple(known[index + 1 : index + 2])
        found.append((known[index - 1], *after) if looks else after if ends[index] else ())
    return found


def _matched_cuts(shots: Sequence[Shot]) -> list[tuple[int, str]]:
    """Each shot's direction and which of its cuts is matched.

    Every second cut within an act is matched, unless one of its shots rests (on its first picture, or on the cover).
    Our rule: all cuts matched would be as monotonous as none.
    """
    found = [(0, "")] * len(shots)
    for index, (before, after) in enumerate(pairwise(shots)):
        moving = all(shot.kind is ShotKind.MOTION and not shot.hold_frames for shot in (before, after))
        if moving and before.act == after.act and not found[index][0]:
            direction = 1 if before.seed % 2 else -1
            found[index], found[index + 1] = (direction, "out"), (direction, "in")
    return found


def _into_next(plan: EditPlan, wish: str) -> dict[str, str]:
    """The next shot's id by each shot's that is to end on it."""
    following = {shot.id: after.id for shot, after in pairwise(plan.shots)}
    if wish in ("", "no"):
        return {}
    names = following if wish == "yes" else [name.strip() for name in wish.split(",")]
    return {name: following[name] for name in names if name in following}


def _energy(shot: Shot, plan: EditPlan, curve: EnergyCurve) -> tuple[float, ...]:
    """The curve at evenly spaced times from the shot's first frame to its last; rounded, for a stable hash."""
    last = shot.frame_count - 1
    steps = max(1, round(float(last / plan.fps) * ENERGY_SAMPLES_PER_S))
    start_s = plan.excerpt.start_s + float(shot.start_frame / plan.fps)
    length_s = float(last / plan.fps)
    return tuple(round(_at(curve, start_s + length_s * step / steps), 4) for step in range(steps + 1))


def _at(curve: EnergyCurve, time_s: float) -> float:
    """The curve's value at a time, linear between its samples. 0.0 for an empty curve."""
    if not curve.values:
        return 0.0
    place = min(max(0.0, time_s / curve.hop_s), len(curve.values) - 1.0)
    before = int(place)
    after = min(before + 1, len(curve.values) - 1)
    return curve.values[before] + (curve.values[after] - curve.values[before]) * (place - before)
