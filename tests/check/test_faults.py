"""Videos with one planted fault each: the check finds it, and nothing else."""

import dataclasses
import io
from pathlib import Path

import pytest

from blender_addon.core import rules
from bridge import check
from bridge.check.report import CheckReport, Verdict
from bridge.common.errors import BadInput
from bridge.cover import load
from tests.check import made_video
from tests.check.made_video import Made

pytestmark = pytest.mark.slow

SQUARE = Made()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("check")
    made_video.write_cover(made / "cover.png")
    made_video.write_wav(made / "song.wav", made_video.song())
    return made


def checked(folder: Path, made: Made, name: str = "video.mp4", **options: object) -> CheckReport:
    sound = options.pop("sound", None)
    video = made_video.write(folder / name, made, load(folder / "cover.png"), sound)  # pyright: ignore[reportArgumentType]
    options = {"analysis": made_video.analysis(), "plan": made_video.plan(made)} | options
    return check.check(video, folder / "song.wav", folder / "cover.png", **options)  # pyright: ignore[reportArgumentType]


def failed(report: CheckReport) -> set[str]:
    return {measure.name for measure in report.failed}


def value(report: CheckReport, name: str) -> float:
    found = next(measure.value for measure in report.measures if measure.name == name)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def good(folder: Path) -> CheckReport:
    return checked(folder, SQUARE, "good.mp4")


def test_a_good_video_holds(good: CheckReport):
    assert failed(good) == set()
    assert [cut.frame for cut in good.cuts] == SQUARE.cuts
    assert all(cut.distance_frames == pytest.approx(0, abs=0.02) for cut in good.cuts)
    assert [cut.bar for cut in good.cuts] == [3, 4, 5, 6, 7]
    assert good.song_start_s == pytest.approx(1.0, abs=2e-4)
    assert value(good, "offset to the song") == pytest.approx(0, abs=0.2)


def test_every_failure_says_what_to_do(folder: Path):
    report = checked(folder, dataclasses.replace(SQUARE, bars=2, profile="baseline", faststart=False))
    assert len(report.failed) >= 2
    assert all(measure.advice.endswith(".") for measure in report.failed)
    assert not any(measure.advice for measure in report.measures if measure.verdict is not Verdict.FAIL)
    assert not report.ok


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"cut_late": {3: 3}}, {"on downbeats", "planned cuts seen"}),
        ({"sound_late_s": 0.04}, {"offset to the song"}),
        ({"hold_frames": 0}, {"first frame's hold"}),
        ({"matrix": "ITU601"}, {"last frame's difference", "colour tags against the pixels"}),
        ({"ending": made_video.world(50, 240)}, {"cover in the last frame", "last frame's difference"}),
        ({"motion": (3.4, 4.0, 0.5, 5.2, 5.8, 1.9)}, {"motion follows energy"}),
        ({"sound_codec": None}, {"the song"}),
    ],
    ids=lambda names: ", ".join(sorted(names)),
)
def test_the_fault_and_nothing_else(folder: Path, changes: dict[str, object], names: set[str]):
    made = dataclasses.replace(SQUARE, **changes)  # pyright: ignore[reportArgumentType]
    report = checked(folder, made, plan=made_video.plan(SQUARE))
    assert failed(report) == names


def test_a_late_cut_is_named(folder: Path):
    report = checked(folder, dataclasses.replace(SQUARE, bars=4, cut_late={3: 3}))
    assert [cut.distance_frames for cut in report.cuts] == pytest.approx([0, 0, 3], abs=0.02)
    assert "frame 75 (+3.0)" in next(measure.advice for measure in report.failed if measure.name == "on downbeats")


def test_another_song(folder: Path):
    report = checked(folder, dataclasses.replace(SQUARE, bars=3), sound=made_video.song(seed=2))
    assert "the song" in failed(report)
    assert value(report, "the song") < 0.4
    assert report.cuts[0].distance_frames == pytest.approx(0, abs=0.02), "the plan still tells where the song should be"


def test_another_song_without_a_plan_leaves_the_cuts_unknown(folder: Path):
    report = checked(folder, dataclasses.replace(SQUARE, bars=3), sound=made_video.song(seed=2), plan=None)
    assert {"the song", "on downbeats"} <= failed(report)
    assert report.song_start_s is None
    assert all(cut.distance_frames is None for cut in report.cuts)


