# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections: where the song's texture changes on a downbeat, which of them repeat, and what each does."""

import itertools

import numpy as np
import numpy.typing as npt

from blender_addon.protocol import EnergyCurve, Section, SectionRole
from bridge.song.hearing import HARMONY_RATE_HZ, RATE_HZ, Hearing

_LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SAME_SECTION = 0.5
"""sections nearer than this share of the song's own spread between bars are repeats"""

Values = npt.NDArray[np.float64]


def find_sections(hearing: Hearing, downbeats_s: Values, duration_s: float, energy: EnergyCurve) -> tuple[Section, ...]:
    """Cuts the song into sections that start on downbeats, labels repeats alike, names their roles."""
    if duration_s <= 0:
        return ()
    bars = _bar_features(hearing, downbeats_s)
    firsts = _boundaries(bars)
    starts_s = [0.0] + [float(downbeats_s[i]) for i in firsts]
    ends_s = [*starts_s[1:], duration_s]
    edges = [0, *firsts, len(bars)]
    means = [bars[a:b].mean(axis=0) if b > a else np.zeros(bars.shape[1]) for a, b in itertools.pairwise(edges)]
    labels = _labels(means, bars)
    energies = [energy.mean(start, end) for start, end in zip(starts_s, ends_s, strict=True)]
    roles = _roles(labels, energies)
    return tuple(
        Section(start, end, label, role, round(level, 4))
        for start, end, label, role, level in zip(starts_s, ends_s, labels, roles, energies, strict=True)
    )


def _bar_features(hearing: Hearing, downbeats_s: Values) -> Values:
    """Timbre, harmony and rhythm of each bar, shape (bars, features), each group of comparable weight."""
    if len(downbeats_s) < 2:
        return np.zeros((0, 1))
    ends_s = np.append(downbeats_s[1:], 2 * downbeats_s[-1] - downbeats_s[-2])

    def per_bar(rows: npt.NDArray[np.float32], rate_hz: float) -> Values:
        last = len(rows) - 1
        first = np.clip(np.round(downbeats_s * rate_hz).astype(int), 0, last)
        stop = np.clip(np.round(ends_s * rate_hz).astype(int), first + 1, last + 1)
        return np.stack([rows[a:b].mean(axis=0) for a, b in zip(first, stop, strict=True)]).astype(float)

    timbre = per_bar(hearing.envelope[:, ::3], RATE_HZ)
    harmony = per_bar(hearing.chroma, HARMONY_RATE_HZ)
    rhythm = per_bar(hearing.onsets, RATE_HZ)
    return np.hstack(
        [
            (timbre - timbre.mean(axis=0)) / (timbre.std() + 1e-9),
            0.5 * (harmony - harmony.mean(axis=0)) / (harmony.std() + 1e-9),
            1.5 * (rhythm - rhythm.mean(axis=0)) / (rhythm.std(axis=0) + 1e-9),
        ]
    )


def _boundaries(bars: Values) -> list[int]:
    """The bars with which something new starts: peaks of the change between the bars before and after."""
    count = len(bars)
    if count < 8:
        return []
    novelty = np.zeros(count)
    for reach in (2, 4):
        for i in range(2, count - 1):
            before, after = bars[max(0, i - reach) : i], bars[i : i + reach]
            inner = np.linalg.norm(before.std(axis=0)) + np.linalg.norm(after.std(axis=0))
            novelty[i] += np.linalg.norm(before.mean(axis=0) - after.mean(axis=0)) - 0.3 * inner
    least = np.median(novelty) + 0.8 * novelty.std()
    return [i for i in range(2, count - 1) if novelty[i] > least and novelty[i] == novelty[max(0, i - 3) : i + 4].max()]


def _labels(means: list[Values], bars: Values) -> list[str]:
    """The same letter for sections whose mean bars are alike."""
    spread = np.sqrt(bars.var(axis=0).sum()) if len(bars) else 0.0
    known: list[Values] = []
    labels = []
    for mean in means:
        distances = [float(np.linalg.norm(mean - other)) for other in known]
        nearest = int(np.argmin(distances)) if distances else -1
        if nearest >= 0 and (distances[nearest] < _SAME_SECTION * spread or len(known) == len(_LABELS)):
            labels.append(_LABELS[nearest])
        else:
            labels.append(_LABELS[len(known)])
            known.append(mean)
    return labels


def _roles(labels: list[str], energies: list[float]) -> list[SectionRole]:
    """Quiet ends are intro and outro, quiet middles breaks; the loudest label and all as loud are choruses."""
    count = len(labels)
    loudest, quietest = max(energies), min(energies)
    span = max(loudest - quietest, 1e-9)
    by_label = {
        label: np.mean([e for name, e in zip(labels, energies, strict=True) if name == label]) for label in labels
    }
    roles = []
    for i, label in enumerate(labels):
        if count > 1 and i == 0 and energies[0] < energies[1] + 0.05:
            roles.append(SectionRole.INTRO)
        elif count > 2 and i == count - 1 and energies[i] < energies[i - 1]:
            roles.append(SectionRole.OUTRO)
        elif by_label[label] >= loudest - 0.2 * span:
            roles.append(SectionRole.CHORUS)
        elif 0 < i < count - 1 and energies[i] < energies[i - 1] - 0.25 * span and energies[i] < quietest + 0.4 * span:
            roles.append(SectionRole.BREAK)
        else:
            roles.append(SectionRole.VERSE)
    return roles
