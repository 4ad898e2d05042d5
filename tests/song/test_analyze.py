import numpy as np
import pytest

from blender_addon.core import codec
from blender_addon.core.types import SectionRole, SongAnalysis
from bridge import song
from bridge.common.errors import BadInput
from bridge.song import cache, trackers
from bridge.song.assemble import summarize
from bridge.song.audio import Audio, write_wav
from bridge.song.spectra import SAMPLE_RATE_HZ, compute_spectra
from bridge.song.trackers import BeatGrid
from tests.song.song_synth import pop_song

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "home"))


def heard(made) -> SongAnalysis:
    return song.analyze_audio(made.audio, "0" * 64, trackers.load("bars"), lambda *_: None)


def matched(found, true, within_s: float = 0.04) -> float:
    """F-measure of events within a tolerance."""
    found, true = np.asarray(found), np.asarray(true)
    hits = sum(np.abs(found - t).min() <= within_s for t in true)
    return 2 * hits / (len(found) + len(true))


@pytest.mark.parametrize(
    ("bpm", "meter", "pickup", "lead_in_s"),
    [(120, 4, 0, 0.0), (97, 4, 1, 1.3), (140, 4, 0, 0.4), (150, 3, 0, 0.0), (128, 4, 2, 0.0)],
)
def test_beats_and_downbeats_are_found(bpm, meter, pickup, lead_in_s):
    made = pop_song(bpm=bpm, meter=meter, pickup_beats=pickup, lead_in_s=lead_in_s)
    found = heard(made)
    assert found.meter == meter
    assert found.tempo_bpm == pytest.approx(bpm, rel=0.005)
    assert matched([beat.time_s for beat in found.beats], made.beats_s) > 0.95
    assert matched(found.downbeats_s, made.downbeats_s) > 0.9


def test_times_are_finer_than_the_decoders_grid():
    made = pop_song(bpm=110)
    found = np.array([beat.time_s for beat in heard(made).beats])
    errors_s = np.array([found[np.abs(found - time_s).argmin()] - time_s for time_s in made.beats_s])
    assert np.median(np.abs(errors_s)) < 0.008  # the grid is 0.02; sharp attacks out of silence are heard early
    assert np.percentile(np.abs(errors_s - np.median(errors_s)), 80) < 0.004


def test_bars_are_counted():
    beats = heard(pop_song(bpm=128, pickup_beats=2)).beats
    assert [beat.position for beat in beats[:3]] == [3, 4, 1]
    assert [beat.bar for beat in beats[:3]] == [0, 0, 1]
    assert [beat.bar for beat in beats if beat.position == 1] == list(range(1, beats[-1].bar + 1))


def test_structure_is_found():
    made = pop_song()
    found = heard(made)
    starts_s = [section.start_s for section in found.sections]
    for start_s in made.section_starts_s[1:]:
        assert np.abs(np.array(starts_s) - start_s).min() < 0.05
    assert found.sections[0].start_s == 0
    assert found.sections[-1].end_s == pytest.approx(made.audio.duration_s)
    assert all(a.end_s == b.start_s for a, b in zip(found.sections, found.sections[1:], strict=False))
    by_start = {round(section.start_s): section for section in found.sections}
    assert by_start[16].label == by_start[40].label != by_start[0].label
    assert by_start[16].role is SectionRole.CHORUS
    assert found.drop_s == pytest.approx(16.0, abs=0.02) or found.drop_s == pytest.approx(40.0, abs=0.02)
    assert found.drum_gap == pytest.approx(made.drum_gap_s, abs=0.1)


def test_energy_follows_the_loudness():
    energy = heard(pop_song()).energy
    assert max(energy.values) == 1.0
    assert energy.mean(20, 28) > 0.9
    assert energy.mean(3, 12) < 0.6
    assert energy.mean(34, 38) < 0.6


def test_a_clear_song_is_trusted_more_than_noise():
    noise = Audio(0.1 * np.random.default_rng(3).standard_normal((20 * SAMPLE_RATE_HZ, 1), np.float32), SAMPLE_RATE_HZ)
    unclear = song.analyze_audio(noise, "0" * 64, trackers.load("bars"), lambda *_: None)
    clear = heard(pop_song())
    assert clear.confidence > 0.8
    assert unclear.confidence < 0.1
    assert all(0 <= beat.confidence <= 1 for beat in clear.beats + unclear.beats)


@pytest.mark.parametrize("seconds", [0.001, 0.05, 1.0, 1 + 1 / 7, 5.0])
@pytest.mark.parametrize("kind", ["silence", "constant", "noise"])
def test_almost_nothing_is_analysed_too(seconds, kind):
    length = max(1, int(seconds * SAMPLE_RATE_HZ))
    samples = {
        "silence": np.zeros((length, 2), np.float32),
        "constant": np.full((length, 2), 0.5, np.float32),
        "noise": 0.1 * np.random.default_rng(0).standard_normal((length, 2), np.float32),
    }[kind]
    found = song.analyze_audio(Audio(samples, SAMPLE_RATE_HZ), "0" * 64, trackers.load("bars"), lambda *_: None)
    assert len(found.sections) == 1
    assert found.sections[0].end_s == found.duration_s
    assert kind != "silence" or not found.beats
    assert codec.loads(SongAnalysis, codec.dumps(found)) == found


def test_a_beat_that_is_rounded_beyond_the_end_is_left_out():
    audio = Audio(0.1 * np.random.default_rng(0).standard_normal((24_002, 1), np.float32), SAMPLE_RATE_HZ)
    grid = BeatGrid(np.array([0.5, 1.00007]), np.array([1, 2]), np.ones(2), 1.0)
    found = summarize(audio, compute_spectra(audio), grid, "0" * 64, "by hand")
    assert found.duration_s == 1.000083
    assert [beat.time_s for beat in found.beats] == [0.5]


def test_analyses_are_kept_and_a_damaged_one_is_made_again(tmp_path, monkeypatch):
    write_wav(pop_song(bars=(("full", 4),)).audio, tmp_path / "song.wav")
    stages = []
    first = song.analyze(tmp_path / "song.wav", on_progress=lambda fraction, stage: stages.append((fraction, stage)))
    assert [fraction for fraction, _ in stages] == sorted(fraction for fraction, _ in stages)
    assert stages[-1][0] == 1.0

    monkeypatch.setattr(song, "analyze_audio", lambda *_: pytest.fail("analysed again"))
    assert song.analyze(tmp_path / "song.wav") == first
    monkeypatch.undo()

    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "home"))
    (entry,) = cache.folder().iterdir()
    entry.write_text('{"half": ')
    assert song.analyze(tmp_path / "song.wav") == first
    assert cache.load(first.song_sha256, first.tracker) == first


def test_unknown_tracker_is_refused(tmp_path):
    write_wav(pop_song(bars=(("full", 1),)).audio, tmp_path / "song.wav")
    with pytest.raises(BadInput, match="no tracker 'ears'"):
        song.analyze(tmp_path / "song.wav", tracker="ears")
