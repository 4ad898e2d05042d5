# SPDX-License-Identifier: GPL-3.0-or-later
"""A request becomes a clip: paint, animate, finish, keep."""

import hashlib
import time

from blender_addon import codec
from blender_addon.protocol import Clip, ClipRequest
from bridge import finish
from bridge.engines import registry
from bridge.engines.base import Work
from bridge.store import Store


def make_clip(request: ClipRequest, store: Store, work: Work) -> Clip:
    """The clip for a request: the one that is there already, or a new one.

    Raises:
        BadInput: the engine cannot run here, or the request's files are missing.
        GenerationFailed: the engine gave up.
        Cancelled: the user asked to stop.
    """
    engine = registry.load(request.engine)
    key = clip_key(request, engine)
    if clip := store.clip_for(key):
        return clip
    started_s = time.perf_counter()
    work.report(0.0, "painting")
    still = next(iter(engine.painter.paint([request], work)))
    footage = engine.animator.animate(request, still, work)
    path = work.folder / f"{key[:16]}.mp4"
    flow_px = finish.finish(footage, request, path, work)
    clip = Clip(
        sha256=store.put(path),
        request=request,
        frame_count=request.frame_count,
        fps=request.fps,
        width_px=request.width_px,
        height_px=request.height_px,
        seconds_taken=time.perf_counter() - started_s,
        flow_px=flow_px,
    )
    path.unlink()
    store.remember(key, clip)
    return clip


def clip_key(request: ClipRequest, engine: registry.Engine) -> str:
    """Names the clip: the hash of all that shapes its pixels."""
    makers = (
        f"{engine.painter.name}-{engine.painter.version}",
        f"{engine.animator.name}-{engine.animator.version}",
        f"finish-{finish.VERSION}",
    )
    return hashlib.sha256("\n".join((codec.dumps(request), *makers)).encode()).hexdigest()
