# SPDX-License-Identifier: GPL-3.0-or-later
"""How close the camera is in each shot: never twice the same in a row, and the largest jump on the drop."""

from collections.abc import Sequence

from blender_addon.core.rules import FRAMING_STEPS
from blender_addon.core.types import Framing

FORBIDDEN = 1000.0
"""more than all tastes together; only the storyboard can make it unavoidable"""
RETURN_COST = 0.5
"""for a framing that was there two shots ago"""
LIKED = {
    Framing.WIDE: (0.0, 1.0),
    Framing.MEDIUM: (0.3, 0.4),
    Framing.CLOSE: (0.6, 0.2),
    Framing.DETAIL: (1.0, 0.7),
}
"""what each framing costs in the calmest and in the loudest shot"""
LARGEST_STEP = max(FRAMING_STEPS.values())


def frame_shots(
    loudness: Sequence[float], drop_shot: int | None, asked: Sequence[Framing | None]
) -> tuple[Framing, ...]:
    """The framing of each shot: the cheapest sequence, found by dynamic programming.

    `loudness` is 0-1 within the excerpt, `drop_shot` the index of the shot that the drop opens, `asked` what the
    storyboard asks for. The video opens wide and ends closer in, so that it can pull back to the whole cover.
    """
    best: dict[tuple[Framing, ...], tuple[float, tuple[Framing, ...]]] = {(): (0.0, ())}
    for shot, loud in enumerate(loudness):
        choices = (wanted,) if (wanted := asked[shot]) else tuple(Framing)
        longer: dict[tuple[Framing, ...], tuple[float, tuple[Framing, ...]]] = {}
        for cost, chosen in best.values():
            for framing in choices:
                total = cost + _step_cost(chosen, framing, shot == drop_shot) + _taste(framing, loud)
                total += _place_cost(framing, shot, len(loudness), drop_shot)
                tail = (*chosen, framing)[-2:]
                if tail not in longer or total < longer[tail][0]:
                    longer[tail] = (total, (*chosen, framing))
        best = longer
    return min(best.values(), key=lambda found: found[0])[1]


def _step_cost(chosen: tuple[Framing, ...], framing: Framing, is_drop: bool) -> float:
    if not chosen:
        return 0.0
    step = abs(FRAMING_STEPS[chosen[-1]] - FRAMING_STEPS[framing])
    if step == 0 or (step == LARGEST_STEP) != is_drop:
        return FORBIDDEN
    return RETURN_COST * (framing in chosen[-2:-1])


def _taste(framing: Framing, loud: float) -> float:
    calm_cost, loud_cost = LIKED[framing]
    return calm_cost + (loud_cost - calm_cost) * loud


def _place_cost(framing: Framing, shot: int, count: int, drop_shot: int | None) -> float:
    """The opening is wide, the drop opens the view, the ending starts closer in."""
    cost = 0.0
    if shot == 0 and count > 1:
        cost += 3.0 * (framing is not Framing.WIDE)
    if shot == drop_shot:
        cost += 2.0 * (framing is not Framing.WIDE)
    if shot == count - 1:
        cost += 2.0 * (framing is not Framing.MEDIUM)
    return cost
