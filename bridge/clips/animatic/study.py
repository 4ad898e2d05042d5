# SPDX-License-Identifier: GPL-3.0-or-later
"""The cover, understood: what its shots are framed by.

Places are x, y in widths of the cover, from its top left corner.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from blender_addon.core.types import Framing
from bridge.clips.animatic import kept_studies
from bridge.clips.animatic.depth import depth_by
from bridge.clips.animatic.depth_classical import CLASSICAL, Map
from bridge.clips.animatic.matte import reduced
from bridge.clips.animatic.people import Person, Rectangle, people_of, people_on, rows_of
from bridge.clips.animatic.version import version
from bridge.common.files import sha256_of
from bridge.common.frames import Frame
from bridge.cover import Box

_AROUND = 1.06
"""a wide shot of a cover that certainly goes on beyond its edges is this much larger than the cover"""
_CHIN, _NECK = 0.08, 0.4
"""how far a head reaches below its face, and with its neck, in the face's height"""
SMALL_PX = 384
_FORM_SIDE_PX, _FORM_REACH, _SHARP_REACH = 256, 0.04, 0.005


@dataclass(frozen=True)
class Study:
    """The cover, understood."""

    cover: Frame
    depth: Map
    salient: Map
    subject: Rectangle
    lines: tuple[Rectangle, ...]
    """of letters"""
    people: tuple[Person, ...]
    """the largest face first"""
    goes_on: tuple[bool, bool]
    """whether it's certain what lies beside it, and above and below it"""
    small: Frame
    """the cover at `SMALL_PX` on its longer side, to be compared in"""
    form: Map
    """its brightness without light and shade over large parts, 0-255, small"""
    fine: Map
    """of it, what is sharp"""

    @property
    def height(self) -> float:
        return self.cover.shape[0] / self.cover.shape[1]

    @property
    def faces(self) -> tuple[Rectangle, ...]:
        return tuple(person.face for person in self.people)

    def heads(self, framing: Framing) -> tuple[Rectangle, ...]:
        """Heads with hair and hat, and with the neck but in close shots, which go from crown to chin."""
        below = _CHIN if framing is Framing.CLOSE else _NECK
        ends = [min(self.height, person.face[1] + (1 + below) * person.face[3]) for person in self.people]
        return tuple(
            (person.sides[0], person.crown, person.sides[1] - person.sides[0], end - person.crown)
            for person, end in zip(self.people, ends, strict=True)
        )

    def world(self, aspect: float) -> Rectangle:
        """What frames of this shape may show: the cover, and what certainly lies around it."""
        beside = max(0.0, _AROUND * self.height / aspect - 1) / 2 if self.goes_on[0] else 0.0
        above = max(0.0, _AROUND * aspect - self.height) / 2 if self.goes_on[1] else 0.0
        return (-beside, -above, 1 + 2 * beside, self.height + 2 * above)


@lru_cache(maxsize=2)
def studied(path: Path, depth: str = CLASSICAL) -> Study:
    """The cover in a file, understood. Kept, since all shots of a video ask for it.

    Args:
        depth: the name of what estimates the depth.
    """
    from bridge.cover import load

    cover = load(path)
    if depth == CLASSICAL:
        found = kept_studies.kept(f"{sha256_of(path)}-{version()}", lambda: _found(cover, depth))
    else:  # a model's weights may change under its name
        found = _found(cover, depth)
    subject, lines = (_rectangles(found[name]) for name in ("subject", "lines"))
    return Study(
        cover,
        found["depth"],
        found["salient"],
        subject[0],
        lines,
        people_of(found["people"]),
        (bool(found["goes_on"][0]), bool(found["goes_on"][1])),
        np.asarray(reduced(cover, SMALL_PX), np.uint8),
        _form(cover, _FORM_REACH),
        _form(cover, _SHARP_REACH),
    )


def _found(cover: Frame, depth: str) -> kept_studies.Arrays:
    """What takes seconds to find, by the names of a study's fields; a rectangle is a row."""
    from bridge.cover import saliency, subject_box
    from bridge.cover.extend import certain
    from bridge.cover.lettering import lettering
    from bridge.cover.subject import detail

    small, written = reduced(cover, 640), lettering(cover)

    def places(boxes: Sequence[Box]) -> npt.NDArray[np.float64]:
        return np.array([astuple(box) for box in boxes], np.float64).reshape(-1, 4) / cover.shape[1]

    sure = [certain(np.ascontiguousarray(np.rot90(cover, turns))) is not None for turns in range(4)]
    return {
        "depth": depth_by(depth, cover),  # with its letters: an outline through them would tear them
        "salient": _telling(saliency(small), detail(small)),
        "subject": places([subject_box(written.bare)]),  # the picture's, not the title's
        "lines": places(written.lines),
        "people": rows_of(people_on(cover)),
        "goes_on": np.array([sure[0] and sure[2], sure[1] and sure[3]]),
    }


def _rectangles(rows: npt.NDArray[np.float64]) -> tuple[Rectangle, ...]:
    return tuple((left, top, width, height) for left, top, width, height in rows.tolist())


def _form(cover: Frame, reach: float) -> Map:
    """Without what is larger than that share of its side."""
    grey = cv2.cvtColor(reduced(cover, _FORM_SIDE_PX), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), reach * _FORM_SIDE_PX), np.float32)


def _telling(salient: Map, detail: Map) -> Map:
    """What a close shot can show: what draws the eye and has something in it; a plain shoulder has not."""
    near = cv2.GaussianBlur(detail, (0, 0), 0.02 * detail.shape[1])
    return np.asarray(salient * (0.15 + 0.85 * near / max(float(near.max()), 1e-6)), np.float32)
