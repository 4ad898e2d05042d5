# SPDX-License-Identifier: GPL-3.0-or-later
"""The cover's grade as one editable node group, which every shot's strip wears as a compositor modifier.

The group works on sRGB-encoded values, as `Grade` says, while the compositor is scene-linear: so it converts,
multiplies by the matrix, bends the curves, mixes by the strength, and converts back. It sits on the strips and not on
an adjustment strip: at the clips' own size it costs the least, and a pure colour transform gives the same picture.

While the last shot turns into the cover, the strength falls to nothing: the cover has its colours already. The group
does that by the scene's time, and `follow` tells it on which frames.
"""

import tempfile
from pathlib import Path
from typing import Any

import bpy

from ..core.types import Grade, Graded
from . import timeline
from .node_tree import LINEAR

NAME = "Cover Grade"
STRENGTH = "Strength"
TIME, FADE, AMOUNT = "Scene Time", "Fade into the cover", "Strength now"
MATRIX_ROWS = ("Red from", "Green from", "Blue from")
CURVES = "Curves"
MIX = "Mix by strength"
ENCODE, DECODE = "To sRGB", "From sRGB"
TABLE_SIZE = 52
"""steps of 5/255 each: the table's colours are whole bytes"""
_NEVER = range(timeline.FAR_FRAME, timeline.FAR_FRAME + 1)
_UNIT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_LINKS = sorted(
    [
        ("Input", ENCODE),
        *[(ENCODE, name) for name in MATRIX_ROWS],
        *[(name, "Matrix") for name in MATRIX_ROWS],
        ("Matrix", CURVES),
        (ENCODE, MIX),
        (CURVES, MIX),
        (STRENGTH, AMOUNT),
        (TIME, FADE),
        (FADE, AMOUNT),
        (AMOUNT, MIX),
        (MIX, DECODE),
        (DECODE, "Output"),
    ]
)
_UPDATED_LINKS = sorted(
    [
        *[link for link in _LINKS if link != (MIX, DECODE)],
        (ENCODE, "Separate Color"),
        ("Separate Color", "Set Alpha"),
        (MIX, "Set Alpha"),
        ("Set Alpha", DECODE),
    ]
)
"""what 5.2 makes of a group that an older version saved: the mix keeps the first picture's alpha, by two more nodes"""


def apply(scene: Any, grade: Grade) -> None:
    """Puts the grade on every shot, in place of the one before; a neutral grade puts none."""
    timeline.prepare(scene)
    timeline.unshare(scene, NAME)
    if grade.is_neutral:
        remove(scene)
        return
    group = find(scene)
    if group is not None and not is_whole(group):
        group.name = f"{NAME} (edited)"  # the editor's own work is kept, out of the way
        _take_off(scene, group)
        group = None
    if group is None:
        group = make(grade)
    else:
        _set_values(group, grade)
    spread(scene, group)
    follow(scene)


def make(grade: Grade) -> Any:
    """A new node group that does this grade, on all frames."""
    group = _new_group()
    for socket, frame in zip(_fade_sockets(group), (_NEVER.start - 1, _NEVER.stop), strict=True):
        socket.default_value = frame
    _set_values(group, grade)
    return group


def remove(scene: Any) -> None:
    """Takes the grade off every strip, and the node group away if nothing else uses it."""
    group = find(scene)
    if group is not None:
        _take_off(scene, group)
        if group.users == 0:
            bpy.data.node_groups.remove(group)


def spread(scene: Any, group: Any | None = None) -> None:
    """Puts the grade that the scene has on those of our movies that lack it, such as a new take's."""
    group = group or find(scene)
    if group is None:
        return
    for strip in timeline.shot_strips(scene):
        if strip.type == "MOVIE" and not any(_wears(modifier, group) for modifier in strip.modifiers):
            modifier = strip.modifiers.new(name=NAME, type="COMPOSITOR")
            modifier.node_group = group


def follow(scene: Any) -> None:
    """Has the grade fade where the edit turns into the cover now. A group that was wired anew stays as it is."""
    timeline.unshare(scene, NAME)
    group = find(scene)
    if group is None or not is_whole(group):
        return
    turn = timeline.cover_turn(scene) or _NEVER
    for socket, frame in zip(_fade_sockets(group), (turn.start - 1, turn.stop), strict=True):
        if socket.default_value != frame:
            socket.default_value = frame


def graded(group: Any, start: int, end: int) -> Graded:
    """How much of the grade scene frames [start, end) get."""
    turn = fading(group)
    if end <= turn.start:
        return Graded.WHOLLY
    return Graded.NOT if start >= turn.stop else Graded.FADING


