# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the grade: optimal transport toward the cover's colours, within what the compositor does.

The grade is a matrix that keeps greys grey (saturation and leanings of hue) and three monotone, smooth curves
(exposure, contrast, tints of shadows, mid-tones and highlights). Its numbers are found by minimising the sliced
Wasserstein distance between the graded footage's and the cover's colours in Oklab, plus what it costs to leave
neutral. Then the whole is eased back toward neutral until it does no harm (`_harmless`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from blender_addon.protocol import NEUTRAL_GRADE, Grade
from bridge.cover.grading import apply_grade
from bridge.cover.oklab import Floats, from_srgb, gradient_to_srgb, to_srgb
from bridge.cover.transport import directions, sample_colors, squared_distance
from bridge.engines.base import Frame

CURVE_POINTS = 33
_KNOTS = 9
_SAMPLES = 2048
_AXES = directions(24).T
_NEUTRAL = np.concatenate([np.zeros(6), np.tile(np.concatenate([[0.0], np.ones(_KNOTS)]), 3)])
_BOUNDS = [(-0.25, 0.4)] * 6 + ([(0.0, 0.25)] + [(0.35, 2.2)] * _KNOTS) * 3
_OFF_DIAGONAL = ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1))

SKIN = np.array(
    [(250, 224, 205), (235, 190, 165), (214, 160, 130), (194, 150, 130), (165, 115, 85), (115, 82, 68), (78, 52, 42)],
    np.uint8,
)
"""skin in neutral light, from very fair to very dark"""


def fit_grade(frames: Sequence[Frame], cover: Frame) -> Grade:
    """The one grade that brings an edit's colours to its cover's.

    Where the footage has the cover's colours already (the animatic is made from it), it comes out near neutral.

    Args:
        frames: sampled from the ungraded edit, from all its shots.
        cover: as `load` gives it.

    Raises:
        ValueError: no frames.
    """
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
    goal = from_srgb(sample_colors([cover], _SAMPLES))
    problem = _Problem.of(colors, goal)
    found = minimize(problem.cost, _NEUTRAL, jac=True, method="L-BFGS-B", bounds=_BOUNDS, options={"maxiter": 120})
    return _harmless(lambda share: _grade_of(_NEUTRAL + share * pull * (found.x - _NEUTRAL)), frames)


