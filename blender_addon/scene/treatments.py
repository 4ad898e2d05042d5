# SPDX-License-Identifier: GPL-3.0-or-later
"""What some shots are drawn with, in the cover's own colours: a node group on their strips, below the grade.

One group per treatment, which all shots that have it share: it is opened, restyled and keyed in one place. Each has a
value "Amount", 0 being the shot as it is. Only the split channels have a group per shot, since they hit on its first
frame and are gone soon after. All is done in scene-linear values, so that the nodes' colours look as the cover's do.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import bpy

from ..core.types import PaletteColor, Treatment
from . import compat, grade, timeline
from .node_tree import Tree

NAME = "Cover Treatment"
PALETTE_KEY = "beatboard_palette"
"""the scene's custom property: the cover's colours as JSON, heaviest first"""
SHOT_KEY = "treatment"
"""the strip's custom property, as `strip_layout` writes it"""
HIT = "Hit"
"""the node that lets split channels come together: from the shot's first frame to `HIT_FRAMES` later"""
HIT_FRAMES = 10
AMOUNTS = {
    Treatment.DUOTONE: 0.9,
    Treatment.MONO: 1.0,
    Treatment.HALFTONE: 0.85,
    Treatment.GLOW: 0.3,
    Treatment.FIELD: 0.5,
    Treatment.SPLIT: 0.02,
}
"""of each, as it is laid"""
DOTS = 110
"""of the halftone, along the picture's longer side"""

Linear = tuple[float, float, float]


def apply(scene: Any, palette: Sequence[PaletteColor]) -> None:
    """Gives every shot's movie the treatment that its strip names, in these colours; groups of others go."""
    if palette:
        scene[PALETTE_KEY] = json.dumps([color.rgb for color in palette])
    timeline.unshare(scene, NAME)
    spread(scene)


def spread(scene: Any) -> None:
    """Lets the movies' modifiers follow what their strips name, as after a new take or another choice."""
    if PALETTE_KEY not in scene:
        return
    for strip in timeline.shot_strips(scene):
        if strip.type == "MOVIE":
            _dress(scene, strip)
    follow(scene)


def follow(scene: Any) -> None:
    """Lets split channels hit where their shots start now, in groups that no other scene's shots wear."""
    timeline.unshare(scene, NAME)
    for strip in timeline.shot_strips(scene):
        for modifier in _worn(strip):
            node = modifier.node_group.nodes.get(HIT)
            if node is not None:
                start = compat.left(strip)
                node.inputs["From Min"].default_value, node.inputs["From Max"].default_value = start, start + HIT_FRAMES


def is_timeless(group: Any) -> bool:
    """Whether it is one of ours that looks the same wherever it lies in time."""
    moves = group.animation_data is not None or any(node.bl_idname == "CompositorNodeSceneTime" for node in group.nodes)
    return group.name.startswith(NAME) and not moves


def split_on(strip: Any) -> Any | None:
    """The modifier that splits the shot's channels, if it wears one that is switched on, wholly."""
    for modifier in _worn(strip):
        if HIT in modifier.node_group.nodes and not (
            modifier.mute or modifier.input_mask_strip or modifier.input_mask_id
        ):
            return modifier
    return None


@contextmanager
def split_as_laid(scene: Any, modifier: Any) -> Iterator[Any]:
    """For a while, a group as this modifier's was when it was laid, with a hit at the same frames."""
    laid = _group(scene, Treatment.SPLIT, NAME)
    ours, theirs = laid.nodes[HIT].inputs, modifier.node_group.nodes[HIT].inputs
    for name in ("From Min", "From Max"):
        ours[name].default_value = theirs[name].default_value
    try:
        yield laid
    finally:
        bpy.data.node_groups.remove(laid)


def together_from(group: Any) -> int:
    """The scene frame from which on a group's split channels, as they were laid, are together again."""
    return math.ceil(group.nodes[HIT].inputs["From Max"].default_value)


def _worn(strip: Any) -> list[Any]:
    return [
        modifier
        for modifier in strip.modifiers
        if modifier.type == "COMPOSITOR" and modifier.node_group and modifier.node_group.name.startswith(NAME)
    ]


def _dress(scene: Any, strip: Any) -> None:
    wanted = _treatment_of(strip)
    title = _title(wanted, strip)
    worn = _worn(strip)
    if wanted is not Treatment.NONE and any(modifier.node_group.name.startswith(title) for modifier in worn):
        return
    for modifier in worn:
        group = modifier.node_group
        modifier.node_group = None  # or the group would be counted as used for ever
        strip.modifiers.remove(modifier)
        if group.users == 0:
            bpy.data.node_groups.remove(group)
    if wanted is not Treatment.NONE:
        found = [modifier.node_group for modifier, group in timeline.worn(scene, title) if group]
        _put_below_grade(scene, strip, found[0] if found else _group(scene, wanted, title))