def fading(group: Any) -> range:
    """The scene frames on which the group's strength falls; it is whole before, and nothing after."""
    if not is_whole(group):
        return _NEVER
    first, last = (socket.default_value for socket in _fade_sockets(group))
    return range(int(first) + 1, int(last))


def is_worn(scene: Any) -> bool:
    """Whether any strip has the grade."""
    group = find(scene)
    strips = timeline.all_strips(scene)
    return group is not None and any(_wears(modifier, group) for strip in strips for modifier in strip.modifiers)


def find(scene: Any) -> Any | None:
    """The grade's node group: the one that the strips wear, else the one of that name that no other scene's wear."""
    worn = timeline.worn(scene, NAME)
    if worn:
        return worn[0][1]
    group = bpy.data.node_groups.get(NAME)
    others = (other for other in bpy.data.scenes if other != scene)
    return None if any(group == found for other in others for _, found in timeline.worn(other, NAME)) else group


def set_strength(group: Any, strength: float) -> None:
    """0 leaves the picture alone, 1 is the whole grade."""
    group.nodes[STRENGTH].outputs[0].default_value = strength


def is_whole(group: Any) -> bool:
    """Whether the group has our nodes, linked as we link them, and no others: the editor changed values at most."""
    links = sorted((link.from_node.name, link.to_node.name) for link in group.links)
    spaces = [
        (group.nodes[name].from_color_space, group.nodes[name].to_color_space)
        for name in (ENCODE, DECODE)
        if name in group.nodes
    ]
    muted = any(node.mute for node in group.nodes)
    return links in (_LINKS, _UPDATED_LINKS) and spaces == [(LINEAR, "sRGB"), ("sRGB", LINEAR)] and not muted


def shows(group: Any, grade: Grade) -> bool:
    """Whether a group has this grade's values still: nobody changed them by hand."""
    if not is_whole(group):
        return False
    matrix = [value for name in MATRIX_ROWS for value in group.nodes[name].inputs[1].default_value]
    curves = group.nodes[CURVES].mapping.curves
    pairs = [(matrix, grade.matrix)]
    pairs += [([point.location[1] for point in curves[i].points], values) for i, values in enumerate(grade.curves)]
    return all(
        len(here) == len(there) and all(abs(a - b) < 1e-4 for a, b in zip(here, there, strict=True))
        for here, there in pairs
    )


def lean(group: Any, start: int, end: int) -> Any:
    """A copy of a whole group for scene frames [start, end) whose colours stay sRGB-encoded: without the conversions.

    Without the mix too where the strength is 1, and the matrix where it is the identity, since each node costs; and
    with the cheapest nodes for the rest.
    """
    amount = graded(group, start, end)
    copy = group.copy()
    nodes, links = copy.nodes, copy.links
    vector = _converted_once(copy, nodes["Input"].outputs[0])
    links.new(vector, _socket(nodes[MIX].inputs, "A_Color"))
    for name in MATRIX_ROWS:
        links.new(vector, nodes[name].inputs[0])
    bent = _bent_at_once(copy, vector) if _is_plain_curves(nodes[CURVES]) else nodes[CURVES].outputs[0]
    links.new(bent, _socket(nodes[MIX].inputs, "B_Color"))
    whole = amount is Graded.WHOLLY and nodes[STRENGTH].outputs[0].default_value == 1.0
    mixed = _socket(nodes[MIX].outputs, "Result_Color")
    links.new(vector if amount is Graded.NOT else bent if whole else mixed, nodes["Output"].inputs[0])
    for name in [ENCODE, DECODE, *([MIX] if whole else [])]:
        nodes.remove(nodes[name])
    return copy


def _converted_once(group: Any, image: Any) -> Any:
    """The image as a vector: each link from a colour to a vector would be a conversion of its own."""
    vector = group.nodes.new("ShaderNodeVectorMath")  # adds zero
    group.links.new(image, vector.inputs[0])
    return vector.outputs[0]


def _is_plain_curves(node: Any) -> bool:
    """Whether each channel has a curve and nothing else is done: no combined curve, no levels, no film-like mixing."""
    mapping = node.mapping
    both = [tuple(point.location) for point in mapping.curves[3].points]
    levels = [tuple(node.inputs[name].default_value)[:3] for name in ("Black Level", "White Level")]
    plain = (mapping.tone, both, levels) == ("STANDARD", [(0, 0), (1, 1)], [(0, 0, 0), (1, 1, 1)])
    return plain and node.inputs["Factor"].default_value == 1.0


