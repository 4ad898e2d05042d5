import pytest

from blender_addon.core.textures import USUAL, choose
from blender_addon.core.types import LookStyle

LACKING = LookStyle(grain=0.03, fade=0.05)


@pytest.mark.parametrize(
    ("words", "style"),
    [
        ("none", LookStyle()),
        ("", LookStyle()),
        ("auto", LACKING),
        ("grain", LookStyle(grain=0.03)),
        ("vignette", LookStyle(vignette=USUAL.vignette)),
        (" grain = 0.01 , halation=1", LookStyle(grain=0.01, halation=1.0)),
        ("fade=0", LookStyle()),
    ],
)
def test_words_become_amounts(words, style):
    assert choose(words, LACKING) == style


@pytest.mark.parametrize(
    ("words", "says"),
    [("bloom", "no style 'bloom'"), ("grain=2", "0 to 0.1"), ("fade=x", "a number"), ("auto,grain", "no style 'auto'")],
)
def test_what_cannot_be_is_refused(words, says):
    with pytest.raises(ValueError, match=says):
        choose(words, LACKING)
