# SPDX-License-Identifier: GPL-3.0-or-later
"""The song's channels as curves of the scene's own properties, and drivers that listen to them.

Each channel is a property such as `beatboard.kick`, keyed on every frame on which it bends; nothing else in the scene's
action is touched. They move along with the song's strip. A driver of ours is known by its variable's name, and says
"value + gain * channel": plain arithmetic, which Blender evaluates without leave to run scripts.

NumPy is imported in functions: some distributions' Blender comes without it, and the rest of the add-on works there.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import bpy
from bpy_extras import anim_utils

from ..core.song_channels import HITS, Shape
from . import timeline

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.floating]

PREFIX = "beatboard."
STATE_KEY = "beatboard_channels"
"""the scene's custom property that holds, as JSON, where the channels were laid and what was shaped"""
ACTION = "Beatboard Song"
GROUP = "Beatboard"
VARIABLE = "beatboard_song"
"""of our drivers"""
_FLAT = 1e-4


@dataclass(frozen=True, slots=True)
class Target:
    """One property of one data-block."""

    owner: Any
    """the data-block"""
    data_path: str
    index: int = -1
    """of an array's element; -1 for all"""


def is_baked(scene: Any) -> bool:
    """Whether the scene has the song's channels."""
    return STATE_KEY in scene


def bake(scene: Any, curves: Mapping[str, Values], rate_hz: int) -> None:
    """Writes the channels along the song's strip, in place of those before; shaped ones are shaped anew.

    Args:
        curves: of the whole song, by name; value `i` belongs to the song's time `i / rate_hz`.

    Raises:
        LookupError: the song is not on the timeline.
    """
    origin, fps = _origin(scene), timeline.scene_fps(scene)
    shapes = _state(scene).get("shapes", {})
    for name, curve in curves.items():
        _write(scene, PREFIX + name, origin, _by_frame(curve, rate_hz, fps, keeps_peaks=name in HITS))
    for name, asked in shapes.items():
        _write_shaped(scene, name, asked["channel"], Shape(**asked["shape"]), fps)
    scene[STATE_KEY] = json.dumps({"origin": origin, "fps": str(fps), "shapes": shapes})


def follow(scene: Any) -> None:
    """Moves the channels to where the song's strip is now, at the scene's rate of now."""
    if not is_baked(scene) or timeline.song_strip(scene) is None:
        return
    state, origin, fps = _state(scene), _origin(scene), timeline.scene_fps(scene)
    if (state["origin"], state["fps"]) == (origin, str(fps)):
        return
    stretch = float(fps / Fraction(state["fps"]))
    for curve in _curves(scene):
        points = _points(curve)
        points[::2] = array("f", [origin + (frame - state["origin"]) * stretch for frame in points[::2]])
        _set_points(curve, points)
    scene[STATE_KEY] = json.dumps(state | {"origin": origin, "fps": str(fps)})


def drive(scene: Any, target: Target, channel: str, gain: float, shape: Shape) -> None:
    """Has a property follow a channel from its present value on: value + gain * channel.

    Raises:
        ValueError: the property is animated or driven already.
        TypeError: it is none that can be.
        LookupError: the song is not on the timeline.
    """
    if is_animated(target):
        raise ValueError(f"{target.data_path} is animated already.")
    heard = PREFIX + channel if shape == Shape() else _shaped(scene, channel, shape)
    value = target.owner.path_resolve(target.data_path)
    made = target.owner.driver_add(target.data_path, target.index)
    for curve in made if isinstance(made, list) else [made]:
        base = value[curve.array_index] if hasattr(value, "__getitem__") else value
        driver = curve.driver
        driver.type = "SCRIPTED"
        variable = driver.variables.new()
        variable.name, variable.type = VARIABLE, "SINGLE_PROP"
        heard_at = variable.targets[0]
        heard_at.id_type, heard_at.id, heard_at.data_path = "SCENE", scene, f'["{heard}"]'
        driver.expression = f"{float(base):.6g} + {gain:.6g} * {VARIABLE}"