def _treatment_of(strip: Any) -> Treatment:
    try:
        return Treatment(strip.get(SHOT_KEY, Treatment.NONE))
    except ValueError:
        return Treatment.NONE


def _title(treatment: Treatment, strip: Any) -> str:
    shot = f" of {strip['id']}" if treatment is Treatment.SPLIT else ""
    return f"{NAME}: {treatment.value}{shot}"


def _put_below_grade(scene: Any, strip: Any, group: Any) -> None:
    """Modifiers work in order, and can't be moved: the grade is taken off and put on again."""
    graded = grade.find(scene)
    last = [modifier for modifier in strip.modifiers if modifier.type == "COMPOSITOR" and modifier.node_group == graded]
    muted = [modifier.mute for modifier in last if graded]
    for modifier in last if graded else ():
        strip.modifiers.remove(modifier)
    strip.modifiers.new(name=group.name, type="COMPOSITOR").node_group = group
    for mute in muted:
        modifier = strip.modifiers.new(name=grade.NAME, type="COMPOSITOR")
        modifier.node_group, modifier.mute = graded, mute


def _group(scene: Any, treatment: Treatment, title: str) -> Any:
    tree = Tree(title)
    image = tree.start()
    amount = tree.amount("amount", AMOUNTS[treatment])
    return tree.end(_DRAWN[treatment](tree, image, amount, [_linear(rgb) for rgb in json.loads(scene[PALETTE_KEY])]))


def _duotone(tree: Tree, image: Any, amount: Any, palette: list[Linear]) -> Any:
    """Shadows in the cover's darkest colour, lights in its most vivid one."""
    light = _rgba(_as_light(max(palette, key=_vividness), 0.7))
    toned = tree.mixed(_brightness(tree, image), _rgba(_darkest(palette)), light, "Two colors")
    return tree.mixed(amount, image, toned, "How much")


def _mono(tree: Tree, image: Any, amount: Any, palette: list[Linear]) -> Any:
    """Black and white, hard, in the tint of the cover's lightest colour."""
    steep = tree.node("ShaderNodeMapRange", "Contrast")
    steep.interpolation_type = "SMOOTHSTEP"
    steep.inputs["From Min"].default_value, steep.inputs["From Max"].default_value = -0.02, 0.55
    tree.link(_brightness(tree, image), steep.inputs["Value"])
    white = _as_light(_lightest(palette), 0.9)
    toned = tree.mixed(steep.outputs["Result"], (0.0, 0.0, 0.0, 1.0), _rgba(white), "Black and white")
    return tree.mixed(amount, image, toned, "How much")


def _halftone(tree: Tree, image: Any, amount: Any, palette: list[Linear]) -> Any:
    """Round dots of the darkest colour on the lightest, on a screen at 45 degrees; larger where it's darker."""
    place = tree.places("Uniform")
    screen = DOTS * 3.14159 * 2**0.5
    along, across = (
        tree.math("COSINE", tree.vector("DOT_PRODUCT", place, (screen / 2, side * screen / 2, 0.0))) for side in (1, -1)
    )
    dots = tree.math("MULTIPLY_ADD", tree.math("MULTIPLY", along, across), 0.5, 0.5, name="Screen")
    light = tree.math("POWER", tree.math("MAXIMUM", _brightness(tree, image), 0.0), 0.5, name="Even steps")
    edge = tree.node("ShaderNodeMapRange", "Dots")
    edge.inputs["From Min"].default_value, edge.inputs["From Max"].default_value = -0.12, 0.12
    tree.link(tree.math("SUBTRACT", light, dots), edge.inputs["Value"])
    print_ = tree.mixed(edge.outputs["Result"], _rgba(_darkest(palette)), _rgba(_lightest(palette)), "Ink on paper")
    return tree.mixed(amount, image, print_, "How much")


def _glow(tree: Tree, image: Any, amount: Any, palette: list[Linear]) -> Any:
    """Lights bloom softly, in the cover's lightest colour."""
    glow = tree.node("CompositorNodeGlare", "Soft glow")
    glow.inputs["Type"].default_value = "Bloom"
    glow.inputs["Quality"].default_value = "Low"  # soft anyway, and far cheaper
    glow.inputs["Threshold"].default_value = 0.35
    glow.inputs["Size"].default_value = 0.6
    glow.inputs["Tint"].default_value = _rgba(_as_light(_lightest(palette), 1.0))
    tree.link(image, glow.inputs["Image"])
    tree.link(amount, glow.inputs["Strength"])
    return glow.outputs["Image"]


