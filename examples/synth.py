# SPDX-License-Identifier: GPL-3.0-or-later
"""The instruments of the example song: oscillators, filters, drums and rooms, in NumPy.

Every function is deterministic: noise comes from the generator that the caller hands in. Sounds are float64 arrays at
`SAMPLE_RATE_HZ`, mono (n,) or stereo (n, 2).
"""

from collections.abc import Sequence

import numpy as np
from numba import njit
from scipy.signal import butter, fftconvolve, sosfilt

SAMPLE_RATE_HZ = 48_000

Sound = np.ndarray
"""float64, (n,) or (n, 2)"""


def hz(midi: float) -> float:
    """A MIDI note's frequency, equal temperament, A4 = 440 Hz."""
    return 440.0 * 2.0 ** ((midi - 69.0) / 12.0)


def seconds(duration_s: float) -> Sound:
    """The times of the samples of a sound that lasts `duration_s`."""
    return np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def pan(sound: Sound, position: float) -> Sound:
    """A mono sound placed between left (-1) and right (1), at constant power."""
    angle = (position + 1.0) * np.pi / 4.0
    return np.stack([sound * np.cos(angle), sound * np.sin(angle)], axis=1)


def band(sound: Sound, low_hz: float | None, high_hz: float | None, order: int = 2) -> Sound:
    """Butterworth high-pass, low-pass or band-pass along the first axis."""
    if low_hz and high_hz:
        sos = butter(order, [low_hz, high_hz], "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    elif low_hz:
        sos = butter(order, low_hz, "highpass", fs=SAMPLE_RATE_HZ, output="sos")
    else:
        sos = butter(order, high_hz, "lowpass", fs=SAMPLE_RATE_HZ, output="sos")
    return np.asarray(sosfilt(sos, sound, axis=0))


@njit(cache=False)
def _state_variable_lowpass(sound: Sound, cutoff_hz: Sound, damping: float, rate_hz: float) -> Sound:
    """The trapezoidal state variable filter (Zavalishin, "The Art of VA Filter Design"), stable while it is swept."""
    out = np.empty_like(sound)
    for channel in range(sound.shape[1]):
        s1 = 0.0
        s2 = 0.0
        for i in range(sound.shape[0]):
            g = np.tan(np.pi * min(cutoff_hz[i], 0.45 * rate_hz) / rate_hz)
            high = (sound[i, channel] - (damping + g) * s1 - s2) / (1.0 + g * (damping + g))
            mid = g * high + s1
            low = g * mid + s2
            s1 = g * high + mid
            s2 = g * mid + low
            out[i, channel] = low
    return out


def sweep_lowpass(sound: Sound, cutoff_hz: Sound, resonance: float = 0.7) -> Sound:
    """Low-pass whose cutoff moves: `cutoff_hz` has one value per sample. Resonance is the filter's Q."""
    stereo = sound if sound.ndim == 2 else sound[:, None]
    swept = _state_variable_lowpass(
        np.ascontiguousarray(stereo), np.ascontiguousarray(cutoff_hz), 1.0 / resonance, float(SAMPLE_RATE_HZ)
    )
    return swept if sound.ndim == 2 else swept[:, 0]


def saw(frequency_hz: float | Sound, count: int, phase: float) -> Sound:
    """A sawtooth with its step smoothed (PolyBLEP), so that it doesn't alias audibly."""
    step = np.broadcast_to(np.asarray(frequency_hz, dtype=np.float64) / SAMPLE_RATE_HZ, (count,))
    turn = (phase + np.cumsum(step) - step) % 1.0
    start, end = turn / step, (turn - 1.0) / step
    smooth = np.where(turn < step, 2 * start - start**2 - 1.0, 0.0)
    smooth += np.where(turn > 1.0 - step, end**2 + 2 * end + 1.0, 0.0)
    return 2.0 * turn - 1.0 - smooth


def attack_release(count: int, attack_s: float, release_s: float) -> Sound:
    """An envelope that swells over `attack_s` and dies over the last `release_s`, with rounded shoulders."""
    at = np.arange(count) / SAMPLE_RATE_HZ
    rise = np.clip(at / attack_s, 0, 1)
    fall = np.clip((count / SAMPLE_RATE_HZ - at) / release_s, 0, 1)
    return np.sin(rise * np.pi / 2) ** 2 * np.sin(fall * np.pi / 2) ** 2


def pad(notes: Sequence[int], duration_s: float, release_s: float, rng: np.random.Generator) -> Sound:
    """A warm chord: five detuned saws per note, spread over the stereo field."""
    count = round((duration_s + release_s) * SAMPLE_RATE_HZ)
    chord = np.zeros((count, 2))
    for note in notes:
        for cents, place in ((-11, -0.8), (-5, 0.5), (0, 0.0), (6, -0.5), (12, 0.8)):
            voice = saw(hz(note + cents / 100), count, rng.random())
            chord += pan(voice, place) / 5
    return chord * attack_release(count, 0.12, release_s)[:, None]


def pluck(note: int, duration_s: float, brightness: float) -> Sound:
    """A plucked string in harmonics: the higher ones start softer and die sooner."""
    at = seconds(duration_s)
    sound = np.zeros_like(at)
    for k in range(1, 13):
        if k * hz(note) > 14_000:
            break
        sound += brightness ** (k - 1) / k**0.6 * np.sin(2 * np.pi * k * hz(note) * at) * np.exp(-at * (3.0 + 2.4 * k))
    return sound * attack_release(len(at), 0.002, min(0.08, duration_s / 3))


def felt_piano(note: int, duration_s: float, velocity: float, rng: np.random.Generator) -> Sound:
    """A muted piano: slightly stretched partials and the soft thud of the hammer."""
    at = seconds(duration_s)
    sound = np.zeros_like(at)
    for k in range(1, 11):
        partial_hz = k * hz(note) * np.sqrt(1 + 0.0004 * k * k)
        level = velocity ** (0.35 * k) / k**1.3
        sound += level * np.sin(2 * np.pi * partial_hz * at + rng.random()) * np.exp(-at * (0.9 + 0.55 * k))
    thud = band(rng.standard_normal(len(at)) * np.exp(-at * 70), 120, 900)
    return (sound + 0.25 * thud) * attack_release(len(at), 0.006, 0.3) * velocity


def bell(note: int, duration_s: float) -> Sound:
    """A small glass bell: a sine with two inharmonic partials that die at once."""
    at = seconds(duration_s)
    tone = np.sin(2 * np.pi * hz(note) * at) * np.exp(-at * 2.2)
    tone += 0.35 * np.sin(2 * np.pi * 2.76 * hz(note) * at) * np.exp(-at * 6.0)
    tone += 0.12 * np.sin(2 * np.pi * 5.4 * hz(note) * at) * np.exp(-at * 14.0)
    return tone * attack_release(len(at), 0.003, 0.2)


def bass(note: int, duration_s: float) -> Sound:
    """A sine below and a plucked, filtered saw above, gently driven."""
    at = seconds(duration_s)
    cutoff_hz = 220 + 1300 * np.exp(-at * 9.0)
    edge = sweep_lowpass(saw(hz(note + 12), len(at), 0.0) + saw(hz(note + 12.07), len(at), 0.3), cutoff_hz, 0.9)
    body = 0.9 * np.sin(2 * np.pi * hz(note) * at) + 0.35 * np.sin(4 * np.pi * hz(note) * at)
    return np.tanh(1.1 * body + 0.42 * edge) * attack_release(len(at), 0.006, 0.05)


def lead(line: Sequence[tuple[float, float, int]], duration_s: float) -> Sound:
    """A singing, monophonic lead that glides from note to note. `line` holds (start_s, duration_s, midi)."""
    count = round(duration_s * SAMPLE_RATE_HZ)
    target, level, vibrato = np.full(count, float(line[0][2])), np.zeros(count), np.zeros(count)
    for start_s, length_s, note in line:
        first = round(start_s * SAMPLE_RATE_HZ)
        span = slice(first, min(count, first + round(length_s * SAMPLE_RATE_HZ)))
        target[first:] = note
        size = span.stop - span.start
        age_s = np.arange(size) / SAMPLE_RATE_HZ
        level[span] = np.maximum(level[span], attack_release(size, 0.018, 0.06) * (0.8 + 0.2 * np.exp(-age_s * 3)))
        vibrato[span] = 0.16 * np.clip((age_s - 0.3) / 0.4, 0, 1) * np.sin(2 * np.pi * 5.3 * age_s)
    glide = np.exp(-1.0 / (0.022 * SAMPLE_RATE_HZ))
    pitch = np.asarray(sosfilt([[1 - glide, 0, 0, 1, -glide, 0]], target - target[0])) + target[0] + vibrato
    frequency_hz = 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)
    voice = 0.5 * saw(frequency_hz * 1.003, count, 0.2) + 0.5 * saw(frequency_hz * 0.997, count, 0.7)
    voice += 0.9 * np.sin(2 * np.pi * np.cumsum(frequency_hz) / SAMPLE_RATE_HZ)
    return sweep_lowpass(voice * level, 1000 + 3800 * level, 0.8)


