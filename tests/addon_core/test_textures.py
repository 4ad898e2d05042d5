import pytest

from blender_addon.core.textures import USUAL, choose
from blender_addon.core.types import Texture

LACKING = Texture(grain=0.03, fade=0.05)


@pytest.mark.parametrize(
    ("words", "texture"),
    [
        ("none", Texture()),
        ("", Texture()),
        ("auto", LACKING),
        ("grain", Texture(grain=0.03)),
        ("vignette", Texture(vignette=USUAL.vignette)),
        (" grain = 0.01 , halation=1", Texture(grain=0.01, halation=1.0)),
        ("fade=0", Texture()),
    ],
)
def test_words_become_amounts(words, texture):
    assert choose(words, LACKING) == texture


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("bloom", "no texture 'bloom'"),
        ("grain=2", "0 to 0.1"),
        ("fade=x", "a number"),
        ("auto,grain", "no texture 'auto'"),
    ],
)
def test_what_cannot_be_is_refused(words, says):
    with pytest.raises(ValueError, match=says):
        choose(words, LACKING)
