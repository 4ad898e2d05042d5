# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture continued beyond its left edge in several ways at once, cut where they agree.

Each place beyond the edge shows a shifted copy of the picture, its mirror image, or the edge's colours straight on, at
a right angle or at the slopes at which borders meet the edge (`ways`, `slants`). Which one is the least-cost labelling
of a Markov random field, found by graph cuts (Pritch et al., "Shift-map image editing", ICCV 2009; He and Sun, "Image
completion approaches using the statistics of similar patches", TPAMI 2014; alpha expansion: Boykov et al., TPAMI 2001):
what is shown agrees with the edge and with each other, repeats nothing in a row and nothing that the picture has only
once. It is solved on a small version; the pieces are cut at full resolution, with the picture's own sharpness and
grain, and steps in tone between them are evened out (Pérez et al., "Poisson image editing", 2003).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import maxflow
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import spsolve

from bridge.cover.border_slopes import Slants
from bridge.cover.extension_modes import (
    BAND,
    LENGTH,
    Layer,
    Mirrored,
    Repeated,
    Scene,
    Shift,
    Side,
    Straight,
    Way,
    clearness,
    difference,
    features_of,
)
from bridge.cover.oklab import Floats

_SEGMENT, _PER_SEGMENT, _APART = LENGTH // 10, 3, 4
"""pieces of the edge, each of which proposes that many shifts, which differ by so many pixels"""
_NEAREST = 4 * BAND
"""the least way inward: what comes from nearer would have to be repeated too often"""
_LEVEL, _SLANTED = 0.03, 0.1
"""slopes that look as 0 does; those at which a mirror image has a kink"""
_REPEATED = (24, 40)
"""columns that are repeated along a border"""
_SEAM_COST, _STEP_COST = 0.12, 9.0
"""of any seam, per pixel; of what differs on its two sides, in Oklab"""
_TONE = 50
"""sRGB levels between one thing in two lights, at most"""

Labels = npt.NDArray[np.intp]
Places = tuple[slice, slice]


def continued(picture: Floats, small: Floats, avoid: Floats, depth_px: int, side: Side) -> tuple[Floats, float]:
    """What may lie beyond a picture's left edge. Deterministic.

    Args:
        picture: shape (height, width, 3), sRGB 0-255.
        small: the same, `LENGTH` pixels high.
        avoid: likewise, shape (LENGTH, small width): what it costs to show each place again; a clear seam costs 1
            per pixel of its length.

    Returns:
        Shape (height, depth_px, 3), and the solution's energy per pixel of the edge: how much may be noticed.
    """
    depth = int(np.ceil(depth_px * LENGTH / len(picture)))
    features = features_of(small)
    scene = Scene(small, features, avoid, depth, side, Slants.of(features[..., :3]))
    ways: list[Way] = [Mirrored(), *_straight_ways(scene.slants), *_shifts(scene)]
    layers = [way.layer(scene) for way in ways]
    field = _Field.of(layers)
    labels = field.solved()
    pieces = {number: ways[number].full(picture, depth_px) for number in np.unique(labels).tolist()}
    return _composed(pieces, labels, _tones(scene, layers, labels)), field.energy(labels)


def _straight_ways(slants: Slants) -> Iterator[Straight | Repeated]:
    """Straight on, and if borders meet the edge at slopes, at each of these and at all, blended; or repeated."""
    yield Straight(np.zeros(LENGTH, np.float32))
    slopes = [slope for slope in slants.own if abs(slope) > _LEVEL]
    for slope in slopes:
        yield Straight(np.full(LENGTH, slope, np.float32))
    if len(slants.own) > 1:
        yield Straight(slants.between)
    for slope in slopes:
        if abs(slope) > _SLANTED:
            yield from (Repeated(slope, inward) for inward in _REPEATED)


def _shifts(scene: Scene) -> Iterator[Shift]:
    """Those that fit some piece of the edge, the best ones of each piece; long, so that nothing comes in a row."""
    side, (height, width, _) = scene.side, scene.features.shape
    reach, seen = round(side.along * height), min(height // 8, scene.depth)
    inward = np.arange(_NEAREST, max(_NEAREST + BAND, round(min(width - BAND, side.inward * height))))
    passed = np.pad(np.cumsum(scene.avoid, axis=1), ((0, 0), (1, 0)))
    cost = np.full((2 * reach + 1, len(inward), height), np.inf, np.float32)
    for along in range(-reach, reach + 1):
        far = inward[np.hypot(inward, along) >= scene.depth]
        to, come = np.s_[max(0, -along) : height - max(0, along)], np.s_[max(0, along) : height + min(0, along)]
        rows, edge, sums = scene.features[come], scene.features[to], passed[come]
        fit = sum(difference(rows[:, far + c], edge[:, c : c + 1]) for c in range(BAND)) / BAND
        shown = (sums[:, far] - sums[:, np.maximum(0, far - seen)]) / seen
        cost[along + reach, far - _NEAREST, to] = (fit + 0.5 * shown + side.along_cost * abs(along) / reach).T
    cost += (side.deep_cost * inward / height)[None, :, None]
    found: dict[Shift, None] = {}
    for start in range(0, height - _SEGMENT // 2, _SEGMENT // 2):
        mean = cost[:, :, start : start + _SEGMENT].mean(axis=-1)
        for _ in range(_PER_SEGMENT):
            row, column = np.unravel_index(int(mean.argmin()), mean.shape)
            if np.isfinite(mean[row, column]):
                found |= dict.fromkeys(_in_turn(int(row) - reach, int(inward[column]), scene.depth))
            mean[max(0, row - _APART) : row + _APART + 1, max(0, column - _APART) : column + _APART + 1] = np.inf
    yield from found


def _in_turn(along: int, inward: int, depth: int) -> Iterator[Shift]:
    """A shift, and where that ends before the frame does, the same piece again, now from the other side."""
    for turn in range(-(-depth // inward)):
        yield Shift(along if turn % 2 == 0 else -along, inward * (turn + 1))


@dataclass(frozen=True)
class _Field:
    """The Markov random field: what each layer costs and shows at each place."""

    costs: Floats
    """shape (layers, height, depth)"""
    shown: Floats
    """features, shape (layers, height, depth, channels)"""
    clear: Floats
    """how clearly a step would be seen, 0-1, shape (layers, height, depth)"""

    @classmethod
    def of(cls, layers: list[Layer]) -> "_Field":
        costs = np.stack([layer.costs for layer in layers])
        shown = np.stack([layer.features[:, : costs.shape[2]] for layer in layers])
        return cls(costs, shown, np.stack([clearness(features) for features in shown]))

    def solved(self) -> Labels:
        """The number of the layer at each place, shape (height, depth).

        Alpha expansion over all layers, and once more over those that were taken.
        """
        labels = np.zeros(self.costs.shape[1:], np.intp)
        order = np.argsort(np.minimum(self.costs, 1).mean(axis=(1, 2)))
        for label in order:
            labels = self._expanded(labels, int(label))
        for label in order[np.isin(order, labels)]:
            labels = self._expanded(labels, int(label))
        return labels

    def energy(self, labels: Labels) -> float:
        """What this labelling costs, per pixel of the edge: how much of it may be noticed."""
        rows, columns = np.indices(labels.shape)
        seams = sum(float(self._seams(labels, p, q).sum()) for p, q in _NEIGHBOURS)
        return (float(self.costs[labels, rows, columns].sum()) + seams) / len(labels)

    def _seams(self, labels: Labels, p: Places, q: Places) -> Floats:
        """What the seams between places and their neighbours cost."""
        rows, columns = np.indices(labels.shape)
        shown, clear = (of[labels, rows, columns] for of in (self.shown, self.clear))
        a, b = labels[p], labels[q]
        a_at_q, b_at_p = self.shown[a, rows[q], columns[q]], self.shown[b, rows[p], columns[p]]
        return _seam(a, b, (difference(shown[p], b_at_p) + difference(a_at_q, shown[q])) * (clear[p] + clear[q]) / 2)

    def _expanded(self, labels: Labels, label: int) -> Labels:
        """The best labelling in which each place keeps its layer or takes this one: a minimum cut."""
        rows, columns = np.indices(labels.shape)
        graph = maxflow.GraphFloat()
        nodes = graph.add_grid_nodes(labels.shape)
        shown, new = self.shown[labels, rows, columns], self.shown[label]
        clear, new_clear = self.clear[labels, rows, columns], self.clear[label]
        keep, take = self.costs[labels, rows, columns].astype(np.float64), self.costs[label].astype(np.float64)
        change = difference(shown, new)
        for axis, (p, q) in enumerate(_NEIGHBOURS):
            a, b = labels[p], labels[q]
            a_at_q, b_at_p = self.shown[a, rows[q], columns[q]], self.shown[b, rows[p], columns[p]]
            both_stay = self._seams(labels, p, q)
            q_takes = _seam(a, label, (change[p] + difference(a_at_q, new[q])) * (clear[p] + new_clear[q]) / 2)
            p_takes = _seam(label, b, (difference(new[p], b_at_p) + change[q]) * (new_clear[p] + clear[q]) / 2)
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


def _seam(one: Labels | int, other: Labels | int, step: Floats) -> Floats:
    """What a seam costs between two places that show these layers."""
    return np.where(np.not_equal(one, other), _STEP_COST * step + np.float32(_SEAM_COST), 0)


_NEIGHBOURS = (
    (np.s_[:-1, :], np.s_[1:, :]),
    (np.s_[:, :-1], np.s_[:, 1:]),
)
"""each place and the one below it; and the one right of it"""


def _tones(scene: Scene, layers: list[Layer], labels: Labels) -> Floats:
    """What to add to each place so that tones are even across seams and the edge; shape (height, depth, 3).

    Where two things meet that are unlike, neither is tinted by the other.
    """
    height, depth = labels.shape
    rows, columns = np.indices(labels.shape)
    colors = np.stack([layer.colors for layer in layers])
    numbers = np.arange(height * depth).reshape(height, depth)
    ones, others, steps = [], [], []
    for p, q in _NEIGHBOURS:
        step = [colors[labels[q], rows[at], columns[at]] - colors[labels[p], rows[at], columns[at]] for at in (p, q)]
        ones.append(numbers[p].ravel())
        others.append(numbers[q].ravel())
        steps.append(_of_tone(np.mean(step, axis=0)).reshape(-1, 3))
    row = np.arange(height)
    edge = np.mean([scene.colors[:, c] - colors[labels[:, -1], row, depth + c] for c in range(2)], axis=0)
    pairs, places = sum(map(len, ones)), height * depth
    weak = 0.01  # so that a tone comes back to its own, far from what it was fitted to
    equation = [*[np.arange(pairs)] * 2, pairs + row, pairs + height + numbers.ravel()]
    unknown = [np.concatenate(ones), np.concatenate(others), numbers[:, -1], numbers.ravel()]
    factor = [np.ones(pairs), -np.ones(pairs), np.ones(height), np.full(places, weak)]
    at = (np.concatenate(equation), np.concatenate(unknown))
    matrix = csr_matrix((np.concatenate(factor), at), shape=(pairs + height + places, places))
    wanted = np.concatenate([*steps, _of_tone(edge), np.zeros((places, 3))])
    solution = np.asarray(spsolve((matrix.T @ matrix).tocsc(), matrix.T @ wanted))
    return solution.reshape(height, depth, 3).astype(np.float32)


def _of_tone(step: Floats) -> Floats:
    """What of steps, shape (..., 3), is one of tone: little of a large one, which lies between different things."""
    size = np.linalg.norm(step, axis=-1, keepdims=True)
    return step * np.exp(-((size / _TONE) ** 2))


def _composed(pieces: dict[int, Floats], labels: Labels, tones: Floats) -> Floats:
    """The layers at full resolution, each with its tone, in each other's place. Seams are soft and narrow."""
    size = next(iter(pieces.values())).shape[1::-1]
    total, weight = np.zeros((*size[::-1], 3), np.float32), np.zeros((*size[::-1], 1), np.float32)
    for label, piece in pieces.items():
        mask = (labels == label).astype(np.float32)
        around = cv2.GaussianBlur(mask, (0, 0), 2)[..., None]
        spread = cv2.GaussianBlur(tones * mask[..., None], (0, 0), 2) / np.maximum(around, 1e-3)
        tone = cv2.resize(np.where(mask[..., None] > 0, tones, spread), size, interpolation=cv2.INTER_LINEAR)
        soft = cv2.resize(cv2.GaussianBlur(mask, (0, 0), 0.45), size, interpolation=cv2.INTER_CUBIC)
        share = np.clip(2.2 * (soft - 0.5) + 0.5, 1e-4, 1)[..., None]
        total += share * (piece + tone)
        weight += share
    return total / weight
