# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the same picture without converting its colours there and back, where that can be.

The sequencer works on sRGB-encoded bytes. Only the compositor wants them scene-linear, and our grade's group encodes
them again at once. If the grade is on every source, alone, and every source is an sRGB movie, then declaring all of it
plain numbers, and leaving the group's conversions out, gives the same picture for half the grade's cost.

It needs the grade on every source: a strip without it stays bytes, and 5.0 takes bytes for sRGB whatever they are
declared to be.

A texture over movies of the output's own size is drawn with their grade, in one go: as an adjustment strip it would
have the compositor take the whole picture in and out a second time, for more than the texture itself costs.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from . import compat, film_textures, grade, timeline
from .node_tree import Tree

WORKING_SPACE = "Non-Color"
"""numbers, which are not converted: not for the compositor, and not for the encoder either"""


@contextmanager
def colors(scene: Any, start: int, end: int) -> Iterator[bool]:
    """While the block renders scene frames [start, end), colours pass through unconverted; gives whether they can."""
    strips = [strip for strip in timeline.all_strips(scene) if compat.left(strip) < end and compat.right(strip) > start]
    seen = [strip for strip in strips if strip.type != "SOUND"]
    texture = _texture_over(scene, seen, start, end)
    movies = [strip for strip in seen if strip != texture]
    group = grade.find(scene)
    if group is None or not is_plain(scene, movies) or not movies[0].modifiers:
        yield False
        return
    lean = grade.lean(group, start, end)
    whole = _textured(lean, texture.modifiers[0].node_group) if texture else lean
    laid_over = [strip for strip in movies if _is_laid_over_nothing(strip, movies)]
    try:
        _declare(scene, movies, WORKING_SPACE, "Raw", whole)
        for strip in laid_over:
            strip.blend_type = "REPLACE"
        if texture:
            texture.mute = True
        yield True
    finally:
        if texture:
            texture.mute = False
            _forget(whole)
        for strip in laid_over:
            strip.blend_type = "ALPHA_OVER"
        _declare(scene, movies, "sRGB", "Standard", group)
        grade.forget(lean)


def _texture_over(scene: Any, seen: list[Any], start: int, end: int) -> Any | None:
    """The texture's strip, if drawing it on each movie gives what drawing it on all of them gives."""
    strip = film_textures.find(scene)
    movies = [other for other in seen if other != strip]
    if strip is None or strip not in seen or not movies or not _is_plainly_over(scene, strip, movies, start, end):
        return None
    return strip if all(_fills(scene, movie) and _is_laid_over_nothing(movie, movies) for movie in movies) else None


def _is_plainly_over(scene: Any, strip: Any, movies: list[Any], start: int, end: int) -> bool:
    """Whether nothing but the texture is done, wholly, on all frames, to all movies."""
    if strip.mute or scene.sequence_editor.channels[strip.channel].mute or len(strip.modifiers) != 1:
        return False
    (modifier,) = strip.modifiers
    if modifier.type != "COMPOSITOR" or modifier.mute or modifier.input_mask_strip or modifier.input_mask_id:
        return False
    path = strip.path_from_id()
    alphas = [curve for curve in timeline.animation(scene) if curve.data_path == f"{path}.blend_alpha"]
    others = [curve for curve in timeline.animation(scene) if curve.data_path.startswith(path) and curve not in alphas]
    others += timeline.drivers(scene, path)
    faded = any(curve.evaluate(frame) < 1 for curve in alphas for frame in range(start, end))
    above = all(strip.channel > movie.channel for movie in movies)
    covers = compat.left(strip) <= start and compat.right(strip) >= end
    return modifier.node_group is not None and above and covers and not (others or faded)


def _fills(scene: Any, strip: Any) -> bool:
    """Whether each of the movie's pixels is one of the output's."""
    render, place, crop = scene.render, strip.transform, strip.crop
    if strip.type != "MOVIE" or timeline.picture_size(strip) != (render.resolution_x, render.resolution_y):
        return False
    placed = (place.offset_x, place.offset_y, place.rotation, place.scale_x, place.scale_y)
    cut = (crop.min_x, crop.max_x, crop.min_y, crop.max_y)
    return placed == (0, 0, 0, 1, 1) and not any(cut) and not (strip.use_flip_x or strip.use_flip_y)


