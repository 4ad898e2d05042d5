# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections: where the song's texture changes on a downbeat, which of them repeat, and what each does."""

import itertools

import librosa
import numpy as np
import numpy.typing as npt

from blender_addon.core.types import EnergyCurve, Section, SectionRole
from bridge.song.spectra import HARMONY_RATE_HZ, RATE_HZ, Spectra

_LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SAME_SECTION = 0.5
"""sections nearer than this share of the song's own spread between bars are repeats"""

_HARMONY_WEIGHT = 0.6
_LEAST_STEP = 0.1
"""share of a feature's variance that counts as change from bar to bar in any case: loops have none"""
_QUIET_POWER = 1e-7
_SECTION_PRICE = 2.1
"""how much better a fit one more section must give, times the logarithm of the number of bars"""
_LEAST_BARS = 8
"""what is shorter than one usual section is not divided"""
_LONGEST_BARS = 64

Values = npt.NDArray[np.float64]


def find_sections(spectra: Spectra, downbeats_s: Values, duration_s: float, energy: EnergyCurve) -> tuple[Section, ...]:
    """Cuts the song into sections that start on downbeats, labels repeats alike, names their roles."""
    if duration_s <= 0:
        return ()
    bars = _bar_features(spectra, downbeats_s)
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


def _bar_features(spectra: Spectra, downbeats_s: Values) -> Values:
    """What each bar sounds like, shape (bars, features), in units of what changes from any bar to the next.

    So a feature that differs between all bars, as harmony does, says less than one that rests within a section.
    """
    if len(downbeats_s) < 2:
        return np.zeros((0, 1))
    ends_s = np.append(downbeats_s[1:], 2 * downbeats_s[-1] - downbeats_s[-2])

    def per_bar(rows: npt.NDArray[np.floating], rate_hz: float) -> Values:
        last = len(rows) - 1
        first = np.clip(np.round(downbeats_s * rate_hz).astype(int), 0, last)
        stop = np.clip(np.round(ends_s * rate_hz).astype(int), first + 1, last + 1)
        bars = [slice(*bar) for bar in zip(first, stop, strict=True)]
        return librosa.util.sync(rows, bars, axis=0).astype(np.float64)

    level_db: Values = 10.0 * np.log10(per_bar(spectra.power[:, None], RATE_HZ) + _QUIET_POWER)
    return np.hstack(
        [
            _in_steps(per_bar(spectra.envelope[:, ::3], RATE_HZ)),
            _HARMONY_WEIGHT * _in_steps(per_bar(spectra.chroma, HARMONY_RATE_HZ)),
            _in_steps(per_bar(spectra.onsets, RATE_HZ)),
            _in_steps(level_db),
        ]
    )


def _in_steps(group: Values) -> Values:
    """A group of features, scaled so that the usual step from bar to bar has length one."""
    step = float(np.median(np.square(np.diff(group, axis=0)).mean(axis=1))) / 2
    floor = _LEAST_STEP * float(group.var(axis=0).mean()) + 1e-9
    return group / np.sqrt((step + floor) * group.shape[1])


def _boundaries(bars: Values) -> list[int]:
    """The bars with which something new starts, except the first.

    The best piecewise constant fit to the bars by dynamic programming (after Jackson et al. 2005): what a section's
    bars differ from their mean, plus a price for each section, higher for lengths that music seldom has.
    """
    count = len(bars)
    if count < _LEAST_BARS:
        return []
    sums = np.vstack([np.zeros(bars.shape[1]), np.cumsum(bars, axis=0)])
    squares = np.append(0.0, np.cumsum(np.square(bars).sum(axis=1)))
    price = _SECTION_PRICE * np.log(count)
    cost = np.zeros(count + 1)
    start_of = np.zeros(count + 1, int)
    for end in range(1, count + 1):
        starts = np.arange(max(0, end - _LONGEST_BARS), end)
        lengths = end - starts
        misfit = squares[end] - squares[starts] - np.square(sums[end] - sums[starts]).sum(axis=1) / lengths
        at_edge = (starts == 0) | (end == count)
        total = cost[starts] + misfit + price * (1 + _oddity(lengths, at_edge))
        cost[end], start_of[end] = total.min(), starts[total.argmin()]
    firsts = []
    end = count
    while end := int(start_of[end]):
        firsts.append(end)
    return firsts[::-1]


def _oddity(lengths: npt.NDArray[np.int_], at_edge: npt.NDArray[np.bool_]) -> Values:
    """How unusual a section's length in bars is: 0 for 8, 16, ...; milder at the song's ends, where bars may lack."""
    uneven = np.select([lengths % 8 == 0, lengths % 4 == 0, lengths % 2 == 0], [0.0, 0.08, 0.25], 0.4)
    short = np.select([lengths < 2, lengths < 4], [2.0, 0.7], 0.0)
    return np.where(at_edge, 0.3 * uneven + 0.5 * short, uneven + short)


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
