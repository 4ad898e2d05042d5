# SPDX-License-Identifier: GPL-3.0-or-later
"""Which inputs of a workflow take the prompt, the seed, the pictures, the size and the length. Pure.

What the user names comes first. The rest is found by the links, and by what ComfyUI's nodes call their inputs.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.clips.comfyui.workflow import DEEPEST, Place, Slot, Workflow
from bridge.common.errors import BadInput

WORDS = {"prompt": "positive", "negative": "negative"}
"""the roles of texts, and what samplers call the input that the text comes in by"""
PICTURES = ("image", "last", "cover", "character")
NUMBERS = {
    "seed": ("seed", "noise_seed"),
    "length": ("length", "num_frames", "video_frames", "frame_count"),
    "fps": ("fps", "frame_rate"),
}
"""the roles of numbers, and what the inputs are called"""
ROLES = (*WORDS, *PICTURES, *NUMBERS, "size", "output")
OFF = "none"

TEXTS = ("text", "text_g", "text_l", "clip_l", "t5xxl", "prompt")
SINGLE = {"prompt": ("positive_prompt", "prompt", "text"), "negative": ("negative_prompt",)}
"""where no sampler shows the way: inputs that have a name of their own"""
_FIRST = re.compile(r"(^|[\W_])(first|start)([\W_]|$)", re.IGNORECASE)
_LAST = re.compile(r"(^|[\W_])(last|end)([\W_]|$)", re.IGNORECASE)
_PLAYS = re.compile(r"save|create|combine", re.IGNORECASE)
"""classes whose frame rate is the video's own, not something that a model is told"""

Named = Mapping[str, tuple[tuple[str, str], ...]]
"""by role: nodes and inputs, the input empty for the usual one"""


@dataclass(frozen=True)
class Roles:
    """The inputs by role; none where the workflow has none."""

    slots: Mapping[str, tuple[Slot, ...]] = field(default_factory=dict)
    """of texts, pictures and numbers"""
    sizes: tuple[tuple[Slot, Slot], ...] = ()
    """widths and heights"""
    output: str = ""
    """the node whose pictures or video count; empty: whichever saves some"""
    named: frozenset[str] = frozenset()
    """the roles that the user named"""

    def of(self, role: str) -> tuple[Slot, ...]:
        """The slots of a role."""
        return self.slots.get(role, ())


def read(workflow: Workflow, text: str) -> Named:
    """The nodes that an option names, as in "prompt=6, seed=KSampler.noise_seed, last=none".

    Raises:
        BadInput: a role or a node is unknown.
    """
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        role, _, name = (piece.strip() for piece in part.partition("="))
        if role not in ROLES or not name:
            near = difflib.get_close_matches(role, ROLES, n=1)
            hint = f"Did you mean {near[0]!r}?" if near and near[0] != role else f"Roles are: {', '.join(ROLES)}."
            raise BadInput(f"Nodes are named as in prompt=6 or seed=KSampler.seed, not {part!r}. {hint}")
        found[role] = found.get(role, ()) + (() if name == OFF else (workflow.named(name),))
    return found


def find(workflow: Workflow, named: Named, pictures: Iterable[str]) -> Roles:
    """The inputs by role.

    Args:
        pictures: the roles of pictures that there are; the first is the one that a lone picture has.

    Raises:
        BadInput: several nodes could have a role, or a named one can't.
    """
    slots: dict[str, tuple[Slot, ...]] = {}
    for role in WORDS:
        slots[role] = _named_slots(workflow, named, role, str) if role in named else _words(workflow, role)
    if slots["negative"] == slots["prompt"]:
        slots["negative"] = ()  # workflows without a negative prompt blank out the positive one
    for role in NUMBERS:
        slots[role] = _named_slots(workflow, named, role, (int, float)) if role in named else _numbers(workflow, role)
    slots |= _pictures(workflow, named, tuple(pictures))
    output = named.get("output") or (("", ""),)
    return Roles(
        slots, _sizes(workflow, named), output[0][0], frozenset(role for role, nodes in named.items() if nodes)
    )


def _named_slots(workflow: Workflow, named: Named, role: str, kind: Any) -> tuple[Slot, ...]:
    """The inputs that the user named for a role; where only the node was named, those with a usual name."""
    found: list[Slot] = []
    for node, name in named.get(role, ()):
        names = (name,) if name else (*_usual(role), *workflow.inputs(node))
        slots = [slot for each in names if (slot := workflow.slot(Place(node, each), kind))]
        if not slots:
            raise BadInput(f"The node {workflow.label(node)} has no input for the role {role!r}: name it, as in"
                           f" {role}={node}.INPUT.")  # fmt: skip
        several = [slot for slot in slots if slot.asks.input in TEXTS] if role in WORDS and not name else []
        found += dict.fromkeys(several or slots[:1])
    return tuple(found)


def _usual(role: str) -> tuple[str, ...]:
    if role in WORDS:
        return (*SINGLE[role], *TEXTS, "value", "string")
    return (*NUMBERS.get(role, ("image",)), "value")


