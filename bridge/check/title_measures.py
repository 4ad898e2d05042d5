# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the plan's titles are on the finished frames: letters of their colour, where they were planned."""

from collections.abc import Mapping

import numpy as np

from blender_addon.core.types import EditPlan, TitleLine
from bridge.check.measures import limited
from bridge.check.report import Group, Measure
from bridge.common.frames import Frame

LEAST_INK = 0.04
MOST_INK = 0.9
"""shares of a line's area: any script's letters cover more than the first and less than the second"""
_EMS_PER_LETTER = 0.3
"""a line is at least this long: its exact length needs the font"""
_CAPITALS = 0.8
"""height of the area, in ems"""
_BESIDE = 0.6
"""ems to the line's left that show what is behind: dense letters can cover most of their own area"""


def frame_of(line: TitleLine) -> int:
    """A frame on which a line is fully there."""
    return line.start_frame + (line.fade_in_frames + line.frame_count - line.fade_out_frames) // 2


def title_measures(frames: Mapping[int, Frame], plan: EditPlan) -> list[Measure]:
    """One measure of all lines of a plan's titles; none if there are no titles.

    Args:
        frames: of the video, by number: those of `frame_of` each line.
    """
    if not plan.titles:
        return []
    inks = [_ink(frames.get(frame_of(line)), line, plan) for line in plan.titles]
    seen = [LEAST_INK <= ink <= MOST_INK for ink in inks]
    gone = ", ".join(line.text for line, is_seen in zip(plan.titles, seen, strict=True) if not is_seen)
    return [
        limited(
            Group.PLAN, "titles seen", sum(seen), f"{sum(seen)} of {len(seen)} lines", "", "all", all(seen),
            f"Look whether these lines are on the picture and can be read: {gone}; place the title again.",
        )
    ]  # fmt: skip


def _ink(frame: Frame | None, line: TitleLine, plan: EditPlan) -> float:
    """The share of a line's area that is nearer to the letters' colour than to what is behind them."""
    if frame is None:
        return 0.0
    height_px, width_px = frame.shape[:2]
    em_px = line.size_px * height_px / plan.height_px
    left, bottom = round(line.left * width_px), round((1 - line.bottom) * height_px)
    right = round(left + max(1, len(line.text) * _EMS_PER_LETTER) * em_px)
    rows = frame[max(0, round(bottom - _CAPITALS * em_px)) : bottom].astype(float)
    area = rows[:, max(0, left) : right].reshape(-1, 3)
    beside = rows[:, max(0, round(left - _BESIDE * em_px)) : max(1, left - 1)].reshape(-1, 3)
    if not len(area):
        return 0.0
    behind = np.array(line.backing_rgb, float) if line.backing_rgb else np.median(beside, axis=0)
    toward = np.array(line.rgb, float) - behind
    length = float(toward @ toward)
    return float(((area - behind) @ toward > 0.5 * length).mean()) if length else 1.0
