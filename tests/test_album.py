"""A folder of songs: one video each, in order; a bad one is named and the rest goes on."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from bridge import album
from bridge.check.report import Group, Measure, Verdict
from bridge.cli.main import main
from bridge.common.errors import BadInput, Cancelled
from bridge.common.progress import display
from bridge.make import MakeOptions, MakeResult


@dataclass
class Report:
    measures: tuple[Measure, ...] = ()
    ok: bool = True


def options(folder: Path) -> MakeOptions:
    return MakeOptions(folder, Path("cover.png"), folder / "out" / "video.mp4", fps=Fraction(25))


def maker(calls):
    def make_one(asked, _display):
        calls.append((asked.song.name, asked.output.name))
        if "bad" in asked.song.name:
            raise BadInput("It is <no> song.")
        failing = Measure(Group.CUTS, "cuts on downbeats", 0.0, "", "", "", Verdict.FAIL)
        report = Report((failing,) if "2" in asked.song.name else ())
        made = MakeResult(asked.output, asked.output, asked.output.with_suffix(".html"), None, report, {}, {}, {})  # type: ignore[arg-type]
        return [made]

    return make_one


@pytest.fixture
def folder(tmp_path):
    for name in ("10 end.mp3", "2 & more.wav", "1 bad.flac", "cover.jpg", ".hidden.mp3", "2 & more.mp3"):
        (tmp_path / name).touch()
    return tmp_path


def test_each_song_has_its_video_and_bad_ones_are_named(folder):
    calls = []
    made = album.make_album(options(folder), display(), lambda song: None, maker(calls))
    assert calls == [
        ("1 bad.flac", "1 bad.mp4"),
        ("2 & more.mp3", "2 & more-mp3.mp4"),
        ("2 & more.wav", "2 & more-wav.mp4"),
        ("10 end.mp3", "10 end.mp4"),
    ]
    assert [song.name for song, _ in made.failed] == ["1 bad.flac"]
    page = made.page.read_text()
    assert made.page == folder / "out" / "album.html"
    assert 'href="10%20end.mp4"' in page
    assert "fails: cuts on downbeats" in page
    assert "It is &lt;no&gt; song." in page


def test_a_page_of_the_users_is_not_replaced(folder):
    (folder / "out").mkdir()
    (folder / "out" / "album.html").write_text("mine")
    made = album.make_album(options(folder), display(), lambda song: None, maker([]))
    assert made.page.name == "album-2.html"
    assert (folder / "out" / "album.html").read_text() == "mine"


def test_a_stop_stops_all(folder):
    def stopped(_asked, _display):
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        album.make_album(options(folder), display(), lambda song: None, stopped)


def test_a_folder_without_songs_is_one_sentence(tmp_path, capsys):
    (tmp_path / "cover.png").touch()
    assert main(["make", str(tmp_path), str(tmp_path / "cover.png"), "-o", f"{tmp_path}/new/"]) == 2
    assert "no songs" in capsys.readouterr().err


def test_numbers_and_words_sort_together(tmp_path):
    for name in ("b.mp3", "1.mp3", "a2.mp3", "a10.mp3"):
        (tmp_path / name).touch()
    assert [song.name for song in album.songs_in(tmp_path)] == ["1.mp3", "a2.mp3", "a10.mp3", "b.mp3"]