def _words(workflow: Workflow, role: str) -> tuple[Slot, ...]:
    """The texts that reach a sampler's input; without a sampler, the one input that is called so."""
    starts = [node for node in workflow.nodes if workflow.link(Place(node, WORDS[role]))]
    found = {slot for node in starts for slot in _texts_behind(workflow, node, WORDS[role])}
    if not starts and role == "prompt":
        guided = [node for node in workflow.nodes if workflow.link(Place(node, "conditioning"))]
        found = {slot for node in guided for slot in _texts_behind(workflow, node, WORDS[role])}
    if not found:
        named = ((node, name) for name in SINGLE[role] for node in workflow.nodes)
        found = {slot for node, name in named if (slot := workflow.slot(Place(node, name), str))}
    return _of_one_node(workflow, role, found)


def _texts_behind(workflow: Workflow, start: str, side: str) -> Iterator[Slot]:
    """The texts whose meaning flows into a node, by the input `positive` or `negative` where it has both."""
    waiting, seen = [start], {start}
    while waiting:
        node = waiting.pop()
        texts = [slot for name in TEXTS if (slot := workflow.slot(Place(node, name), str))]
        if texts and node != start:
            yield from texts
            continue
        links = dict(workflow.links(node))
        names = [side] if side in links else [name for name in links if name.startswith(("cond", "guider"))]
        waiting += [links[name] for name in names if links[name] not in seen]
        seen.update(links[name] for name in names)


def _of_one_node(workflow: Workflow, role: str, slots: Iterable[Slot]) -> tuple[Slot, ...]:
    found = sorted(slots, key=lambda slot: slot.holds)
    nodes = list(dict.fromkeys(slot.holds.node for slot in found))
    if len(nodes) > 1:
        raise workflow.ambiguous(role, nodes)
    return tuple({slot.holds: slot for slot in found}.values())


def _numbers(workflow: Workflow, role: str) -> tuple[Slot, ...]:
    """All seeds; the lengths if they are one number; of frame rates those that the video is played at."""
    found = [
        slot
        for node in workflow.nodes
        for name in NUMBERS[role]
        if (slot := workflow.slot(Place(node, name), (int, float)))
    ]
    if role == "fps":
        found = [slot for slot in found if _PLAYS.search(workflow.node_class(slot.asks.node))] or found
    if role != "seed" and len({workflow.value(slot.holds) for slot in found}) > 1:
        raise workflow.ambiguous(role, [slot.asks.node for slot in found])
    return tuple(found)


def _sizes(workflow: Workflow, named: Named) -> tuple[tuple[Slot, Slot], ...]:
    """Widths and heights of what is made, and whatever else has the same size."""
    every = {
        node: (width, height)
        for node in workflow.nodes
        if (width := workflow.slot(Place(node, "width"), int)) and (height := workflow.slot(Place(node, "height"), int))
    }
    if "size" in named:
        for node, _ in named["size"]:
            if node not in every:
                raise BadInput(f"The node {workflow.label(node)} has no width and height of its own.")
        return tuple(every[node] for node, _ in named["size"])
    several = {"batch_size", *NUMBERS["length"]}
    makers = [node for node in every if several & set(workflow.inputs(node))] or list(every)
    sizes = {node: tuple(workflow.value(slot.holds) for slot in pair) for node, pair in every.items()}
    if len({sizes[node] for node in makers}) > 1:
        raise workflow.ambiguous("size", makers)
    return tuple(pair for node, pair in every.items() if sizes[node] == sizes[makers[0]])


def _pictures(workflow: Workflow, named: Named, roles: tuple[str, ...]) -> dict[str, tuple[Slot, ...]]:
    """The loaders of pictures by role. If the user names one, the others are left as they are."""
    if any(role in named for role in roles):
        return {role: _named_slots(workflow, named, role, str) for role in roles}
    found: dict[str, list[str]] = {role: [] for role in roles}
    unknown = []
    for node in workflow.nodes:
        if workflow.node_class(node).startswith("LoadImage") and workflow.slot(Place(node, "image"), str):
            role = _role_of_picture(workflow, node, roles)
            (found[role] if role else unknown).append(node)
    if not any(found.values()) or (not found[roles[0]] and len(unknown) == 1):
        found[roles[0]] = unknown
    for role, nodes in found.items():
        if len(nodes) > 1:
            raise workflow.ambiguous(role, nodes)
    return {role: tuple(Slot(Place(n, "image"), Place(n, "image")) for n in nodes) for role, nodes in found.items()}


def _role_of_picture(workflow: Workflow, node: str, roles: tuple[str, ...]) -> str:
    """By its title, or by what the inputs are called that it flows into; empty if neither says."""
    title = workflow.title(node).casefold()
    for role in ("cover", "character"):
        if role in roles and role in title:
            return role
    hints = (title, *_flows_into(workflow, node))
    if "last" in roles:
        if any(map(_LAST.search, hints)):
            return "last"
        if any(map(_FIRST.search, hints)):
            return "image"
    return ""


def _flows_into(workflow: Workflow, node: str) -> list[str]:
    """The names of the inputs that a picture reaches, on the way to the first node that makes something of it."""
    reached, names = {node}, []
    for _ in range(DEEPEST):
        further = set()
        for other in workflow.nodes:
            for name, source in workflow.links(other):
                if source in reached and other not in reached:
                    names.append(name)
                    if name in ("image", "images", "pixels", "input"):  # passes it on, scaled or cropped
                        further.add(other)
        if not further:
            break
        reached |= further
    return names
