"""A `make_clip` for tests of the queue: fast, and it does what the prompt says ("crash", "hang", "bad", ...)."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from blender_addon.core import codec
from blender_addon.core.types import Clip
from bridge.common.errors import GenerationFailed
from tests.waiting import PATIENCE_S


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


def make_clip(request, store, work):
    key = hashlib.sha256(codec.dumps(request).encode()).hexdigest()
    if clip := store.clip_for(key):
        return clip
    (work.folder / "scratch.bin").write_bytes(b"x")
    settings = dict(request.options)
    act(request.prompt, settings, work)
    frame = np.zeros((36, 64, 3), np.uint8)
    for step in range(int(settings.get("steps", "3"))):
        work.report(step / 3, "painting", frame)
        time.sleep(float(settings.get("step_s", "0")))
    sha256 = store.put_bytes(key.encode() + settings.get("size", "1").encode())
    clip = Clip(sha256, request, request.frame_count, request.fps, request.width_px, request.height_px, 0.5, 10.0)
    store.remember(key, clip)
    if log := os.environ.get("BEATBOARD_FAKE_LOG"):
        with Path(log).open("a") as file:
            file.write(f"{request.shot_id} {sha256}\n")
    return clip


def act(prompt, settings, work):
    match prompt.split():
        case ["bad"]:
            raise GenerationFailed("The prompt is bad. Write another.")
        case ["bug"]:
            raise ZeroDivisionError("a bug")
        case ["crash", *_]:
            print("about to crash", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        case ["crash-once", marker]:
            if not Path(marker).exists():
                Path(marker).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case ["orphan-once", marker]:
            if not Path(marker).exists():
                Path(marker).touch()
                os.kill(os.getppid(), signal.SIGKILL)
                time.sleep(3600)  # ends with who started it
        case ["memory", needed] if work.memory_level < int(needed):
            raise OutOfMemoryError("CUDA out of memory")
        case ["hang"]:
            work.report(0.1, "hanging")
            time.sleep(3600)
        case ["child", path]:
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
            Path(path).write_text(f"{os.getpid()} {child.pid}")
            work.report(0.1, "with a child")
            time.sleep(3600)
        case ["hold", marker]:
            with work.device():
                Path(marker).touch()
                while True:
                    work.report(0.1, "computing")
                    time.sleep(0.02)
        case ["turns", log, count]:
            take_turn(Path(log), int(count), work)
        case ["print"]:
            print("noise on standard output")


def take_turn(log, count, work):
    """Computes in its turn, then finishes; every finishing but the last lasts until another shot computes."""
    with work.device():
        say(log, "in")
        time.sleep(0.05)
        turn = say(log, "out").count("in")
    end_s = time.monotonic() + PATIENCE_S
    while log.read_text().count("in") in range(turn, min(turn + 1, count)):
        assert time.monotonic() < end_s, "no other shot computes meanwhile"
        work.report(0.9, "finishing")
        time.sleep(0.01)


def say(log, word):
    with log.open("a") as file:
        file.write(word + "\n")
    return log.read_text()
