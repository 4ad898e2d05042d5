# SPDX-License-Identifier: GPL-3.0-or-later
"""Handles: frames before and after what a shot shows, so that the editor can slip it under its cut.

A clip with handles is the same shot filmed for longer: the engine is asked for the wider one and knows nothing of it,
unless it films them by itself, as the camera does.
The file itself says how many frames its handles have (`blender_addon.core.mp4.handle_frames`).
"""

from dataclasses import replace

import numpy as np

from blender_addon.core.types import ClipRequest, ShotKind
from bridge.clips import options, registry


def frames_of(request: ClipRequest) -> int:
    """How many frames at either side: the option `handles`, else what the table of animators says; a draft has none."""
    if request.draft_for_px:
        return 0
    declared = options.handles(registry.animator(request.animator).handle_frames)
    return options.of(request, [declared]).whole("handles")


def widened(request: ClipRequest) -> ClipRequest:
    """The shot with its handles. Where it rests at an end, the handle at that end rests too."""
    handle = frames_of(request)
    if not handle:
        return request
    rests = request.hold_frames or request.kind is ShotKind.COVER_END
    return replace(
        request,
        frame_count=request.frame_count + 2 * handle,
        hold_frames=request.hold_frames + handle if rests else 0,
        accents=tuple(frame + handle for frame in request.accents),
        energy=_spread(request.energy, request.frame_count, handle),
    )


def _spread(energy: tuple[float, ...], frame_count: int, handle: int) -> tuple[float, ...]:
    """The same curve over the wider clip; at its ends it goes on as it is."""
    if len(energy) < 2:
        return energy
    frames = np.linspace(-handle, frame_count - 1 + handle, len(energy))
    known = np.linspace(0, frame_count - 1, len(energy))
    return tuple(np.interp(frames, known, energy).round(4).tolist())
