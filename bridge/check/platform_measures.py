# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a platform takes the file, by the table in `blender_addon.core.platforms`."""

import numpy as np
import pyloudnorm

from blender_addon.core.platforms import Platform
from blender_addon.core.types import EditPlan, TitleLine
from bridge.check.container import Container
from bridge.check.measures import info_only, limited
from bridge.check.report import Group, Measure
from bridge.check.sound_file import SoundFile

_SHAPE_OFF = 0.005
_LEAST_LOUDNESS_S = 0.5
_LEEWAY = 0.01
"""of the frame: what letters may reach over an edge of the safe area"""
_CAPITALS = 0.8
"""height of a line's letters, in ems"""


def platform_measures(container: Container, plan: EditPlan | None, platform: Platform) -> list[Measure]:
    """Length, size, shape, rate; where titles lie."""
    video, name = container.video, platform.title
    low_s, high_s = platform.length_s
    least, most = platform.heights_px
    width, height = platform.shape
    off = abs(video.width_px * height / (video.height_px * width) - 1)
    slow, fast = platform.rates
    found = [
        limited(
            Group.FILE, "length there", video.duration_s, f"{video.duration_s:.2f} s", "s",
            f"{name}: {low_s:g} to {high_s:g} s", low_s <= video.duration_s <= high_s + 0.5 / float(video.fps),
            f"{name} takes {low_s:g} to {high_s:g} s: ask for another --length.",
        ),
        limited(
            Group.FILE, "file size there", container.size_bytes, f"{container.size_bytes / 1e6:.1f} MB", "B",
            f"{name}: at most {platform.most_bytes / 1e6:g} MB", container.size_bytes <= platform.most_bytes,
            f"{name} takes no larger file: make it shorter or smaller.",
        ),
        limited(
            Group.FILE, "shape there", video.width_px / video.height_px, f"{video.width_px} x {video.height_px}", "",
            f"{name}: {width}:{height}, {least} to {most} px high",
            off <= _SHAPE_OFF and least <= video.height_px <= most,
            f"Make it for {name} with --for {platform.name}, or with --format {platform.format}.",
        ),
        limited(
            Group.FILE, "frame rate there", float(video.fps), f"{float(video.fps):.5g} fps", "fps",
            f"{name}: {slow:g} to {fast:g} fps", slow <= float(video.fps) <= fast + 0.01,
            f"Render at {slow:g} to {fast:g} frames per second.",
        ),
    ]  # fmt: skip
    if plan and plan.titles:
        found.append(_titles(plan, platform))
    return found


def _titles(plan: EditPlan, platform: Platform) -> Measure:
    covered = [line.text for line in plan.titles if not _is_free(line, plan, platform)]
    if not platform.takes_titles:
        covered = [line.text for line in plan.titles]
        advice = f"{platform.title} writes song and artist by itself: leave the titles out (--title '' --artist '')."
    else:
        advice = f"{platform.title} covers {', '.join(covered)} with its own buttons: place the title again with --for."
    return limited(
        Group.FILE, "titles there", len(covered), f"{len(plan.titles) - len(covered)} of {len(plan.titles)} lines free",
        "", f"{platform.title}: all", not covered, advice,
    )  # fmt: skip


def _is_free(line: TitleLine, plan: EditPlan, platform: Platform) -> bool:
    safe = platform.safe
    top = line.bottom + _CAPITALS * line.size_px / plan.height_px
    rooms = (line.left - safe.left, line.bottom - safe.bottom, 1 - safe.top - top)
    return min(rooms) >= -_LEEWAY


def loudness(heard: SoundFile, platform: Platform) -> list[Measure]:
    """How loud it is (ITU-R BS.1770-4), and what the platform's player makes of that."""
    if len(heard.samples) < _LEAST_LOUDNESS_S * heard.rate_hz:
        return []
    lufs = pyloudnorm.Meter(heard.rate_hz).integrated_loudness(np.asarray(heard.samples, np.float64))
    if not np.isfinite(lufs):
        return []
    text = f"{lufs:.1f} LUFS"
    if platform.loudness_lufs is not None:
        over = lufs - platform.loudness_lufs
        text += f", played {over:.1f} dB softer there" if over > 0 else ", played as it is there"
    return [info_only(Group.SOUND, "loudness", float(lufs), text, "LUFS")]
