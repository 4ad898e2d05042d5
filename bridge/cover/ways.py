# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways in which a picture may go on beyond its left edge, what each costs, and what each looks like."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from bridge.cover.defocus import defocused
from bridge.cover.grain import continued_grain
from bridge.cover.oklab import Floats, from_srgb

LENGTH = 160
"""of the edge, in pixels of the small version in which costs are counted"""
BAND = 6
"""columns along the edge with which a copy has to agree"""
IMPOSSIBLE = 1e3
UNSEEN = 0.012
"""a difference in Oklab that nobody sees as a step"""
_EDGE_COST = 34.0
"""of a step at the edge, per pixel"""
_MASKING = 0.05
"""detail that hides half of a step"""
_MIRRORED_COST = 1.0
"""of what is mirrored, one length away from the edge: rising with the square, for one small thing is seldom noticed"""
_STRAIGHT_COST, _STRAIGHT_BAND, _CHANGE_COST, _TEXTURE_COST = 0.012, 7, 3.0, 6.0
"""of what goes straight on; of change and of texture in so many columns of the picture beside it"""
_SOFT_COST, _DETAIL_COST, _MOST_DETAIL, _GHOST_COST = 0.02, 1.0, 0.05, 0.15
"""of what is out of focus; of the detail that is lost in it; of what shows through from near the edge"""
_GHOST_REACH = 0.15


@dataclass(frozen=True)
class Side:
    """What may happen on one side of a picture, in lengths of its edge."""

    along: float
    """how far along the edge copies may come from"""
    along_cost: float
    """of the farthest way along"""
    inward: float
    """from how deep in the picture the first ones may come"""
    deep_cost: float
    """of showing what is one length away from the edge"""
    softness: float
    """how fast what is out of focus grows softer along the edge"""


BESIDE = Side(along=0.12, along_cost=0.02, inward=1.0, deep_cost=0.0, softness=0.1)
"""skies stay above and floors below"""
ABOVE_OR_BELOW = Side(along=0.5, along_cost=0.0, inward=0.6, deep_cost=0.05, softness=0.28)
"""what is there is like what is near the edge"""


@dataclass(frozen=True)
class Scene:
    """A picture's small version, `LENGTH` pixels high, and what is wanted of it."""

    colors: Floats
    """sRGB 0-255, shape (LENGTH, width, 3)"""
    features: Floats
    """shape (LENGTH, width, 5)"""
    avoid: Floats
    """what it costs to show each place again, shape (LENGTH, width)"""
    depth: int
    """how many columns are wanted"""
    side: Side


@dataclass(frozen=True)
class Layer:
    """A scene gone on in one way: `depth` columns beyond its edge, then those `BAND` that it would have inside."""

    colors: Floats
    """sRGB 0-255, shape (LENGTH, depth + BAND, 3)"""
    features: Floats
    """likewise, shape (LENGTH, depth + BAND, 5)"""
    costs: Floats
    """of showing each place, shape (LENGTH, depth)"""

    @classmethod
    def joined(cls, scene: Scene, beyond: Floats, row_costs: Floats) -> "Layer":
        """One that leaves the edge without a step, and costs the same at any distance."""
        colors = np.concatenate([beyond, scene.colors[:, :BAND]], axis=1)
        return cls(colors, features_of(colors), np.repeat(row_costs[:, None], scene.depth, axis=1).astype(np.float32))


@dataclass(frozen=True)
class Defocused:
    """The picture, mirrored and ever more out of focus: the calm way, which is always possible."""

    softness: float
    """how fast it grows softer along the edge"""

    def layer(self, scene: Scene) -> Layer:
        """What is lost is the detail beside it, and what shows through should not be something of note."""
        reach = min(scene.depth, scene.colors.shape[1])
        lost = np.sqrt((_detail(scene.features)[:, :reach] ** 2).mean(axis=1))
        ghosts = scene.avoid[:, : round(_GHOST_REACH * LENGTH)].mean(axis=1)
        costs = _SOFT_COST + _DETAIL_COST * np.minimum(lost, _MOST_DETAIL) + _GHOST_COST * ghosts
        return Layer.joined(scene, defocused(scene.colors, scene.depth, self.softness), costs)

    def full(self, picture: Floats, depth_px: int) -> Floats:
        """At full resolution: shape (height, depth_px, 3)."""
        return defocused(picture, depth_px, self.softness)


