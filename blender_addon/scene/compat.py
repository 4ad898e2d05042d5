# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip's frames under the names of Blender 5.0 and of 5.1 and later. The old names warn there, and go in 6.0."""

from typing import Any

_NEW_NAMES = {
    "frame_start": "content_start",
    "frame_final_start": "left_handle",
    "frame_final_end": "right_handle",
    "frame_duration": "content_duration",
    "animation_offset_start": "content_trim_start",
}


def _get(strip: Any, old: str) -> float:
    new = _NEW_NAMES[old]
    return getattr(strip, new if hasattr(strip, new) else old)


def _set(strip: Any, old: str, value: float) -> None:
    new = _NEW_NAMES[old]
    setattr(strip, new if hasattr(strip, new) else old, value)


def left(strip: Any) -> int:
    """The first scene frame on which the strip shows."""
    return int(_get(strip, "frame_final_start"))


def right(strip: Any) -> int:
    """One past the last scene frame on which the strip shows."""
    return int(_get(strip, "frame_final_end"))


def content_start(strip: Any) -> int:
    """The scene frame on which the source's first frame lies."""
    return round(_get(strip, "frame_start"))


def source_start(strip: Any) -> int:
    """The scene frame on which the source's first frame would lie, were nothing of it cut off."""
    return round(_get(strip, "frame_start") - _get(strip, "animation_offset_start"))


def content_length(strip: Any) -> int:
    """How many frames the strip's source has."""
    return int(_get(strip, "frame_duration"))


def has_frames(strip: Any) -> bool:
    """Whether the source has a frame of its own for each that the strip shows; else it rests at an end."""
    start = content_start(strip)
    return start <= left(strip) and right(strip) <= start + content_length(strip)


def place(strip: Any, content_start: int, left_frame: int, right_frame: int) -> None:
    """Puts the source's first frame on `content_start` and shows [left_frame, right_frame) of it."""
    _set(strip, "frame_start", content_start)
    _set(strip, "frame_final_end", right_frame)
    _set(strip, "frame_final_start", left_frame)
    _set(strip, "frame_final_end", right_frame)  # the left handle cannot pass the right one: whichever way it moved


def set_left(strip: Any, frame: int) -> None:
    """Moves the left handle; what is shown stays where it is."""
    _set(strip, "frame_final_start", frame)


def set_right(strip: Any, frame: int) -> None:
    """Moves the right handle, one past the last frame; what is shown stays where it is."""
    _set(strip, "frame_final_end", frame)
