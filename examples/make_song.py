# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the example song, "Lantern": `song.opus` beside this file, and `truth.json`, its exact grid.

The song is an original work of this project, in D major at 115.2 bpm (a beat is exactly 25,000 samples). It opens
with a pick-up of one beat, then: intro (4 bars), build (4, the last one without drums), chorus (8), break (4), chorus
(4), ending (3). Run it again and it writes the same song.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pyloudnorm
import synth
from synth import SAMPLE_RATE_HZ, Sound

HERE = Path(__file__).parent
BEAT_S = 25_000 / SAMPLE_RATE_HZ
METER = 4
PICK_UP_BEATS = 1
LOUDNESS_LUFS = -12.0


@dataclass(frozen=True)
class Part:
    """A section of the song, in bars counted from 1."""

    label: str
    role: str
    first_bar: int
    bar_count: int

    @property
    def end_bar(self) -> int:
        """One past the last bar."""
        return self.first_bar + self.bar_count


INTRO = Part("A", "intro", 1, 4)
BUILD = Part("B", "verse", 5, 4)
CHORUS = Part("C", "chorus", 9, 8)
BREAK = Part("D", "break", 17, 4)
LAST_CHORUS = Part("C", "chorus", 21, 4)
ENDING = Part("E", "outro", 25, 3)
PARTS = (INTRO, BUILD, CHORUS, BREAK, LAST_CHORUS, ENDING)
GAP_BAR = BUILD.end_bar - 1
FINAL_BAR = ENDING.first_bar + 1


@dataclass(frozen=True)
class Chord:
    """A chord: its bass note and its upper voices, led smoothly from the chord before."""

    beats: float
    bass: int
    voices: tuple[int, ...]


G_MAJ9 = Chord(4, 31, (59, 62, 66, 69))
A_MAJOR = Chord(4, 33, (57, 61, 64, 69))
A_ADD9 = Chord(4, 33, (61, 64, 69, 71))
F_SHARP_M7 = Chord(4, 30, (57, 61, 66, 69))
B_M9 = Chord(4, 35, (57, 61, 62, 66))
CHORDS: tuple[Chord, ...] = (
    # intro, then build: vi IV I V, with F sharp on top throughout
    *(B_M9, Chord(4, 31, (57, 59, 62, 66)), Chord(4, 38, (57, 62, 64, 66)), Chord(4, 33, (57, 61, 64, 66))),
    *(B_M9, Chord(4, 31, (59, 62, 66, 69)), Chord(4, 38, (62, 64, 66, 69)), Chord(4, 33, (62, 64, 69, 71))),
    # chorus: IV V iii vi, then it climbs
    *(G_MAJ9, A_MAJOR, F_SHARP_M7, B_M9),
    *(G_MAJ9, A_ADD9, Chord(4, 35, (62, 66, 69, 74)), Chord(4, 30, (62, 66, 69, 74))),
    # break: ii iii IV V with its fourth resolved
    *(Chord(4, 28, (55, 59, 62, 66)), Chord(4, 30, (57, 61, 64, 66)), Chord(4, 31, (59, 62, 66, 69))),
    *(Chord(2, 33, (57, 62, 64, 69)), Chord(2, 33, (57, 61, 64, 69))),
    # last chorus, with the dominant of vi
    *(G_MAJ9, A_ADD9, Chord(2, 30, (57, 61, 66, 69)), Chord(2, 30, (58, 61, 64, 66)), B_M9),
    # ending: IV, its minor, home
    *(Chord(2, 31, (59, 62, 66, 69)), Chord(2, 31, (58, 62, 64, 67)), Chord(8, 26, (57, 62, 64, 66, 69))),
)

