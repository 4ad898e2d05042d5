"""What a generation will take, before it starts."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from blender_addon.core.types import Clip, ClipRequest, Framing, ShotKind
from bridge.cli import main
from bridge.clips import registry
from bridge.common import paths
from bridge.common.errors import BadInput
from bridge.jobs import estimate
from bridge.jobs.speeds import Speeds

EXAMPLES = Path(__file__).parents[2] / "examples"


def shot(engine="animatic", frames=48, **options):
    return ClipRequest(
        *(
            *registry.named(engine),
            "s01",
            ShotKind.MOTION,
            Framing.WIDE,
            "",
            "",
            1,
            80,
            frames,
            0,
            Fraction(24),
            1920,
            1080,
        ),
        cover_sha256="c" * 64,
        options=tuple(sorted(options.items())),
    )


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path))


def test_unmeasured_engines_say_so():
    found = estimate.outlook([shot(), shot(frames=24)])
    assert (found.shots, found.frames) == (2, 72)
    assert found.seconds is None


def test_measured_speeds_are_used():
    device = estimate._devices(shot(), 1)[0]
    speeds = Speeds(paths.store_folder() / "speeds.db")
    speeds.record(Clip("a" * 64, shot(), 48, Fraction(24), 1920, 1080, 12.0, 5.0), device.model, 3 * 2**30)
    speeds.close()
    found = estimate.outlook([replace(shot(), frame_count=96)])
    assert found.seconds == pytest.approx(24.0)
    assert found.peak_memory_gib == pytest.approx(3.0)


def needs_of(engine, **options):
    return estimate.outlook([shot(engine, **options)]).needs


def test_memory_and_money_are_told(monkeypatch):
    assert "Stable Video Diffusion: 8 GB layer by layer, from 12 GB part by part" in needs_of("sdxl+svd")
    assert "Wan 2.1 14B: 8 GB" in needs_of("cover+wan")
    assert needs_of("cover+ltx", model="Lightricks/LTX-Video-0.9.7-dev@abc").startswith("LTX-Video 13B: ")
    monkeypatch.setattr(estimate, "free_gpu_gib", lambda: 15.1)
    told = needs_of("sdxl+svd")
    assert told == "Stable Diffusion XL all at once; Stable Video Diffusion decoded in tiles (15 GiB free)"
    assert "10 credits (US$ 0.10)" in estimate.outlook([shot("cover+runway")]).cost
    with pytest.raises(BadInput, match="takes one of gen4_turbo"):
        estimate.outlook([shot("cover+runway", model="gen0")])


@pytest.mark.slow
def test_the_command_plans_first(capsys):
    song, cover = EXAMPLES / "song.opus", EXAMPLES / "cover.jpg"
    assert main.main(["estimate", str(song), str(cover), "--engine", "cover+runway", "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["shots"] >= 3
    assert told["cost"].endswith("seconds of video")
    assert main.main(["estimate", str(song), str(cover), "--engine", "nonsense"]) == 2
