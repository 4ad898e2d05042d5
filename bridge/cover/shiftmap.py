# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture continued beyond its left edge with shifted copies of itself, cut where they agree.

Each place beyond the edge shows the picture at some shift. Which one is the least-cost labelling of a Markov random
field, found by graph cuts (Pritch et al., "Shift-map image editing", ICCV 2009; He and Sun, "Image completion
approaches using the statistics of similar patches", TPAMI 2014; alpha expansion: Boykov et al., TPAMI 2001): the copies
are large, agree with the edge and with each other where they meet, and show no figure twice where that can be helped.
Skies stay above and floors below: beside a picture, copies keep their height; above and below it, they come from near
the edge. It is solved on a small version; the copies are cut out of the picture at
full resolution, with its own sharpness and grain, and steps in tone between them are evened out (Pérez et al., "Poisson
image editing", SIGGRAPH 2003). Nothing is mirrored.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import maxflow
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import spsolve

from bridge.cover.oklab import Floats, from_srgb

LENGTH = 160
"""of the edge, in pixels of the small version"""
_BAND = 6
"""columns along the edge with which a copy has to agree"""
_SEGMENT, _PER_SEGMENT, _APART = LENGTH // 10, 6, 4
"""pieces of the edge, each of which proposes that many shifts, which differ by so many pixels"""
_SPREAD = 20
"""one shift straight inward for each so many pixels: for places that no shift which fits the edge reaches"""
_NEAR_COST, _SEAM_COST, _EDGE_COST = 0.2, 0.06, 6.0
"""of a repetition right beside the original; of any seam, per pixel; of a bad fit at the edge, as against at a seam"""
_IMPOSSIBLE = 1e3
_SWEEPS = 2

Labels = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Side:
    """What copies may do on one side of a picture, in lengths of its edge."""

    along: float
    """how far along the edge they may come from"""
    along_cost: float
    """of the farthest way along"""
    inward: float
    """from how deep in the picture the first ones may come"""
    deep_cost: float
    """of showing what is one length away from the edge"""


BESIDE = Side(along=0.12, along_cost=0.02, inward=1.0, deep_cost=0.0)
ABOVE_OR_BELOW = Side(along=0.5, along_cost=0.0, inward=0.6, deep_cost=0.6)


@dataclass(frozen=True)
class _Shift:
    """From where a place gets its colour, in pixels of the small version: so much lower, so much farther inward."""

    along: int
    inward: int


def continued(picture: Floats, small: Floats, avoid: Floats, depth_px: int, side: Side) -> Floats:
    """What may lie beyond a picture's left edge. Deterministic.

    Args:
        picture: shape (height, width, 3), sRGB 0-255.
        small: the same, `LENGTH` pixels high.
        avoid: likewise, shape (LENGTH, small width): what it costs to show each place again; a clear seam costs 0.3
            per pixel of its length.

    Returns:
        Shape (height, depth_px, 3).
    """
    scale = len(picture) / len(small)
    depth = int(np.ceil(depth_px / scale))
    features = _features(small)
    shifts = list(_candidates(features, avoid, depth, side))
    labels = _Field.of(features, avoid, shifts, depth, side).solved()
    tones = _tones(small, shifts, labels)
    return _composed(picture, shifts, labels, tones, depth_px, scale)


def _features(small: Floats) -> Floats:
    """Colours in Oklab, chroma stressed, and gradients of lightness: shape (height, width, 5)."""
    lab = from_srgb(small / 255) * np.array([1, 1.5, 1.5], np.float32)
    smooth = cv2.GaussianBlur(lab[..., 0], (0, 0), 0.8)
    slopes = [cv2.Sobel(smooth, -1, *order, scale=0.18) for order in ((1, 0), (0, 1))]
    return np.dstack([lab, *slopes]).astype(np.float32)


def _difference(one: Floats, other: Floats) -> Floats:
    gap = one - other
    return np.sqrt(np.einsum("...c,...c->...", gap, gap))


def _candidates(features: Floats, avoid: Floats, depth: int, side: Side) -> Iterator[_Shift]:
    """The shifts that fit some piece of the edge, the best ones of each piece, and a few for the places farther out."""
    height, width, _ = features.shape
    reach, seen = round(side.along * height), min(height // 8, depth)
    inward = np.arange(_BAND, max(2 * _BAND, round(min(width - _BAND, side.inward * height))))
    passed = np.pad(np.cumsum(avoid, axis=1), ((0, 0), (1, 0)))
    cost = np.full((2 * reach + 1, len(inward), height), np.inf, np.float32)
    for along in range(-reach, reach + 1):
        to, come = np.s_[max(0, -along) : height - max(0, along)], np.s_[max(0, along) : height + min(0, along)]
        rows, edge, sums = features[come], features[to], passed[come]
        fit = sum(_difference(rows[:, inward + c], edge[:, c : c + 1]) for c in range(_BAND)) / _BAND
        shown = (sums[:, inward] - sums[:, np.maximum(0, inward - seen)]) / seen
        cost[along + reach, :, to] = (fit + 0.5 * shown + side.along_cost * abs(along) / reach).T
    cost += (side.deep_cost * inward / height)[None, :, None]
    found = dict.fromkeys(_Shift(0, step) for step in range(_SPREAD, width + depth, _SPREAD))
    for start in range(0, height - _SEGMENT // 2, _SEGMENT // 2):
        mean = cost[:, :, start : start + _SEGMENT].mean(axis=-1)
        for _ in range(_PER_SEGMENT):
            row, column = np.unravel_index(int(mean.argmin()), mean.shape)
            found[_Shift(int(row) - reach, int(inward[column]))] = None
            mean[max(0, row - _APART) : row + _APART + 1, max(0, column - _APART) : column + _APART + 1] = np.inf
    yield from found


@dataclass(frozen=True)
class _Field:
    """The Markov random field: what each shift costs and shows at each place."""

    costs: Floats
    """shape (shifts, height, depth)"""
    shown: Floats
    """features, shape (shifts, height, depth, channels)"""

    @classmethod
    def of(cls, features: Floats, avoid: Floats, shifts: list[_Shift], depth: int, side: Side) -> "_Field":
        height, width, channels = features.shape
        costs = np.empty((len(shifts), height, depth), np.float32)
        shown = np.empty((len(shifts), height, depth, channels), np.float32)
        for label, shift in enumerate(shifts):
            rows, columns = np.mgrid[shift.along : height + shift.along, shift.inward - depth : shift.inward]
            on = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
            shown[label] = features[rows, columns]
            cost = side.along_cost * abs(shift.along) / (side.along * height)
            cost += _NEAR_COST * max(0, 1 - np.hypot(shift.inward, shift.along) / depth)
            costs[label] = np.where(on, avoid[rows, columns] + cost + side.deep_cost * columns / height, _IMPOSSIBLE)
            band = np.clip(np.arange(_BAND // 2) + shift.inward, 0, width - 1)
            unlike = _difference(features[rows[:, :1], band], features[:, : _BAND // 2]).mean(axis=1)
            costs[label, :, -1] += _EDGE_COST * unlike
        return cls(costs, shown)

    def solved(self) -> Labels:
        """The number of the shift at each place, shape (height, depth): alpha expansion over all shifts, twice."""
        labels = self._start()
        for _ in range(_SWEEPS):
            before = labels
            for label in np.argsort(np.minimum(self.costs, 1).mean(axis=(1, 2))):
                labels = self._expanded(labels, int(label))
            if np.array_equal(before, labels):
                break
        return labels

    def _start(self) -> Labels:
        """The one shift that is best for all, and the cheapest one where it shows nothing."""
        best = int(self.costs.sum(axis=(1, 2)).argmin())
        return np.where(self.costs[best] < _IMPOSSIBLE, best, self.costs.argmin(axis=0))

    def _expanded(self, labels: Labels, label: int) -> Labels:
        """The best labelling in which each place keeps its shift or takes this one: a minimum cut."""
        rows, columns = np.indices(labels.shape)
        graph = maxflow.GraphFloat()
        nodes = graph.add_grid_nodes(labels.shape)
        shown, new = self.shown[labels, rows, columns], self.shown[label]
        keep, take = self.costs[labels, rows, columns].astype(np.float64), self.costs[label].astype(np.float64)
        change = _difference(shown, new)
        for axis, (p, q) in enumerate(_NEIGHBOURS):
            a, b = labels[p], labels[q]
            a_at_q, b_at_p = self.shown[a, rows[q], columns[q]], self.shown[b, rows[p], columns[p]]
            both_stay = _seam(a != b, _difference(shown[p], b_at_p) + _difference(a_at_q, shown[q]))
            q_takes = _seam(a != label, change[p] + _difference(a_at_q, new[q]))
            p_takes = _seam(b != label, _difference(new[p], b_at_p) + change[q])
            take[p] += p_takes - both_stay
            take[q] -= p_takes
            cut = np.zeros(labels.shape)
            cut[p] = np.maximum(q_takes + p_takes - both_stay, 0)
            structure = np.zeros((3, 3))
            structure[(2, 1) if axis == 0 else (1, 2)] = 1
            graph.add_grid_edges(nodes, weights=cut, structure=structure, symmetric=False)
        least = np.minimum(keep, take)
        graph.add_grid_tedges(nodes, take - least, keep - least)
        graph.maxflow()
        return np.where(graph.get_grid_segments(nodes), label, labels)


def _seam(there: npt.NDArray[np.bool_], difference: Floats) -> Floats:
    """What a seam between two places costs; a metric, as alpha expansion asks for."""
    return np.where(there, difference + np.float32(_SEAM_COST), 0)


_NEIGHBOURS = (
    (np.s_[:-1, :], np.s_[1:, :]),
    (np.s_[:, :-1], np.s_[:, 1:]),
)
"""each place and the one below it; and the one right of it"""


def _tones(small: Floats, shifts: list[_Shift], labels: Labels) -> Floats:
    """What to add to each place so that tones are even across seams and the edge; shape (height, depth, 3)."""
    height, depth = labels.shape
    ways = np.array([(shift.along, shift.inward) for shift in shifts])
    rows, columns = np.mgrid[:height, -depth:0]
    numbers = np.arange(height * depth).reshape(height, depth)

    def shown(label: Labels, row: npt.NDArray, column: npt.NDArray) -> Floats:
        row, column = row + ways[label, 0], column + ways[label, 1]
        return small[np.clip(row, 0, height - 1), np.clip(column, 0, small.shape[1] - 1)]

    ones, others, steps = [], [], []
    for p, q in _NEIGHBOURS:
        step = [shown(labels[q], rows[at], columns[at]) - shown(labels[p], rows[at], columns[at]) for at in (p, q)]
        ones.append(numbers[p].ravel())
        others.append(numbers[q].ravel())
        steps.append(np.mean(step, axis=0).reshape(-1, 3))
    at_edge, row = labels[:, -1], np.arange(height)
    edge = np.mean([small[:, c] - shown(at_edge, row, np.full(height, c)) for c in range(2)], axis=0)
    pairs, places = sum(map(len, ones)), height * depth
    weak = 0.01  # so that a tone comes back to its own, far from what it was fitted to
    equation = [*[np.arange(pairs)] * 2, pairs + row, pairs + height + numbers.ravel()]
    unknown = [np.concatenate(ones), np.concatenate(others), numbers[:, -1], numbers.ravel()]
    factor = [np.ones(pairs), -np.ones(pairs), np.ones(height), np.full(places, weak)]
    at = (np.concatenate(equation), np.concatenate(unknown))
    matrix = csr_matrix((np.concatenate(factor), at), shape=(pairs + height + places, places))
    wanted = np.concatenate([*steps, edge, np.zeros((places, 3))])
    solution = np.asarray(spsolve((matrix.T @ matrix).tocsc(), matrix.T @ wanted))
    return solution.reshape(height, depth, 3).astype(np.float32)


def _composed(
    picture: Floats, shifts: list[_Shift], labels: Labels, tones: Floats, depth_px: int, scale: float
) -> Floats:
    """The shifted copies at full resolution, each with its tone, in each other's place with a soft, narrow seam."""
    size = (depth_px, len(picture))
    total, weight = np.zeros((len(picture), depth_px, 3), np.float32), np.zeros((len(picture), depth_px, 1), np.float32)
    for label in np.unique(labels):
        mask = (labels == label).astype(np.float32)
        around = cv2.GaussianBlur(mask, (0, 0), 2)[..., None]
        spread = cv2.GaussianBlur(tones * mask[..., None], (0, 0), 2) / np.maximum(around, 1e-3)
        tone = cv2.resize(np.where(mask[..., None] > 0, tones, spread), size, interpolation=cv2.INTER_LINEAR)
        soft = cv2.resize(cv2.GaussianBlur(mask, (0, 0), 0.45), size, interpolation=cv2.INTER_CUBIC)
        share = np.clip(2.2 * (soft - 0.5) + 0.5, 0, 1)[..., None]
        along, inward = round(shifts[label].along * scale), round(shifts[label].inward * scale)
        way = np.array([[1, 0, inward - depth_px], [0, 1, along]], np.float32)
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        copy = cv2.warpAffine(picture, way, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        total += share * (copy + tone)
        weight += share
    return total / np.maximum(weight, 1e-3)
