# SPDX-License-Identifier: GPL-3.0-or-later
"""Which shots are drawn with one of the treatments: the chorus gets what the verse hasn't."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blender_addon.core.types import SectionRole, ShotKind, Treatment, Treatments

_BY_ROLE: Mapping[Treatments, Mapping[SectionRole, tuple[Treatment, ...]]] = {
    Treatments.NONE: {},
    Treatments.GENTLE: {SectionRole.CHORUS: (Treatment.GLOW, Treatment.NONE)},
    Treatments.BOLD: {
        SectionRole.INTRO: (Treatment.NONE, Treatment.FIELD),
        SectionRole.CHORUS: (Treatment.DUOTONE, Treatment.NONE, Treatment.HALFTONE, Treatment.GLOW),
        SectionRole.BREAK: (Treatment.MONO,),
    },
}
"""the treatments of each section's shots, in turn; the others stay as they are"""


@dataclass(frozen=True)
class Place:
    """What decides a shot's treatment."""

    kind: ShotKind
    role: SectionRole
    is_loud: bool
    hits: bool
    """the drop or the first chorus starts with it"""


def treat(places: Sequence[Place], wish: Treatments, asked: Sequence[Treatment | None]) -> list[tuple[Treatment, str]]:
    """Each shot's treatment, and why, in words; no words where it is nobody's choice.

    The opening and the cover at the end stay as they are, unless the storyboard asks. Where the song has no chorus, or
    nothing else, its loud shots are what a chorus would be.
    """
    roles = {place.role for place in places}
    by_loudness = SectionRole.CHORUS not in roles or len(roles) == 1
    turns: dict[SectionRole, int] = {}
    found = []
    for place, own in zip(places, asked, strict=True):
        role = place.role
        if by_loudness:
            role = SectionRole.CHORUS if place.is_loud else SectionRole.VERSE
        if own is not None:
            found.append((own, f"{own}, as the storyboard asks" if own is not Treatment.NONE else ""))
        elif place.kind is not ShotKind.MOTION or wish is Treatments.NONE:
            found.append((Treatment.NONE, ""))
        elif place.hits:
            found.append((Treatment.SPLIT, "channels split on the hit"))
        else:
            choices = _BY_ROLE[wish].get(role, (Treatment.NONE,))
            chosen = choices[turns.get(role, 0) % len(choices)]
            turns[role] = turns.get(role, 0) + 1
            part = "loud" if by_loudness else role
            found.append((chosen, f"{part}: {chosen}" if chosen is not Treatment.NONE else ""))
    return found
