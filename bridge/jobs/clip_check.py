# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a clip that is said to be done is there, and is what was asked for: told from its file's index, at once."""

import struct

from blender_addon.core import mp4
from blender_addon.core.types import Clip, ClipRequest
from bridge.common.errors import BadInput
from bridge.common.store import Store


def fault_of(clip: Clip, request: ClipRequest, store: Store) -> str:
    """What is wrong with it, and it is forgotten, so that it is made anew next time; empty if nothing is."""
    fault = _fault(clip, request, store)
    if fault:
        store.forget(clip.sha256)
    return fault


def _fault(clip: Clip, request: ClipRequest, store: Store) -> str:
    """What is no MP4 at all is taken as it is: another `make_clip` than ours need not film."""
    if clip.frame_count != request.frame_count:
        return f"it has {clip.frame_count} of {request.frame_count} frames"
    try:
        path = store.place(clip.sha256)
    except BadInput as error:
        return str(error).rstrip(".")
    with path.open("rb") as file:
        if file.read(8)[4:] != b"ftyp":
            return ""
    try:
        found, wanted = mp4.frame_count(path), clip.frame_count + 2 * clip.handle_frames
    except (ValueError, struct.error) as error:
        return f"its file is damaged ({error})"
    return "" if found == wanted else f"its file has {found} of {wanted} frames"
