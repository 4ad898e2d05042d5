# SPDX-License-Identifier: GPL-3.0-or-later
"""More of the same texture: a picture continued beyond its left edge with pieces of itself.

Image quilting (Efros and Freeman, "Image quilting for texture synthesis and transfer", SIGGRAPH 2001): square
pieces of the picture are laid outward from the edge, each chosen so that it agrees with what already lies under
its margin, and cut along the path where the two differ least. Pieces are chosen on a small version, and cut out
of the picture at full resolution: the continuation has the picture's own texture and grain. They are never
mirrored, and taken from the background.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from bridge.cover.oklab import Floats, from_srgb

_LENGTH = 144
"""of the edge, in pixels of the small version"""
_PIECE = 36
_MARGIN = 12
_ALONG_COST = 0.03
"""what it costs to fetch a piece from elsewhere along the edge: skies stay above, floors below"""
_INWARD_COST = 0.002
_AVOID_COST = 0.4
_REUSE_COST = 0.012
_GUIDE_SHARE = 0.25
"""weight of the tones that are wanted at a place, against the agreement with the neighbours"""


@dataclass(frozen=True)
class _Piece:
    """A square: where it goes and where it comes from, in pixels of the small version."""

    row: int
    column: int
    source_row: int
    source_column: int
    misfit: float
    """mean squared difference under the margin, in Oklab"""


def quilt(picture: Floats, guide: Floats, avoid: Floats) -> tuple[Floats, Floats]:
    """Continues a picture beyond its left edge.

    Args:
        picture: shape (height, width, 3), sRGB 0-255.
        guide: shape (height, depth, 3): the tones wanted beyond the edge; its last column touches the picture.
        avoid: shape (height, width), 0-1: 1 where nothing should be taken from (faces, subject).

    Returns:
        The continuation, in the shape of `guide`; and how badly the pieces fit at each place, (height, depth), in
        Oklab: 0.02 can't be seen, 0.1 can't be missed.
    """
    depth = guide.shape[1]
    scale = picture.shape[0] / _LENGTH
    pieces = _chosen_pieces(picture, guide, avoid, scale)
    canvas = np.concatenate([guide, picture[:, : round(_PIECE * scale) + 1]], axis=1)
    known = np.zeros(canvas.shape[:2], bool)
    known[:, depth:] = True
    misfit = np.zeros((picture.shape[0], depth), np.float32)
    for piece in pieces:
        _lay(canvas, known, misfit, picture, piece, scale)
    return canvas[:, :depth], misfit


def _chosen_pieces(picture: Floats, guide: Floats, avoid: Floats, scale: float) -> list[_Piece]:
    width = max(_PIECE + 1, round(picture.shape[1] / scale))
    depth = max(1, round(guide.shape[1] / scale))
    colors = _colors(picture, width)
    canvas = np.concatenate([_colors(guide, depth), colors[:, :_PIECE]], axis=1)
    canvas = np.pad(canvas, ((0, 0), (_PIECE, 0), (0, 0)), mode="edge")
    wanted = cv2.GaussianBlur(canvas, (0, 0), 5)
    blurred = cv2.GaussianBlur(colors, (0, 0), 5)
    known = np.zeros(canvas.shape[:2], np.float32)
    known[:, _PIECE + depth :] = 1
    prior = _prior(avoid, width)
    pieces = []
    for row, column in _places(depth):
        at = (slice(row, row + _PIECE), slice(column + _PIECE, column + 2 * _PIECE))
        mask = known[at]
        fit = cv2.matchTemplate(colors, canvas[at], cv2.TM_SQDIFF, mask=np.dstack([mask] * 3)) / max(mask.sum(), 1)
        tone = cv2.matchTemplate(blurred, wanted[at], cv2.TM_SQDIFF) / _PIECE**2
        shift = (np.arange(fit.shape[0])[:, None] - row) / _LENGTH
        cost = np.maximum(fit, 0) + _GUIDE_SHARE * tone + _ALONG_COST * shift**2 + prior
        source_row, source_column = np.unravel_index(int(cost.argmin()), cost.shape)
        piece = _Piece(
            row, column, int(source_row), int(source_column), max(0.0, float(fit[source_row, source_column]))
        )
        pieces.append(piece)
        fresh = np.where(mask[..., None] > 0, canvas[at], colors[source_row:, source_column:][:_PIECE, :_PIECE])
        canvas[at], known[at] = fresh, 1
        prior += _REUSE_COST * _nearness(prior.shape, piece)
    return pieces


def _colors(picture: Floats, width: int) -> Floats:
    small = cv2.resize(picture, (width, _LENGTH), interpolation=cv2.INTER_AREA)
    return from_srgb(np.asarray(small, np.float32) / 255) * np.array([1, 1.5, 1.5], np.float32)


def _places(depth: int) -> Iterator[tuple[int, int]]:
    """Where pieces go: columns from the edge outward, in each from top to bottom."""
    step = _PIECE - _MARGIN
    rows = np.round(np.linspace(0, _LENGTH - _PIECE, -(-(_LENGTH - _PIECE) // step) + 1)).astype(int)
    for number in range(-(-depth // step)):
        for row in rows:
            yield int(row), depth - (number + 1) * step


def _prior(avoid: Floats, width: int) -> Floats:
    """What it costs to take a piece from each place, for what it shows and for its distance from the edge."""
    shown = cv2.blur(np.asarray(cv2.resize(avoid, (width, _LENGTH), interpolation=cv2.INTER_AREA)), (_PIECE, _PIECE))
    half = _PIECE // 2
    shown = shown[half : half + _LENGTH - _PIECE + 1, half : half + width - _PIECE + 1]
    inward = np.arange(shown.shape[1])[None] / _LENGTH
    return (_AVOID_COST * shown + _INWARD_COST * inward).astype(np.float32)


def _nearness(shape: tuple[int, ...], piece: _Piece) -> Floats:
    """1 at the piece's source, falling to 0 within half a piece."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    square = (y - piece.source_row) ** 2 + (x - piece.source_column) ** 2
    return np.exp(-square / (2 * (_PIECE / 3) ** 2)).astype(np.float32)


