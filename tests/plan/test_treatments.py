"""Which shots are restyled."""

from blender_addon.core.types import SectionRole, ShotKind, Treatment, Treatments
from bridge.plan.treatments import Place, treat

ROLES = [SectionRole.INTRO, SectionRole.VERSE, SectionRole.VERSE, *[SectionRole.CHORUS] * 4, SectionRole.CHORUS]


def places(roles=ROLES, hit=3, loud=()):
    kinds = [ShotKind.HERO_HOLD, *[ShotKind.MOTION] * (len(roles) - 2), ShotKind.COVER_END]
    return [
        Place(kind, role, index in loud, index == hit)
        for index, (kind, role) in enumerate(zip(kinds, roles, strict=True))
    ]


def chosen(wish, asked=None, **changes):
    found = places(**changes)
    return treat(found, wish, asked or [None] * len(found))


def test_the_chorus_gets_what_the_verse_has_not():
    for wish in (Treatments.GENTLE, Treatments.BOLD):
        found = [treatment for treatment, _ in chosen(wish)]
        verse, chorus = set(found[1:3]), set(found[3:7])
        assert chorus - verse
        assert chorus & {Treatment.GLOW, Treatment.DUOTONE}
        assert found[3] is Treatment.SPLIT, "the hit"
        assert found[0] is found[-1] is Treatment.NONE, "opening and cover stay as they are"


def test_gentle_keeps_the_colours_and_none_keeps_all():
    assert {one for one, _ in chosen(Treatments.GENTLE)} <= {Treatment.NONE, Treatment.GLOW, Treatment.SPLIT}
    assert {one for one, _ in chosen(Treatments.NONE)} == {Treatment.NONE}


def test_every_choice_has_its_reason():
    for treatment, why in chosen(Treatments.BOLD):
        assert bool(why) == (treatment is not Treatment.NONE)
    assert ("chorus: glow") in [why for _, why in chosen(Treatments.GENTLE)]


def test_a_song_of_one_part_is_restyled_where_it_is_loud():
    found = chosen(Treatments.BOLD, roles=[SectionRole.VERSE] * 6, hit=None, loud=(2, 4))
    assert [one is not Treatment.NONE for one, _ in found] == [False, False, True, False, False, False]
    assert found[2] == (Treatment.DUOTONE, "loud: duotone")


def test_the_storyboard_has_its_way():
    asked = [Treatment.MONO, Treatment.NONE, *[None] * 4, Treatment.NONE, None]
    found = chosen(Treatments.BOLD, asked)
    assert found[0] == (Treatment.MONO, "mono, as the storyboard asks")
    assert found[6] == (Treatment.NONE, "")