# (bar, beat from 0, beats, MIDI)
Note = tuple[int, float, float, int]
HOOK: tuple[Note, ...] = (
    *((0, 3, 0.5, 69), (0, 3.5, 0.5, 71)),
    *((1, 0, 1.5, 78), (1, 1.5, 1.5, 76), (1, 3, 1, 74)),
    *((2, 0, 1.5, 76), (2, 1.5, 1.5, 73), (2, 3, 0.5, 69), (2, 3.5, 0.5, 71)),
    *((3, 0, 1.5, 73), (3, 1.5, 1, 76), (3, 2.5, 1.5, 78)),
    *((4, 0, 2.5, 74), (4, 3, 0.5, 69), (4, 3.5, 0.5, 71)),
)
CLIMB: tuple[Note, ...] = (
    *((5, 0, 1.5, 78), (5, 1.5, 1.5, 76), (5, 3, 1, 74)),
    *((6, 0, 1.5, 76), (6, 1.5, 1, 78), (6, 2.5, 1.5, 81)),
    *((7, 0, 1.5, 83), (7, 1.5, 1.5, 81), (7, 3, 1, 78)),
    *((8, 0, 1.5, 76), (8, 1.5, 2.3, 74)),
)
LAST_TURN: tuple[Note, ...] = (
    *((3, 0, 1.5, 73), (3, 1.5, 0.5, 76), (3, 2, 1.5, 78), (3, 3.5, 0.5, 76)),
    *((4, 0, 1.5, 74), (4, 1.5, 1.5, 78), (4, 3, 1, 81)),
    *((5, 0, 2, 78), (5, 2, 1, 76), (5, 3, 1, 76), (6, 0, 5, 78)),
)
BELLS: tuple[Note, ...] = (
    *((0, 0, 0.5, 81), (0, 0.5, 0.5, 83), (1, 0, 2, 86), (1, 2.5, 1, 85), (1, 3.5, 1, 81)),
    *((2, 0.5, 2, 83), (2, 2.5, 1, 81), (2, 3.5, 1, 78), (3, 0, 2, 81), (3, 2.5, 1, 78), (3, 3.5, 1, 76)),
    *((4, 0, 3, 76), (4, 2, 1, 73), (4, 3, 1, 81), (FINAL_BAR, 1, 2, 86), (FINAL_BAR, 2.5, 2, 88)),
    *((FINAL_BAR + 1, 0, 4, 90), (FINAL_BAR + 1, 2, 3, 93)),
)
PIANO: tuple[Note, ...] = (
    *((17, 0, 3, 78), (17, 1.5, 3, 74), (17, 3, 2, 71), (18, 0, 3, 76), (18, 1.5, 3, 73), (18, 3, 2, 69)),
    *((19, 0, 3, 74), (19, 1, 3, 78), (19, 2, 3, 81), (19, 3, 2, 83), (20, 0, 4, 81), (20, 2, 2, 76)),
)


def seconds_at(bar: int, beat: float = 0.0) -> float:
    """When a beat (from 0) of a bar (from 1) falls. Bar 0 is the pick-up's: its beat 0 opens the song."""
    if bar == 0:
        return max(0.0, (beat if beat < PICK_UP_BEATS else beat - (METER - PICK_UP_BEATS)) * BEAT_S)
    return (PICK_UP_BEATS + (bar - 1) * METER + beat) * BEAT_S


DURATION_S = seconds_at(ENDING.end_bar)


class Track:
    """One instrument's stereo tape, as long as the song."""

    def __init__(self) -> None:
        self.sound: Sound = np.zeros((round(DURATION_S * SAMPLE_RATE_HZ), 2))

    def put(self, at_s: float, sound: Sound, level: float = 1.0, place: float = 0.0) -> None:
        """Adds a sound, mono (placed between -1 and 1) or stereo; what runs past the end is cut."""
        stereo = sound if sound.ndim == 2 else synth.pan(sound, place)
        first = round(at_s * SAMPLE_RATE_HZ)
        room = len(self.sound) - first
        self.sound[first : first + len(stereo)] += level * stereo[:room]


