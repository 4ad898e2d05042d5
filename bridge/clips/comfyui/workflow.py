# SPDX-License-Identifier: GPL-3.0-or-later
"""A workflow as ComfyUI exports it for its API: nodes by id, each with its inputs. Pure, but for reading the file.

An input holds a value, or a link: the id of another node and the number of that one's output.
"""

import copy
import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.common.errors import BadInput

PASSED_ON = ("value", "string", "text", "prompt", "seed", "int", "number")
"""what nodes that only hold a value call it"""
DEEPEST = 64
"""so many links are followed at most: workflows have no circles, but a file may have anything"""


@dataclass(frozen=True, order=True)
class Place:
    """An input of a node."""

    node: str
    input: str


@dataclass(frozen=True)
class Slot:
    """An input that takes a value, and where that is written: the input itself, or the node that it has it from."""

    asks: Place
    holds: Place


@dataclass(frozen=True)
class Workflow:
    """The nodes by id."""

    nodes: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, path: Path) -> "Workflow":
        """Reads the file.

        Raises:
            BadInput: it isn't there, or is no workflow in the form for the API.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        except OSError:
            raise BadInput(f"The workflow {path} can't be read. Give the path of a file that is there.") from None
        except (ValueError, RecursionError):
            raise BadInput(f"The workflow {path} is not JSON. In ComfyUI, choose Export (API).") from None
        if isinstance(content, dict) and isinstance(content.get("nodes"), list):
            raise BadInput(f"The workflow {path} is saved for ComfyUI's editor. In ComfyUI, choose Export (API).")
        if not isinstance(content, dict) or not content or not all(map(_is_node, content.values())):
            raise BadInput(f"The file {path} is not a ComfyUI workflow. In ComfyUI, choose Export (API).")
        return cls(content)

    def title(self, node: str) -> str:
        """As ComfyUI shows it."""
        meta = self.nodes[node].get("_meta")
        title = meta.get("title") if isinstance(meta, dict) else None
        return str(title or self.node_class(node))

    def node_class(self, node: str) -> str:
        """The node's class."""
        return str(self.nodes[node]["class_type"])

    def label(self, node: str) -> str:
        """For people: its title and id."""
        return f"{self.title(node)!r} ({node})"

    def inputs(self, node: str) -> Mapping[str, Any]:
        """Values and links by name."""
        return self.nodes[node]["inputs"]

    def link(self, place: Place) -> str | None:
        """The node that an input is linked to, if it is."""
        found = self.inputs(place.node).get(place.input)
        if not (isinstance(found, list) and len(found) == 2):
            return None
        return str(found[0]) if str(found[0]) in self.nodes else None

    def links(self, node: str) -> Iterator[tuple[str, str]]:
        """Its linked inputs, and the nodes that they are linked to."""
        for name in self.inputs(node):
            if source := self.link(Place(node, name)):
                yield name, source

    def value(self, place: Place) -> Any:
        """What stands there."""
        return self.inputs(place.node).get(place.input)

    def slot(self, place: Place, kind: type | tuple[type, ...]) -> Slot | None:
        """The input as a slot, if its value is of a kind, there or in a node that only passes it on."""
        at = place
        for _ in range(DEEPEST):
            if _is(self.value(at), kind):
                return Slot(place, at)
            source = self.link(at)
            if source is None:
                return None
            names = [name for name in PASSED_ON if name in self.inputs(source)]
            if not names:
                return None
            at = Place(source, names[0])
        return None

    def named(self, text: str) -> tuple[str, str]:
        """The node that a text names by id, title or class, and the input if it names one, as in "KSampler.seed".

        Raises:
            BadInput: there is none, or more than one.
        """
        found, name = self._called(text), ""
        if not found and "." in text:
            before, _, name = text.rpartition(".")
            found = self._called(before)
        if len(found) > 1:
            raise BadInput(f"{text!r} could be {self._listed(found)} of the workflow: name it by its number.")
        if not found:
            titles = [self.title(node) for node in self.nodes]
            near = difflib.get_close_matches(text, titles, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are: {self._listed(list(self.nodes))}."
            raise BadInput(f"The workflow has no node {text!r}. {hint}")
        if name and name not in self.inputs(found[0]):
            raise BadInput(
                f"The node {self.label(found[0])} has no input {name!r}. There are: {', '.join(self.inputs(found[0]))}."
            )
        return found[0], name

    def ambiguous(self, role: str, nodes: list[str]) -> BadInput:
        """Says that several nodes could have a role, and how to choose."""
        return BadInput(
            f"The workflow has {len(nodes)} nodes for the role {role!r}: {self._listed(nodes)}. Choose with"
            f" {role}=NUMBER in the option that names its nodes; {role}=none leaves all as they are."
        )

    def filled(self, values: Mapping[Place, Any]) -> dict[str, Any]:
        """A copy with these values in place."""
        nodes: dict[str, Any] = copy.deepcopy(dict(self.nodes))
        for place, value in values.items():
            nodes[place.node]["inputs"][place.input] = value
        return nodes

    def _called(self, text: str) -> list[str]:
        if text in self.nodes:
            return [text]
        alike = text.casefold()
        return [node for node in self.nodes if self.title(node).casefold() == alike] or [
            node for node in self.nodes if self.node_class(node).casefold() == alike
        ]

    def _listed(self, nodes: list[str], most: int = 8) -> str:
        more = f" and {len(nodes) - most} more" if len(nodes) > most else ""
        return ", ".join(map(self.label, nodes[:most])) + more


def _refuse(constant: str) -> None:
    """NaN and infinity are no JSON, though Python reads them."""
    raise ValueError(constant)


def _is_node(content: object) -> bool:
    return isinstance(content, dict) and "class_type" in content and isinstance(content.get("inputs"), dict)


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