@dataclass(frozen=True)
class _Problem:
    """Everything that the cost of a grade is made of."""

    footage: Floats
    """sRGB-encoded, (n, 3)"""
    sorted_goal: Floats
    """the cover's colours along each axis, sorted"""
    kept: Floats
    """sRGB-encoded colours that shall stay as they are, (k, 3)"""
    kept_weight: npt.NDArray[np.float32]

    @classmethod
    def of(cls, colors: Frame, goal: Floats) -> "_Problem":
        footage = from_srgb(colors)
        skin = np.repeat(SKIN, 8, axis=0).astype(np.float32) / 255
        cover_rgb = np.clip(to_srgb(goal[::4]), 0, 1)
        overlap = _overlap(footage, goal)
        weights = [
            np.full(len(cover_rgb), (0.05 + 3.0 * overlap**2) / len(cover_rgb)),
            np.full(len(skin), 0.05 / len(skin)),
        ]
        return cls(
            footage=colors.astype(np.float32) / 255,
            sorted_goal=np.sort(goal @ _AXES, axis=0),
            kept=np.concatenate([cover_rgb, skin]),
            kept_weight=np.concatenate(weights).astype(np.float32),
        )

    def cost(self, parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        """The cost and its derivative by the parameters."""
        moved, back = _forward(parameters, self.footage)
        distance, by_lab = squared_distance(from_srgb(moved), self.sorted_goal, _AXES)
        gradient = back(gradient_to_srgb(moved, by_lab))

        held, back = _forward(parameters, self.kept)
        drift = from_srgb(held) - from_srgb(self.kept)
        drift_cost = float((self.kept_weight[:, None] * drift**2).sum())
        gradient += back(gradient_to_srgb(held, 2 * self.kept_weight[:, None] * drift))

        shape, by_shape = _cost_of_shape(parameters)
        return distance + drift_cost + shape, gradient + by_shape


def _overlap(footage: Floats, goal: Floats) -> float:
    """The share of colours that footage and cover have in common, 0-1: the intersection of coarse histograms."""
    step = np.array([0.1, 0.05, 0.05], np.float32)
    counts = []
    for colors in (footage, goal):
        histogram = np.zeros((12, 18, 18))
        cells = np.floor(colors / step).astype(int) + np.array([0, 9, 9])
        np.add.at(histogram, tuple(np.clip(cells, 0, [11, 17, 17]).T), 1 / len(colors))
        counts.append(cv2.GaussianBlur(histogram.reshape(12, -1), (1, 3), 0).reshape(histogram.shape))
    return float(np.minimum(counts[0], counts[1]).sum())


def _matrix_of(parameters: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Rows sum to 1, so that grey stays grey."""
    matrix = np.zeros((3, 3))
    for value, place in zip(parameters[:6], _OFF_DIAGONAL, strict=True):
        matrix[place] = value
    return matrix + np.diag(1 - matrix.sum(axis=1))


def _basis(at: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A curve and its slope at given inputs, as linear functions of its start value and its slopes at the knots.

    Returns:
        Two arrays of shape (n, 1 + knots): value = first @ numbers, slope = second @ numbers.
    """
    position = np.clip(at, 0, 1) * (_KNOTS - 1)
    knot = np.minimum(position.astype(int), _KNOTS - 2)
    t = position - knot
    slope = np.zeros((len(at), 1 + _KNOTS))
    rows = np.arange(len(at))
    slope[rows, 1 + knot], slope[rows, 2 + knot] = 1 - t, t
    whole = np.where(np.arange(_KNOTS - 1)[None] < knot[:, None], 1.0, 0.0)  # segments fully below
    value = np.zeros_like(slope)
    value[:, 0] = 1
    value[:, 1:-1] += whole / 2
    value[:, 2:] += whole / 2
    value[rows, 1 + knot] += t - t**2 / 2
    value[rows, 2 + knot] += t**2 / 2
    value[:, 1:] /= _KNOTS - 1
    return value, slope


def _forward(
    parameters: npt.NDArray[np.float64], encoded: Floats
) -> tuple[Floats, Callable[[Floats], npt.NDArray[np.float64]]]:
    """The graded colours, and the function that takes a derivative by them back to one by the parameters."""
    numbers = parameters[6:].reshape(3, 1 + _KNOTS)
    mixed = encoded @ _matrix_of(parameters).T
    inside = (mixed > 0) & (mixed < 1)
    bases = [_basis(mixed[:, channel]) for channel in range(3)]
    graded = np.stack([value @ numbers[c] for c, (value, _) in enumerate(bases)], axis=1)

    def back(by_graded: Floats) -> npt.NDArray[np.float64]:
        slopes = np.stack([slope @ numbers[c] for c, (_, slope) in enumerate(bases)], axis=1)
        by_mixed = by_graded * slopes * inside
        by_matrix = [(by_mixed[:, i] * (encoded[:, j] - encoded[:, i])).sum() for i, j in _OFF_DIAGONAL]
        by_curves = [bases[c][0].T @ by_graded[:, c] for c in range(3)]
        return np.concatenate([by_matrix, *by_curves])

    return graded.astype(np.float32), back


def _cost_of_shape(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
    """What strong mixing, slopes away from 1, bends, lifted blacks and whites beyond 1 cost."""
    gradient = np.zeros_like(parameters)
    gradient[:6] = 2 * 0.004 * parameters[:6]
    cost = 0.004 * float((parameters[:6] ** 2).sum())
    end, _ = _basis(np.ones(1))
    for c in range(3):
        part = slice(6 + c * (1 + _KNOTS), 6 + (c + 1) * (1 + _KNOTS))
        numbers = parameters[part]
        bend = np.diff(numbers[1:])
        beyond = max(0.0, float((end @ numbers)[0]) - 1)
        cost += 0.02 * numbers[0] ** 2 + 2e-4 * float(((numbers[1:] - 1) ** 2).sum()) + 1e-3 * float((bend**2).sum())
        cost += beyond**2
        by_number = 2 * beyond * end[0]
        by_number[0] += 2 * 0.02 * numbers[0]
        by_number[1:] += 2 * 2e-4 * (numbers[1:] - 1)
        by_number[1:-1] -= 2e-3 * bend
        by_number[2:] += 2e-3 * bend
        gradient[part] += by_number
    return cost, gradient


def _grade_of(parameters: npt.NDArray[np.floating]) -> Grade:
    value, _ = _basis(np.linspace(0, 1, CURVE_POINTS))
    curves = np.clip(parameters[6:].reshape(3, 1 + _KNOTS) @ value.T, 0, 1)
    return Grade(
        matrix=tuple(float(v) for v in _matrix_of(parameters).ravel()),
        curves=tuple(tuple(float(v) for v in curve) for curve in curves),  # pyright: ignore[reportArgumentType] # three
    )


def _harmless(grade_at: Callable[[float], Grade], frames: list[Frame]) -> Grade:
    """The strongest of the grades between neutral (0) and full (1) that does no harm to the frames."""
    step = max(1, len(frames) // 12)
    small = [_reduced(frame) for frame in frames[::step]]
    for share in np.linspace(1, 0, 21)[:-1]:
        grade = grade_at(float(share))
        if _does_no_harm(grade, small):
            return grade
    return NEUTRAL_GRADE


def _does_no_harm(grade: Grade, frames: list[Frame]) -> bool:
    graded = [apply_grade(frame, grade) for frame in frames]
    before, after = np.stack([_clipped_share(frames), _clipped_share(graded)])
    structure = np.mean([gradient_correlation(a, b) for a, b in zip(frames, graded, strict=True)])
    return bool(after - before <= 0.008 and structure >= 0.977 and _skin_stays_skin(grade))


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


def _skin_stays_skin(grade: Grade) -> bool:
    """No skin tone turns by more than 25 degrees of hue, unless it fades to grey."""
    before, after = from_srgb(SKIN), from_srgb(apply_grade(SKIN, grade))
    turn = np.angle((after[:, 1] + 1j * after[:, 2]) * np.conj(before[:, 1] + 1j * before[:, 2]), deg=True)
    faded = np.hypot(after[:, 1], after[:, 2]) < 0.02
    return bool((faded | (np.abs(turn) <= 25)).all())


def _reduced(frame: Frame, side_px: int = 240) -> Frame:
    scale = min(1.0, side_px / max(frame.shape[:2]))
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