class Straight:
    """The colours of the edge, straight on, with their grain: for flat colours, their borders and plain skies."""

    def layer(self, scene: Scene) -> Layer:
        """It ought to be straight on the inside too, or streaks show."""
        inside = scene.features[:, :_STRAIGHT_BAND, :3]
        change = np.linalg.norm(inside - inside[:, :2].mean(axis=1, keepdims=True), axis=-1).max(axis=1)
        bends = np.linalg.norm(np.diff(inside, 2, axis=1), axis=-1).mean(axis=1, keepdims=True)
        texture = cv2.GaussianBlur(bends, (1, 0), 0.1, sigmaY=2)[:, 0]
        costs = _STRAIGHT_COST + _CHANGE_COST * np.maximum(change - UNSEEN, 0)
        costs += _TEXTURE_COST * np.maximum(texture - UNSEEN, 0)
        return Layer.joined(scene, self._streaks(scene.colors, scene.depth), costs)

    def full(self, picture: Floats, depth_px: int) -> Floats:
        """At full resolution: shape (height, depth_px, 3)."""
        return self._streaks(picture, depth_px) + continued_grain(picture, depth_px)

    @staticmethod
    def _streaks(picture: Floats, depth_px: int) -> Floats:
        """Smoothed along the edge between its borders, so that grain and specks leave none."""
        height = len(picture)
        edge = np.median(picture[:, : max(1, round(_STRAIGHT_BAND / LENGTH * height))], axis=1, keepdims=True)
        return np.repeat(cv2.bilateralFilter(edge, 0, 8, height / 80)[:, :1], depth_px, axis=1)


@dataclass(frozen=True)
class Shift:
    """A copy: places show what is so much lower and so much farther inward, in pixels of the small version."""

    along: int
    inward: int

    def layer(self, scene: Scene) -> Layer:
        """It ought to fit the edge."""
        height = len(scene.colors)
        rows, columns = np.mgrid[:height, -scene.depth : BAND]
        rows, columns = rows + self.along, columns + self.inward
        cost = scene.side.along_cost * abs(self.along) / (scene.side.along * height)
        layer = _copied(scene, rows, columns, np.full(columns.shape, cost))
        inside = np.s_[:, scene.depth : scene.depth + BAND // 2]
        unlike = difference(layer.features[inside], scene.features[:, : BAND // 2]).mean(axis=1)
        layer.costs[:, -1] += _EDGE_COST * unlike * clearness(scene.features)[:, 0]
        return layer

    def full(self, picture: Floats, depth_px: int) -> Floats:
        """At full resolution: shape (height, depth_px, 3)."""
        scale, size = len(picture) / LENGTH, (depth_px, len(picture))
        move = np.array([[1, 0, round(self.inward * scale) - depth_px], [0, 1, round(self.along * scale)]], np.float32)
        flags, border = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
        return np.asarray(cv2.warpAffine(picture, move, size, flags=flags, borderMode=border), np.float32)


class Mirrored:
    """The picture, mirrored in its edge: closes small things that the edge cuts."""

    def layer(self, scene: Scene) -> Layer:
        """The farther out, the clearer it is seen."""
        rows, columns = np.mgrid[: len(scene.colors), -scene.depth : BAND]
        columns = np.where(columns < 0, -1 - columns, columns)
        layer = _copied(scene, rows, columns, _MIRRORED_COST * (columns / LENGTH) ** 2)
        layer.features[:, : scene.depth, 3] *= -1  # slopes rise the other way
        return layer

    def full(self, picture: Floats, depth_px: int) -> Floats:
        """At full resolution: shape (height, depth_px, 3)."""
        return picture[:, np.minimum(np.arange(depth_px)[::-1], picture.shape[1] - 1)]


Way = Defocused | Straight | Shift | Mirrored


def _copied(scene: Scene, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], costs: Floats) -> Layer:
    """The layer that shows the picture's places at these rows and columns, at these costs and those of the places."""
    height, width = scene.avoid.shape
    on = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    costs = np.where(on, costs + scene.avoid[rows, columns] + scene.side.deep_cost * columns / height, IMPOSSIBLE)
    beyond = costs[:, : scene.depth].astype(np.float32)
    return Layer(scene.colors[rows, columns], scene.features[rows, columns], beyond)


def features_of(small: Floats) -> Floats:
    """Colours in Oklab, chroma stressed, and gradients of lightness: shape (height, width, 5)."""
    lab = from_srgb(small / 255) * np.array([1, 1.5, 1.5], np.float32)
    smooth = cv2.GaussianBlur(lab[..., 0], (0, 0), 0.8)
    slopes = [cv2.Sobel(smooth, -1, *order, scale=0.18) for order in ((1, 0), (0, 1))]
    return np.dstack([lab, *slopes]).astype(np.float32)


def difference(one: Floats, other: Floats) -> Floats:
    """Of features, shape (..., channels): 0 where nobody sees any."""
    gap = one - other
    return np.maximum(np.sqrt(np.einsum("...c,...c->...", gap, gap)) - np.float32(UNSEEN), 0)


def clearness(features: Floats) -> Floats:
    """How clearly a step is seen at each place, 0-1: detail hides it (Kwatra et al., "Graphcut textures", 2003)."""
    return 1 / (1 + _detail(features) / _MASKING)


def _detail(features: Floats) -> Floats:
    """How much fine detail there is around each place, in Oklab: shape (height, width)."""
    lab = features[..., :3]
    fine = ((lab - cv2.GaussianBlur(lab, (0, 0), 3)) ** 2).sum(axis=-1)
    return np.sqrt(cv2.GaussianBlur(fine, (0, 0), 2))
