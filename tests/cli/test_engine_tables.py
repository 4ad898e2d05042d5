"""`docs/engines.md` has the tables that the declarations give."""

from pathlib import Path

from bridge.cli import engine_tables
from bridge.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"


def test_the_page_is_up_to_date():
    text = PAGE.read_text(encoding="utf-8")
    for name in engine_tables.TABLES:
        assert f"<!-- table: {name} -->" in text
    assert engine_tables.filled(text) == text, "run `beatboard engines --markdown docs/engines.md`"


def test_only_what_is_marked_is_replaced(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: painters -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    assert main(["engines", "--markdown", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- table: painters -->\n| painter |")
    assert text.endswith("|\n<!-- end -->\nafter\n")
    assert "old" not in text
    assert main(["engines", "--markdown", str(tmp_path / "none.md")]) == 2
    assert "can't be read" in capsys.readouterr().err
