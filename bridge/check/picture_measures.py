# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures against the song and the cover: cuts, first and last frame, palette, motion."""

from collections.abc import Sequence

import numpy as np

from blender_addon.core import rules
from blender_addon.core.types import EditPlan, ShotKind, SongAnalysis
from bridge.check.find_cover import find_cover
from bridge.check.measures import info_only, limited
from bridge.check.report import Group, Measure, ShotMotion, VisibleCut
from bridge.check.watching import Watched
from bridge.common.frames import Frame

MOST_FRAMES_OFF = 1.05
"""one frame, and a twentieth for what the sound's place is uncertain by"""
LEAST_SSIM = 0.97
MOST_DIFFERENCE = 4.0
MOST_PALETTE_DISTANCE = 0.1
LEAST_RANK_CORRELATION = 0.9
FEWEST_SHOTS = 3
"""with fewer a rank correlation says nothing"""


def cut_measures(cuts: Sequence[VisibleCut], analysis: SongAnalysis, plan: EditPlan | None) -> list[Measure]:
    """The cuts' distances to the downbeats."""
    found = [info_only(Group.CUTS, "cuts seen", len(cuts), str(len(cuts)))]
    if plan is not None:
        found.append(_planned(cuts, plan))
    distances = [(abs(cut.distance_frames), cut) for cut in cuts if cut.distance_frames is not None]
    if not cuts or not rules.has_bars(analysis):
        return found
    if not distances:
        unknown = "The song isn't heard in the video, so its downbeats are unknown; mend the sound first."
        return [*found, limited(Group.CUTS, "on downbeats", None, "unknown", "", "all", False, unknown)]
    off = [cut for distance, cut in distances if distance > MOST_FRAMES_OFF]
    worst, _ = max(distances, key=lambda pair: pair[0])
    places = ", ".join(f"frame {cut.frame} ({cut.distance_frames:+.1f})" for cut in off[:6]) + (
        "..." if off[6:] else ""
    )
    on = limited(
        Group.CUTS, "on downbeats", len(cuts) - len(off), f"{len(cuts) - len(off)} of {len(cuts)}", "",
        "all within 1 frame", not off, f"Move these cuts to their downbeats (frames late): {places}; or use retime.",
    )  # fmt: skip
    return [*found, on, info_only(Group.CUTS, "worst cut", worst, f"{worst:.2f} frames off", "frames")]


def _planned(cuts: Sequence[VisibleCut], plan: EditPlan) -> Measure:
    wanted = {shot.start_frame for shot in plan.shots[1:]}
    unseen = sorted(frame for frame in wanted if all(abs(cut.frame - frame) > 1 for cut in cuts))
    seen, places = len(wanted) - len(unseen), ", ".join(f"frame {frame}" for frame in unseen[:6])
    return limited(
        Group.CUTS, "planned cuts seen", seen, f"{seen} of {len(wanted)}", "", "all", not unseen,
        f"Nobody sees a cut at {places}{'...' if unseen[6:] else ''}: give one of both shots another framing or seed.",
    )  # fmt: skip


def hold_measures(seen: Watched, analysis: SongAnalysis, fps: float, plan: EditPlan | None) -> list[Measure]:
    """How long the first picture stays, and the last."""
    hold = info_only(Group.COVER, "first frame's hold", seen.hold_frames, f"{seen.hold_frames} frames", "frames")
    wanted = _wanted_hold(analysis, fps, plan)
    if wanted:
        hold = limited(
            Group.COVER, "first frame's hold", seen.hold_frames, f"{seen.hold_frames} frames", "frames",
            f"at least {wanted} frames", seen.hold_frames >= wanted - 1,
            f"Freeze the first frame for {wanted} frames, then let it move.",
        )  # fmt: skip
    rest = info_only(Group.COVER, "last frame's rest", seen.rest_frames, f"{seen.rest_frames} frames", "frames")
    if plan and plan.shots and plan.shots[-1].kind is ShotKind.COVER_END and plan.shots[-1].hold_frames:
        asked = plan.shots[-1].hold_frames
        rest = limited(
            Group.COVER, "last frame's rest", seen.rest_frames, f"{seen.rest_frames} frames", "frames",
            f"at least {asked} frames", seen.rest_frames >= asked - 1,
            f"Let the cover rest for the last {asked} frames.",
        )  # fmt: skip
    return [hold, rest]


