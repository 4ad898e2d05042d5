# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts pieces together by chance, in the genres of `scripts.ear.genres`."""

from dataclasses import dataclass

import numpy as np

from scripts.ear.genres import GENRES, GM_DRUMS, PROGRESSIONS, Lanes
from scripts.ear.scores import DRUMS, Score

_BASS, _CHORDS, _LEAD, _PAD, _RIFF = range(5)
_MAJOR, _MINOR, _DORIAN = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10)
_STRENGTH = {"x": 105, "o": 62, "r": 50}
_PLAYED_FOR_S = 75.0

Notes = list[tuple[float, float, float, float, float]]


def compose(rng: np.random.Generator, name: str) -> Score:
    """A piece of a bit more than a minute."""
    return _Piece(rng, name).score()


@dataclass
class _Section:
    bars: int
    progression: list[int]
    lanes: Lanes
    bass: str
    chords: str
    layers: set[str]
    loudness: float


class _Piece:
    """One piece as it is put together: what is chosen once for all of it."""

    def __init__(self, rng: np.random.Generator, name: str) -> None:
        self.rng, self.name, self.genre = rng, name, GENRES[name]
        genre = self.genre
        self.steps = genre.beats * genre.parts
        self.key = int(rng.integers(12))
        self.scale = (_MAJOR, _MINOR, _DORIAN)[rng.choice(3, p=(0.45, 0.4, 0.15))]
        self.has_drums = bool(genre.drums) and rng.random() > genre.drumless
        self.bars_a_chord = float(rng.choice(genre.harmonic_rhythm))
        self.push = rng.random() < 0.12
        self.crash, self.fills = rng.random() < 0.6, rng.random() < 0.65
        self.has_lead = rng.random() < genre.melody
        self.has_pad, self.has_riff = rng.random() < 0.3, rng.random() < 0.2
        self.register = int(rng.integers(60, 78))
        self.notes: Notes = []

    def score(self) -> Score:
        rng, genre = self.rng, self.genre
        bpm = float(np.exp(rng.uniform(*np.log(genre.bpm))))
        bars = int(np.ceil(_PLAYED_FOR_S * bpm / 60 / genre.beats)) + 1
        kinds = [self._section() for _ in range(int(rng.integers(1, 4)))]
        start, downbeats = 0, []
        while start < bars:
            section = self._arranged(kinds[rng.integers(len(kinds))])
            length = min(section.bars, bars - start)
            self._play(section, start, length)
            start += length
        downbeats = np.arange(bars) * genre.beats
        beats = bars * genre.beats
        if rng.random() < 0.05:
            beats, downbeats = self._with_short_bar(beats, downbeats)
        notes = np.array(sorted(self.notes)) if self.notes else np.zeros((0, 5))
        return Score(
            notes,
            {
                _BASS: int(rng.choice(genre.basses)),
                _CHORDS: int(rng.choice(genre.comps)),
                _LEAD: int(rng.choice(genre.leads)),
                _PAD: int(rng.choice((48, 50, 52, 88, 89, 90, 91, 94))),
                _RIFF: int(rng.choice(genre.comps)),
            },
            np.asarray(downbeats),
            beats,
            bpm,
            self.name,
            rubato=genre.rubato * float(rng.random() < 0.7),
            electronic=genre.electronic,
            swing=float(rng.uniform(*genre.swing)),
            swing_16=float(rng.uniform(*genre.swing_16)) if rng.random() < 0.5 else 0.5,
        )

    def _with_short_bar(self, beats: int, downbeats: np.ndarray) -> tuple[int, np.ndarray]:
        """One bar loses its last beats, as songs do before a refrain."""
        if self.genre.beats != 4:
            return beats, downbeats
        bar, cut = int(self.rng.integers(4, len(downbeats) - 4)), 2
        at = downbeats[bar] + 4 - cut
        kept = [
            (start - cut if start >= at + cut else start, *rest)
            for start, *rest in self.notes
            if not at <= start < at + cut
        ]
        self.notes = kept  # type: ignore[assignment]
        return beats - cut, np.where(downbeats > downbeats[bar], downbeats - cut, downbeats)

    def _section(self) -> _Section:
        rng, genre = self.rng, self.genre
        lanes = dict(genre.drums[rng.integers(len(genre.drums))]) if self.has_drums else {}
        lanes = {lane: self._settled(pattern) for lane, pattern in lanes.items()}
        if lanes and rng.random() < 0.2:
            lanes[str(rng.choice(["shaker", "tambourine", "cowbell", "conga"]))] = self._chance_pattern(0.35)
        bass = str(rng.choice(genre.bass)) if genre.bass else ""
        if bass and rng.random() < 0.2:
            bass = self._chance_pattern(0.3).replace("x", "R").replace("o", "R")
        chords = str(rng.choice(genre.chords)) if genre.chords else ""
        if chords and rng.random() < 0.12:
            chords = self._chance_pattern(0.35).replace("x", "C").replace("o", "C")
        degrees = list(PROGRESSIONS[rng.integers(len(PROGRESSIONS))])
        return _Section(int(rng.choice([4, 8, 8, 8, 16])), degrees, lanes, bass, chords, set(), 1.0)

    def _settled(self, pattern: str) -> str:
        """With each `?` decided, and now and then a hit more or less."""
        chosen = [("x" if self.rng.random() < 0.5 else ".") if step == "?" else step for step in pattern]
        if self.rng.random() < 0.3:
            chosen[self.rng.integers(len(chosen))] = str(self.rng.choice(["o", ".", "o", "x"]))
        return "".join(chosen)

    def _chance_pattern(self, density: float) -> str:
        """Hits by chance, likelier on the beats and half-way between."""
        step = np.arange(self.steps) % self.genre.parts
        chance = density * np.where(step == 0, 1.6, np.where(2 * step == self.genre.parts, 1.3, 0.7))
        return "".join("x" if hit else "." for hit in self.rng.random(self.steps) < chance)

    def _arranged(self, kind: _Section) -> _Section:
        """The section with some of its layers, as loud as it comes."""
        rng = self.rng
        layers = {"bass", "chords", "drums", "lead", "pad", "riff"}
        layers -= {
            layer
            for layer, chance in (("bass", 0.12), ("chords", 0.12), ("drums", 0.12), ("lead", 0.35))
            if rng.random() < chance
        }
        if not layers & {"bass", "chords", "drums"}:
            layers |= {"chords", "drums"}
        return _Section(
            kind.bars, kind.progression, kind.lanes, kind.bass, kind.chords, layers, float(rng.uniform(0.75, 1.1))
        )

    def _play(self, section: _Section, first_bar: int, bars: int) -> None:
        tones = self._chords(section, bars)
        begin = first_bar * self.genre.beats
        if "drums" in section.layers and section.lanes:
            self._drums(section, begin, bars)
        if "bass" in section.layers and section.bass:
            self._bass(section, begin, tones)
        if "chords" in section.layers and section.chords:
            self._comp(section.chords, _CHORDS, begin, tones, 52, section.loudness)
        if "riff" in section.layers and self.has_riff and section.chords:
            self._comp(self._chance_pattern(0.3).replace("x", "a"), _RIFF, begin, tones, 64, section.loudness)
        if "pad" in section.layers and self.has_pad:
            self._comp("L" + "-" * (self.steps - 1), _PAD, begin, tones, 60, 0.7 * section.loudness)
        if "lead" in section.layers and self.has_lead:
            self._lead(begin, tones, section.loudness)

    def _chords(self, section: _Section, bars: int) -> list[list[int]]:
        """The scale degrees of the chord at each step of the section, as [root] per step of all bars."""
        changes = max(1, round(self.bars_a_chord * self.steps))
        count = bars * self.steps
        pushed = self.genre.parts // 2 if self.push else 0
        roots = [
            section.progression[min(n + pushed, count - 1) // changes % len(section.progression)] for n in range(count)
        ]
        return [[root, root + 2, root + 4, *([root + 6] if self.key % 4 == 0 else [])] for root in roots]

    def _pitch(self, degree: int, around: int) -> int:
        pitch = self.key + self.scale[degree % 7]
        return pitch + 12 * round((around - pitch) / 12)

    def _add(self, at: float, length: float, pitch: float, velocity: float, channel: int) -> None:
        loud = float(np.clip(velocity + self.rng.normal(0, 5), 12, 127))
        self.notes.append((max(0.0, at), length, float(pitch), loud, float(channel)))

    def _drums(self, section: _Section, begin: int, bars: int) -> None:
        parts = self.genre.parts
        for bar in range(bars):
            fill_from = self.steps
            if self.fills and bar == bars - 1 and bars > 2:
                fill_from = self.steps - parts * int(self.rng.integers(1, 3))
            start = begin + bar * self.genre.beats
            for lane, pattern in section.lanes.items():
                for step, mark in enumerate(pattern):
                    if mark == "." or step >= fill_from or (mark == "r" and self.rng.random() < 0.6):
                        continue
                    self._add(start + step / parts, 0.2, GM_DRUMS[lane], _STRENGTH[mark] * section.loudness, DRUMS)
            for step in range(fill_from, self.steps):
                if self.rng.random() < 0.65:
                    drum = str(self.rng.choice(["snare", "snare", "tom", "high_tom"]))
                    self._add(start + step / parts, 0.2, GM_DRUMS[drum], self.rng.uniform(70, 115), DRUMS)
        if self.crash and self.rng.random() < 0.8:
            self._add(begin, 1.0, GM_DRUMS["crash"], 105, DRUMS)

    def _bass(self, section: _Section, begin: int, tones: list[list[int]]) -> None:
        parts, count = self.genre.parts, len(tones)
        for step in range(count):
            mark = section.bass[step % self.steps]
            if mark in ".-":
                continue
            length = 1
            while step + length < count and section.bass[(step + length) % self.steps] == "-":
                length += 1
            root = tones[step][0]
            degree = {"5": root + 4, "w": root + int(self.rng.choice([1, 2, 4, 6, -1]))}.get(mark, root)
            pitch = self._pitch(degree, 38) + (12 if mark == "8" else 0)
            accent = 100 if step % self.steps == 0 else 88
            self._add(begin + step / parts, 0.92 * max(length, 1) / parts, pitch, accent * section.loudness, _BASS)

    def _comp(
        self, pattern: str, channel: int, begin: int, tones: list[list[int]], around: int, loudness: float
    ) -> None:
        parts, count, turn = self.genre.parts, len(tones), 0
        for step in range(count):
            mark = pattern[step % self.steps]
            changed = step and tones[step] != tones[step - 1]
            if mark == "-" and not (changed and step % parts == 0):
                continue
            if mark == ".":
                continue
            length = 1
            while (
                mark in "L-"
                and step + length < count
                and pattern[(step + length) % self.steps] == "-"
                and tones[step + length] == tones[step]
            ):
                length += 1
            if mark == "a":
                turn = 0 if step % self.steps == 0 else turn + 1
                order = (0, 1, 2, 1) if self.key % 2 else (0, 1, 2, 3)
                degree = order[turn % 4]
                pitch = self._pitch(tones[step][degree % 3], around) + 12 * (degree // 3)
                self._add(begin + step / parts, 1.5 / parts, pitch, 78 * loudness, channel)
                continue
            strength = 84 if step % self.steps == 0 else 76
            for degree in tones[step]:
                self._add(
                    begin + step / parts,
                    0.9 * length / parts,
                    self._pitch(degree, around + 4),
                    strength * loudness,
                    channel,
                )

    def _lead(self, begin: int, tones: list[list[int]], loudness: float) -> None:
        """A motif of two bars, said again with other endings; now and then it begins before the bar."""
        parts, rng = self.genre.parts, self.rng
        motif_steps = 2 * self.steps
        rhythm = self._chance_pattern(rng.uniform(0.25, 0.5)) + self._chance_pattern(rng.uniform(0.15, 0.45))
        steps = [step for step, mark in enumerate(rhythm) if mark == "x"] or [0]
        moves = rng.choice([-2, -1, -1, 0, 1, 1, 2, 3, -3], size=len(steps))
        pickup = int(rng.integers(1, 2 * parts)) if rng.random() < 0.35 else 0
        for start in range(0, len(tones), motif_steps):
            degree = tones[start][int(rng.integers(3))] + 7
            if rng.random() < 0.15:
                continue
            for index, step in enumerate(steps):
                at = start + step - pickup
                if at >= len(tones) or begin + at / parts < 0:
                    continue
                degree += int(moves[index]) if rng.random() < 0.8 else int(rng.integers(-2, 3))
                if step % parts == 0:
                    degree = min(tones[max(at, 0)], key=lambda tone: min((tone - degree) % 7, (degree - tone) % 7)) + 7
                following = steps[index + 1] if index + 1 < len(steps) else motif_steps
                length = max(1, min(following - step, 2 * parts)) * rng.uniform(0.6, 1.0)
                self._add(
                    begin + at / parts,
                    length / parts,
                    self._pitch(degree % 7, self.register + (degree // 7 - 1) * 4),
                    98 * loudness,
                    _LEAD,
                )
