# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways in which a picture may go on beyond its left edge, what each costs, and what each looks like."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import dct, idct

from bridge.cover.border_slopes import COLUMNS, Slants, carried, clear_borders, sheared
from bridge.cover.grain import continued_grain
from bridge.cover.oklab import Floats, from_srgb

LENGTH = 160
"""of the edge, in pixels of the small version in which costs are counted"""
BAND = 6
"""columns along the edge with which a copy has to agree"""
IMPOSSIBLE = 1e3
UNSEEN = 0.012
"""a difference in Oklab that nobody sees as a step"""
_EDGE_COST = 110.0
"""of a step at the edge, per pixel"""
_MASKING = 0.05
"""detail that hides half of a step"""
_MIRRORED_COST = 0.25
"""of what is mirrored, one length away from the edge: rising with the square, for one small thing is seldom noticed"""
_CREASE_COST, _STEEP, _SMOOTH = 1.5, 0.7, 0.03
"""of a crease at the edge, per pixel and change in one length; the most that counts; what still is smooth, in Oklab"""
_STRAIGHT_COST, _CHANGE_COST, _TEXTURE_COST, _LINE_COST = 0.012, 12.0, 12.0, 8.0
"""of what goes straight on; of change, of texture and of lines in the picture beside it"""
_DISSOLVED = 0.3
"""how far out little is left of what changes, in lengths of the edge"""
_GRAIN = 0.04
"""texture that goes on well as grain, in Oklab"""
_KINK_COST, _KINKED = 120.0, 0.25
"""of a border that turns at the edge, per pixel and change in Oklab; the slope at which that counts in full"""
_SLANTED = 0.3
"""how much more it costs to go on at such a slope where no border does"""
_CROWDED = 0.3
"""lines that differ by one row at the edge come nearer than that before they cross"""
_ASTRAY_COST, _RARE = 0.015, 0.6
"""of copies one behind the other far from a border; what costs that much to show again costs it there too"""
_BAND, _NEAR = 10, 2
"""columns that are looked at for that; those that show the colour of the edge where they are uneven"""
_UNEVEN = 15
"""sRGB levels"""
_FLAT, _MARGIN = 3, 4
"""sRGB levels that differ in no colour that is flat; columns along the edge that show whether it is"""
_FEW, _AROUND = 0.02, 0.08
"""how much uneven places count for the calm colours around them; how far around, in lengths of the edge"""
_LEVEL_OFF = 0.2
"""how far out a slope goes on, in lengths of the edge"""


Indices = npt.NDArray[np.intp]
"""rows, or columns, of places"""


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


BESIDE = Side(along=0.12, along_cost=0.02, inward=1.0, deep_cost=0.0)
"""skies stay above and floors below"""
ABOVE_OR_BELOW = Side(along=0.5, along_cost=0.0, inward=0.6, deep_cost=0.05)
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
    slants: Slants
    """how its borders meet the edge"""


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
    def joined(cls, scene: Scene, beyond: Floats, costs: Floats) -> "Layer":
        """One that leaves the edge without a step."""
        colors = np.concatenate([beyond, scene.colors[:, :BAND]], axis=1)
        return cls(colors, features_of(colors), costs.astype(np.float32))