def _bent_at_once(group: Any, vector: Any) -> Any:
    """The curves as Vector Curves, which bend one to one what RGB Curves bend, in less than a third of the time."""
    nodes, links = group.nodes, group.links
    mapping = nodes[CURVES].mapping
    is_unit = all(
        tuple(nodes[name].inputs[1].default_value) == row for name, row in zip(MATRIX_ROWS, _UNIT, strict=True)
    )
    if not is_unit:
        combine = nodes.new("ShaderNodeCombineXYZ")
        for name, target in zip(MATRIX_ROWS, combine.inputs, strict=True):
            links.new(nodes[name].outputs["Value"], target)
        vector = combine.outputs[0]
    bend = nodes.new("ShaderNodeVectorCurve")
    bend.mapping.clip_min_x = bend.mapping.clip_min_y = 0.0  # its table covers 0-1, not -1 to 1 at half the fineness
    bend.mapping.extend = mapping.extend
    for source, target in zip(mapping.curves, bend.mapping.curves, strict=False):
        _copy_curve(source, target)
    bend.mapping.update()
    links.new(vector, bend.inputs["Vector"])
    nodes.remove(nodes[CURVES])
    return bend.outputs[0]


def _copy_curve(source: Any, target: Any) -> None:
    for point in source.points[1:-1]:
        target.points.new(*point.location)
    target.points[0].location = source.points[0].location
    target.points[len(target.points) - 1].location = source.points[len(source.points) - 1].location
    for old, new in zip(source.points, target.points, strict=True):
        new.handle_type = old.handle_type


def table(scene: Any) -> list[list[float]]:
    """The scene's grade as a 3D table: what Blender makes of `TABLE_SIZE`**3 colours, red varying fastest.

    Rendered, as pictures are, in a scene of its own.

    Raises:
        ValueError: the scene has no grade.
    """
    group = find(scene)
    if group is None:
        raise ValueError("The edit has no grade to write as a table.")
    with tempfile.TemporaryDirectory() as folder:
        colors, graded = Path(folder) / "colors.png", Path(folder) / "graded.png"
        _write_colors(colors)
        own = bpy.data.scenes.new("Grade table")
        try:
            _render_colors(own, group, colors, graded)
        finally:
            bpy.data.scenes.remove(own)
        image = bpy.data.images.load(str(graded))
        image.colorspace_settings.name = "Non-Color"  # the numbers as they are in the file
        values, channels = image.pixels[:], image.channels
        bpy.data.images.remove(image)
    row = TABLE_SIZE**2 * channels
    starts = [at for start in range(0, len(values), row)[::-1] for at in range(start, start + row, channels)]
    return [list(values[at : at + 3]) for at in starts]


def _write_colors(path: Path) -> None:
    """One row per blue, in it green after green, in each all reds. Not by NumPy: some distributions have none."""
    steps = [step / (TABLE_SIZE - 1) for step in range(TABLE_SIZE)]
    pixels = [
        value for blue in reversed(steps) for green in steps for red in steps for value in (red, green, blue, 1.0)
    ]
    image = bpy.data.images.new("Grade table", TABLE_SIZE**2, TABLE_SIZE)
    image.pixels.foreach_set(pixels)
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)


def _render_colors(scene: Any, group: Any, colors: Path, graded: Path) -> None:
    strip = scene.sequence_editor_create().strips.new_image("Colors", str(colors), 1, 1, fit_method="ORIGINAL")
    strip.modifiers.new(name=NAME, type="COMPOSITOR").node_group = group
    scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"
    scene.sequencer_colorspace_settings.name = "sRGB"
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = TABLE_SIZE**2, TABLE_SIZE, 100
    render.dither_intensity, render.compositor_device = 0.0, "CPU"
    render.image_settings.media_type, render.image_settings.file_format = "IMAGE", "PNG"
    render.image_settings.color_mode, render.image_settings.color_depth = "RGB", "16"
    render.filepath = str(graded)
    scene.frame_start = scene.frame_end = 1
    bpy.ops.render.render(write_still=True, scene=scene.name)


def forget(group: Any) -> None:
    """Deletes a group that nothing uses any more."""
    bpy.data.node_groups.remove(group)


def _wears(modifier: Any, group: Any) -> bool:
    return modifier.type == "COMPOSITOR" and modifier.node_group == group


def _take_off(scene: Any, group: Any) -> None:
    for strip in timeline.all_strips(scene):
        for modifier in list(strip.modifiers):
            if _wears(modifier, group):
                modifier.node_group = None  # or the group would be counted as used for ever
                strip.modifiers.remove(modifier)


