"""A platform's limits, each broken by one video."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from blender_addon.core import formats
from blender_addon.core.platforms import PLATFORMS
from blender_addon.core.timing import FRAME_RATES
from blender_addon.core.types import EditPlan, Excerpt, TitleLine
from bridge.check.container import Container, VideoTrack
from bridge.check.platform_measures import loudness, platform_measures
from bridge.check.report import Verdict
from bridge.check.sound_file import SoundFile


def video(name="reels", length_s=20.0, fps=Fraction(24), size=None, size_bytes=10**7):
    wanted = formats.parse(PLATFORMS[name].format)
    width_px, height_px = size or (wanted.width_px, wanted.height_px)
    times_s = np.arange(round(length_s * fps)) / float(fps)
    track = VideoTrack("h264", "High", "yuv420p", width_px, height_px, fps, (1, 1, 1, 1), Fraction(1), times_s, 5e6)
    return Container("mp4", True, size_bytes, True, track, None)


def failed(found):
    return [measure.name for measure in found if measure.verdict is Verdict.FAIL]


def plan(*titles):
    return EditPlan("a", "b", Excerpt(0, 20, False), Fraction(24), 1080, 1920, (), titles)


TITLE = TitleLine("Night", 12, 100, 6, 6, 0.1, 0.5, 120.0, (255, 255, 255))


@pytest.mark.parametrize("name", PLATFORMS)
def test_what_is_made_for_a_platform_is_taken_there(name):
    platform = PLATFORMS[name]
    formats.parse(platform.format)
    length_s = min(20.0, platform.length_s[1])
    for fps in FRAME_RATES:
        assert failed(platform_measures(video(name, length_s, fps), None, platform)) == []


@pytest.mark.parametrize(
    ("name", "changes", "measure"),
    [
        ("spotify-canvas", {"length_s": 12.0}, "length there"),
        ("tiktok", {"length_s": 2.0}, "length there"),
        ("reels", {"size_bytes": 301 * 10**6}, "file size there"),
        ("reels", {"size": (1920, 1080)}, "shape there"),
        ("spotify-canvas", {"size": (1080, 1920), "length_s": 6.0}, "shape there"),
        ("tiktok", {"fps": Fraction(15)}, "frame rate there"),
    ],
)
def test_each_limit_is_held(name, changes, measure):
    assert failed(platform_measures(video(name, **changes), None, PLATFORMS[name])) == [measure]


@pytest.mark.parametrize("changes", [{"bottom": 0.1}, {"bottom": 0.9}, {"left": 0.0}])
def test_a_title_below_the_buttons_is_told(changes):
    platform = PLATFORMS["reels"]
    assert failed(platform_measures(video(), plan(TITLE), platform)) == []
    assert failed(platform_measures(video(), plan(replace(TITLE, **changes)), platform)) == ["titles there"]


def test_a_canvas_takes_no_title():
    platform = PLATFORMS["spotify-canvas"]
    made = video("spotify-canvas", 6.0)
    assert failed(platform_measures(made, plan(TITLE), platform)) == ["titles there"]


def test_the_loudness_informs():
    t = np.arange(96_000) / 48_000
    heard = SoundFile(np.repeat(np.sin(2 * np.pi * 1000 * t)[:, None], 2, 1).astype(np.float32) * 0.5, 48_000, 0.0, 2)
    (loud,) = loudness(heard, PLATFORMS["tiktok"])
    assert loud.verdict is Verdict.INFO
    assert loud.value == pytest.approx(-6.0, abs=0.3)
    assert "7.9 dB softer" in loud.text