def curve(*points: tuple[float, float]) -> Sound:
    """A value per sample, straight between (bar, value) points, on a logarithmic scale."""
    bars, values = zip(*points, strict=True)
    at_s = [(PICK_UP_BEATS + (bar - 1) * METER) * BEAT_S for bar in bars]
    at = np.arange(round(DURATION_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.exp(np.interp(at, at_s, np.log(values)))


def timed_chords() -> list[tuple[float, Chord]]:
    """Every chord with the second it starts at."""
    starts = PICK_UP_BEATS + np.cumsum([0.0, *(chord.beats for chord in CHORDS[:-1])])
    return [(float(start) * BEAT_S, chord) for start, chord in zip(starts, CHORDS, strict=True)]


def is_chorus(at_s: float) -> bool:
    """Whether the full band plays."""
    return any(seconds_at(p.first_bar) <= at_s + 1e-6 < seconds_at(p.end_bar) for p in (CHORUS, LAST_CHORUS))


# --- the players -----------------------------------------------------------------------------------------------------


def play_pads(rng: np.random.Generator) -> Sound:
    """Chords throughout, dark in the intro, opening over the build, wide open in the choruses."""
    track = Track()
    for start_s, chord in timed_chords():
        release_s = 2.5 if chord is CHORDS[-1] else 0.5
        length_s = chord.beats * BEAT_S - (2.5 if chord is CHORDS[-1] else 0.0)
        track.put(start_s, synth.pad((chord.bass + 12, *chord.voices), length_s, release_s, rng), 0.5)
    cutoff_hz = curve(
        *((0, 500), (4, 900), (5, 800), (8, 2600), (8.75, 5200), (9, 6000), (16, 7000), (17, 900), (20, 1300)),
        *((21, 6500), (25, 6500), (26, 2600), (28, 350)),
    )
    level = curve(
        *(
            (0, 0.4),
            (1, 0.52),
            (5, 0.5),
            (7.9, 0.6),
            (8, 0.4),
            (8.5, 0.25),
            (8.75, 0.12),
            (8.98, 0.05),
            (9, 0.85),
            (16.95, 0.85),
        ),
        *((17, 0.42), (20.9, 0.5), (21, 0.85), (26, 0.7), (28, 0.5)),
    )
    return synth.band(synth.sweep_lowpass(track.sound, cutoff_hz), 85, None) * level[:, None]


def play_arpeggio() -> Sound:
    """Broken chords: eighths in the intro, sixteenths later, thrown from side to side."""
    track = Track()
    up_and_down = (0, 2, 1, 3, 2, 1, 3, 2)
    for start_s, chord in timed_chords()[:-1]:
        full = is_chorus(start_s)
        building = seconds_at(BUILD.first_bar) <= start_s < seconds_at(GAP_BAR)
        step = 0.25 if full or building else 0.5
        level = 0.17 if full or building else 0.2
        if seconds_at(GAP_BAR) <= start_s < seconds_at(CHORUS.first_bar):
            continue
        if not full:
            track.put(start_s, synth.pluck(chord.bass + 24, 1.4, 0.45), 0.3)
        for i in range(round(chord.beats / step)):
            note = chord.voices[up_and_down[i % 8] % len(chord.voices)] + 12
            accent = 1.0 if i % 4 == 0 else 0.72
            tone = synth.pluck(note, 0.55, 0.42 if full else 0.3)
            track.put(start_s + i * step * BEAT_S, tone, level * accent, 0.55 if i % 2 else -0.55)
    return track.sound


def play_bass() -> Sound:
    """Long notes in the build and the break, a syncopated line in the choruses."""
    track = Track()
    groove = ((0, 0.75), (0.75, 0.75), (1.5, 0.5), (2, 0.75), (2.75, 0.5), (3.25, 0.25), (3.5, 0.5))
    for start_s, chord in timed_chords():
        note = chord.bass if chord.bass >= 28 else chord.bass + 12
        if is_chorus(start_s):
            for beat, beats in groove:
                if beat < chord.beats:
                    octave = 12 if beat == 3.25 else 0
                    track.put(start_s + beat * BEAT_S, synth.bass(note + octave, beats * BEAT_S * 0.92), 0.42)
        elif seconds_at(BUILD.first_bar) <= start_s < seconds_at(GAP_BAR):
            for i in range(8):
                track.put(start_s + i * BEAT_S / 2, synth.bass(note, BEAT_S * 0.4), 0.15 if i % 2 else 0.21)
        elif start_s >= seconds_at(BREAK.first_bar):
            final = chord is CHORDS[-1]
            tone = synth.bass(chord.bass + 12 if final else note, chord.beats * BEAT_S * 0.97)
            fade = np.exp(-np.arange(len(tone)) / SAMPLE_RATE_HZ * (0.9 if final else 0.25))
            track.put(start_s, tone * fade, 0.26)
    return track.sound


def play_lead() -> tuple[Sound, Sound]:
    """The hook, over both choruses and into the ending: dry in the middle, and its echoes."""
    hook_again = [note for note in HOOK if note[0] <= 2]
    line = [(seconds_at(CHORUS.first_bar - 1 + b, t), d * BEAT_S * 0.96, n) for b, t, d, n in (*HOOK, *CLIMB)]
    line += [
        (seconds_at(LAST_CHORUS.first_bar - 1 + b, t), d * BEAT_S * 0.96, n) for b, t, d, n in (*hook_again, *LAST_TURN)
    ]
    voice = synth.lead(sorted(line), DURATION_S)
    echoes = synth.ping_pong(voice, 0.75 * BEAT_S, 0.55, 5)
    return synth.pan(synth.band(voice, 180, None), 0.0), echoes


def play_keys(rng: np.random.Generator) -> Sound:
    """Bells in the intro and after the last chord; a felt piano in the break."""
    track = Track()
    for bar, beat, beats, note in BELLS:
        track.put(seconds_at(bar, beat), synth.bell(note, beats * BEAT_S + 1.0), 0.20, 0.3 if note % 2 else -0.3)
    for bar, beat, beats, note in PIANO:
        track.put(seconds_at(bar, beat), synth.felt_piano(note, beats * BEAT_S, 0.8, rng), 0.33, (note - 76) / 20)
        track.put(seconds_at(bar, beat), synth.felt_piano(note - 12, beats * BEAT_S, 0.6, rng), 0.17, (70 - note) / 30)
    for start_s, chord in timed_chords():
        if seconds_at(BREAK.first_bar) <= start_s < seconds_at(BREAK.end_bar):
            for i, note in enumerate(chord.voices[:3]):
                tone = synth.felt_piano(note, chord.beats * BEAT_S, 0.55, rng)
                track.put(start_s + 0.012 * i, tone, 0.22, -0.3 + 0.2 * i)
    return track.sound


def kick_times() -> list[float]:
    """Every stroke of the bass drum."""
    times = [seconds_at(bar, beat) for bar in range(BUILD.first_bar, GAP_BAR) for beat in range(METER)]
    times.append(seconds_at(GAP_BAR))
    for part in (CHORUS, LAST_CHORUS):
        for bar in range(part.first_bar, part.end_bar):
            times += [seconds_at(bar, beat) for beat in (0, 1, 2, 3)]
            if (bar - part.first_bar) % 4 == 3:
                times.append(seconds_at(bar, 3.5))
    for bar in range(BREAK.first_bar, BREAK.end_bar):
        times += [seconds_at(bar, beat) for beat in (0, 2.5)]
    times += [seconds_at(ENDING.first_bar, beat) for beat in (0, 1, 2)] + [seconds_at(FINAL_BAR)]
    return sorted(times)


def play_build_drums(track: Track, rng: np.random.Generator) -> None:
    """Hats on the off-beats, claps, and a snare roll that doubles until the gap."""
    for bar in range(BUILD.first_bar, GAP_BAR):
        for i in range(8):
            track.put(seconds_at(bar, i / 2), synth.hat(0.05 if i % 2 else 0.025, rng), 0.16 if i % 2 else 0.08, 0.25)
        if bar < GAP_BAR - 1:
            for beat in (1, 3):
                track.put(seconds_at(bar, beat), synth.clap(rng), 0.22)
    roll = [i / 2 for i in range(4)] + [2 + i / 4 for i in range(4)] + [3 + i / 8 for i in range(8)]
    for i, beat in enumerate(roll):
        track.put(seconds_at(GAP_BAR - 1, beat), synth.snare(rng), 0.12 + 0.016 * i, 0.1)
    track.put(seconds_at(GAP_BAR), synth.snare(rng), 0.5)
    track.put(seconds_at(GAP_BAR), synth.clap(rng), 0.4)


def play_chorus_drums(track: Track, rng: np.random.Generator) -> None:
    """Four on the floor, snare and clap on two and four, running hats."""
    for part in (CHORUS, LAST_CHORUS):
        for bar in range(part.first_bar, part.end_bar):
            for beat in (1, 3):
                track.put(seconds_at(bar, beat), synth.snare(rng), 0.46)
                track.put(seconds_at(bar, beat), synth.clap(rng), 0.30, -0.15)
            for i in range(16):
                decay_s = 0.085 if i % 4 == 2 else 0.028
                level = (0.13, 0.07, 0.24, 0.09)[i % 4] * (0.92 + 0.16 * rng.random())
                track.put(seconds_at(bar, i / 4), synth.hat(decay_s, rng), level, 0.3)
            if (bar - part.first_bar) % 4 == 3 and bar != CHORUS.end_bar - 1:
                track.put(seconds_at(bar, 3.75), synth.snare(rng), 0.24)


def play_soft_drums(track: Track, rng: np.random.Generator) -> None:
    """Rim and shaker in the break, a fill into the last chorus, and the ending's strokes."""
    for bar in range(BREAK.first_bar, BREAK.end_bar):
        track.put(seconds_at(bar, 2), synth.rim(), 0.24, 0.2)
        for i in range(8):
            track.put(seconds_at(bar, i / 2), synth.shaker(rng), 0.10 if i % 2 else 0.06, -0.35)
    for i, (beat, note) in enumerate(((2, 50), (2.5, 50), (3, 46), (3.25, 46), (3.5, 43), (3.75, 43))):
        track.put(seconds_at(BREAK.end_bar - 1, beat), synth.tom(note), 0.22 + 0.03 * i, 0.5 - 0.2 * i)
    for beat, level in ((1, 0.42), (3, 0.3), (3.5, 0.36)):
        track.put(seconds_at(ENDING.first_bar, beat), synth.snare(rng), level)
    track.put(seconds_at(FINAL_BAR), synth.snare(rng), 0.4)


def play_cymbals(rng: np.random.Generator) -> Sound:
    """Crashes where a section lands, drawn in by reversed ones; the riser; the impact of the drop."""
    track = Track()
    landings = ((CHORUS.first_bar, 0.5), (CHORUS.first_bar + 4, 0.3), (BREAK.first_bar, 0.26))
    for bar, level in (*landings, (LAST_CHORUS.first_bar, 0.42), (FINAL_BAR, 0.36)):
        track.put(seconds_at(bar), synth.crash(3.2, rng), level)
    for bar, beats, level in ((CHORUS.first_bar, 4, 0.16), (LAST_CHORUS.first_bar, 2, 0.2)):
        swell = synth.crash(beats * BEAT_S, rng)[::-1]
        track.put(seconds_at(bar) - beats * BEAT_S, swell, level)
    climb_s = seconds_at(GAP_BAR, 2) - seconds_at(GAP_BAR - 2)
    track.put(seconds_at(GAP_BAR - 2), synth.riser(climb_s, rng), 0.25)
    track.put(seconds_at(CHORUS.first_bar), synth.impact(), 0.42)
    return track.sound


# --- the desk --------------------------------------------------------------------------------------------------------


def duck(depth: float) -> Sound:
    """The gain that makes room for each bass drum stroke of the choruses: down at once, back within a beat."""
    at = np.arange(round(DURATION_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    gain = np.ones_like(at)
    for stroke_s in kick_times():
        if is_chorus(stroke_s):
            age = (at - stroke_s) / (0.78 * BEAT_S)
            dip = 1.0 - depth * np.cos(np.clip(age, 0, 1) * np.pi / 2) ** 2
            gain = np.where((age >= 0) & (age < 1), np.minimum(gain, dip), gain)
    return synth.band(gain - 1.0, None, 90, order=1)[:, None] + 1.0


def mix(rng: np.random.Generator) -> Sound:
    """The whole band, with its rooms."""
    drums, kicks = Track(), Track()
    for stroke_s in kick_times():
        soft = seconds_at(BREAK.first_bar) <= stroke_s < seconds_at(BREAK.end_bar)
        kicks.put(stroke_s, synth.kick(), 0.38 if soft else 0.42 if stroke_s < seconds_at(CHORUS.first_bar) else 0.66)
    play_build_drums(drums, rng)
    play_chorus_drums(drums, rng)
    play_soft_drums(drums, rng)
    pads, arpeggio, cymbals, keys = (
        play_pads(rng) * duck(0.72),
        play_arpeggio() * duck(0.4),
        play_cymbals(rng),
        play_keys(rng),
    )
    voice, echoes = play_lead()
    hall = synth.reverb(
        0.30 * pads + 0.5 * arpeggio + 0.5 * keys + 0.30 * voice + 0.4 * echoes + 0.35 * cymbals, 2.6, rng
    )
    room = synth.reverb(synth.band(drums.sound, 250, None), 0.7, rng)
    dry = kicks.sound + drums.sound + play_bass() * duck(0.55)
    return dry + pads + arpeggio + keys + 0.25 * voice + 0.12 * echoes + cymbals + 0.5 * hall + 0.22 * room


def master(sound: Sound) -> Sound:
    """No rumble, a fade over the last chord, gentle saturation, and a limiter at the song's loudness."""
    sound = synth.band(sound, 28, None)
    tail = np.clip((DURATION_S - np.arange(len(sound)) / SAMPLE_RATE_HZ) / 2.2, 0, 1)
    sound = sound * (np.sin(tail * np.pi / 2) ** 2)[:, None]
    meter = pyloudnorm.Meter(SAMPLE_RATE_HZ)
    gain = 1.0
    for _ in range(3):  # the limiter takes loudness away, so that the gain is found by steps
        gain *= 10 ** ((LOUDNESS_LUFS - meter.integrated_loudness(press(gain * sound))) / 20)
    return press(gain * sound)


def press(sound: Sound) -> Sound:
    """Saturates gently and keeps peaks 2.2 dB below full scale: room for the codec's overshoot."""
    return synth.limit(np.tanh(0.8 * sound) / 0.8, 10 ** (-2.2 / 20))


# --- the files -------------------------------------------------------------------------------------------------------


def truth() -> dict[str, object]:
    """What an analysis of the song should find."""
    beats = [{"time_s": i * BEAT_S, "bar": 0, "position": METER - PICK_UP_BEATS + i + 1} for i in range(PICK_UP_BEATS)]
    for bar in range(1, ENDING.end_bar):
        beats += [{"time_s": seconds_at(bar, i), "bar": bar, "position": i + 1} for i in range(METER)]
    sections = [
        {
            "start_s": 0.0 if part is INTRO else seconds_at(part.first_bar),
            "end_s": seconds_at(part.end_bar),
            "label": part.label,
            "role": part.role,
        }
        for part in PARTS
    ]
    return {
        "duration_s": DURATION_S,
        "tempo_bpm": 60 / BEAT_S,
        "meter": METER,
        "beats": beats,
        "downbeats_s": [beat["time_s"] for beat in beats if beat["position"] == 1],
        "sections": sections,
        "drop_s": seconds_at(CHORUS.first_bar),
        "drum_gaps": [{"start_s": seconds_at(GAP_BAR), "end_s": seconds_at(CHORUS.first_bar)}],
    }


def write_opus(sound: Sound, path: Path) -> None:
    """Writes a stereo sound as Opus, 104 kbit/s; a decoder gives back exactly as many samples."""
    beside = path.with_name(path.stem + "~" + path.suffix)
    with av.open(str(beside), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE_HZ)
        stream.layout = "stereo"  # pyright: ignore[reportAttributeAccessIssue]
        stream.bit_rate = 104_000
        frame = av.AudioFrame.from_ndarray(sound.astype(np.float32).reshape(1, -1), format="flt", layout="stereo")
        frame.sample_rate = SAMPLE_RATE_HZ
        container.mux([*stream.encode(frame), *stream.encode(None)])
    beside.replace(path)


def write_truth(path: Path) -> None:
    """Writes the song's exact grid as JSON."""
    beside = path.with_name(path.name + "~")
    beside.write_text(json.dumps(truth(), indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


def main(arguments: Sequence[str] = ()) -> None:
    """Writes the song and its truth."""
    folder = Path(arguments[0]) if arguments else HERE
    write_opus(master(mix(np.random.default_rng(1852))), folder / "song.opus")
    write_truth(folder / "truth.json")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
