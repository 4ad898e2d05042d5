# SPDX-License-Identifier: GPL-3.0-or-later
"""The cover: read, understood (palette, subject), turned into a grade, extended to the frame's shape.

The names below are loaded when first used, so that importing this package stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.cover.box import Box as Box
    from bridge.cover.extend import recompose as recompose
    from bridge.cover.extend import recomposed_box as recomposed_box
    from bridge.cover.image import load as load
    from bridge.cover.subject import calm_area as calm_area
    from bridge.cover.subject import saliency as saliency
    from bridge.cover.subject import subject_box as subject_box
    from bridge.cover.subject import subject_mask as subject_mask

_HOMES = {
    "Box": "box",
    "calm_area": "subject",
    "load": "image",
    "recompose": "extend",
    "recomposed_box": "extend",
    "saliency": "subject",
    "subject_box": "subject",
    "subject_mask": "subject",
}

__all__ = [
    "Box",
    "calm_area",
    "load",
    "recompose",
    "recomposed_box",
    "saliency",
    "subject_box",
    "subject_mask",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
