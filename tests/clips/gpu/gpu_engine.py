"""A `make_clip` that takes real GPU memory, for tests of the workers."""

import hashlib
import time

from blender_addon.core import codec
from blender_addon.core.types import Clip

GIB = 2**30


def make_clip(request, store, work):
    import torch

    word, _, gib = request.prompt.partition(" ")
    if work.memory_level == 0 or word != "retry":
        held = torch.empty(int(gib) * GIB, dtype=torch.uint8, device="cuda").fill_(1)
        work.report(0.5, f"holding {held.numel() // GIB} GiB")
    if word == "hang":
        time.sleep(3600)
    visible = f"{torch.cuda.device_count()} {torch.cuda.get_device_name()}".encode()
    sha256 = store.put_bytes(visible + hashlib.sha256(codec.dumps(request).encode()).digest())
    return Clip(sha256, request, request.frame_count, request.fps, request.width_px, request.height_px, 0.5, 10.0)
