# SPDX-License-Identifier: GPL-3.0-or-later
"""The sound against the song: the same, in time, all the way."""

from dataclasses import dataclass

from blender_addon.core.types import EditPlan, SongAnalysis
from bridge.check.measures import info_only, limited
from bridge.check.report import Group, Measure
from bridge.check.sound import Placement

LEAST_LIKENESS = 0.9
KNOWN_LIKENESS = 0.4
"""from here on the song is heard, if not by itself"""
MOST_OFFSET_MS = 5.0
FARTHEST_MS = 200.0
"""without a plan, a start farther than this from any downbeat was chosen elsewhere, and is no offset"""


@dataclass(frozen=True)
class SongPlace:
    """What the sound tells about the video's place in the song."""

    start_s: float | None
    """the song's time at the video's first frame; None if unknown"""
    measures: list[Measure]


def song_place(
    placement: Placement | None,
    lead_s: float,
    has_sound: bool,
    analysis: SongAnalysis,
    plan: EditPlan | None,
) -> SongPlace:
    """Judges the sound.

    Args:
        placement: where the sound lies in the song; None if there is nothing to compare.
        lead_s: how much later the first picture starts than the sound.
        has_sound: the file has a sound track.
        analysis: the song's grid.
        plan: the edit plan, if known; otherwise the video should start on a downbeat or with the song.
    """
    planned_s = plan.excerpt.start_s if plan else None
    if not has_sound:
        missing = limited(
            Group.SOUND, "the song", None, "no sound", "", "the song", False, "Add the song as the sound track."
        )
        return SongPlace(planned_s, [missing])
    if placement is None:
        return SongPlace(planned_s, [_silent(analysis)])
    same = _is_the_song(placement)
    if placement.likeness < KNOWN_LIKENESS:
        return SongPlace(planned_s, [same])
    start_s = placement.song_start_s + lead_s
    place = info_only(
        Group.SOUND, "place in the song", start_s, f"from {_clock(start_s)} of {_clock(analysis.duration_s)}", "s"
    )
    return SongPlace(start_s, [same, place, _offset(start_s, planned_s, analysis), _drift(placement.drift_s)])


def _silent(analysis: SongAnalysis) -> Measure:
    if not any(analysis.energy.values):
        return info_only(Group.SOUND, "the song", None, "the song is silent: nothing to compare")
    advice = "The sound is silent; put the song on the timeline, unmuted, and export again."
    return limited(Group.SOUND, "the song", 0.0, "silence", "", f"at least {LEAST_LIKENESS}", False, advice)


def _is_the_song(placement: Placement) -> Measure:
    advice = "The sound has other things in it, or was changed; use the song file itself."
    if placement.likeness < KNOWN_LIKENESS:
        advice = "This is not the sound of this song; check with the right song, or replace the sound by it."
    return limited(
        Group.SOUND, "the song", placement.likeness, f"likeness {placement.likeness:.3f}", "",
        f"at least {LEAST_LIKENESS}", placement.likeness >= LEAST_LIKENESS, advice,
    )  # fmt: skip


def _offset(start_s: float, planned_s: float | None, analysis: SongAnalysis) -> Measure:
    """The sound's offset: positive if it comes late."""
    expected_s = planned_s
    if expected_s is None:
        expected_s = min((0.0, *analysis.downbeats_s), key=lambda time_s: abs(time_s - start_s))
    offset_ms = (expected_s - start_s) * 1000
    if planned_s is None and abs(offset_ms) > FARTHEST_MS:
        return limited(
            Group.SOUND, "start", offset_ms, f"{abs(offset_ms):.0f} ms from the nearest downbeat", "ms",
            "on a downbeat", not analysis.downbeats_s,
            f"Start the excerpt on a downbeat: the nearest is at {_clock(expected_s)} of the song.",
        )  # fmt: skip
    where = "planned start" if planned_s is not None else "downbeat" if expected_s else "song's start"
    late = "late" if offset_ms > 0 else "early"
    return limited(
        Group.SOUND, "offset to the song", offset_ms, f"{offset_ms:+.1f} ms against the {where}", "ms",
        f"at most {MOST_OFFSET_MS:.0f} ms", abs(offset_ms) <= MOST_OFFSET_MS,
        f"The sound is {abs(offset_ms):.1f} ms {late}; move it by that much, or export again without an encoder delay.",
    )  # fmt: skip


def _drift(drift_s: float) -> Measure:
    drift_ms = drift_s * 1000
    return limited(
        Group.SOUND, "drift", drift_ms, f"{drift_ms:+.1f} ms from start to end", "ms",
        f"at most {MOST_OFFSET_MS:.0f} ms", abs(drift_ms) <= MOST_OFFSET_MS,
        "The sound runs at another speed than the song; export at 48 kHz without stretching it.",
    )  # fmt: skip


def _clock(time_s: float) -> str:
    sign = "-" if time_s < 0 else ""
    return f"{sign}{int(abs(time_s) // 60)}:{abs(time_s) % 60:06.3f}"
