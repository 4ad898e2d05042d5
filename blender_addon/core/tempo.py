# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast each part of a song is. Standard library only."""

from .types import SongAnalysis

NOTICED = 1.04
"""a tempo that differs less from the song's is that tempo, drifting"""


def of_sections(analysis: SongAnalysis) -> list[tuple[str, float]]:
    """The tempo of each part in beats per minute, with the names of its sections; empty if the song has one tempo.

    Neighbouring sections of one tempo are one part.
    """
    parts: list[tuple[list[str], float]] = []
    for section in analysis.sections:
        if not section.tempo_bpm:
            continue
        name = f"{section.role} {section.label}"
        if parts and _alike(parts[-1][1], section.tempo_bpm):
            parts[-1][0].append(name)
        else:
            parts.append(([name], section.tempo_bpm))
    if len(parts) < 2:
        return []
    return [(names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}", bpm) for names, bpm in parts]


def _alike(one: float, other: float) -> bool:
    return max(one, other) / min(one, other) < NOTICED
