# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan in words and rows, for the terminal and the report."""

from dataclasses import dataclass

from blender_addon.core.rules import Violation, broken, downbeat_frames, has_bars, shot_energy
from blender_addon.core.timing import time_of
from blender_addon.core.types import EditPlan, Shot, ShotKind, SongAnalysis


@dataclass(frozen=True)
class Row:
    """One shot, as it is shown to people."""

    id: str
    start_s: float
    """in the video"""
    length_s: float
    bars: int | None
    """None where no bars were heard"""
    act: int
    kind: ShotKind
    framing: str
    energy: float
    """0-1, the song's mean over the shot"""
    motion: int
    hold_s: float
    prompt: str
    why: str


@dataclass(frozen=True)
class Explanation:
    """What was decided, and why."""

    summary: tuple[str, ...]
    """sentences about the whole edit"""
    rows: tuple[Row, ...]
    broken: tuple[Violation, ...]
    """the rules that the storyboard or the editor broke"""


def explain(plan: EditPlan, analysis: SongAnalysis) -> Explanation:
    """What a plan decided and why, shot by shot."""
    return Explanation(
        summary=tuple(_summary(plan, analysis)),
        rows=tuple(_row(shot, plan, analysis) for shot in plan.shots),
        broken=broken(plan, analysis),
    )


def _summary(plan: EditPlan, analysis: SongAnalysis) -> list[str]:
    excerpt = plan.excerpt
    length_s = excerpt.end_s - excerpt.start_s
    lines = [
        f"{len(plan.shots)} shots in {length_s:.1f} s, {plan.frame_count} frames of {plan.width_px}x{plan.height_px} "
        f"at {_rate(plan)} fps.",
        f"The song from {_clock(excerpt.start_s)} to {_clock(excerpt.end_s)} of {_clock(analysis.duration_s)}"
        + (", fading out." if excerpt.fades_out else ", to its end."),
    ]
    if has_bars(analysis):
        lines.append(
            f"{analysis.tempo_bpm:.1f} bpm, mostly {analysis.meter} beats to the bar; every cut on a downbeat."
        )
    else:
        lines.append("No bars were heard, so the cuts lie on an even grid.")
    if analysis.drop_s is None:
        lines.append("The song has no drop.")
    elif excerpt.start_s <= analysis.drop_s <= excerpt.end_s:
        lines.append(f"The drop comes {analysis.drop_s - excerpt.start_s:.1f} s into the video.")
    return lines


def _row(shot: Shot, plan: EditPlan, analysis: SongAnalysis) -> Row:
    bars = sum(shot.start_frame <= frame < shot.end_frame for frame in downbeat_frames(plan, analysis))
    return Row(
        id=shot.id,
        start_s=time_of(shot.start_frame, plan.fps),
        length_s=time_of(shot.frame_count, plan.fps),
        bars=bars if has_bars(analysis) else None,
        act=shot.act,
        kind=shot.kind,
        framing=str(shot.framing),
        energy=shot_energy(shot, plan, analysis),
        motion=shot.motion,
        hold_s=time_of(shot.hold_frames, plan.fps),
        prompt=shot.prompt,
        why="; ".join(shot.why),
    )


def _rate(plan: EditPlan) -> str:
    return f"{float(plan.fps):.3f}".rstrip("0").rstrip(".")


def _clock(time_s: float) -> str:
    return f"{int(time_s // 60)}:{time_s % 60:04.1f}"
