import wave

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.common.errors import BadInput
from bridge.song import audio
from bridge.song.audio import Audio, _tag_size, decode, write_song, write_wav
from tests.song.song_files import encode, encoded, film_without_sound


def bursts(rate_hz: int = 44_100, channels: int = 2) -> Audio:
    """Four seconds with noise bursts, so that a shift by one sample shows."""
    rng = np.random.default_rng(0)
    sound = np.zeros(4 * rate_hz, np.float32)
    for at_s in (0.0, 0.5, 1.0, 2.25, 3.5):
        start, length = int(at_s * rate_hz), rate_hz // 20
        sound[start : start + length] += 0.3 * rng.standard_normal(length) * np.exp(-np.arange(length) / 400)
    return Audio(np.repeat(sound[:, None], channels, axis=1), rate_hz)


def lag(sound: np.ndarray, reference: np.ndarray) -> int:
    """How many samples later the sound is."""
    n = min(len(sound), len(reference))
    spectrum = np.fft.rfft(sound[:n], 2 * n) * np.conj(np.fft.rfft(reference[:n], 2 * n))
    best = int(np.argmax(np.fft.irfft(spectrum)))
    return best if best < n else best - 2 * n


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [
        ("a.wav", "pcm_s16le", 44_100),
        ("a.flac", "flac", 44_100),
        ("a.mp3", "libmp3lame", 44_100),
        ("a.opus", "libopus", 48_000),
        ("a.m4a", "aac", 44_100),
        ("low.mp3", "libmp3lame", 22_050),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_first_sample_is_what_players_play_first(tmp_path, name, codec, rate_hz, channels):
    sound = bursts(rate_hz, channels)
    encode(tmp_path / name, codec, sound)
    heard = decode(tmp_path / name)
    assert heard.sample_rate_hz == rate_hz
    assert heard.samples.shape[1] == channels
    assert heard.samples.dtype == np.float32
    assert lag(heard.mono, sound.mono) == 0
    assert 0 <= len(heard.samples) - len(sound.samples) < 2048


def test_resampling_keeps_the_place(tmp_path):
    encode(tmp_path / "a.flac", "flac", bursts(44_100))
    heard = decode(tmp_path / "a.flac", 48_000)
    assert len(heard.samples) == 4 * 48_000
    assert lag(np.abs(heard.mono), np.abs(decode(tmp_path / "a.flac", 96_000).mono[::2])) == 0
    first = np.flatnonzero(np.abs(heard.mono) > 0.05)[0]
    assert first < 48  # the burst at 0.0 s


def test_more_than_two_channels_become_stereo(tmp_path):
    sound = bursts(44_100, 6)
    encode(tmp_path / "six.flac", "flac", sound, layout="5.1")
    heard = decode(tmp_path / "six.flac")
    assert heard.samples.shape == (4 * 44_100, 2)
    assert np.abs(heard.samples).max() > 0.1


def test_inverted_channels_add_up():
    sound = bursts().samples[:, 0]
    inverted = Audio(np.stack([sound, -sound], axis=1), 44_100)
    assert np.allclose(inverted.mono, sound)
    assert np.allclose(bursts().mono, bursts().samples.mean(axis=1)), "others are their plain mean"


def test_unlike_channels_keep_their_polarity():
    rng = np.random.default_rng(1)
    sound = Audio(rng.standard_normal((8000, 2)).astype(np.float32), 8000)
    assert np.allclose(sound.mono, sound.samples.mean(axis=1), atol=1e-6)


def test_channels_without_loudspeakers_go_odd_left_and_even_right(tmp_path):
    sound = np.zeros((4000, 12), np.float32)
    sound[1000, 2] = 0.25  # channel 3, odd
    sound[3000, 7] = 0.25  # channel 8, even
    with wave.open(str(tmp_path / "twelve.wav"), "wb") as file:
        file.setnchannels(12)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((sound * 32768).astype("<i2").tobytes())
    heard = decode(tmp_path / "twelve.wav").samples
    assert heard.shape == (4000, 2)
    assert np.allclose(heard[1000], [0.25, 0], atol=1e-4)
    assert np.allclose(heard[3000], [0, 0.25], atol=1e-4)


def test_a_mix_of_many_channels_does_not_clip(tmp_path):
    sound = bursts(44_100, 6).samples
    sound /= np.abs(sound).max()
    for name, level in (("loud", 0.95), ("quiet", 0.1)):
        encode(tmp_path / f"{name}.flac", "flac", Audio(sound * level, 44_100), layout="5.1")
    loud, quiet = (decode(tmp_path / f"{name}.flac").samples for name in ("loud", "quiet"))
    assert 0.9 < np.abs(loud).max() <= 1
    assert np.allclose(loud, quiet / np.abs(quiet).max(), atol=0.01), "quieter as a whole, no peak cut off"


def test_a_mono_start_takes_nothing_from_a_stereo_song(tmp_path):
    ident = encoded("mp3", "libmp3lame", bursts(22_050, 1))
    rng = np.random.default_rng(2)
    wide = Audio(0.2 * rng.standard_normal((4 * 44_100, 2)).astype(np.float32), 44_100)
    (tmp_path / "joined.mp3").write_bytes(ident + encoded("mp3", "libmp3lame", wide))
    heard = decode(tmp_path / "joined.mp3")
    assert (heard.sample_rate_hz, heard.samples.shape[1]) == (44_100, 2)
    song = heard.samples[5 * 44_100 : 7 * 44_100]
    assert abs(np.corrcoef(song.T)[0, 1]) < 0.3, "its stereo is there"
    treble = np.abs(np.fft.rfft(song[:, 0]))[len(song) * 12_000 // 44_100 : len(song) * 14_000 // 44_100]
    assert treble.mean() > 1, "and its treble"


def test_what_is_protected_is_called_so(tmp_path):
    path = tmp_path / "bought.m4a"
    encode(path, "aac", bursts())
    data = bytearray(path.read_bytes().replace(b"mp4a", b"enca", 1))
    start, end = data.index(b"mdat") + 8, data.index(b"moov") - 8
    data[start:end] = np.random.default_rng(3).integers(0, 256, end - start, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    with pytest.raises(BadInput, match="protected"):
        decode(path)


def test_wav_round_trip(tmp_path):
    sound = bursts()
    write_wav(sound, tmp_path / "x.wav")
    heard = decode(tmp_path / "x.wav")
    assert np.abs(heard.samples - sound.samples).max() < 1.1 / 32_768
    assert [p.name for p in tmp_path.iterdir()] == ["x.wav"]


def test_blender_gets_two_channels_of_a_song_that_has_one(tmp_path):
    """It plays a single one 3 dB lower."""
    write_wav(bursts(channels=1), tmp_path / "one.wav")
    write_song(tmp_path / "one.wav", tmp_path / "two.wav")
    one, two = decode(tmp_path / "one.wav"), decode(tmp_path / "two.wav")
    assert two.samples.shape == (one.samples.shape[0], 2)
    assert np.array_equal(two.samples, np.repeat(one.samples, 2, axis=1))


def test_wav_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "x.wav").mkdir()
    with pytest.raises(BadInput, match="could not be written"):
        write_wav(bursts(), tmp_path / "x.wav")
    assert [p.name for p in tmp_path.iterdir()] == ["x.wav"]


def test_bad_files_are_refused_in_one_sentence(tmp_path):
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "text.mp3").write_text("no song\n" * 500)
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:10,\n/etc/hostname\n")
    (tmp_path / "folder.mp3").mkdir()
    with wave.open(str(tmp_path / "nothing.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44_100)
    expected = {
        "missing.mp3": "does not exist",
        "empty.mp3": "is empty",
        "text.mp3": "cannot be|can be decoded",
        "list.m3u8": "can be decoded",
        "folder.mp3": "is a folder",
        "nothing.wav": "holds no sound",
    }
    for name, words in expected.items():
        with pytest.raises(BadInput, match=words) as caught:
            decode(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_numbers_that_are_no_sound_do_no_harm(tmp_path, value):
    sound = bursts()
    sound.samples[::40_000] = value
    encode(tmp_path / "a.wav", "pcm_f32le", sound)
    assert np.abs(decode(tmp_path / "a.wav", 24_000).samples).max() <= 10


def test_what_is_a_little_beyond_full_scale_stays(tmp_path):
    sound = Audio(bursts().samples * 4, 44_100)
    encode(tmp_path / "a.wav", "pcm_f32le", sound)
    assert np.array_equal(decode(tmp_path / "a.wav").samples, sound.samples)


@pytest.mark.parametrize("footer", [False, True])
def test_a_tag_is_passed_over_unread(tmp_path, footer):
    mp3 = encoded("mp3", "libmp3lame", bursts())
    (tmp_path / "plain.mp3").write_bytes(mp3)
    tag = b"ID3\4\0" + bytes([16 * footer]) + b"\0\0\7\120" + b"\xff" * (7 * 128 + 80 + 10 * footer)
    (tmp_path / "tagged.mp3").write_bytes(tag + mp3)
    assert _tag_size(tmp_path / "tagged.mp3") == len(tag)
    assert _tag_size(tmp_path / "plain.mp3") == mp3.index(b"\xff\xfb")
    assert np.array_equal(decode(tmp_path / "tagged.mp3").samples, decode(tmp_path / "plain.mp3").samples)


def test_a_name_with_a_colon_is_no_protocol(tmp_path, monkeypatch):
    encode(tmp_path / "Artist: Title.mp3", "libmp3lame", bursts())
    monkeypatch.chdir(tmp_path)
    assert decode("Artist: Title.mp3").duration_s == pytest.approx(4.0, abs=0.05)


def test_a_picture_has_no_audio_track(tmp_path):
    film_without_sound(tmp_path / "film.mp4")
    with pytest.raises(BadInput, match="no audio track"):
        decode(tmp_path / "film.mp4")


def test_truncated_song_is_heard_as_far_as_it_goes(tmp_path):
    encode(tmp_path / "a.mp3", "libmp3lame", bursts())
    whole = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "a.mp3").write_bytes(whole[: len(whole) // 2])
    assert 1.5 < decode(tmp_path / "a.mp3").duration_s < 2.5


@pytest.mark.parametrize(("codec", "channels"), [("libopus", 1), ("vorbis", 2)])
def test_a_chained_song_is_heard_as_far_as_it_can_be(tmp_path, codec, channels):
    links = (encoded("ogg", "libopus", bursts(48_000)), encoded("ogg", codec, bursts(48_000, channels)))
    (tmp_path / "a.ogg").write_bytes(b"".join(links))
    assert 3.9 < decode(tmp_path / "a.ogg").duration_s < 8.1


@pytest.mark.parametrize("seed", [68, 83, 292])
def test_a_damaged_stretch_is_left_out_whatever_the_decoder_calls_it(tmp_path, seed):
    noise = np.random.default_rng(0).standard_normal((4 * 44_100, 2)).astype(np.float32) * 0.2
    encode(tmp_path / "a.m4a", "aac", Audio(noise, 44_100))
    data = bytearray((tmp_path / "a.m4a").read_bytes())
    half, most = len(data) // 2, len(data) * 3 // 4
    data[half:most] = np.random.default_rng(seed).bytes(most - half)
    (tmp_path / "a.m4a").write_bytes(data)
    assert 1.9 < decode(tmp_path / "a.m4a").duration_s < 4.2  # the half before it at least


def test_header_that_claims_ten_hours_is_not_believed(tmp_path):
    write_wav(bursts(), tmp_path / "x.wav")
    data = bytearray((tmp_path / "x.wav").read_bytes())
    data[4:8] = data[40:44] = (0x7FFFFFF0).to_bytes(4, "little")
    (tmp_path / "x.wav").write_bytes(data)
    assert decode(tmp_path / "x.wav").duration_s == pytest.approx(4.0)


def test_too_long_is_refused_before_it_is_all_read(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "MAX_DURATION_S", 2)
    encode(tmp_path / "a.flac", "flac", bursts())
    with pytest.raises(BadInput, match="longer than"):
        decode(tmp_path / "a.flac")


HALF_A_SECOND = Audio(bursts(48_000).samples[:24_000], 48_000)
SEEDS = [
    encoded(form, codec, HALF_A_SECOND)
    for form, codec in (("mp3", "libmp3lame"), ("wav", "pcm_s16le"), ("flac", "flac"), ("ogg", "libopus"))
]


@pytest.mark.slow
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(SEEDS),
    cut=st.floats(0.02, 1.0),
    damage=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=6),
)
def test_damaged_bytes_decode_or_are_refused(tmp_path, seed, cut, damage):
    data = bytearray(seed[: int(cut * len(seed))])
    for where, junk in damage:
        at = int(where**3 * max(0, len(data) - len(junk)))  # mostly in the header
        data[at : at + len(junk)] = junk
    path = tmp_path / "fuzzed"
    path.write_bytes(data)
    try:
        heard = decode(path, 24_000)
    except BadInput:
        return  # any other error fails the test
    assert np.isfinite(heard.samples).all()
    assert heard.samples.ndim == 2
