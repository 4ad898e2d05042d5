"""The pages: everything in them, nothing outside but the media, fit for a screen reader."""

import dataclasses
import os
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from blender_addon.core import codec
from bridge import check
from bridge.check.page import _palette
from bridge.check.report import CheckReport
from bridge.check.takes import ShotTakes, Take
from bridge.cli.main import main
from bridge.common.errors import BadInput
from bridge.cover import load
from tests.addon_scene import edit_world
from tests.check import made_video
from tests.check.made_video import Made

VIDEO_NAME = 'late & "loud" 100%.mp4'


class Page(HTMLParser):
    """Collects a page's elements and text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def links(self) -> list[str]:
        """What the page loads from elsewhere."""
        wanted = [attributes.get(name, "") for _, attributes in self.elements for name in ("src", "href")]
        return [link for link in wanted if link and not link.startswith(("data:", "#"))]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> CheckReport:
    folder = tmp_path_factory.mktemp("page")
    cover = made_video.write_cover(folder / "cover.png")
    song = made_video.write_wav(folder / "song.wav", made_video.song())
    made = Made(bars=4, cut_late={2: 1, 3: 4})
    video = made_video.write(folder / VIDEO_NAME, made, load(cover))
    return check.check(video, song, cover, analysis=made_video.analysis())


@pytest.fixture(scope="module")
def page(report: CheckReport) -> Page:
    path = Path(report.video).with_suffix(".html")
    check.write_page(report, path)
    return Page(path)


@pytest.mark.slow
def test_only_the_video_is_outside(page: Page):
    assert [unquote(link) for link in page.links()] == [VIDEO_NAME]
    assert "http:" not in page.text.replace("http://www.w3.org", "")
    assert "https:" not in page.text


def test_every_measure_and_every_advice_is_told(page: Page, report: CheckReport):
    for measure in report.measures:
        assert measure.name in page.text
        assert measure.text in page.text
        assert measure.advice in page.text


def test_every_cut_can_be_heard_by_mouse_and_by_key(page: Page, report: CheckReport):
    times = [str(cut.time_s) for cut in report.cuts]
    buttons = [one["data-time"] for one in page.all("button") if "data-time" in one]
    marks = [one for one in page.all("g") if one.get("role") == "button"]
    assert buttons == times
    assert [mark["data-time"] for mark in marks] == times
    assert all(mark["tabindex"] == "0" and "Hear the cut at" in mark["aria-label"] for mark in marks)


def test_cuts_are_coloured_by_their_distance(page: Page):
    marks = [one["class"] for one in page.all("g") if one.get("role") == "button"]
    assert marks == ["cut good", "cut near", "cut off"]


def test_pictures_have_words_and_ids_are_unique(page: Page):
    assert all(image["alt"] for image in page.all("img"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = [attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes]
    assert set(labels) <= set(ids)


def test_the_contact_sheet_has_each_shot(page: Page, report: CheckReport):
    sheet = [one for one in page.all("button") if "data-seek" in one]
    assert len(sheet) == len(report.shots)


def test_a_video_without_sound_or_cuts_has_a_page_too(tmp_path: Path, report: CheckReport):
    bare = dataclasses.replace(report, cuts=(), shots=report.shots[:1], beats=(), sections=(), song_start_s=None)
    check.write_page(bare, tmp_path / "page.html")
    assert "No hard cut" in Page(tmp_path / "page.html").text


def test_a_page_for_a_video_that_is_gone(tmp_path: Path, report: CheckReport):
    with pytest.raises(BadInput, match="gone"):
        check.write_page(dataclasses.replace(report, video=str(tmp_path / "none.mp4")), tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_takes_side_by_side(tmp_path: Path):
    takes = [Take(tmp_path / f"take {i}.mp4", f"take {i}", "seed <4>") for i in (1, 2, 3)]
    shots = [ShotTakes("s01", 2.0, 1.5, takes[:2], "dusk & dawn"), ShotTakes("s02", 3.5, 1.0, takes[2:])]
    check.takes_page(shots, tmp_path / "song.wav", tmp_path / "takes.html")
    page = Page(tmp_path / "takes.html")
    assert sorted(unquote(link) for link in page.links()) == ["song.wav", "take 1.mp4", "take 2.mp4", "take 3.mp4"]
    rows = [one for one in page.all("section") if "data-start" in one]
    assert [(row["data-start"], row["data-length"]) for row in rows] == [("2.0", "1.5"), ("3.5", "1.0")]
    assert all("muted" in video for video in page.all("video"))
    assert "dusk & dawn" in page.text
    assert "seed <4>" in page.text


def test_the_takes_of_a_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    made = made_video.Made()
    folder = tmp_path / "video.beatboard"
    (folder / "clips").mkdir(parents=True)
    edit = made_video.plan(made)
    (folder / "plan.json").write_text(codec.dumps(edit))
    ids = [shot.id for shot in edit.shots]
    for number, name in enumerate((f"{ids[0]}-aa.mp4", f"{ids[0]}-bb.mp4", f"{ids[1]}-cc.mp4")):
        edit_world.make_clip(folder / "clips" / name, 3, number)
        os.utime(folder / "clips" / name, (1000 - number, 1000 - number))  # the later name is the older take
    (folder / "song.wav").write_bytes(b"")
    assert main(["takes", str(tmp_path / "video.mp4")]) == 0
    assert f"3 takes of {len(ids)} shots" in capsys.readouterr().out
    page = Page(tmp_path / "video.takes.html")
    assert "Takes for video" in page.text
    rows = [one for one in page.all("section") if "data-start" in one]
    starts = [edit.excerpt.start_s + float(shot.start_frame / edit.fps) for shot in edit.shots]
    assert [float(row["data-start"] or 0) for row in rows] == pytest.approx(starts)
    sources = [unquote(video["src"] or "") for video in page.all("video")]
    assert sources == [f"video.beatboard/clips/{ids[0]}-bb.mp4", f"video.beatboard/clips/{ids[0]}-aa.mp4",
                       f"video.beatboard/clips/{ids[1]}-cc.mp4"]  # fmt: skip
    assert main(["takes", str(tmp_path / "none.mp4")]) == 2


def test_the_videos_palette_has_the_colours_of_its_pictures():
    teal, orange = (20, 110, 120), (230, 140, 60)
    stripes = np.repeat(np.array([teal, orange] * 6, np.uint8), 14, axis=0)[:160]
    picture = np.broadcast_to(stripes, (90, 160, 3)).copy()
    shown = {color.rgb: color.weight for color in _palette([picture] * 24)}
    for wanted in (teal, orange):
        weight = sum(w for rgb, w in shown.items() if np.abs(np.subtract(rgb, wanted)).max() < 12)
        assert weight == pytest.approx(0.5, abs=0.1)