def is_animated(target: Target) -> bool:
    """Whether a property has keys or a driver already."""
    data = target.owner.animation_data
    curves = [*timeline.animation(target.owner), *(data.drivers if data else ())]
    indices = {target.index, -1}
    return any(
        curve.data_path == target.data_path and (target.index == -1 or curve.array_index in indices) for curve in curves
    )


def remove(scene: Any) -> None:
    """Takes channels, drivers and all else of ours away; what was driven has its value of before again."""
    for owner, curve in list(_drivers(scene)):
        _restore(owner, curve)
    bag: Any = _bag(scene)  # without one there is no curve
    for curve in _curves(scene):
        bag.fcurves.remove(curve)
    _forget_empty(scene, bag)
    for key in [key for key in scene.keys() if key.startswith(PREFIX) or key == STATE_KEY]:  # noqa: SIM118 -- of a scene
        del scene[key]


def drivers(scene: Any) -> int:
    """How many properties listen to the scene's channels."""
    return sum(1 for _ in _drivers(scene))


def find(session_uid: int) -> Any | None:
    """A data-block by the number that Blender knows it by while the file is open."""
    return next((block for block in _blocks() if block.session_uid == session_uid), None)


def _origin(scene: Any) -> int:
    """The scene frame on which the song's first sample plays, or would."""
    strip = timeline.song_strip(scene)
    if strip is None:
        raise LookupError("The song is not on the timeline.")
    return timeline.start_by(strip, 0.0, timeline.scene_fps(scene))


def _state(scene: Any) -> dict[str, Any]:
    return json.loads(scene.get(STATE_KEY, "{}"))


def _by_frame(curve: Values, rate_hz: int, fps: Fraction, *, keeps_peaks: bool) -> Values:
    """A channel's value on each frame: the nearest one, or the highest that is nearer to it than to another frame."""
    import numpy as np

    count = int(len(curve) * fps / rate_hz) + 1
    places = np.arange(count) * float(rate_hz / fps)
    nearest = np.minimum(np.round(places).astype(int), len(curve) - 1)
    if not keeps_peaks:
        return curve[nearest]
    starts = np.clip(np.ceil(places - float(rate_hz / fps) / 2).astype(int), 0, len(curve) - 1)
    return np.maximum.reduceat(curve, starts)


def _write(scene: Any, name: str, origin: int, values: Values) -> None:
    """A property with keys on the frames between which its values run straight."""
    import numpy as np

    scene[name] = float(values[0])
    bends = np.abs(np.diff(values, 2)) > _FLAT
    kept = np.flatnonzero(np.concatenate([[True], bends, [True]]))
    path, bag = f'["{name}"]', _ensured_bag(scene)
    curve = bag.fcurves.find(path) or bag.fcurves.new(path, group_name=GROUP)
    curve.keyframe_points.clear()
    curve.keyframe_points.add(len(kept))
    _set_points(curve, array("f", np.stack([origin + kept, values[kept]], axis=1).ravel().tolist()))
    linear = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value
    curve.keyframe_points.foreach_set("interpolation", [linear] * len(kept))
    curve.update()


def _points(curve: Any) -> array[float]:
    """Frame and value of each key, in turn."""
    points = array("f", bytes(8 * len(curve.keyframe_points)))
    curve.keyframe_points.foreach_get("co", points)
    return points


def _set_points(curve: Any, points: array[float]) -> None:
    curve.keyframe_points.foreach_set("co", points)
    curve.update()
    curve.keyframe_points.handles_recalc()


def _shaped(scene: Any, channel: str, shape: Shape) -> str:
    """The property with a channel in this shape, written if there is none yet."""
    state = _state(scene)
    shapes, asked = state["shapes"], {"channel": channel, "shape": asdict(shape)}
    known = next((name for name, other in shapes.items() if other == asked), None)
    if known:
        return known
    name = next(name for n in range(1, len(shapes) + 2) if (name := f"{PREFIX}{channel}.{n}") not in shapes)
    _write_shaped(scene, name, channel, shape, timeline.scene_fps(scene))
    scene[STATE_KEY] = json.dumps(state | {"shapes": shapes | {name: asked}})
    return name


