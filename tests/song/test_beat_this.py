import importlib.util

import numpy as np
import pytest

from bridge.common.errors import BadInput
from bridge.song import analyze_audio, trackers
from bridge.song.trackers.beat_this import to_grid
from tests.song.song_synth import pop_song

INSTALLED = importlib.util.find_spec("torch") is not None and importlib.util.find_spec("beat_this") is not None


def test_beats_are_numbered_from_the_downbeat_before():
    beats_s = np.arange(11) * 0.5 + 0.2
    chance = np.linspace(0.1, 1.0, 400)
    grid = to_grid(beats_s, beats_s[[2, 6, 10]], chance, np.full(400, 0.7))
    assert grid.positions.tolist() == [3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1]
    assert grid.confidence == pytest.approx(0.7)
    assert grid.confidences[2] == pytest.approx(0.7)
    assert grid.confidences[3] == chance[round(beats_s[3] * 50)]


def test_no_beats_at_all():
    grid = to_grid(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0))
    assert (len(grid.times_s), grid.confidence) == (0, 0.0)


@pytest.mark.skipif(INSTALLED, reason="the extra is installed")
def test_without_the_extra_it_says_how_to_get_it():
    with pytest.raises(BadInput, match=r"beatboard\[beat-this\]"):
        trackers.load("beat-this")


@pytest.mark.torch
@pytest.mark.skipif(not INSTALLED, reason="needs the extra beat-this")
def test_a_checkpoint_file_is_loaded_and_run(tmp_path):
    import torch
    from beat_this.model.beat_tracker import BeatThis

    torch.manual_seed(0)
    shape = {"transformer_dim": 32, "n_layers": 1, "head_dim": 16, "stem_dim": 16}
    weights = {f"model.{name}": value for name, value in BeatThis(**shape).state_dict().items()}
    checkpoint = tmp_path / "small.ckpt"
    torch.save({"state_dict": weights, "hyper_parameters": shape}, checkpoint)

    ear = trackers.load(f"beat-this:{checkpoint}")
    made = pop_song(bars=(("full", 4),))
    found = analyze_audio(made.audio, "0" * 64, ear, lambda *_: None)
    assert found.tracker == f"beat-this-{ear.version}"
    assert found.duration_s == pytest.approx(made.audio.duration_s)
    assert all(0 <= beat.confidence <= 1 for beat in found.beats)


@pytest.mark.torch
@pytest.mark.skipif(not INSTALLED, reason="needs the extra beat-this")
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "no.ckpt").write_bytes(b"nothing")
    ear = trackers.load(f"beat-this:{tmp_path / 'no.ckpt'}")
    made = pop_song(bars=(("full", 2),))
    with pytest.raises(BadInput, match="cannot be loaded"):
        analyze_audio(made.audio, "0" * 64, ear, lambda *_: None)