def kick() -> Sound:
    """A sine that falls from a knock to 47 Hz, with a click in front."""
    at = seconds(0.42)
    turns = 47 * at + 150 / 34 * (1 - np.exp(-at * 34)) + 320 / 260 * (1 - np.exp(-at * 260))
    body = np.sin(2 * np.pi * turns) * np.exp(-at * 7.5)
    return np.tanh(1.7 * body) * attack_release(len(at), 0.0008, 0.12)


def snare(rng: np.random.Generator) -> Sound:
    """Two drumhead tones under a burst of noise."""
    at = seconds(0.30)
    body = np.sin(2 * np.pi * (182 * at + 1.1 * (1 - np.exp(-at * 60)))) * np.exp(-at * 19)
    body += 0.5 * np.sin(2 * np.pi * 331 * at) * np.exp(-at * 28)
    wires = band(rng.standard_normal(len(at)), 1100, 9000) * np.exp(-at * 17)
    return np.tanh(0.9 * body + 0.75 * wires) * attack_release(len(at), 0.0008, 0.08)


def clap(rng: np.random.Generator) -> Sound:
    """Several hands: three short bursts, then the room's."""
    at = seconds(0.28)
    hands = sum(np.where(at >= d, np.exp(-(at - d) * 210), 0.0) for d in (0.0, 0.011, 0.021))
    tail = np.where(at >= 0.03, np.exp(-(at - 0.03) * 22), 0.0)
    return band(rng.standard_normal(len(at)), 850, 5200) * (0.8 * np.asarray(hands) + 0.7 * tail)


