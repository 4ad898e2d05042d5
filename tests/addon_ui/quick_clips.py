"""A make_clip for the bridge that takes hardly any time, or ten seconds: moving gradients. Knows no engine."""

import time
import zlib

from blender_addon.core.types import Clip
from bridge.common.errors import GenerationFailed
from tests.addon_scene import edit_world


def make_clip(request, store, work):
    if "please fail" in request.prompt:
        raise GenerationFailed("It was asked to fail. Write another prompt.")
    if "slowly" in request.prompt:
        for step in range(100):
            work.report(step / 100, "painting slowly")
            time.sleep(0.1)
    work.report(0.5, "painting")
    path = edit_world.make_clip(
        work.folder / "clip.mp4",
        request.frame_count,
        zlib.crc32(f"{request.seed} {request.prompt}".encode()) % 1000,
        fps=request.fps,
        width_px=request.width_px,
        height_px=request.height_px,
    )
    return Clip(
        store.put(path), request, request.frame_count, request.fps, request.width_px, request.height_px, 0.1, 10.0
    )  # fmt: skip
