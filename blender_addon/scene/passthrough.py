# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the same picture without converting its colours there and back, where that can be.

The sequencer works on sRGB-encoded bytes. Only the compositor wants them scene-linear, and our grade's group encodes
them again at once. If the grade is on every source, alone, and every source is an sRGB movie, then declaring all of it
plain numbers, and leaving the group's conversions out, gives the same picture for half the grade's cost.

It needs the grade on every source: a strip without it stays bytes, and 5.0 takes bytes for sRGB whatever they are
declared to be.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import compat, grade, timeline

WORKING_SPACE = "Non-Color"
"""numbers, which are not converted: not for the compositor, and not for the encoder either"""


@contextmanager
def colors(scene: Any, start: int, end: int) -> Iterator[bool]:
    """While the block renders scene frames [start, end), colours pass through unconverted; gives whether they can."""
    strips = [strip for strip in timeline.all_strips(scene) if compat.left(strip) < end and compat.right(strip) > start]
    movies = [strip for strip in strips if strip.type != "SOUND"]
    group = grade.find(scene)
    if group is None or not is_plain(scene, movies) or not movies[0].modifiers:
        yield False
        return
    lean = grade.lean(group, start, end)
    laid_over = [strip for strip in movies if _is_laid_over_nothing(strip, movies)]
    try:
        _declare(scene, movies, WORKING_SPACE, "Raw", lean)
        for strip in laid_over:
            strip.blend_type = "REPLACE"
        yield True
    finally:
        for strip in laid_over:
            strip.blend_type = "ALPHA_OVER"
        _declare(scene, movies, "sRGB", "Standard", group)
        grade.forget(lean)


def is_plain(scene: Any, strips: list[Any]) -> bool:
    """Whether these are sRGB movies, shown as they are but for the grade, which all of them or none wear."""
    group = grade.find(scene)
    worn = {len(strip.modifiers) for strip in strips}
    return _is_plain_view(scene) and len(worn) == 1 and all(_is_plain(strip, group) for strip in strips)


def _declare(scene: Any, movies: list[Any], space: str, view: str, group: Any) -> None:
    for strip in movies:
        strip.colorspace_settings.name = space
        strip.modifiers[0].node_group = group
    scene.sequencer_colorspace_settings.name = space
    scene.view_settings.view_transform = view


def _is_laid_over_nothing(strip: Any, movies: list[Any]) -> bool:
    """Whether nothing but black lies under the strip, so that blending it in gives the strip itself."""
    if strip.blend_type != "ALPHA_OVER" or strip.blend_alpha != 1.0:
        return False
    left, right = compat.left(strip), compat.right(strip)
    return all(other == strip or compat.left(other) >= right or compat.right(other) <= left for other in movies)


def _is_plain_view(scene: Any) -> bool:
    view = scene.view_settings
    settings = (view.view_transform, view.look, view.exposure, view.gamma, scene.sequencer_colorspace_settings.name)
    return settings == ("Standard", "None", 0.0, 1.0, "sRGB") and not (view.use_curve_mapping or view.use_white_balance)


def _is_plain(strip: Any, group: Any | None) -> bool:
    if strip.type != "MOVIE" or strip.use_float or strip.colorspace_settings.name != "sRGB":
        return False
    return len(strip.modifiers) <= 1 and all(_is_plain_grade(modifier, group) for modifier in strip.modifiers)


def _is_plain_grade(modifier: Any, group: Any | None) -> bool:
    if modifier.type != "COMPOSITOR" or group is None or modifier.node_group != group or not grade.is_whole(group):
        return False
    return not modifier.mute and modifier.input_mask_strip is None and modifier.input_mask_id is None