def _write_shaped(scene: Any, name: str, channel: str, shape: Shape, fps: Fraction) -> None:
    import numpy as np

    curve = _ensured_bag(scene).fcurves.find(f'["{PREFIX}{channel}"]')
    first, last = (round(frame) for frame in curve.range())
    values = [curve.evaluate(frame) for frame in range(first, last + 1)]
    _write(scene, name, first, np.array(shape.of(values, float(fps))))


def _bag(scene: Any) -> Any | None:
    data = scene.animation_data
    if not (data and data.action and data.action_slot):
        return None
    return anim_utils.action_get_channelbag_for_slot(data.action, data.action_slot)


def _ensured_bag(scene: Any) -> Any:
    """Where the scene's curves are: in its own action if it has one, else in a new one."""
    data = scene.animation_data_create()
    if data.action is None:
        data.action = bpy.data.actions.new(ACTION)
    if data.action_slot is None:
        data.action_slot = data.action.slots.new("SCENE", scene.name)
    return anim_utils.action_ensure_channelbag_for_slot(data.action, data.action_slot)


def _curves(scene: Any) -> list[Any]:
    """The channels' curves."""
    bag = _bag(scene)
    return [curve for curve in bag.fcurves if curve.data_path.startswith(f'["{PREFIX}')] if bag else []


def _forget_empty(scene: Any, bag: Any) -> None:
    """The group of our curves, and the action if it was ours and nobody keyed anything else into it."""
    group = bag and bag.groups.get(GROUP)
    if group and not len(group.channels):
        bag.groups.remove(group)
    action = scene.animation_data and scene.animation_data.action
    if bag and action and action.name.startswith(ACTION) and not len(bag.fcurves):
        bpy.data.actions.remove(action)
    _forget_animation(scene)


def _forget_animation(owner: Any) -> None:
    data = owner.animation_data
    if data and not (data.action or len(data.drivers) or len(data.nla_tracks)):
        owner.animation_data_clear()


def _restore(owner: Any, curve: Any) -> None:
    """Takes a driver away; the property is what it was, unless its expression was rewritten."""
    path, index, base = curve.data_path, curve.array_index, curve.driver.expression.partition(" + ")[0]
    owner.animation_data.drivers.remove(curve)
    now = owner.path_resolve(path)
    try:
        if hasattr(now, "__setitem__"):
            now[index] = float(base)
        else:
            _assign(owner, path, type(now)(float(base)))
    except ValueError:
        return
    _forget_animation(owner)


def _assign(owner: Any, path: str, value: float) -> None:
    """Sets a property, or a custom one, by its path."""
    of_item = path.endswith("]")
    holder, _, name = path.rpartition("[" if of_item else ".")
    thing = owner.path_resolve(holder) if holder else owner
    if of_item:
        thing[name.strip("\"]'")] = value
    else:
        setattr(thing, name, value)


def _drivers(scene: Any) -> Iterator[tuple[Any, Any]]:
    """Our drivers that listen to the scene, each with its data-block."""
    for block in _blocks():
        data = getattr(block, "animation_data", None)
        for curve in list(data.drivers) if data else ():
            heard = [variable for variable in curve.driver.variables if variable.name == VARIABLE]
            if any(variable.targets[0].id == scene for variable in heard):
                yield block, curve


def _blocks() -> Iterator[Any]:
    """All data-blocks, and the node trees that are part of one, each once: 5.2 has a collection of all of them too."""
    lists = [prop.identifier for prop in bpy.data.bl_rna.properties if prop.type == "COLLECTION"]
    for block in {block.session_uid: block for name in lists for block in getattr(bpy.data, name)}.values():
        yield block
        if (tree := getattr(block, "node_tree", None)) is not None:
            yield tree
