"""An edit that was cut by hand, snapped to the song's downbeats."""

import dataclasses
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from blender_addon.core.conform import fit
from bridge import check, retime
from bridge.check.container import probe
from bridge.common.errors import BadInput
from bridge.cover import load
from tests.check import made_video
from tests.check.made_video import Made

pytestmark = pytest.mark.slow

SLOPPY = Made(bars=5, cut_late={1: 5, 2: -4, 3: 7, 4: -6}, sound_late_s=0.09)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("retime")
    made_video.write_cover(made / "cover.png")
    made_video.write_wav(made / "song.wav", made_video.song())
    return made


def test_the_cuts_come_to_lie_on_downbeats(folder: Path):
    video = made_video.write(folder / "sloppy.mp4", SLOPPY, load(folder / "cover.png"))
    grid = made_video.analysis()
    done = retime.retime(video, folder / "song.wav", folder / "snapped.mp4", analysis=grid)
    assert done.left_out == 0
    assert done.song_start_s == 1.0
    report = check.check(folder / "snapped.mp4", folder / "song.wav", folder / "cover.png", analysis=grid)
    assert [cut.frame for cut in report.cuts] == [24, 48, 72, 96]
    about_pictures = {"first frame's hold", "motion follows energy", "palette's distance", "size"}
    assert {measure.name for measure in report.failed} <= about_pictures


def test_another_sound_and_another_rate(folder: Path):
    """A clip at 23.976 with a foreign sound starts with the song's first downbeat, at a rate that is customary."""
    made = dataclasses.replace(SLOPPY, bars=3, fps=Fraction(24000, 1001))
    video = made_video.write(folder / "film.mp4", made, load(folder / "cover.png"), made_video.song(seed=2))
    done = retime.retime(video, folder / "song.wav", folder / "film-snapped.mp4", analysis=made_video.analysis())
    assert done.song_start_s == 0.0
    assert done.fps == 24
    assert probe(folder / "film-snapped.mp4").video.frame_count == done.shots[-1].new_end


def test_nothing_is_left_behind_and_an_old_file_stays(folder: Path, tmp_path: Path):
    old = tmp_path / "out.mp4"
    old.write_bytes(b"precious")
    with pytest.raises(BadInput):
        retime.retime(folder / "cover.png", folder / "song.wav", old, analysis=made_video.analysis())
    assert old.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [old]


def test_without_bars_there_is_nothing_to_snap_to(folder: Path):
    bare = dataclasses.replace(made_video.analysis(), beats=())
    video = made_video.write(folder / "short.mp4", Made(bars=2), load(folder / "cover.png"))
    with pytest.raises(BadInput, match="No bars"):
        retime.retime(video, folder / "song.wav", folder / "none.mp4", analysis=bare)


DOWNBEATS = list(range(0, 481, 48))


def ends(edges: list[int], rate: Fraction = Fraction(1)) -> list[int]:
    shots = fit(edges, DOWNBEATS, rate)
    assert all(one.new_end == two.new_start for one, two in pairwise(shots))
    return [shot.new_end for shot in shots]


def test_each_cut_goes_to_its_nearest_downbeat():
    assert ends([0, 50, 90, 190, 245, 330]) == [48, 96, 192, 240, 336]


def test_two_cuts_in_a_bar_get_a_bar_each_if_the_song_has_room():
    assert ends([0, 40, 60, 150]) == [48, 96, 192]


def test_splinters_are_left_out():
    shots = fit([0, 48, 50, 96], DOWNBEATS, Fraction(1))
    assert [(shot.old_start, shot.old_end) for shot in shots] == [(0, 48), (50, 96)]


def test_the_song_ends_before_the_edit():
    assert ends([0, *range(48, 48 * 15, 48)])[-1] == 480


def test_the_new_rate_counts():
    assert ends([0, 60, 120], rate=Fraction(4, 5)) == [48, 96]