@dataclass(frozen=True)
class Straight:
    """The edge's colours straight on, as they rise or fall there but ever less, with their grain: for calm places.

    Borders go on as well, if they are straight inside too, at the slopes at which they meet the edge.
    """

    slopes: Floats
    """at each row of the small version's edge, shape (LENGTH,), as `slants` has them"""

    def layer(self, scene: Scene) -> Layer:
        """It ought to be straight on the inside too, and without lines but for clear borders, or streaks show."""
        level = flattened(self._sheared(scene.colors))
        features = features_of(level)
        clear, change = clear_borders(features[..., :3])
        inside = features[:, :_BAND, :3]
        bends = np.linalg.norm(np.diff(inside, 2, axis=1), axis=-1).mean(axis=1, keepdims=True)
        texture = cv2.GaussianBlur(bends, (1, 0), 0.1, sigmaY=2)[:, 0]
        middle = np.pad(inside.mean(axis=1), ((2, 2), (0, 0)), "reflect", reflect_type="odd")
        lines = np.linalg.norm(middle[4:] + middle[:-4] - 2 * middle[2:-2], axis=-1)
        streaks = _TEXTURE_COST * np.maximum(texture - _GRAIN, 0) + _LINE_COST * np.maximum(lines - UNSEEN, 0)
        slanted = 1 + _SLANTED * np.minimum(np.abs(self.slopes) / _KINKED, 1)
        costs = _STRAIGHT_COST * slanted * (1 - carried(clear, change)) + (1 - clear) * streaks
        left = np.exp(-np.arange(scene.depth, 0, -1) / (_DISSOLVED * LENGTH))
        uneven = (1 - clear) * _CHANGE_COST * np.maximum(_unevenness(level, features) - UNSEEN, 0)
        columns = np.arange(-scene.depth, 0)
        apart = 1 + np.gradient(self.slopes)[:, None] * columns
        whole = costs[:, None] + np.outer(uneven, left) + IMPOSSIBLE * (apart < _CROWDED)
        beyond = self._sheared_back(np.dstack([straight(level, columns), whole]).astype(np.float32))
        return Layer.joined(scene, beyond[..., :3], beyond[..., 3])

    def full(self, picture: Floats, depth_px: int) -> Floats:
        """At full resolution: shape (height, depth_px, 3)."""
        level = flattened(self._sheared(picture))
        beyond = straight(level, np.arange(-depth_px, 0)) + continued_grain(level, depth_px)
        return self._sheared_back(beyond)

    def _sheared(self, picture: Floats) -> Floats:
        """What is near the edge, so that what goes on at these slopes is level."""
        return sheared(picture, self._of_rows(len(picture)), np.arange(round(COLUMNS / LENGTH * len(picture))))

    def _sheared_back(self, level: Floats) -> Floats:
        """What was level beyond the edge, at these slopes. Where lines cross, the upper one goes on."""
        height, depth = level.shape[:2]
        rows, slopes = np.arange(height), self._of_rows(height)
        lines = rows + np.outer(np.arange(-depth, 0), slopes)
        starts = np.array([np.interp(rows, np.maximum.accumulate(line), rows) for line in lines], np.float32)
        columns = np.ascontiguousarray(np.broadcast_to(np.arange(depth, dtype=np.float32), (height, depth)))
        return np.asarray(cv2.remap(level, columns, np.ascontiguousarray(starts.T), cv2.INTER_LINEAR), np.float32)

    def _of_rows(self, height: int) -> Floats:
        """The slope at each row of a picture of that height."""
        at = (np.arange(height) + 0.5) * LENGTH / height - 0.5
        return np.interp(at, np.arange(LENGTH), self.slopes).astype(np.float32)


def straight(picture: Floats, columns: npt.NDArray[np.integer]) -> Floats:
    """The colours of the edge at these columns, as they rise or fall where it is smooth; beyond it they level off.

    Smoothed along the edge, the colours between their borders, so that grain and specks leave no streaks. What is
    uneven, like a cloud that the edge cuts, dissolves into the calm colours around it.

    Args:
        columns: negative beyond the edge, shape (columns,).

    Returns:
        Shape (height, columns, 3).
    """
    height = len(picture)
    band = _band(picture)
    at, mean, slope = _trend(band)
    smooth = np.exp(-((_uneven(band) / _UNEVEN) ** 2))[:, None, None]
    edge = np.median(band[:, : max(3, round(_NEAR / LENGTH * height))], axis=1, keepdims=True)
    edge += smooth * (mean + slope * at[0] - edge)
    edge = cv2.bilateralFilter(edge.astype(np.float32), 0, 8, height / 30)[:, :1]
    calm = np.concatenate([edge, np.ones((height, 1, 1), np.float32)], axis=2) * (smooth + _FEW)
    calm = cv2.GaussianBlur(calm.astype(np.float32), (1, 0), 0.1, sigmaY=_AROUND * height)
    odd = (edge - calm[..., :3] / calm[..., 3:]) * (1 - smooth)
    dissolved = harmonic(odd[:, 0], np.maximum(-columns, 0)) - odd
    slope = cv2.GaussianBlur(slope * smooth, (1, 0), 0.1, sigmaY=height / 16).reshape(height, 1, 3)
    reach = _LEVEL_OFF * height
    way = np.where(columns < 0, -reach * (1 - np.exp(np.minimum(columns, 0) / reach)), columns)
    return np.asarray(edge + dissolved + slope * way[None, :, None], np.float32)


