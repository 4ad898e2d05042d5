# SPDX-License-Identifier: GPL-3.0-or-later
"""How much each shot moves: more where the song is louder, always."""

from collections.abc import Sequence

from blender_addon.core.rules import CALM_MOTION, FULL_ENERGY_RANGE, LOUD_MOTION, MOTIONS

MIDDLE_MOTION = (CALM_MOTION + LOUD_MOTION) // 2


def motions(energies: Sequence[float]) -> tuple[int, ...]:
    """The motion of each shot, within `MOTIONS`, strictly increasing with its mean energy.

    Half of it follows the energy, half its rank: shots that are nearly as loud as each other still differ to the eye.
    Only more than 100 different energies can make two of them share a value.
    """
    distinct = sorted(set(energies))
    if len(distinct) < 2:
        return (MIDDLE_MOTION,) * len(energies)
    low, span = distinct[0], distinct[-1] - distinct[0]
    reach = min(1.0, span / FULL_ENERGY_RANGE)
    wanted = []
    for rank, energy in enumerate(distinct):
        place = ((energy - low) / span + rank / (len(distinct) - 1)) / 2
        wanted.append(MIDDLE_MOTION + round((LOUD_MOTION - CALM_MOTION) * reach * (place - 0.5)))
    table = dict(zip(distinct, _strictly(wanted), strict=True))
    return tuple(table[energy] for energy in energies)


def _strictly(values: Sequence[int]) -> list[int]:
    """Ascending values with ties pushed apart, evenly to both sides, as far as `MOTIONS` has room."""
    pushed = [values[0]]
    for value in values[1:]:
        pushed.append(max(value, pushed[-1] + 1))
    excess = [up - value for up, value in zip(pushed, values, strict=True)]
    shift = max(excess) // 2
    shifted = [value - shift for value in pushed]
    return [min(MOTIONS[1], max(MOTIONS[0], value)) for value in shifted]
