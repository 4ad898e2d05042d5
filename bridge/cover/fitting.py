# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the grade: optimal transport toward the cover's colours, within what the compositor does.

The grade is a matrix that keeps greys grey (saturation and leanings of hue) and three monotone, smooth curves
(exposure, contrast, tints of shadows, mid-tones and highlights). Its numbers are found by minimising the sliced
Wasserstein distance between the graded footage's and the cover's colours in Oklab, plus what it costs to leave
neutral, to do harm, and to turn or fade colours of the footage that the cover has itself: an edit that shows more of a
cover's flower than the cover does has its orange already. While a fit does harm (`_Watched`), the search goes on from
there with more care; each is eased back toward neutral until it does none. The cover itself is not among what must
stay: the grade is gone where the video ends on it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from blender_addon.core.types import NEUTRAL_GRADE, Grade
from bridge.common.frames import Frame
from bridge.cover.faces import find_faces
from bridge.cover.grading import apply_grade
from bridge.cover.oklab import Floats, from_srgb, gradient_to_srgb, to_srgb
from bridge.cover.transport import directions, palette_distance, sample_colors, squared_distance

CURVE_POINTS = 33
_KNOTS = 9
_SAMPLES = 1200
_AXES = directions(24).T
_NEUTRAL = np.concatenate([np.zeros(6), np.tile(np.concatenate([[0.0], np.ones(_KNOTS)]), 3)])
_BOUNDS = [(-0.25, 0.4)] * 6 + ([(0.0, 0.25)] + [(0.35, 2.2)] * _KNOTS) * 3
_NEAR, _FAR = 0.05, 0.065
"""palette distances: nearer footage has its cover's colours and stays as it is, farther footage is free to change"""
_HELD_SHARE, _HELD_NEAR, _HELD_FAR = 0.01, 0.02, 0.05
"""a cover has a colour if this share of it lies within the first distance in Oklab; not at all, beyond the second"""
_HELD_STAYS, _SKIN_STAYS = 10.0, 0.02
"""what it costs to move the footage's colours that the cover has, and those of skin"""
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""brightness as OpenCV makes it of sRGB-encoded colours, in which gradients are compared"""
_EDGES = 3000
"""pairs of neighbouring pixels that stand for the footage's structure"""
_CORRELATION, _CORRELATION_AIM, _EDGES_STAY = 0.981, 0.985, 60.0
"""the least correlation of gradients before and after; what the fit aims at, and what it costs to miss that"""
_WHITE, _CLIPPED_STAY = 0.985, 2000.0
"""where burning begins (crushing as far from black), and what it costs"""
_TURN_STAYS = 40.0
"""what it costs to turn skin too far"""
_CARES = (1.0, 5.0, 25.0)
"""what the costs of harm are multiplied by, as long as harm is done"""
_TURN_DEG, _TURN_DRAWN_DEG, _TURN_WITHOUT_PEOPLE_DEG = 25.0, 35.0, 70.0
"""how far the hue of skin may turn where the footage shows faces, where it shows no face but skin's colours (a drawn or
turned face, hands), and where it shows neither"""
_SKIN_HUE_DEG, _SKIN_CHROMA, _SKIN_LIGHTNESS = (28.0, 75.0), (0.03, 0.14), (0.3, 0.93)
"""the part of Oklab that holds `SKIN`, with some room for light"""
_SKIN_SHARE = (0.03, 0.5)
"""of the footage: less is nobody, more is sand or wood"""
_OFF_DIAGONAL = ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1))

SKIN = np.array(
    [(250, 224, 205), (235, 190, 165), (214, 160, 130), (194, 150, 130), (165, 115, 85), (115, 82, 68), (78, 52, 42)],
    np.uint8,
)
"""skin in neutral light, from very fair to very dark"""
_SKINS = len(SKIN)


def fit_grade(frames: Sequence[Frame], cover: Frame) -> Grade:
    """The one grade that brings an edit's colours to its cover's.

    Where the footage has the cover's colours already (the animatic is made from it), it is neutral.

    Args:
        frames: sampled from the ungraded edit, from all its shots.
        cover: as `load` gives it.

    Raises:
        ValueError: no frames.
    """
    if palette_distance(frames, [cover]) <= _NEAR:
        return NEUTRAL_GRADE
    return _fitted(sample_colors(frames, _SAMPLES), cover, list(frames), pull=1.0)