def _new_group() -> Any:
    group = bpy.data.node_groups.new(NAME, "CompositorNodeTree")
    group.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    image = _node(group, "NodeGroupInput", "Input", 0).outputs[0]
    encoded = _convert(group, ENCODE, LINEAR, "sRGB", image, 1)
    mixed = _mix(group, encoded, _curves(group, _matrix(group, encoded)))
    decoded = _convert(group, DECODE, "sRGB", LINEAR, mixed, 6)
    group.links.new(decoded, _node(group, "NodeGroupOutput", "Output", 7).inputs[0])
    return group


def _node(group: Any, kind: str, name: str, column: int, row: int = 0) -> Any:
    node = group.nodes.new(kind)
    node.name = node.label = name
    node.location = (column * 220, -row * 180)
    return node


def _convert(group: Any, name: str, source: str, target: str, image: Any, column: int) -> Any:
    node = _node(group, "CompositorNodeConvertColorSpace", name, column)
    node.from_color_space, node.to_color_space = source, target
    group.links.new(image, node.inputs[0])
    return node.outputs[0]


def _matrix(group: Any, image: Any) -> Any:
    """Three dot products: each output channel from red, green and blue."""
    combine = _node(group, "ShaderNodeCombineXYZ", "Matrix", 3)
    for row, name in enumerate(MATRIX_ROWS):
        dot = _node(group, "ShaderNodeVectorMath", name, 2, row)
        dot.operation = "DOT_PRODUCT"
        group.links.new(image, dot.inputs[0])
        group.links.new(dot.outputs["Value"], combine.inputs[row])
    return combine.outputs[0]


def _curves(group: Any, image: Any) -> Any:
    node = _node(group, "CompositorNodeCurveRGB", CURVES, 4)
    node.mapping.extend = "HORIZONTAL"  # beyond 0-1 as at 0 and 1: the clip between matrix and curves
    group.links.new(image, node.inputs["Image"])
    return node.outputs[0]


def _mix(group: Any, ungraded: Any, graded: Any) -> Any:
    mix = _node(group, "ShaderNodeMix", MIX, 5)
    mix.data_type, mix.clamp_factor = "RGBA", True
    group.links.new(_amount(group), _socket(mix.inputs, "Factor_Float"))
    group.links.new(ungraded, _socket(mix.inputs, "A_Color"))
    group.links.new(graded, _socket(mix.inputs, "B_Color"))
    return _socket(mix.outputs, "Result_Color")


def _amount(group: Any) -> Any:
    """The strength, times what falls from 1 to 0 while the picture turns into the cover."""
    fade = _node(group, "ShaderNodeMapRange", FADE, 3, 3)
    fade.interpolation_type = "SMOOTHSTEP"
    fade.inputs["To Min"].default_value, fade.inputs["To Max"].default_value = 1.0, 0.0
    group.links.new(_node(group, "CompositorNodeSceneTime", TIME, 2, 3).outputs["Frame"], fade.inputs["Value"])
    amount = _node(group, "ShaderNodeMath", AMOUNT, 4, 2)
    amount.operation = "MULTIPLY"
    group.links.new(_node(group, "ShaderNodeValue", STRENGTH, 3, 2).outputs[0], amount.inputs[0])
    group.links.new(fade.outputs["Result"], amount.inputs[1])
    return amount.outputs[0]


def _fade_sockets(group: Any) -> tuple[Any, Any]:
    """The last frame at full strength, and the first without any."""
    inputs = group.nodes[FADE].inputs
    return inputs["From Min"], inputs["From Max"]


def _socket(sockets: Any, identifier: str) -> Any:
    """A Mix node has a socket of each name for every type; only their identifiers differ."""
    return next(socket for socket in sockets if socket.identifier == identifier)


def _set_values(group: Any, grade: Grade) -> None:
    for row, name in enumerate(MATRIX_ROWS):
        group.nodes[name].inputs[1].default_value = grade.matrix[3 * row : 3 * row + 3]
    set_strength(group, grade.strength)
    node = group.nodes[CURVES]
    for channel, values in enumerate(grade.curves):
        _set_curve(node.mapping.curves[channel], values)
    node.mapping.update()
    group.update_tag()


def _set_curve(curve: Any, values: tuple[float, ...]) -> None:
    """Straight lines through evenly spaced points. The combined curve stays straight: CPU and GPU differ on it."""
    points = curve.points
    while len(points) > 2:
        points.remove(points[1])
    last = len(values) - 1
    points[0].location, points[-1].location = (0.0, values[0]), (1.0, values[-1])
    for index in range(1, last):
        points.new(index / last, values[index])
    for point in points:
        point.handle_type = "VECTOR"
