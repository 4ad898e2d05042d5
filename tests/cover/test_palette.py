import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from bridge import cover
from bridge.cover.names import name_all, names_by_nearness
from bridge.cover.oklab import from_srgb, gradient_to_srgb, to_srgb
from bridge.cover.palette import NEAR_DUPLICATE, palette
from bridge.cover.prompt_words import palette_words


def poster(ground=(14, 84, 88), accent=(255, 90, 40), share=0.006, noise=4.0):
    """A plain ground with a small vivid square and grain."""
    picture = np.full((300, 300, 3), ground, np.float64)
    side = round(300 * share**0.5)
    picture[40 : 40 + side, 200 : 200 + side] = accent
    grain = np.random.default_rng(5).normal(0, noise, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def test_oklab_of_known_colours_and_back():
    # Reference values from Ottosson's article: white, and the red of sRGB.
    assert from_srgb(np.array([1.0, 1.0, 1.0])) == pytest.approx([1, 0, 0], abs=1e-3)
    assert from_srgb(np.array([1.0, 0.0, 0.0])) == pytest.approx([0.628, 0.2249, 0.1258], abs=1e-3)
    colors = np.random.default_rng(0).random((100, 3)).astype(np.float32)
    assert np.abs(to_srgb(from_srgb(colors)) - colors).max() < 1e-4


def test_the_derivative_of_oklab_is_right():
    chance = np.random.default_rng(2)
    color, by_lab = chance.uniform(0.1, 0.9, (1, 3)), chance.normal(0, 1, (1, 3)).astype(np.float32)
    numeric = [((from_srgb(color + step) - from_srgb(color - step)) * by_lab).sum() / 0.02 for step in 0.01 * np.eye(3)]
    assert gradient_to_srgb(color.astype(np.float32), by_lab)[0] == pytest.approx(numeric, rel=0.02, abs=5e-3)


def test_a_small_vivid_accent_is_kept_and_the_ground_is_one_colour():
    colors = palette(poster())
    assert len(colors) == 2
    assert colors[0].weight > 0.98
    assert colors[0].name == "deep teal"
    assert np.abs(np.array(colors[1].rgb) - (255, 90, 40)).max() < 25


def test_no_near_duplicates_and_weights_sum_to_one():
    y, x = np.mgrid[0:1:200j, 0:1:200j]
    rainbow = np.stack([y, x, 1 - y * x], axis=-1)
    colors = palette(np.round(rainbow * 255).astype(np.uint8))
    lab = from_srgb(np.array([color.rgb for color in colors], np.uint8))
    gaps = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + 9 * np.eye(len(lab))
    assert 4 <= len(colors) <= 7
    assert gaps.min() > NEAR_DUPLICATE * 0.9
    assert sum(color.weight for color in colors) == pytest.approx(1)
    assert [color.weight for color in colors] == sorted((color.weight for color in colors), reverse=True)
    assert len({color.name for color in colors}) == len(colors)


def test_edges_between_two_colours_make_no_third():
    stripes = np.where(
        (np.arange(1200) // 60 % 2)[None, :, None] == 0, np.array([240, 70, 130]), np.array([20, 10, 60])
    )
    assert len(palette(stripes.repeat(1200, axis=0).astype(np.uint8))) == 2


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "grey"),
        ((255, 0, 0), "bright red"),
        ((27, 42, 96), "navy"),
        ((245, 236, 212), "cream"),
        ((120, 78, 45), "brown"),
        ((200, 135, 135), "dusty rose"),
    ],
)
def test_names_are_the_ones_people_use(rgb, name):
    assert names_by_nearness(rgb)[0] == name


def test_equal_colours_get_different_names():
    assert len(set(name_all([(128, 128, 128)] * 3))) == 3


def words_of(picture):
    return palette_words(picture, palette(picture))


def test_words_tell_key_contrast_and_colourfulness():
    dark = words_of(poster(ground=(18, 14, 30), share=0.01))
    assert "low key" in dark
    pale = words_of(poster(ground=(236, 232, 226), accent=(225, 220, 214)))
    assert {"high key", "soft contrast"} <= set(pale)
    halves = np.zeros((200, 200, 3), np.uint8)
    halves[:, 100:] = 245
    assert {"high contrast", "monochrome"} <= set(words_of(halves))


def test_words_tell_the_tint_of_the_light():
    y = np.linspace(0, 1, 200)[:, None, None]
    sunset = np.round(np.array([20, 16, 34]) * (1 - y) + np.array([245, 165, 60]) * y).astype(np.uint8)
    moonlight = np.round(np.array([6, 8, 16]) * (1 - y) + np.array([130, 170, 235]) * y).astype(np.uint8)
    assert any(word.startswith("warm") and word.endswith("light") for word in words_of(sunset.repeat(200, axis=1)))
    assert any(word.startswith("cool") and word.endswith("light") for word in words_of(moonlight.repeat(200, axis=1)))


def test_look_is_whole_and_equal_for_equal_files(tmp_path):
    Image.fromarray(poster()).save(tmp_path / "a.png")
    first, second = cover.look(tmp_path / "a.png"), cover.look(tmp_path / "a.png")
    assert first == second
    assert len(first.cover_sha256) == 64
    assert "deep teal" in first.words


def test_plot_and_cube_are_written_whole(tmp_path):
    picture = poster()
    Image.fromarray(picture).save(tmp_path / "a.png")
    look = cover.look(tmp_path / "a.png")
    cover.plot(look, picture, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as image:
        assert image.size == (1400, 900)
        assert np.asarray(image.convert("RGB")).std() > 20
    assert not list(tmp_path.glob("*~"))


def test_importing_the_room_is_light():
    heavy = ("cv2", "scipy", "PIL", "numpy", "matplotlib")
    code = f"import sys, bridge.cover; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