def _field(tree: Tree, image: Any, amount: Any, palette: list[Linear]) -> Any:
    """The picture's light through a field that goes from one of the cover's colours to another."""
    first, second = _vivid(palette)
    across = tree.vector("DOT_PRODUCT", tree.places("Normalized"), (0.7, 0.3, 0.0), name="From corner to corner")
    field = tree.mixed(across, _rgba(_as_light(first, 1.0)), _rgba(_as_light(second, 1.0)), "Field of color")
    return tree.mixed(amount, image, tree.scaled(field, _brightness(tree, image), "Its light"), "How much")


def _split(tree: Tree, image: Any, amount: Any, _palette: list[Linear]) -> Any:
    """Red and blue stand apart on the hit, and come together."""
    hit = tree.node("ShaderNodeMapRange", "From the hit on", row=1)
    hit.name, hit.interpolation_type = HIT, "SMOOTHSTEP"
    hit.inputs["To Min"].default_value, hit.inputs["To Max"].default_value = 1.0, 0.0
    time = tree.node("CompositorNodeSceneTime", "Now", row=2)
    tree.link(time.outputs["Frame"], hit.inputs["Value"])
    away = tree.math("MULTIPLY", tree.math("MULTIPLY", hit.outputs["Result"], amount), _width_px(tree), name="Apart")
    together = tree.vector("MULTIPLY", image, (0.0, 1.0, 0.0), name="Green stays")
    for channel, by_px in (((1.0, 0.0, 0.0), away), ((0.0, 0.0, 1.0), tree.math("MULTIPLY", away, -1.0))):
        alone = tree.vector("MULTIPLY", image, channel, name="One channel")
        together = tree.vector("ADD", together, _moved(tree, alone, by_px))
    return together


def _moved(tree: Tree, channel: Any, by_px: Any) -> Any:
    node = tree.node("CompositorNodeTranslate", "Aside")
    node.inputs["Extension X"].default_value = "Extend"
    tree.link(channel, node.inputs["Image"])
    tree.link(by_px, node.inputs["X"])
    return node.outputs["Image"]


def _width_px(tree: Tree) -> Any:
    node = tree.node("CompositorNodeImageInfo", "Size", row=1)
    tree.link(tree.input, node.inputs["Image"])
    apart = tree.node("ShaderNodeSeparateXYZ", "Width", row=1)
    tree.link(node.outputs["Dimensions"], apart.inputs[0])
    return apart.outputs["X"]


_DRAWN: Mapping[Treatment, Callable[[Tree, Any, Any, list[Linear]], Any]] = {
    Treatment.DUOTONE: _duotone,
    Treatment.MONO: _mono,
    Treatment.HALFTONE: _halftone,
    Treatment.GLOW: _glow,
    Treatment.FIELD: _field,
    Treatment.SPLIT: _split,
}


def _brightness(tree: Tree, image: Any) -> Any:
    node = tree.node("CompositorNodeRGBToBW", "Brightness")
    tree.link(image, node.inputs[0])
    return node.outputs[0]


def _linear(rgb: Sequence[int]) -> Linear:
    """sRGB, 0-255, to scene-linear (IEC 61966-2-1)."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in rgb)
    )
    return (red, green, blue)


def _light(color: Linear) -> float:
    return 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2]


def _darkest(palette: list[Linear]) -> Linear:
    return min(palette, key=_light)


def _lightest(palette: list[Linear]) -> Linear:
    return max(palette, key=_light)


def _vivid(palette: list[Linear]) -> tuple[Linear, Linear]:
    """The two of the cover's colours that are the least grey, the heavier first; one twice if there is no other."""
    chosen = sorted(sorted(palette, key=_vividness)[-2:], key=palette.index)
    return chosen[0], chosen[-1]


def _vividness(color: Linear) -> float:
    """How far it is from grey, as the eye sees it."""
    return max(color) ** 0.45 - min(color) ** 0.45


def _as_light(color: Linear, brightness: float) -> Linear:
    """The colour at this brightness, as far as its channels go: at most half as bright again as white."""
    factor = brightness / max(_light(color), 1e-3)
    red, green, blue = (min(1.5, factor * channel) for channel in color)
    return (red, green, blue)


def _rgba(color: Linear) -> tuple[float, float, float, float]:
    return (*color, 1.0)
