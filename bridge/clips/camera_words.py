# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera's way in words, for models that read them."""

from blender_addon.core.types import ClipRequest


def moving_prompt(request: ClipRequest) -> str:
    """The shot's prompt, the direction of its matched cut first."""
    words = {1: "the camera trucks right", -1: "the camera trucks left"}.get(request.direction, "")
    return ", ".join(part for part in (words, request.prompt) if part)
