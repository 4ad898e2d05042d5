# SPDX-License-Identifier: GPL-3.0-or-later
"""The cover's texture (halation, vignette, faded blacks, film grain) as one editable node group over the whole edit.

It sits on an adjustment strip above the shots, which can be muted, trimmed or deleted like any other. The strip is
gone before the picture rests on the cover: that has its texture already. The first two are done to light, in
scene-linear values; the last two to film, in sRGB-encoded ones.
"""

from typing import Any

import bpy

from ..core.types import Texture
from . import compat, timeline
from .node_tree import LINEAR, Tree

NAME = "Cover Texture"
KEY = "beatboard_texture"
CHANNEL = 5
"""above the shots and the titles, if it is free"""
HALATION_FROM = 0.6
"""light above this level glows, scene-linear"""
HALATION_RGB = (1.0, 0.42, 0.16)
"""the glow of light that the film's base throws back: through the layers, red reaches farthest"""
HALATION_SIZE = 0.35
"""of Blender's bloom, 0-1"""


def apply(scene: Any, texture: Texture) -> None:
    """Lays the texture over the edit, in place of the one before; an empty texture takes it away."""
    timeline.prepare(scene)
    remove(scene)
    span = _span(scene)
    if texture == Texture() or span is None:
        return
    start, end = span
    channel = timeline.free_channel(scene, timeline.above_shots(scene, CHANNEL), start, end)
    strip = scene.sequence_editor.strips.new_effect(NAME, "ADJUSTMENT", channel, start, length=end - start)
    strip[KEY] = True
    if turn := timeline.cover_turn(scene):
        timeline.fade(strip, "blend_alpha", {max(start, turn.start): 1.0, end: 0.0})
    strip.modifiers.new(name=NAME, type="COMPOSITOR").node_group = _group(texture)


def remove(scene: Any) -> None:
    """Takes the texture away; a node group that the editor gave another name stays in the file."""
    strip = find(scene)
    if strip is None:
        return
    groups = [modifier.node_group for modifier in strip.modifiers if modifier.type == "COMPOSITOR"]
    timeline.clear_fade(scene, strip, "blend_alpha")
    for modifier in strip.modifiers:
        if modifier.type == "COMPOSITOR":
            modifier.node_group = None  # or the group would be counted as used for ever
    scene.sequence_editor.strips.remove(strip)
    for group in groups:
        if group and group.name.startswith(NAME) and group.users == 0:
            bpy.data.node_groups.remove(group)


def find(scene: Any) -> Any | None:
    """Our adjustment strip, if there is one."""
    if scene.sequence_editor is None:
        return None
    return next((strip for strip in scene.sequence_editor.strips if KEY in strip), None)


def set_amount(scene: Any, name: str, amount: float) -> bool:
    """Changes how much there is of one of the textures that `Texture` has; False if the group has no such value."""
    timeline.unshare(scene, NAME)
    strip = find(scene)
    for modifier in strip.modifiers if strip else ():
        node = modifier.node_group and modifier.node_group.nodes.get(name.capitalize())
        if node:
            node.outputs[0].default_value = amount
            return True
    return False


def _span(scene: Any) -> tuple[int, int] | None:
    """Scene frames [start, end), from the first shot to where the cover rests."""
    shots = timeline.shot_strips(scene)
    if not shots:
        return None
    turn = timeline.cover_turn(scene)
    start, end = min(map(compat.left, shots)), turn.stop if turn else max(map(compat.right, shots))
    return (start, end) if end > start else None


def _group(texture: Texture) -> Any:
    """Only what there is an amount of: each step costs time on each frame."""
    tree = Tree(NAME)
    image = tree.start()
    if texture.halation:
        image = _halation(tree, image, tree.amount("halation", texture.halation))
    if texture.vignette:
        image = _vignette(tree, image, tree.amount("vignette", texture.vignette))
    if texture.fade or texture.grain:
        image = tree.converted(image, LINEAR, "sRGB")
        if texture.fade:
            image = _fade(tree, image, tree.amount("fade", texture.fade))
        if texture.grain:
            image = _grain(tree, image, tree.amount("grain", texture.grain))
        image = tree.converted(image, "sRGB", LINEAR)
    return tree.end(image)


def _halation(tree: Tree, image: Any, amount: Any) -> Any:
    glow = tree.node("CompositorNodeGlare", "Warm glow of the highlights")
    glow.inputs["Type"].default_value = "Bloom"
    glow.inputs["Threshold"].default_value = HALATION_FROM
    glow.inputs["Tint"].default_value = (*HALATION_RGB, 1.0)
    glow.inputs["Size"].default_value = HALATION_SIZE
    tree.link(image, glow.inputs["Image"])
    tree.link(amount, glow.inputs["Strength"])
    return glow.outputs["Image"]


def _vignette(tree: Tree, image: Any, amount: Any) -> Any:
    """Light times 1 - amount * r^2, r being 1 in the corners."""
    away = tree.vector("SUBTRACT", tree.places("Normalized"), (0.5, 0.5, 0.0))
    lost = tree.math("MULTIPLY", tree.math("MULTIPLY", tree.vector("DOT_PRODUCT", away, away), 2.0), amount)
    return tree.scaled(image, tree.math("SUBTRACT", 1.0, lost), "Darker toward the corners")


def _fade(tree: Tree, image: Any, amount: Any) -> Any:
    """Black becomes the amount, white stays."""
    left = tree.scaled(image, tree.math("SUBTRACT", 1.0, amount), "Less contrast")
    return tree.vector("ADD", left, amount, name="Lifted blacks")


def _grain(tree: Tree, image: Any, amount: Any) -> Any:
    """White noise of the amount as standard deviation in the mid-tones, a third of it in black and white."""
    noise = tree.node("ShaderNodeTexWhiteNoise", "Noise", row=1)
    noise.noise_dimensions = "4D"
    tree.link(tree.places("Pixel"), noise.inputs["Vector"])
    tree.link(tree.node("CompositorNodeSceneTime", "Another on each frame", row=1).outputs["Frame"], noise.inputs["W"])
    grey = tree.node("CompositorNodeRGBToBW", "Brightness")
    tree.link(image, grey.inputs[0])
    middle = tree.math("MULTIPLY", grey.outputs[0], tree.math("SUBTRACT", 1.0, grey.outputs[0]))
    weight = tree.math("MULTIPLY_ADD", middle, 2.64, 0.34, name="Most in the mid-tones")
    spread = tree.math("MULTIPLY", tree.math("MULTIPLY", amount, 12**0.5), weight)
    grain = tree.math("MULTIPLY", tree.math("SUBTRACT", noise.outputs["Value"], 0.5), spread, name="Grain")
    return tree.vector("ADD", image, grain)