def _wanted_hold(analysis: SongAnalysis, fps: float, plan: EditPlan | None) -> int:
    """In frames: the plan's, or one beat; 0 if there is nothing to go by."""
    if plan is not None:
        opens = bool(plan.shots) and plan.shots[0].kind is ShotKind.HERO_HOLD
        return plan.shots[0].hold_frames if opens else 0
    return round(60 / analysis.tempo_bpm * fps) if analysis.tempo_bpm > 0 else 0


def cover_measures(seen: Watched, cover: Frame) -> list[Measure]:
    """The last frame and the palette against the cover."""
    from bridge.cover import palette_distance

    assert seen.last is not None
    found = find_cover(seen.last, cover)
    advice = "End on the whole cover, upright and ungraded (beatboard's ending does), and let it rest."
    limit = f"SSIM at least {LEAST_SSIM}"
    if found is None:
        ending = limited(Group.COVER, "cover in the last frame", None, "not found", "", limit, False, advice)
    else:
        ending = limited(
            Group.COVER, "cover in the last frame", found.likeness,
            f"SSIM {found.likeness:.3f}, {found.width_share:.0%} of the width", "", limit,
            found.likeness >= LEAST_SSIM, advice,
        )  # fmt: skip
    difference_levels = found.difference_levels if found else 255.0
    difference = limited(
        Group.COVER, "last frame's difference", difference_levels, f"{difference_levels:.2f} of 255", "/255",
        f"at most {MOST_DIFFERENCE:.0f} of 255", difference_levels <= MOST_DIFFERENCE, advice,
    )  # fmt: skip
    made_as = found.made_as if found else ""
    tags = limited(
        Group.COVER, "colour tags against the pixels", float(bool(made_as)),
        f"the pixels are {made_as}" if made_as else "they agree" if found else "no cover to judge by", "",
        "the last frame's colours are not right by another reading", not made_as,
        f"The colours were made as {made_as}, which the tags don't say: export the video anew with tags that fit.",
    )  # fmt: skip
    distance = palette_distance(seen.samples, [cover])
    palette = limited(
        Group.COVER, "palette's distance", distance, f"{distance:.3f}", "Oklab", f"at most {MOST_PALETTE_DISTANCE}",
        distance <= MOST_PALETTE_DISTANCE, "Grade the video toward the cover's colours, or raise the grade's strength.",
    )  # fmt: skip
    return [ending, difference, tags, palette]


def motion_measures(shots: Sequence[ShotMotion]) -> list[Measure]:
    """Whether louder shots move more."""
    from scipy.stats import spearmanr

    mean = sum(shot.flow_px for shot in shots) / max(len(shots), 1)
    found = [info_only(Group.MOTION, "mean motion", mean, f"{mean:.0f} px/s at a width of 1000 px", "px/s")]
    energies = [shot.energy for shot in shots if shot.energy is not None]
    if len(energies) < FEWEST_SHOTS or len(set(energies)) == 1:
        return [*found, info_only(Group.MOTION, "motion follows energy", None, "too few shots to tell")]
    flows = [shot.flow_px for shot in shots if shot.energy is not None]
    rank = float(spearmanr(flows, energies).statistic) if len(set(flows)) > 1 else 0.0
    follows = limited(
        Group.MOTION, "motion follows energy", rank, f"rank correlation {rank:.2f} over {len(flows)} shots", "",
        f"at least {LEAST_RANK_CORRELATION}", round(rank, 6) >= LEAST_RANK_CORRELATION, _motion_advice(shots),
    )  # fmt: skip
    return [*found, follows]


def _motion_advice(shots: Sequence[ShotMotion]) -> str:
    """Names the shot whose rank of motion is farthest from its rank of energy."""
    from scipy.stats import rankdata

    known = [shot for shot in shots if shot.energy is not None]
    gaps = rankdata([shot.flow_px for shot in known]) - rankdata([shot.energy for shot in known])
    at = int(np.argmax(np.abs(gaps)))
    what = "calmer" if gaps[at] > 0 else "livelier"
    shot = known[at]
    return f"Make the shot at {shot.start_s:.2f} s {what}: the song's energy there is {shot.energy:.2f}."


def plan_measures(plan: EditPlan, analysis: SongAnalysis) -> list[Measure]:
    """The plan's rules that are broken, one measure each; or one that says that none is."""
    broken = rules.broken(plan, analysis)
    if not broken:
        return [limited(Group.PLAN, "rules", 0, f"all {len(rules.Rule)} hold", "", "all", True, "")]
    return [
        limited(
            Group.PLAN,
            one.rule.value,
            one.frame,
            f"frame {one.frame}",
            "frame",
            "holds",
            False,
            f"{one.sentence} If that is what you want, leave it.",
        )
        for one in broken
    ]
