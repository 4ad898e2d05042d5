# SPDX-License-Identifier: GPL-3.0-or-later
"""A compositor node group while it is being made, from left to right."""

from typing import Any

import bpy

LINEAR = "Linear Rec.709"


class Tree:
    """Takes pictures and numbers from node to node; its first socket is the picture."""

    def __init__(self, name: str) -> None:
        self.group = bpy.data.node_groups.new(name, "CompositorNodeTree")
        self.group.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
        self.group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        self._column = 0

    def start(self) -> Any:
        """The picture that comes in."""
        self.input = self.node("NodeGroupInput", "Input").outputs[0]
        return self.input

    def end(self, image: Any) -> Any:
        """The group, which gives this picture."""
        self.link(image, self.node("NodeGroupOutput", "Output").inputs[0])
        return self.group

    def node(self, kind: str, name: str, operation: str | None = None, row: int = 0) -> Any:
        """Another node, to the right."""
        node = self.group.nodes.new(kind)
        node.label = name
        node.location = (self._column * 200, -row * 220)
        self._column += 1
        if operation:
            node.operation = operation
        return node

    def link(self, output: Any, target: Any) -> None:
        """To a socket, or a number (or several) into it."""
        if isinstance(output, bpy.types.NodeSocket):
            self.group.links.new(output, target)
        else:
            target.default_value = output

    def math(self, operation: str, *values: Any, name: str = "") -> Any:
        """A calculation with numbers."""
        return self._calculated("ShaderNodeMath", operation, values, name)

    def vector(self, operation: str, *values: Any, name: str = "") -> Any:
        """A calculation with colours or places."""
        return self._calculated("ShaderNodeVectorMath", operation, values, name)

    def _calculated(self, kind: str, operation: str, values: Any, name: str) -> Any:
        node = self.node(kind, name, operation)
        for value, target in zip(values, node.inputs, strict=False):
            self.link(value, target)
        return node.outputs["Value" if operation == "DOT_PRODUCT" else 0]

    def scaled(self, vector: Any, factor: Any, name: str) -> Any:
        """A colour or a place times a number."""
        node = self.node("ShaderNodeVectorMath", name, "SCALE")
        self.link(vector, node.inputs[0])
        self.link(factor, node.inputs["Scale"])
        return node.outputs[0]

    def converted(self, image: Any, source: str, target: str) -> Any:
        """The picture in other values."""
        node = self.node("CompositorNodeConvertColorSpace", f"To {target}")
        node.from_color_space, node.to_color_space = source, target
        self.link(image, node.inputs[0])
        return node.outputs[0]

    def amount(self, name: str, value: float) -> Any:
        """A value that an editor changes, under its name."""
        node = self.node("ShaderNodeValue", name.capitalize(), row=1)
        node.name = name.capitalize()
        node.outputs[0].default_value = value
        return node.outputs[0]

    def places(self, kind: str) -> Any:
        """Where each pixel is: "Normalized" (0-1) or "Pixel"."""
        node = self.node("CompositorNodeImageCoordinates", "Places", row=1)
        self.link(self.input, node.inputs[0])
        return node.outputs[kind]

    def mixed(self, factor: Any, first: Any, second: Any, name: str, blend: str = "MIX") -> Any:
        """Two pictures or colours, by a number from 0 (the first) to 1."""
        node = self.node("ShaderNodeMix", name)
        node.data_type, node.blend_type, node.clamp_factor = "RGBA", blend, True
        sockets = {socket.identifier: socket for socket in node.inputs}
        for value, identifier in ((factor, "Factor_Float"), (first, "A_Color"), (second, "B_Color")):
            self.link(value, sockets[identifier])
        return next(socket for socket in node.outputs if socket.identifier == "Result_Color")