def hat(decay_s: float, rng: np.random.Generator) -> Sound:
    """High noise with a little metal in it."""
    at = seconds(decay_s * 5)
    metal = np.sum(
        [np.sin(2 * np.pi * f * at + 2 * np.sin(2 * np.pi * 1.483 * f * at)) for f in (3140, 4231, 5417)], axis=0
    )
    sound = band(rng.standard_normal(len(at)) + 0.12 * metal, 6800, 15_500)
    return sound * np.exp(-at / decay_s) * attack_release(len(at), 0.0008, decay_s)


def shaker(rng: np.random.Generator) -> Sound:
    """Seeds in a shell: noise that swells and dies within a tenth of a second."""
    at = seconds(0.11)
    return band(rng.standard_normal(len(at)), 4800, 12_000) * attack_release(len(at), 0.035, 0.07)


def rim() -> Sound:
    """A dry click on the snare's edge."""
    at = seconds(0.09)
    return (np.sin(2 * np.pi * 820 * at) + 0.6 * np.sin(2 * np.pi * 1710 * at)) * np.exp(-at * 75)


def tom(note: int) -> Sound:
    """A drumhead whose pitch falls as it dies."""
    at = seconds(0.45)
    return np.sin(2 * np.pi * hz(note) * (at + 0.018 * (1 - np.exp(-at * 30)))) * np.exp(-at * 9)