def _textured(lean: Any, texture: Any) -> Any:
    """A group that grades numbers and lays the texture over them, whose nodes come with it."""
    tree = Tree(f"{grade.NAME} and texture")
    graded = tree.node("CompositorNodeGroup", grade.NAME)
    graded.node_tree = lean
    tree.link(tree.start(), graded.inputs[0])
    drawn = tree.node("CompositorNodeGroup", texture.name)
    drawn.node_tree = own = texture.copy()
    encoded = _without_conversions(own)
    image = graded.outputs[0]
    tree.link(image if encoded else tree.converted(image, "sRGB", grade.LINEAR), drawn.inputs[0])
    return tree.end(drawn.outputs[0] if encoded else tree.converted(drawn.outputs[0], grade.LINEAR, "sRGB"))


def _without_conversions(group: Any) -> bool:
    """Takes the conversions off a group that does nothing before the first nor after the last; whether it was one."""
    source, target = (
        next((node for node in group.nodes if node.bl_idname == kind), None)
        for kind in ("NodeGroupInput", "NodeGroupOutput")
    )
    if source is None or target is None or not target.inputs[0].links:
        return False
    users = [link.to_node for link in source.outputs[0].links]
    users = [node for node in users if node.bl_idname != "CompositorNodeImageCoordinates"]  # they ask for its size
    last = target.inputs[0].links[0].from_node
    if not all(_converts(node, grade.LINEAR, "sRGB") for node in users) or not _converts(last, "sRGB", grade.LINEAR):
        return False
    for node in users:
        for link in list(node.outputs[0].links):
            group.links.new(source.outputs[0], link.to_socket)
    group.links.new(last.inputs[0].links[0].from_socket, target.inputs[0])
    for node in [*users, last]:
        group.nodes.remove(node)
    return True


def _converts(node: Any, source: str, target: str) -> bool:
    is_conversion = node.bl_idname == "CompositorNodeConvertColorSpace" and not node.mute
    return is_conversion and (node.from_color_space, node.to_color_space) == (source, target)


def _forget(textured: Any) -> None:
    """With the texture's copy in it."""
    inner = [node.node_tree for node in textured.nodes if node.bl_idname == "CompositorNodeGroup"]
    grade.forget(textured)
    for group in inner[1:]:
        grade.forget(group)


def is_plain(scene: Any, strips: list[Any], idle: Sequence[Any] = ()) -> bool:
    """Whether these are sRGB movies, shown as they are but for the grade, which all of them or none wear.

    Args:
        idle: modifiers that do nothing.
    """
    group = grade.find(scene)
    worn = [[modifier for modifier in strip.modifiers if modifier not in idle] for strip in strips]
    if not _is_plain_view(scene) or len({len(modifiers) for modifiers in worn}) != 1:
        return False
    return all(_is_plain(strip, modifiers, group) for strip, modifiers in zip(strips, worn, strict=True))


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
    if timeline.curves_of(strip.id_data, strip, "blend_alpha") or timeline.drivers(
        strip.id_data, strip.path_from_id("blend_alpha")
    ):
        return False
    left, right = compat.left(strip), compat.right(strip)
    return all(other == strip or compat.left(other) >= right or compat.right(other) <= left for other in movies)


def _is_plain_view(scene: Any) -> bool:
    view = scene.view_settings
    settings = (view.view_transform, view.look, view.exposure, view.gamma, scene.sequencer_colorspace_settings.name)
    return settings == ("Standard", "None", 0.0, 1.0, "sRGB") and not (view.use_curve_mapping or view.use_white_balance)


def _is_plain(strip: Any, modifiers: list[Any], group: Any | None) -> bool:
    if strip.type != "MOVIE" or strip.use_float or strip.colorspace_settings.name != "sRGB":
        return False
    return len(modifiers) <= 1 and all(_is_plain_grade(modifier, group) for modifier in modifiers)


def _is_plain_grade(modifier: Any, group: Any | None) -> bool:
    if modifier.type != "COMPOSITOR" or group is None or modifier.node_group != group or not grade.is_whole(group):
        return False
    if len(timeline.animation(group)) or timeline.drivers(group):
        return False
    return not modifier.mute and modifier.input_mask_strip is None and modifier.input_mask_id is None
