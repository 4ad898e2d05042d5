# SPDX-License-Identifier: GPL-3.0-or-later
"""A request becomes a clip: paint, animate, conform, keep."""

import hashlib
import time
from dataclasses import replace
from pathlib import Path

from blender_addon.core import codec
from blender_addon.core.types import Clip, ClipRequest, ShotKind
from bridge.clips import conform, handles, holds, options, paid, registry
from bridge.clips.base import Footage, HandlesAnimator, KeyframePainter, Still, Work
from bridge.clips.keyframes import Studio
from bridge.common.errors import BadInput
from bridge.common.store import Store

FAR_OFF = 1.6
"""a clip that moves so many times more or less than asked is filmed again, at the quality `best`"""


def make_clip(request: ClipRequest, store: Store, work: Work) -> Clip:
    """The clip for a request: the one that is there already, or a new one.

    Raises:
        BadInput: the engine cannot run here, or the request's files are missing.
        GenerationFailed: the engine gave up.
        Cancelled: the user asked to stop.
    """
    engine = registry.load(request)
    after = shot_after(request, work)
    key = clip_key(request, engine, after)
    with store.making(key, lambda: work.report(0.0, "waiting for another worker, which makes the same clip")):
        return store.clip_for(key) or _made(request, key, engine, after, store, work)


def _made(
    request: ClipRequest, key: str, engine: registry.Engine, after: ClipRequest | None, store: Store, work: Work
) -> Clip:
    path = work.folder / f"{key[:16]}.mp4"
    wide = handles.widened(request)
    with work.device():
        work.report(0.0, "painting")
        still, likeness, painting_s = painted(request, engine, store, work)
        if after:
            still = replace(still, end=painted(after, engine, store, work)[0].rgb)
        started_s = time.perf_counter() - painting_s
        footage = animated(engine, request, still, work)
    flow_px = conform.conform(footage, wide, path, work, handles.frames_of(wide))
    if options.of(request, options.EVERY_CLIP).text("quality") == "best":
        flow_px = truer(engine, request, still, path, flow_px, work)
    clip = Clip(
        sha256=store.put(path),
        request=request,
        frame_count=request.frame_count,
        fps=request.fps,
        width_px=request.width_px,
        height_px=request.height_px,
        seconds_taken=time.perf_counter() - started_s,
        flow_px=flow_px,
        likeness=likeness,
        handle_frames=handles.frames_of(request),
    )
    path.unlink()
    store.remember(key, clip)
    return clip


def animated(engine: registry.Engine, request: ClipRequest, still: Still, work: Work) -> Footage:
    """The animator's footage with its handles, enlarged if the request asks for that."""
    wide = handles.widened(request)
    if isinstance(engine.animator, HandlesAnimator):
        footage = engine.animator.animate_with_handles(request, handles.frames_of(request), still, work)
    else:
        footage = engine.animator.animate(wide, still, work)
    wish = options.of(request, options.EVERY_CLIP).text("upscale")
    if wish == "no":
        return footage
    from bridge.clips.diffusion import upscale

    return upscale.upscaled(footage, wish, wide, work)


def painted(
    request: ClipRequest, engine: registry.Engine, store: Store, work: Work
) -> tuple[Still, float | None, float]:
    """The shot's still, its likeness to the others if that is known, and its share of the time that painting took."""
    started_s = time.perf_counter()
    if isinstance(engine.painter, KeyframePainter):
        studio = Studio(engine.painter, store, work)
        keyframe = studio.keyframe(request)
        return studio.still(keyframe), keyframe.likeness, keyframe.seconds_taken
    still = next(iter(engine.painter.paint([request], work)))
    return still, None, time.perf_counter() - started_s


def shot_after(request: ClipRequest, work: Work) -> ClipRequest | None:
    """The shot whose keyframe this one ends on, if it was asked to.

    Raises:
        BadInput: the animator can't, or the other shot wasn't asked for.
    """
    if not request.into:
        return None
    if not registry.animator(request.animator).takes_last_frame:
        raise BadInput(f"The animator {request.animator} can't end a shot on a given picture: leave out into_next.")
    for sibling in work.siblings:
        if sibling.shot_id == request.into:
            return sibling
    raise BadInput(
        f"{request.shot_id} ends on the first frame of {request.into}, which isn't asked for: generate both together."
    )


def truer(engine: registry.Engine, request: ClipRequest, still: Still, path: Path, flow_px: float, work: Work) -> float:
    """Films a shot again, once, if its measured motion is far from what was asked; keeps the truer of both.

    Returns:
        the flow of the clip that `path` now holds.
    """
    wanted_px = wanted_flow_px(handles.widened(request))
    if wanted_px <= 0 or _miss(flow_px, wanted_px) <= FAR_OFF:
        return flow_px
    corrected = corrected_motion(request.motion, flow_px, wanted_px)
    if corrected == request.motion:
        return flow_px
    work.report(0.0, f"motion {request.motion} gave {flow_px:.0f} px/s of {wanted_px:.0f}: once more with {corrected}")
    again = path.with_stem(f"{path.stem}-again")
    wide = replace(handles.widened(request), motion=corrected)
    with work.device():
        footage = animated(engine, replace(request, motion=corrected), still, work)
    again_px = conform.conform(footage, wide, again, work, handles.frames_of(request))
    if _miss(again_px, wanted_px) < _miss(flow_px, wanted_px):
        again.replace(path)
        return again_px
    again.unlink()
    return flow_px


def wanted_flow_px(request: ClipRequest) -> float:
    """The flow that the shot's motion asks of its moving part, averaged over the whole clip, hold included."""
    from bridge.clips.animatic.camera_animator import target_flow_px_s

    return target_flow_px_s(request.motion) * (1 - request.hold_frames / request.frame_count)


def corrected_motion(motion: int, flow_px: float, wanted_px: float) -> int:
    """The motion to ask for, if asking for `motion` gave `flow_px`: models answer to it roughly in proportion."""
    return min(255, max(1, round(motion * min(3.0, max(1 / 3, wanted_px / max(flow_px, 1e-3))))))


def _miss(flow_px: float, wanted_px: float) -> float:
    """How far off, the same for twice as much and half as much: 1 is right."""
    ratio = max(flow_px, 1e-3) / wanted_px
    return max(ratio, 1 / ratio)


def clip_key(request: ClipRequest, engine: registry.Engine, after: ClipRequest | None = None) -> str:
    """Names the clip: the hash of all that shapes its pixels, the shot that it ends on and named files included."""
    makers = (
        f"painter-{engine.painter.version}",
        f"animator-{engine.animator.version}",
        f"conform-{conform.VERSION}",
        f"handles-{handles.frames_of(request)}",
        codec.dumps(paid.as_bought(after)) if after else "",
        *registry.contents(request),
        *([f"cover-{holds.COVER_VERSION}"] if request.kind is ShotKind.COVER_END else []),
    )
    return hashlib.sha256("\n".join((codec.dumps(paid.as_bought(request)), *makers)).encode()).hexdigest()