def crash(duration_s: float, rng: np.random.Generator) -> Sound:
    """A cymbal in stereo: bright noise whose top dies first."""
    at = seconds(duration_s)
    noise = rng.standard_normal((len(at), 2))
    shine = band(noise, 6500, 15_000) * np.exp(-at * 3.2)[:, None]
    wash = band(noise, 2400, 8000) * np.exp(-at * 1.9)[:, None]
    return (shine + 0.6 * wash) * attack_release(len(at), 0.001, 0.3)[:, None]


def riser(duration_s: float, rng: np.random.Generator) -> Sound:
    """Noise and a fifth that climb two octaves, to be cut off at the top."""
    at = seconds(duration_s)
    progress = at / duration_s
    noise = sweep_lowpass(rng.standard_normal((len(at), 2)), 250 * 2.0 ** (5.0 * progress), 1.6)
    climb_hz = hz(50) * 2.0 ** (2.0 * progress**1.6)
    tone = saw(climb_hz, len(at), 0.0) + 0.7 * saw(climb_hz * 1.4983, len(at), 0.4)
    tone = sweep_lowpass(tone, 300 + 3200 * progress**2, 0.8)
    return (band(noise, 300, None) * 0.5 + pan(tone, 0.0) * 0.35) * (progress**2.2)[:, None]


def impact() -> Sound:
    """A falling sub that lands with the drop."""
    at = seconds(1.6)
    return np.sin(2 * np.pi * (33 * at + 45 / 5 * (1 - np.exp(-at * 5)))) * np.exp(-at * 2.6)


def ping_pong(sound: Sound, delay_s: float, feedback: float, repeats: int) -> Sound:
    """Echoes of a mono sound that cross from side to side and grow darker. Returns (n, 2), the echoes alone."""
    echoes = np.zeros((len(sound), 2))
    echo = sound
    for i in range(1, repeats + 1):
        echo = band(echo, 280, 3600, order=1) * feedback
        shift = round(i * delay_s * SAMPLE_RATE_HZ)
        echoes[shift:] += pan(echo, 0.75 if i % 2 else -0.75)[: max(0, len(sound) - shift)]
    return echoes


def reverb(sound: Sound, decay_s: float, rng: np.random.Generator) -> Sound:
    """A hall: stereo noise that dies by 60 dB in `decay_s`, sooner where it is high, as an impulse response."""
    at = seconds(decay_s * 1.1)
    noise = rng.standard_normal((len(at), 2))
    room = np.zeros_like(noise)
    for low_hz, high_hz, share in ((180, 700, 1.0), (700, 2500, 0.85), (2500, 7500, 0.5)):
        room += band(noise, low_hz, high_hz) * np.exp(-6.9 * at / (decay_s * share))[:, None]
    room *= np.clip(at / 0.02, 0, 1)[:, None]
    room /= np.sqrt(np.sum(room**2, axis=0))
    wet = np.zeros_like(sound)
    predelay = round(0.018 * SAMPLE_RATE_HZ)
    for channel in range(2):
        wet[predelay:, channel] = fftconvolve(sound[:, channel], room[:, channel])[: len(sound) - predelay]
    return wet


@njit(cache=False)
def _follow(peak: Sound, release: float) -> Sound:
    gain = np.empty_like(peak)
    now = 1.0
    for i in range(len(peak)):
        wanted = 1.0 / max(1.0, peak[i])
        now = wanted if wanted < now else wanted + (now - wanted) * release
        gain[i] = now
    return gain


def limit(sound: Sound, ceiling: float) -> Sound:
    """Keeps peaks under `ceiling`, looking 3 ms ahead, letting go over 90 ms."""
    from scipy.ndimage import maximum_filter1d, uniform_filter1d

    ahead = round(0.003 * SAMPLE_RATE_HZ)
    peak = maximum_filter1d(np.abs(sound).max(axis=1) / ceiling, 2 * ahead + 1)
    gain = uniform_filter1d(_follow(peak, float(np.exp(-1 / (0.09 * SAMPLE_RATE_HZ)))), ahead)
    return np.clip(sound * gain[:, None], -ceiling, ceiling)
