"""What the file's packets and boxes say: one fault each."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import pytest

from blender_addon.core import formats
from blender_addon.core.timing import FRAME_RATES
from bridge.check import sound_file, watching
from bridge.check.container import Container, probe
from bridge.check.file_measures import file_measures, full_size
from bridge.check.report import Verdict
from bridge.check.stills import stills
from tests.check import made_video
from tests.check.made_video import Made

SHORT = Made(bars=2)
COVER = made_video.world(7, 240)


def probed(folder: Path, made: Made, name: str = "video.mp4") -> Container:
    return probe(made_video.write(folder / name, made, COVER))


def failed(container: Container, made: Made = SHORT) -> set[str]:
    measures = file_measures(container, 0, made_video.plan(made))
    return {measure.name for measure in measures if measure.verdict is Verdict.FAIL}


def test_a_good_file_holds(tmp_path: Path):
    container = probed(tmp_path, SHORT)
    assert failed(container) == set()
    assert container.video.frame_count == SHORT.frame_count
    assert container.video.duration_s == pytest.approx(2.0)
    assert container.sound is not None
    assert container.sound.bit_rate == pytest.approx(192_000, rel=0.05)


def test_a_name_with_a_colon_is_no_protocol(tmp_path: Path, monkeypatch):
    probed(tmp_path, SHORT, "Artist: Title.mp4")
    monkeypatch.chdir(tmp_path)
    video = Path("Artist: Title.mp4")
    assert probe(video).video.frame_count == SHORT.frame_count
    assert sum(1 for _ in watching.decoded(video)) == SHORT.frame_count
    assert sound_file.read(video) is not None
    assert len(stills(video, [0.5], 64)) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"profile": "baseline"}, {"video profile"}),
        ({"profile": "main"}, {"video profile"}),
        ({"faststart": False}, {"faststart"}),
        ({"tagged": False}, {"colour tags"}),
        ({"codec": "mpeg4"}, {"video codec", "video profile"}),
        ({"pixels": "yuv444p", "profile": "high444"}, {"video profile", "pixel format"}),
        ({"sound_codec": "libmp3lame"}, {"sound codec"}),
        ({"sound_rate_hz": 44_100}, {"sample rate"}),
        ({"size": (200, 240)}, {"size"}),
        ({"fps": Fraction(25)}, {"frame rate", "length"}),
        ({"bars": 3}, {"length"}),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_the_fault_and_nothing_else(tmp_path: Path, changes: dict[str, object], names: set[str]):
    made = dataclasses.replace(SHORT, **changes)  # pyright: ignore[reportArgumentType]
    assert failed(probed(tmp_path, made)) == names


@pytest.mark.slow
def test_a_draft_is_taken_for_one(tmp_path: Path):
    container = probed(tmp_path, dataclasses.replace(SHORT, size=(360, 640)))
    plan = dataclasses.replace(made_video.plan(SHORT), width_px=1080, height_px=1920)
    assert full_size(container.video, plan) == full_size(container.video, None) == (1080, 1920)
    (size,) = [measure for measure in file_measures(container, 0, plan) if measure.name == "size"]
    assert (size.verdict, size.text) == (Verdict.PASS, "360 x 640, a draft")
    assert full_size(container.video, dataclasses.replace(plan, width_px=1920)) is None


@pytest.mark.slow
@pytest.mark.parametrize(("size", "holds"), [((720, 720), True), ((720, 900), True), ((700, 900), False)])
def test_without_a_plan_the_table_says_which_sizes_are_usual(tmp_path: Path, size, holds):
    container = probed(tmp_path, dataclasses.replace(SHORT, size=size))
    (found,) = [measure for measure in file_measures(container, 0, None) if measure.name == "size"]
    assert (found.verdict is Verdict.PASS) == holds
    assert found.limit == f"{', '.join(formats.SHAPES)} with a shorter side of 720, 1080, 2160"


def test_a_varying_rate(tmp_path: Path):
    made = Made(jitter=True)
    assert failed(probed(tmp_path, made), made) == {"constant rate"}


@pytest.mark.parametrize("fps", [*FRAME_RATES, Fraction(24000, 1001)], ids=str)
def test_the_rate_is_the_time_stamps_own(tmp_path: Path, fps: Fraction):
    assert probed(tmp_path, dataclasses.replace(SHORT, fps=fps, sound_codec=None)).video.fps == fps


def test_a_rate_that_nobody_uses(tmp_path: Path):
    made = dataclasses.replace(SHORT, fps=Fraction(53, 2))
    assert "frame rate" in failed(probed(tmp_path, made), made=SHORT)


def test_matroska_rounds_its_time_stamps(tmp_path: Path):
    """To a millisecond: that is no varying rate."""
    found = failed(probed(tmp_path, dataclasses.replace(SHORT, fps=Fraction(30000, 1001)), "video.mkv"))
    assert "container" in found
    assert "constant rate" not in found