def test_broken_rules_of_the_plan_are_told(folder: Path, good: CheckReport):
    broken = checked(folder, SQUARE, plan=made_video.plan(SQUARE, hold=0))
    assert any(measure.name == rules.Rule.HOLDS.value for measure in broken.failed)
    assert not any(measure.name == rules.Rule.HOLDS.value for measure in good.failed)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("vp9.webm", {"codec": "libvpx-vp9", "sound_codec": "libopus"}),
        ("mpeg4.mkv", {"codec": "mpeg4"}),
        ("clip.avi", {"codec": "mpeg4", "sound_codec": "libmp3lame"}),
    ],
)
def test_what_other_tools_make(folder: Path, name: str, changes: dict[str, object]):
    """Other containers and codecs are measured all the same: failures with advice, no errors."""
    made = dataclasses.replace(SQUARE, bars=2, **changes)  # pyright: ignore[reportArgumentType]
    report = checked(folder, made, name, plan=None)
    assert {"container", "video codec"} <= failed(report)
    assert "the song" not in failed(report)
    assert [cut.frame for cut in report.cuts] == made.cuts


def test_a_brief_check_leaves_motion_and_the_sounds_quality_out(folder: Path, good: CheckReport):
    report = checked(folder, SQUARE, "brief.mp4", brief=True)
    left_out = {"mean motion", "level", "treble", "stereo width", "middle", "clipping", "motion follows energy"}
    held = {measure.name: measure.text for measure in report.measures if measure.name not in left_out}
    assert held == {measure.name: measure.text for measure in good.measures if measure.name not in left_out}
    told = [measure.text for measure in report.measures if measure.name in left_out]
    assert told == ["not measured in a draft"] * 2
    assert not report.motion.values


def test_a_song_without_beats(folder: Path):
    """Nothing to hold the cuts against is no failure."""
    grid = made_video.analysis()
    bare = dataclasses.replace(grid, beats=(), sections=(), tempo_bpm=0.0)
    report = checked(folder, dataclasses.replace(SQUARE, bars=2), plan=None, analysis=bare)
    assert not {"on downbeats", "offset to the song", "start"} & failed(report)


def test_a_cut_off_video_is_measured(folder: Path):
    """The index comes first, the end is missing: what is there is measured, and the damage is told."""
    whole = made_video.write(folder / "whole.mp4", SQUARE, load(folder / "cover.png")).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    grid = made_video.analysis()
    report = check.check(folder / "cut.mp4", folder / "song.wav", folder / "cover.png", analysis=grid)
    assert not report.ok
    assert report.cuts


@pytest.mark.parametrize("content", [b"", b"no video at all\n" * 40], ids=["empty", "text"])
def test_no_video(folder: Path, content: bytes):
    (folder / "bad.mp4").write_bytes(content)
    with pytest.raises(BadInput, match=r"bad\.mp4"):
        check.check(folder / "bad.mp4", folder / "song.wav", folder / "cover.png", analysis=made_video.analysis())


def test_a_song_is_no_video(folder: Path):
    with pytest.raises(BadInput, match="no pictures"):
        check.check(folder / "song.wav", folder / "song.wav", folder / "cover.png", analysis=made_video.analysis())


def test_no_such_video(folder: Path):
    with pytest.raises(BadInput, match="no video at"):
        check.check(folder / "gone.mp4", folder / "song.wav", folder / "cover.png", analysis=made_video.analysis())


def test_the_report_goes_to_json(good: CheckReport):
    from blender_addon.core import codec

    encoded = codec.encode(good)
    assert encoded["ok"] is good.ok
    assert codec.decode(CheckReport, encoded) == good


def test_the_table_names_every_measure_and_every_advice(folder: Path):
    from rich.console import Console

    report = checked(folder, dataclasses.replace(SQUARE, bars=2, faststart=False))
    console = Console(width=200, file=io.StringIO())
    console.print(check.table(report))
    text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert all(measure.name in text for measure in report.measures)
    assert "Move the index to the front" in text
