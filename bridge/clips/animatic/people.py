# SPDX-License-Identifier: GPL-3.0-or-later
"""The people on a cover: where their heads end, hair and hats included, and where their features are.

Places are x, y in widths of the cover, from its top left corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bridge.common.frames import Frame

Rectangle = tuple[float, float, float, float]
"""left, top, width, height"""

_CROWN, _TALLEST = 0.42, 1.1
"""how far a head reaches above its brow at least, and with a hat at most, in the face's height"""
_EARS, _WIDEST = 0.25, 0.7
"""how far it reaches beside the face, in its width, likewise"""
_HEADS_PART, _BESIDE = 0.15, 0.1
"""of a row above the face, that is the subject's where it is still the head; so much more than of the row beside it"""
_BRIM = 0.05
"""of a column beside the face, above its middle, that is the subject's where it is still the head: a brim is thin"""
_GAP = 0.15
"""in the face's height: what is between a brim and a badge belongs to the hat"""
_BROW, _EYE, _NOSTRILS = 0.65, 0.45, 0.3
"""how far the brows are above the eyes, in the distance from eyes to nose; how far an eye reaches beyond its middle, in
the distance of both; how far below the nose's tip it ends, in the distance to the mouth"""
_LIP = 0.35
"""how far the mouth reaches above and below its middle, in its distance to the nose"""
_LEVEL = 0.3
"""slope of the line between eyes that are level enough for a frame"""


@dataclass(frozen=True)
class Person:
    """Someone on the cover, from the front."""

    face: Rectangle
    """from the brow to the chin"""
    crown: float
    """y of the head's top, with hair and hat"""
    sides: tuple[float, float]
    """x of the head's left and right, with ears, hair and brim"""
    eyes: Rectangle | None
    """from the brows to the nostrils; None where the head is turned or tilted too much to tell"""
    mouth: Rectangle


def people_on(cover: Frame) -> tuple[Person, ...]:
    """All that were found, the largest face first."""
    from bridge.cover.faces import find_faces
    from bridge.cover.subject import WORK_SIDE_PX, subject_mask

    faces = find_faces(cover)
    if not faces:
        return ()
    from bridge.clips.animatic.matte import reduced

    mask = subject_mask(np.asarray(reduced(cover, WORK_SIDE_PX), np.uint8))
    unit = cover.shape[1]
    people = []
    for found in faces:
        box = found.box
        face = (box.left_px / unit, box.top_px / unit, box.width_px / unit, box.height_px / unit)
        crown = _crown(face, mask)
        one, other, nose, mouth = (np.array(point) / unit for point in (*found.eyes, found.nose, found.mouth))
        eyes, mouth = _features(one, other, nose, mouth, face)
        people.append(Person(face, crown, _sides(face, crown, mask), eyes, mouth))
    return tuple(people)


def rows_of(people: Sequence[Person]) -> npt.NDArray[np.float64]:
    """As numbers, a row for each: face, crown, sides, eyes (not a number where there are none), mouth."""
    unknown = (np.nan,) * 4
    rows = [(*one.face, one.crown, *one.sides, *(one.eyes or unknown), *one.mouth) for one in people]
    return np.array(rows, np.float64).reshape(-1, 15)


def people_of(rows: npt.NDArray[np.float64]) -> tuple[Person, ...]:
    """The people that `rows_of` made numbers of."""

    def person(row: Sequence[float]) -> Person:
        face, eyes, mouth = ((row[at], row[at + 1], row[at + 2], row[at + 3]) for at in (0, 7, 11))
        return Person(face, row[4], (row[5], row[6]), None if np.isnan(eyes[0]) else eyes, mouth)

    return tuple(map(person, rows.tolist()))


def _crown(face: Rectangle, mask: npt.NDArray[np.float32]) -> float:
    """Where the head ends above: as far up as what is above the face belongs to the subject, and isn't all around."""
    left, top, width, height = face
    unit = mask.shape[1]
    above = _rows(mask, top - _TALLEST * height, top, unit)[::-1]
    if not len(above):
        return max(0.0, top - _CROWN * height)
    within = _mean_of(above, left, left + width, unit)
    beside = np.maximum(
        _mean_of(above, left - 1.2 * width, left - 0.7 * width, unit),
        _mean_of(above, left + 1.7 * width, left + 2.2 * width, unit),
    )
    is_head = (within > _HEADS_PART) & (within > beside + _BESIDE)
    reach = _CROWN * height * unit  # dark hair or a brim may be lost in the ground
    for row in np.flatnonzero(is_head):
        if row - reach > max(1.0, _GAP * height * unit):
            break
        reach = max(reach, row + 2.0)
    return max(0.0, top - reach / unit)


def _sides(face: Rectangle, crown: float, mask: npt.NDArray[np.float32]) -> tuple[float, float]:
    """How far hair and brim reach to both sides, above the middle of the face."""
    left, top, width, height = face
    unit = mask.shape[1]
    rows = _rows(mask, crown, top + 0.3 * height, unit)
    share = (rows > 0.5).mean(axis=0) if len(rows) else np.zeros(unit)
    ends = []
    for start, way in ((left, -1), (left + width, 1)):
        reach = 0
        for step in range(1, round(_WIDEST * width * unit)):
            column = round(start * unit) + way * step
            if not 0 <= column < unit or share[column] < _BRIM:
                break
            reach = step
        ends.append(start + way * max(_EARS * width, reach / unit))
    return (max(0.0, ends[0]), min(1.0, ends[1]))


def _rows(mask: npt.NDArray[np.float32], top: float, bottom: float, unit: int) -> npt.NDArray[np.float32]:
    first, last = (int(np.clip(round(at * unit), 0, mask.shape[0])) for at in (top, bottom))
    return mask[first:last]


def _mean_of(rows: npt.NDArray[np.float32], left: float, right: float, unit: int) -> npt.NDArray[np.float32]:
    """The mean of each row between two places; 0 where they are beyond the picture."""
    first, last = (int(np.clip(round(at * unit), 0, rows.shape[1])) for at in (left, right))
    return rows[:, first:last].mean(axis=1) if last > first else np.zeros(len(rows), np.float32)


def _features(
    one: npt.NDArray[np.float64],
    other: npt.NDArray[np.float64],
    nose: npt.NDArray[np.float64],
    mouth: npt.NDArray[np.float64],
    face: Rectangle,
) -> tuple[Rectangle | None, Rectangle]:
    """The rectangles of both eyes, with brows and nose, and of the mouth."""
    apart, level = other[0] - one[0], (one[1] + other[1]) / 2
    to_nose, to_mouth = nose[1] - level, max(float(mouth[1] - nose[1]), 1e-6)
    lips = (face[0], float(mouth[1]) - _LIP * to_mouth, face[2], 2 * _LIP * to_mouth)
    is_frontal = one[0] < nose[0] < other[0] and to_nose > 0 and abs(other[1] - one[1]) < _LEVEL * apart
    if not is_frontal:
        return None, lips
    top, bottom = level - _BROW * to_nose, nose[1] + _NOSTRILS * to_mouth
    left, right = one[0] - _EYE * apart, other[0] + _EYE * apart
    return (float(left), float(top), float(right - left), float(bottom - top)), lips