def _band(picture: Floats) -> Floats:
    """The columns along the edge that are looked at for what goes straight on."""
    return picture[:, : max(3, round(_BAND / LENGTH * len(picture)))]


def _trend(band: Floats) -> tuple[Floats, Floats, Floats]:
    """Its columns counted from their middle; the mean of each row and how it rises, shape (height, 1, 3)."""
    at = np.arange(band.shape[1]) - (band.shape[1] - 1) / 2
    return at, band.mean(axis=1, keepdims=True), np.einsum("c,hcd->hd", at / (at**2).sum(), band)[:, None]


def _uneven(band: Floats) -> Floats:
    """How far rows are from rising or falling steadily, in sRGB levels; shape (height,)."""
    at, mean, slope = _trend(band)
    return np.sqrt(((band - mean - slope * at[None, :, None]) ** 2).mean(axis=(1, 2)))


def flattened(picture: Floats) -> Floats:
    """A picture with the edge's colour alone in rows that are flat there, though something is printed farther in."""
    near = picture[:, : max(3, round(_MARGIN / LENGTH * len(picture)))]
    color = np.median(near, axis=1, keepdims=True)
    flat = (np.abs(near - color).max(axis=(1, 2)) <= _FLAT) & (_uneven(_band(picture)) > _UNEVEN / 2)
    return np.where(flat[:, None, None], color, picture)


def harmonic(edge: Floats, distances_px: npt.NDArray[np.floating]) -> Floats:
    """The membrane that hangs from an edge: colours flow outward and blend, ever softer (Laplace's equation).

    Args:
        edge: shape (length, channels), the values along the edge.
        distances_px: where to look, (depth,).

    Returns:
        Shape (length, depth, channels).
    """
    waves = np.asarray(dct(edge, axis=0, norm="ortho"))
    decay = np.exp(-np.pi / len(edge) * np.outer(np.arange(len(edge)), distances_px))
    return np.asarray(idct(waves[:, None] * decay[..., None], axis=0, norm="ortho"), np.float32)


def _near_lines(colors: Floats) -> Floats:
    """Oklab of what would be just inside the edge if all were straight there; shape (LENGTH, columns, 3)."""
    return features_of(straight(colors, np.arange(_BAND)))[..., :3]


