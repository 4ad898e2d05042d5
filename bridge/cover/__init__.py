# SPDX-License-Identifier: GPL-3.0-or-later
"""The cover: read, understood (palette, subject), turned into a grade, mounted in a frame of any shape.

The names below are loaded when first used, so that importing this package stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.cover.analyze import look as look
    from bridge.cover.box import Box as Box
    from bridge.cover.cube import write_cube as write_cube
    from bridge.cover.drawing import plot as plot
    from bridge.cover.extend import extended as extended
    from bridge.cover.fitting import fit_grade as fit_grade
    from bridge.cover.fitting import grade_from_cover as grade_from_cover
    from bridge.cover.grading import apply_grade as apply_grade
    from bridge.cover.image import load as load
    from bridge.cover.mount import mounted as mounted
    from bridge.cover.subject import calm_area as calm_area
    from bridge.cover.subject import saliency as saliency
    from bridge.cover.subject import subject_box as subject_box
    from bridge.cover.subject import subject_mask as subject_mask
    from bridge.cover.texture import lacking_texture as lacking_texture
    from bridge.cover.texture import measure_texture as measure_texture
    from bridge.cover.transport import palette_distance as palette_distance

_HOMES = {
    "Box": "box",
    "apply_grade": "grading",
    "calm_area": "subject",
    "extended": "extend",
    "fit_grade": "fitting",
    "grade_from_cover": "fitting",
    "lacking_texture": "texture",
    "load": "image",
    "look": "analyze",
    "measure_texture": "texture",
    "mounted": "mount",
    "palette_distance": "transport",
    "plot": "drawing",
    "saliency": "subject",
    "subject_box": "subject",
    "subject_mask": "subject",
    "write_cube": "cube",
}

__all__ = [
    "Box",
    "apply_grade",
    "calm_area",
    "extended",
    "fit_grade",
    "grade_from_cover",
    "lacking_texture",
    "load",
    "look",
    "measure_texture",
    "mounted",
    "palette_distance",
    "plot",
    "saliency",
    "subject_box",
    "subject_mask",
    "write_cube",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
