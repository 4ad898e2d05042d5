# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: which part of the song, where the cuts are, and what each shot is. Pure and deterministic."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from blender_addon.core import formats
from blender_addon.core.lyrics import SungLine, words_of
from blender_addon.core.rules import DEFAULT_LENGTH_S, LENGTHS_S
from blender_addon.core.timing import FRAME_RATES
from blender_addon.core.types import CoverLook, EditPlan, Excerpt, SongAnalysis
from bridge.common.errors import BadInput
from bridge.plan.cues import find_cues
from bridge.plan.cuts import place_cuts
from bridge.plan.excerpt import choose_excerpt
from bridge.plan.grid import bars_of
from bridge.plan.shots import Draft, make_shots
from bridge.plan.storyboard import Storyboard

ENDS_WITH_SONG_S = 0.05
"""a song that goes on for less than this after the excerpt ends with it"""


def plan_edit(
    analysis: SongAnalysis,
    look: CoverLook,
    storyboard: Storyboard | None = None,
    *,
    length_s: float = DEFAULT_LENGTH_S,
    width_px: int = 1920,
    height_px: int = 1080,
    fps: Fraction = Fraction(24),
    lyrics: Sequence[SungLine] = (),
) -> EditPlan:
    """Plans the video for a song and a cover, by the rules in `blender_addon.core.rules`.

    No cut parts a word of `lyrics` whose time is known, where another downbeat will do.

    Any song works: where no bars were heard, the edit is cut on an even grid, and the shots' `why` says so.

    Raises:
        BadInput: the length, the size or the frame rate can't be used, or the song has no length.
    """
    _check(length_s, width_px, height_px, fps)
    board = storyboard or Storyboard()
    bars = choose_excerpt(analysis, bars_of(analysis), length_s)
    cues = find_cues(analysis, bars, words_of(lyrics))
    cuts = place_cuts(bars, cues, [shot.bars for shot in board.shots])
    start_s, end_s = bars.downbeats_s[0], bars.downbeats_s[-1]
    plan = EditPlan(
        song_sha256=analysis.song_sha256,
        cover_sha256=look.cover_sha256,
        excerpt=Excerpt(start_s, end_s, fades_out=analysis.duration_s - end_s > ENDS_WITH_SONG_S),
        fps=fps,
        width_px=width_px,
        height_px=height_px,
        shots=(),
        ending=board.ending,
    )
    draft = Draft(analysis, look, board, bars, cues, cuts, plan)
    return replace(plan, shots=make_shots(draft))


def _check(length_s: float, width_px: int, height_px: int, fps: Fraction) -> None:
    if not 0 < length_s <= LENGTHS_S[1]:
        raise BadInput(
            f"A length of {length_s:g} s can't be made; ask for one from {LENGTHS_S[0]:g} to {LENGTHS_S[1]:g} s."
        )
    try:
        formats.check_size(width_px, height_px)
    except ValueError as error:
        raise BadInput(f"{str(error).capitalize()}.") from None
    if fps not in FRAME_RATES:
        raise BadInput(
            f"{fps} frames per second are not among {', '.join(map(str, FRAME_RATES))}; choose one of these."
        )
