# SPDX-License-Identifier: GPL-3.0-or-later
"""Why each shot starts where it does and is as long as it is, for people."""

from bridge.plan.cues import Cues
from bridge.plan.cuts import pace_of
from bridge.plan.grid import BarGrid
from bridge.plan.storyboard import BoardShot

CALM, LOUD = 1 / 3, 2 / 3


def reasons(
    bars: BarGrid, cues: Cues, cuts: tuple[int, ...], shot: int, asked: BoardShot, asked_count: int, fades_out: bool
) -> tuple[str, ...]:
    """The reasons for one shot, most important first."""
    count = len(cuts) - 1
    found = []
    if shot == 0:
        found.append("opens the video" if count > 1 else "the whole video")
        if not bars.is_heard:
            found.append(f"no bars were heard: cut on an even grid of {bars.span_s(0, 1):.1f} s")
    found += _cue_reasons(cues, cuts[shot])
    found.append(_length_reason(bars, cuts[shot], cuts[shot + 1], asked))
    if shot == count - 1:
        found.append("turns into the cover" + (", the song fades" if fades_out else ""))
        if asked_count > count:
            found.append(f"the storyboard's shots from the {_ordinal(count + 1)} on find no room")
    return tuple(found)


def _cue_reasons(cues: Cues, downbeat: int) -> list[str]:
    found = []
    if downbeat == cues.drop:
        found.append("the drop, the hardest cut")
    if downbeat in cues.sections:
        found.append(f"{cues.sections[downbeat].role} starts")
    if downbeat == cues.hit:
        found.append("the first chorus hits: one beat held")
    if downbeat == cues.gap_end:
        found.append("the drums come back")
    return found


def _length_reason(bars: BarGrid, first: int, last: int, asked: BoardShot) -> str:
    length = f"{last - first} bar{'s' * (last - first > 1)}"
    if asked.bars == last - first:
        return f"{length}, as the storyboard asks"
    if asked.bars:
        return f"{length}: the storyboard's {asked.bars} find no room"
    part = bars.part(first, last)
    place = pace_of(bars.levels).place(part.level_sums()[-1] / part.span_s(0, part.bar_count))
    mood = "calm" if place < CALM else "loud" if place > LOUD else "midway"
    return f"{mood}: {length}"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