def grade_from_cover(cover: Frame) -> Grade:
    """A gentle grade for footage not known yet: from evenly lit, slightly colourful footage halfway to the cover."""
    return _fitted(_ordinary_colors(), cover, [cover], pull=0.5)


def _ordinary_colors() -> Frame:
    """The colours of footage as cameras deliver it: mid-tones around grey, hues balanced."""
    chance = np.random.default_rng(1)
    lightness = np.clip(chance.normal(0.58, 0.2, _SAMPLES), 0.05, 0.98)
    room = 0.05 * np.sqrt(np.clip(4 * lightness * (1 - lightness), 0, 1))
    lab = np.stack([lightness, *(chance.normal(0, 1, (2, _SAMPLES)) * room)], axis=1)
    return np.round(np.clip(to_srgb(lab), 0, 1) * 255).astype(np.uint8)


def _fitted(colors: Frame, cover: Frame, frames: list[Frame], pull: float) -> Grade:
    """The grade that comes nearest to the cover's colours among the harmless ones, from a free fit to careful ones."""
    watched = _Watched.of(frames)
    edges = _Edges.of(watched.frames)
    goal = from_srgb(sample_colors([cover], _SAMPLES))
    problem = _Problem.of(colors, goal, edges, watched.widest_turn_deg)
    best, best_distance, numbers = NEUTRAL_GRADE, np.inf, _NEUTRAL
    for care in _CARES:
        careful = replace(problem, care=care)
        numbers = minimize(
            careful.cost, numbers, jac=True, method="L-BFGS-B", bounds=_BOUNDS, options={"maxiter": 80}
        ).x
        away = pull * (numbers - _NEUTRAL)
        share = watched.harmless_share(lambda share, away=away: _grade_of(_NEUTRAL + share * away))
        distance = problem.distance(_NEUTRAL + share * away)
        if share > 0 and distance < best_distance:
            best, best_distance = _grade_of(_NEUTRAL + share * away), distance
        if share == 1:  # more care would only come less near
            break
    return best


