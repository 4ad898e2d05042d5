"""Fonts for titles: collections, fonts that came later, and signs that none has."""

from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest
from fontTools.ttLib import TTCollection, TTFont
from matplotlib import font_manager

from blender_addon.core.types import PaletteColor
from bridge.common.errors import BadInput
from bridge.render import fonts
from bridge.render.fonts import Font

FOLDER = Path(matplotlib.get_data_path()) / "fonts/ttf"
SANS = FOLDER / "DejaVuSans.ttf"
PALETTE = (PaletteColor((20, 60, 80), 0.6, "deep teal"), PaletteColor((240, 170, 90), 0.4, "warm amber"))


@pytest.fixture
def collection(tmp_path):
    """Two faces: signs of mathematics without Hebrew, then letters."""
    both = TTCollection()
    both.fonts = [TTFont(FOLDER / "STIXGeneral.ttf"), TTFont(SANS)]
    both.save(tmp_path / "Both.ttc")
    return tmp_path / "Both.ttc"


def test_a_font_has_all_letters():
    assert fonts.font_for("Überall Ελλάδα", PALETTE).path.suffix in fonts.FONTS
    with pytest.raises(BadInput, match="lacks letters of '東京', such as 東"):
        fonts.checked_font(SANS, "東京")


def test_of_a_collection_it_is_the_first_face_with_all_letters(collection):
    assert fonts.checked_font(collection, "Night") == Font(collection, 0)
    assert fonts.checked_font(collection, "לילה") == Font(collection, 1)
    assert Font(collection, 1).face(40).getname()[0] == "DejaVu Sans"
    assert Font(collection).is_collection
    assert not Font(SANS).is_collection
    with pytest.raises(BadInput, match=r"Both\.ttc lacks letters"):
        fonts.checked_font(collection, "東京")


def test_a_sign_that_no_font_has_in_one_colour_is_named():
    with pytest.raises(BadInput, match=r"has the sign 🪗 \(accordion\) of 'Night 🪗' in one colour"):
        fonts.font_for("Night 🪗", PALETTE)


def test_signs_that_only_steer_others_need_no_letter():
    assert fonts.checked_font(SANS, "♥\ufe0f \u2067לילה\u2069") == Font(SANS)


def test_a_font_that_was_installed_since_is_found(monkeypatch, tmp_path):
    later = tmp_path / "Later.ttf"
    later.write_bytes(SANS.read_bytes())
    without = [entry for entry in font_manager.fontManager.ttflist if entry.name.startswith("STIX")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", without)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(later)])
    assert fonts.font_for("לילה", PALETTE) == Font(later)


def test_a_font_that_was_removed_since_is_passed_over(tmp_path, monkeypatch):
    gone = replace(font_manager.fontManager.ttflist[0], fname=str(tmp_path / "gone.ttf"), style="normal", weight=400)
    there = next(entry for entry in font_manager.fontManager.ttflist if entry.fname == str(SANS))
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [replace(gone, name="DejaVu Sans"), there])
    assert fonts.font_for("A", PALETTE) == Font(SANS)


def test_a_font_that_cannot_be_used_is_refused_even_if_there_is_no_text(tmp_path):
    (tmp_path / "font.ttf").write_bytes(b"no font")
    assert fonts.choose_font(("", ""), SANS, PALETTE) is None
    assert fonts.choose_font(("A", ""), SANS, PALETTE) == Font(SANS)
    assert fonts.choose_font(("", "A"), None, PALETTE) is not None
    with pytest.raises(BadInput, match="can't be read as a font"):
        fonts.choose_font(("", ""), tmp_path / "font.ttf", PALETTE)


def test_each_line_of_words_has_a_font_and_the_titles_where_it_will_do():
    titles = Font(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf")
    found = fonts.for_words(["Hold on", "ليالي"], titles, None, ())
    assert found == {"Hold on": titles, "ليالي": titles}
    assert fonts.for_words([], titles, None, ()) == {}
    with pytest.raises(BadInput, match="No font on this computer"):
        fonts.for_words(["Hold on", "\U000f1234"], titles, None, ())