def _unevenness(colors: Floats, features: Floats) -> Floats:
    """How far the colours near the edge are from that, in Oklab; shape (LENGTH,)."""
    inside = cv2.GaussianBlur(features[:, :_BAND, :3], (1, 0), 0.1, sigmaY=2)
    return np.linalg.norm(inside - _near_lines(colors), axis=-1).max(axis=1)


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
        layer.costs[:, -1] += _unlike_edge(scene, layer.features[:, scene.depth : scene.depth + BAND // 2])
        return layer

    def full(self, picture: Floats, depth_px: int) -> Floats:
        """At full resolution: shape (height, depth_px, 3)."""
        scale, size = len(picture) / LENGTH, (depth_px, len(picture))
        move = np.array([[1, 0, round(self.inward * scale) - depth_px], [0, 1, round(self.along * scale)]], np.float32)
        flags, border = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
        return np.asarray(cv2.warpAffine(picture, move, size, flags=flags, borderMode=border), np.float32)


@dataclass(frozen=True)
class Repeated:
    """Copies of what is near the edge, one behind the other at a slope: a border goes on with the textures it parts."""

    slope: float
    inward: int
    """how many columns each of them has, in pixels of the small version"""

    def layer(self, scene: Scene) -> Layer:
        """It ought to fit the edge, and so itself, and stay near clear borders. What goes on is hardly seen again."""
        rows, columns = np.mgrid[: len(scene.colors), -scene.depth : BAND]
        scene = replace(scene, avoid=scene.avoid * np.minimum(scene.avoid / _RARE, 1))
        layer = _copied(scene, *self._sources(rows, columns, 1.0), np.zeros(columns.shape, np.float32))
        level = sheared(scene.features[..., :3], np.full(LENGTH, self.slope), np.arange(COLUMNS))
        astray = _ASTRAY_COST * (1 - carried(*clear_borders(level)))
        layer.costs[:] += astray[self._starts(rows, columns)[:, : scene.depth]]
        lower = np.clip(rows[:, :1] + round(self.slope * self.inward), 0, LENGTH - 1)
        come = scene.features[lower, np.minimum(self.inward + np.arange(BAND // 2), scene.colors.shape[1] - 1)]
        joint = _unlike_edge(scene, come)
        ends = np.arange(-1, -scene.depth - 1, -self.inward)
        layer.costs[:, ends] += joint[self._starts(rows[:, : len(ends)], ends)]
        return layer

    def full(self, picture: Floats, depth_px: int) -> Floats:
        """At full resolution: shape (height, depth_px, 3)."""
        rows, columns = np.mgrid[: len(picture), -depth_px:0]
        rows, columns = self._sources(rows, columns, len(picture) / LENGTH)
        return picture[np.clip(rows, 0, len(picture) - 1), np.minimum(columns, picture.shape[1] - 1)]

    def _sources(self, rows: Indices, columns: Indices, scale: float) -> tuple[Indices, Indices]:
        """The rows and columns that are shown at these, in a picture so many times as large as the small version."""
        inward = round(self.inward * scale)
        turns = np.maximum(-(columns // inward), 0)
        return rows + np.rint(self.slope * inward * turns).astype(np.intp), columns + inward * turns

    def _starts(self, rows: Indices, columns: Indices) -> Indices:
        """The rows of the edge from which lines lead there."""
        return np.clip(np.rint(rows - self.slope * columns), 0, LENGTH - 1).astype(np.intp)


class Mirrored:
    """The picture, mirrored in its edge: closes what the edge cuts."""

    def layer(self, scene: Scene) -> Layer:
        """The farther out, the clearer it is seen; and it bends what rises or falls smoothly to a crease."""
        rows, columns = np.mgrid[: len(scene.colors), -scene.depth : BAND]
        columns = np.where(columns < 0, -1 - columns, columns)
        layer = _copied(scene, rows, columns, _MIRRORED_COST * (columns / LENGTH) ** 2)
        lines = _near_lines(scene.colors)
        slope = np.linalg.norm(lines[:, -1] - lines[:, 0], axis=-1) / _BAND * LENGTH
        smooth = np.exp(-((_unevenness(scene.colors, scene.features) / _SMOOTH) ** 2))
        layer.costs[:, -1] += _CREASE_COST * np.minimum(slope, _STEEP) * smooth
        kinked = np.minimum(np.abs(scene.slants.between) / _KINKED, 1)
        layer.costs[:, -1] += _KINK_COST * scene.slants.clear * kinked
        layer.features[:, : scene.depth, 3] *= -1  # slopes rise the other way
        return layer

    def full(self, picture: Floats, depth_px: int) -> Floats:
        """At full resolution: shape (height, depth_px, 3)."""
        return picture[:, np.pad(np.arange(picture.shape[1]), (depth_px, 0), "symmetric")[:depth_px]]


Way = Straight | Shift | Repeated | Mirrored


def _copied(scene: Scene, rows: Indices, columns: Indices, costs: Floats) -> Layer:
    """The layer that shows the picture's places at these rows and columns, at these costs and those of the places."""
    height, width = scene.avoid.shape
    on = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    costs = np.where(on, costs + scene.avoid[rows, columns] + scene.side.deep_cost * columns / height, IMPOSSIBLE)
    beyond = costs[:, : scene.depth].astype(np.float32)
    return Layer(scene.colors[rows, columns], scene.features[rows, columns], beyond)


def _unlike_edge(scene: Scene, features: Floats) -> Floats:
    """What it costs to show these features at the edge instead of the picture's own; shape (LENGTH,)."""
    unlike = difference(features, scene.features[:, : features.shape[1]]).mean(axis=1)
    return _EDGE_COST * unlike * clearness(scene.features)[:, 0]


def features_of(small: Floats) -> Floats:
    """Stressed colours and gradients of lightness: shape (height, width, 5)."""
    lab = stressed(small)
    smooth = cv2.GaussianBlur(lab[..., 0], (0, 0), 0.8)
    slopes = [cv2.Sobel(smooth, -1, *order, scale=0.18) for order in ((1, 0), (0, 1))]
    return np.dstack([lab, *slopes]).astype(np.float32)


def stressed(picture: Floats) -> Floats:
    """sRGB 0-255, shape (..., 3), in Oklab with more weight on chroma."""
    return from_srgb(picture / 255) * np.array([1, 1.5, 1.5], np.float32)


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