@dataclass(frozen=True)
class _Problem:
    """Everything that the cost of a grade is made of."""

    footage: Floats
    """sRGB-encoded, (n, 3)"""
    sorted_goal: Floats
    """the cover's colours along each axis, sorted"""
    kept: Floats
    """sRGB-encoded colours that shall stay as they are, (k, 3)"""
    kept_weight: Floats
    """of what each moves by in Oklab's L, a and b"""
    edges: "_Edges"
    widest_turn_deg: float
    """of skin's hue"""
    care: float = 1.0
    """multiplies what harm costs"""

    @classmethod
    def of(cls, colors: Frame, goal: Floats, edges: "_Edges", widest_turn_deg: float) -> "_Problem":
        footage = from_srgb(colors)
        skin = SKIN.astype(np.float32) / 255
        sorted_goal = np.sort(goal @ _AXES, axis=0)
        distance = float(np.abs(np.sort(footage @ _AXES, axis=0) - sorted_goal).mean())
        nearness = float(np.clip((_FAR - distance) / (_FAR - _NEAR), 0, 1))
        held = held_share(footage[::4], goal)[:, None] * np.array([nearness, 1, 1])
        weights = [_HELD_STAYS / len(held) * held, np.full((_SKINS, 3), _SKIN_STAYS / _SKINS)]
        return cls(
            footage=colors.astype(np.float32) / 255,
            sorted_goal=sorted_goal,
            kept=np.concatenate([colors[::4].astype(np.float32) / 255, skin]),
            kept_weight=np.concatenate(weights).astype(np.float32),
            edges=edges,
            widest_turn_deg=widest_turn_deg,
        )

    def cost(self, parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        """The cost and its derivative by the parameters."""
        moved, back = _forward(parameters, self.footage)
        distance, by_lab = squared_distance(from_srgb(moved), self.sorted_goal, _AXES)
        burnt = np.maximum(moved - np.maximum(self.footage, _WHITE), 0)
        crushed = np.minimum(moved - np.minimum(self.footage, 1 - _WHITE), 0)
        clipped = burnt + crushed
        stays = self.care * _CLIPPED_STAY / len(moved)
        gradient = back(gradient_to_srgb(moved, by_lab) + 2 * stays * clipped)

        held, back = _forward(parameters, self.kept)
        before, after = from_srgb(self.kept), from_srgb(held)
        drift = after - before
        drift_cost = float((self.kept_weight * drift**2).sum())
        turned, by_turn = _cost_of_turn(before[-_SKINS:], after[-_SKINS:], self.widest_turn_deg)
        by_held = 2 * self.kept_weight * drift
        by_held[-_SKINS:, 1:] += self.care * by_turn
        gradient += back(gradient_to_srgb(held, by_held))

        bent, by_bent = self.edges.cost(parameters)
        shape, by_shape = _cost_of_shape(parameters)
        harm = self.care * (turned + bent) + stays * float((clipped**2).sum())
        return distance + drift_cost + harm + shape, gradient + self.care * by_bent + by_shape

    def distance(self, parameters: npt.NDArray[np.float64]) -> float:
        """The squared distance to the cover's colours that is left."""
        return squared_distance(from_srgb(_forward(parameters, self.footage)[0]), self.sorted_goal, _AXES)[0]


def held_share(colors: Floats, cover: Floats) -> Floats:
    """How much a cover has each of these colours itself, 0-1.

    Args:
        colors: Oklab, shape (n, 3).
        cover: the cover's colours, likewise.

    Returns:
        Shape (n,).
    """
    gaps = np.linalg.norm(colors[:, None] - cover[None], axis=-1)
    few = round(_HELD_SHARE * len(cover))
    reach = np.partition(gaps, few, axis=1)[:, few]
    return np.clip((_HELD_FAR - reach) / (_HELD_FAR - _HELD_NEAR), 0, 1).astype(np.float32)


def _cost_of_turn(before: Floats, after: Floats, widest_turn_deg: float) -> tuple[float, Floats]:
    """What it costs to turn hues farther than that, the more the more colour is left; its derivative by `after`'s a, b.

    Args:
        before: Oklab, shape (n, 3).
        after: likewise.
    """
    toward = before[:, 1:] / np.linalg.norm(before[:, 1:], axis=1, keepdims=True)
    chroma = np.linalg.norm(after[:, 1:], axis=1) + np.float32(1e-6)
    least = np.float32(np.cos(np.radians(0.95 * widest_turn_deg)))
    beyond = np.maximum(0, least * chroma - (after[:, 1:] * toward).sum(axis=1))
    by_color = 2 * beyond[:, None] * (least * after[:, 1:] / chroma[:, None] - toward)
    weight = _TURN_STAYS / len(before)
    return weight * float((beyond**2).sum()), weight * by_color


@dataclass(frozen=True)
class _Edges:
    """Neighbouring pixels of the footage, whose differences shall stay in proportion."""

    pair: tuple[Floats, Floats]
    """sRGB-encoded, (k, 3) each"""
    step: Floats
    """the difference of their luma, (k,)"""
    weight: Floats
    """how many other pairs each stands for"""

    @classmethod
    def of(cls, frames: Sequence[Frame]) -> "_Edges":
        """Strong edges are taken rather than faint ones: the correlation hangs on them."""
        ones, others = [], []
        for frame in frames:
            soft = cv2.GaussianBlur(frame, (3, 3), 0).astype(np.float32) / 255
            for one, other in ((soft[:, :-2], soft[:, 2:]), (soft[:-2], soft[2:])):
                ones.append(one.reshape(-1, 3))
                others.append(other.reshape(-1, 3))
        one, other = np.concatenate(ones), np.concatenate(others)
        step = (other - one) @ _GREY
        chance = np.abs(step) + 1e-3
        chance /= chance.sum()
        taken = np.random.default_rng(0).choice(len(step), _EDGES, p=chance)
        weight = 1 / chance[taken]
        return cls((one[taken], other[taken]), step[taken], (weight / weight.sum()).astype(np.float32))

    def cost(self, parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        """What it costs if the differences' correlation before and after falls below a limit; and its derivative."""
        (one, back_one), (other, back_other) = (_forward(parameters, side) for side in self.pair)
        step = (other - one) @ _GREY
        before, after = (float((self.weight * values**2).sum()) for values in (self.step, step))
        if min(before, after) < 1e-9:
            return 0.0, np.zeros_like(parameters)
        correlation = float((self.weight * self.step * step).sum()) / (before * after) ** 0.5
        lacking = max(0.0, _CORRELATION_AIM - correlation)
        by_step = self.weight * (self.step / (before * after) ** 0.5 - step * (correlation / after))
        by_color = (-2 * _EDGES_STAY * lacking * by_step)[:, None] * _GREY
        return _EDGES_STAY * lacking**2, back_other(by_color) - back_one(by_color)


def _matrix_of(parameters: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Rows sum to 1, so that grey stays grey."""
    matrix = np.zeros((3, 3))
    for value, place in zip(parameters[:6], _OFF_DIAGONAL, strict=True):
        matrix[place] = value
    return matrix + np.diag(1 - matrix.sum(axis=1))


def _basis(at: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """A curve at given inputs, as a linear function of its start value and its slopes at the knots.

    Between knots the slope changes evenly, so that the curve has no kinks.

    Returns:
        Shape (n, 1 + knots): the curve's values are this matrix times the numbers.
    """
    position = np.clip(at, 0, 1) * (_KNOTS - 1)
    knot = np.minimum(position.astype(int), _KNOTS - 2)
    t = position - knot
    rows = np.arange(len(at))
    whole = np.where(np.arange(_KNOTS - 1)[None] < knot[:, None], 1.0, 0.0)  # segments fully below
    value = np.zeros((len(at), 1 + _KNOTS))
    value[:, 0] = 1
    value[:, 1:-1] += whole / 2
    value[:, 2:] += whole / 2
    value[rows, 1 + knot] += t - t**2 / 2
    value[rows, 2 + knot] += t**2 / 2
    value[:, 1:] /= _KNOTS - 1
    return value


_POINTS = _basis(np.linspace(0, 1, CURVE_POINTS))
"""the curves' points by their numbers"""


def _forward(
    parameters: npt.NDArray[np.float64], encoded: Floats
) -> tuple[Floats, Callable[[Floats], npt.NDArray[np.float64]]]:
    """The graded colours, and the function that takes a derivative by them back to one by the parameters.

    As Blender does it: straight lines between the curves' points.
    """
    points = parameters[6:].reshape(3, 1 + _KNOTS) @ _POINTS.T
    mixed = encoded @ _matrix_of(parameters).T.astype(np.float32)
    inside = (mixed > 0) & (mixed < 1)
    at = np.clip(mixed, 0, 1) * np.float32(CURVE_POINTS - 1)
    left = np.minimum(at.astype(np.intp), CURVE_POINTS - 2)
    share = at - left
    low, high = (np.take_along_axis(points.T, left + step, axis=0).astype(np.float32) for step in (0, 1))

    def back(by_graded: Floats) -> npt.NDArray[np.float64]:
        by_mixed = by_graded * (high - low) * inside * np.float32(CURVE_POINTS - 1)
        by_matrix = [by_mixed[:, i] @ (encoded[:, j] - encoded[:, i]) for i, j in _OFF_DIAGONAL]
        by_curves = []
        for c in range(3):
            by_points = np.bincount(left[:, c], by_graded[:, c] * (1 - share[:, c]), CURVE_POINTS)
            by_points += np.bincount(left[:, c] + 1, by_graded[:, c] * share[:, c], CURVE_POINTS)
            by_curves.append(by_points @ _POINTS)
        return np.concatenate([by_matrix, *by_curves])

    return low + share * (high - low), back


def _cost_of_shape(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
    """What strong mixing, slopes away from 1, bends, lifted blacks and whites beyond 1 cost."""
    gradient = np.zeros_like(parameters)
    gradient[:6] = 2 * 0.001 * parameters[:6]
    cost = 0.001 * float((parameters[:6] ** 2).sum())
    for c in range(3):
        part = slice(6 + c * (1 + _KNOTS), 6 + (c + 1) * (1 + _KNOTS))
        numbers = parameters[part]
        bend = np.diff(numbers[1:])
        beyond = max(0.0, float(_POINTS[-1] @ numbers) - 1)
        cost += 0.02 * numbers[0] ** 2 + 5e-5 * float(((numbers[1:] - 1) ** 2).sum()) + 5e-4 * float((bend**2).sum())
        cost += beyond**2
        by_number = 2 * beyond * _POINTS[-1]
        by_number[0] += 2 * 0.02 * numbers[0]
        by_number[1:] += 2 * 5e-5 * (numbers[1:] - 1)
        by_number[1:-1] -= 1e-3 * bend
        by_number[2:] += 1e-3 * bend
        gradient[part] += by_number
    return cost, gradient


def _grade_of(parameters: npt.NDArray[np.floating]) -> Grade:
    curves = np.clip(parameters[6:].reshape(3, 1 + _KNOTS) @ _POINTS.T, 0, 1)
    return Grade(
        matrix=tuple(float(v) for v in _matrix_of(parameters).ravel()),
        curves=tuple(tuple(float(v) for v in curve) for curve in curves),  # pyright: ignore[reportArgumentType] # three
    )


@dataclass(frozen=True)
class _Watched:
    """The pictures that a grade must not harm, made small."""

    frames: list[Frame]
    widest_turn_deg: float

    @classmethod
    def of(cls, frames: list[Frame]) -> "_Watched":
        small = [_reduced(frame) for frame in frames[:: max(1, len(frames) // 12)]]
        if any(find_faces(frame) for frame in small):
            return cls(small, _TURN_DEG)
        least, most = _SKIN_SHARE
        drawn = least <= np.mean([skin_share(frame) for frame in small]) <= most
        return cls(small, _TURN_DRAWN_DEG if drawn else _TURN_WITHOUT_PEOPLE_DEG)

    def harmless_share(self, grade_at: Callable[[float], Grade]) -> float:
        """How much of the way from neutral (0) to a full grade (1) can be gone."""
        if self.unharmed_by(grade_at(1.0)):
            return 1.0
        safe, harmful = 0.0, 1.0
        for _ in range(5):
            middle = (safe + harmful) / 2
            safe, harmful = (middle, harmful) if self.unharmed_by(grade_at(middle)) else (safe, middle)
        return safe

    def unharmed_by(self, grade: Grade) -> bool:
        """No crushed blacks or burnt whites, structure and skin kept."""
        if skin_turn_deg(grade) > self.widest_turn_deg:
            return False
        graded = [apply_grade(frame, grade) for frame in self.frames]
        if _clipped_share(graded) - _clipped_share(self.frames) > 0.008:
            return False
        pairs = zip(self.frames, graded, strict=True)
        return bool(np.mean([gradient_correlation(before, after) for before, after in pairs]) >= _CORRELATION)


def _clipped_share(frames: list[Frame]) -> float:
    return float(np.mean([np.mean(((frame <= 1) | (frame >= 254)).any(axis=-1)) for frame in frames]))


def gradient_correlation(before: Frame, after: Frame) -> float:
    """How well the structure is kept: the correlation of the lightness gradients, 1 if nothing but scale changed."""
    vectors = []
    for frame in (before, after):
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
        vectors.append(np.stack([cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)]).ravel())
    lengths = np.linalg.norm(vectors, axis=1)
    return float(vectors[0] @ vectors[1] / lengths.prod()) if lengths.min() > 1e-3 else 1.0


def skin_share(frame: Frame) -> float:
    """How much of a frame has a colour that skin may have, 0-1."""
    lightness, a, b = np.moveaxis(from_srgb(frame), -1, 0)
    values = (np.degrees(np.arctan2(b, a)), np.hypot(a, b), lightness)
    ranges = (_SKIN_HUE_DEG, _SKIN_CHROMA, _SKIN_LIGHTNESS)
    inside = [(low <= value) & (value <= high) for value, (low, high) in zip(values, ranges, strict=True)]
    return float(np.logical_and.reduce(inside).mean())


def skin_turn_deg(grade: Grade) -> float:
    """By how many degrees of hue the grade turns skin, at most; skin that fades to grey does not count."""
    before, after = from_srgb(SKIN), from_srgb(apply_grade(SKIN, grade))
    turn = np.angle((after[:, 1] + 1j * after[:, 2]) * np.conj(before[:, 1] + 1j * before[:, 2]), deg=True)
    colorful = np.hypot(after[:, 1], after[:, 2]) >= 0.025
    return float(np.abs(np.where(colorful, turn, 0)).max())


def _reduced(frame: Frame, side_px: int = 240) -> Frame:
    scale = min(1.0, side_px / max(frame.shape[:2]))
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