def _lay(
    canvas: Floats, known: npt.NDArray[np.bool_], misfit: Floats, picture: Floats, piece: _Piece, scale: float
) -> None:
    """Pastes one piece at full resolution, cut along the best path where it overlaps what is there."""
    side = round(_PIECE * scale) + 1
    row = min(round(piece.row * scale), canvas.shape[0] - side) if side <= canvas.shape[0] else 0
    depth = misfit.shape[1]
    small_depth = max(1, round(depth / scale))
    column = depth - round((small_depth - piece.column) * scale)
    source_row = min(round(piece.source_row * scale), picture.shape[0] - side)
    source_column = min(round(piece.source_column * scale), picture.shape[1] - side)
    cut = max(0, -column)  # the part that lies beyond the frame
    at = (slice(row, row + side), slice(column + cut, column + side))
    fresh = picture[source_row : source_row + side, source_column + cut : source_column + side]
    under = known[at]
    keep = _kept(canvas[at], fresh, under, round(_MARGIN * scale))
    soft = cv2.GaussianBlur(keep.astype(np.float32), (0, 0), max(0.8, 0.6 * scale)) * under
    soft = np.where(column + cut + np.arange(soft.shape[1])[None] >= depth, 1.0, soft)[..., None]
    canvas[at] = soft * canvas[at] + (1 - soft) * fresh
    inside = (at[0], slice(at[1].start, min(at[1].stop, depth)))
    misfit[inside] = np.maximum(misfit[inside], np.sqrt(piece.misfit))
    known[at] = True


def _kept(there: Floats, fresh: Floats, under: npt.NDArray[np.bool_], margin: int) -> npt.NDArray[np.bool_]:
    """Where what is there stays: right of the best path down the right margin, above the one across the top."""
    unlike = ((there - fresh) ** 2).sum(axis=-1)
    keep = np.zeros(under.shape, bool)
    height, width = under.shape
    if under[-1, -1]:
        border = max(1, width - margin)
        path = border + _cheapest_path(unlike[:, border:])
        keep |= np.arange(width)[None] >= path[:, None]
    if under[0, 0]:
        overlap = max(1, int(under[:, 0].sum()))
        path = _cheapest_path(np.ascontiguousarray(unlike[:overlap].T))
        keep |= np.arange(height)[:, None] < path[None]
    return keep & under


def _cheapest_path(cost: Floats) -> npt.NDArray[np.intp]:
    """For each row a column, neighbours at most one apart, with the least sum (dynamic programming)."""
    total = cost.astype(np.float64)
    for row in range(1, len(total)):
        above = np.pad(total[row - 1], 1, constant_values=np.inf)
        total[row] += np.minimum(np.minimum(above[:-2], above[1:-1]), above[2:])
    path = np.empty(len(total), np.intp)
    path[-1] = total[-1].argmin()
    for row in range(len(total) - 2, -1, -1):
        low = max(0, path[row + 1] - 1)
        path[row] = low + total[row, low : path[row + 1] + 2].argmin()
    return path
