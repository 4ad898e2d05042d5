# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender processes on a Ray cluster (extra `cluster`), used as if they were here.

A node gets the .blend and the files it uses once, by content hash, in a folder where they lie to each other as they do
here; the parts come back as bytes and are checked against their hash. It needs `bpy`, or the Blender program.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.common import files
from bridge.common.errors import BadInput, BeatboardError, RenderFailed
from bridge.common.store import Store
from bridge.render.blender import SCRIPT, Blender, Died, Farm

NODE_STORE_LIMIT_BYTES = 20 * 2**30
LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Carried:
    """A file that the edit uses."""

    name: str
    """relative to the .blend's folder"""
    sha256: str
    data: list[Any]
    """a reference to the bytes, in a list so that Ray doesn't fetch what is there already"""


class BlenderActor:
    """One Blender on a node. Its second thread tells how many frames are written.

    Answers are pairs of an error's sentence, empty if all went well, and the result; a Blender that dies takes the
    actor with it.
    """

    def __init__(self, program: str | None, script: bytes) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="beatboard-render-"))
        self._store = Store(Path(tempfile.gettempdir()) / "beatboard-node", limit_bytes=NODE_STORE_LIMIT_BYTES)
        self._blender = Blender(Path(program) if program else None, _laid_out(self._folder / "code", script))
        self._frames = 0

    def open(self, job: dict[str, Any], carried: list[Carried]) -> tuple[str, Any]:
        """Opens the edit, which is the first of the files; gives what Blender says of it and of itself."""
        import ray

        for file in carried:
            if file.sha256 not in self._store:
                self._store.put_bytes(ray.get(file.data[0]))
            place = self._folder / "edit" / file.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._store.path(file.sha256), place)
        self._store.trim()
        error, _ = self._ask({**job, "blend": str(self._folder / "edit" / carried[0].name)})
        return (error, None) if error else self._ask({"do": "about"})

    def render(self, job: dict[str, Any]) -> tuple[str, tuple[str, bytes] | None]:
        """Renders one segment; gives its hash and its bytes."""
        path = self._folder / "segment.mp4"
        error, _ = self._ask({**job, "path": str(path)})
        if error:
            return error, None
        data = path.read_bytes()
        return "", (files.sha256_of(path), data)

    def frames(self) -> int:
        """How many frames of the segment are written."""
        return self._frames

    def _ask(self, job: dict[str, Any]) -> tuple[str, Any]:
        self._note(0)
        try:
            return "", self._blender.ask(job, self._note)
        except Died:
            shutil.rmtree(self._folder, ignore_errors=True)
            os._exit(1)
        except BeatboardError as error:
            return str(error), None

    def _note(self, frames: int) -> None:
        self._frames = frames


def _laid_out(folder: Path, script: bytes) -> Path:
    """The script where it finds the add-on: a node has the packages, but not the folder they come from."""
    import blender_addon

    shutil.copytree(Path(blender_addon.__file__).parent, folder / "blender_addon")
    path = folder / "scripts" / SCRIPT.name
    path.parent.mkdir()
    path.write_bytes(script)
    return path


class RemoteBlender(Blender):
    """An actor that is spoken to like a process of our own."""

    def __init__(self, ray: Any, actor: Any, carried: list[Carried], version: object) -> None:
        self._ray = ray
        self._actor = actor
        self._carried = carried
        self._version = version
        self._asking = threading.Lock()
        self._is_gone = False

    def ask(self, job: dict[str, Any], on_frames: Callable[[int], None] | None = None) -> Any:
        """Has an edit opened or a segment rendered, which is then at the job's path.

        Raises:
            RenderFailed: it could not be done.
            Died: the process, or its node, is gone.
        """
        try:
            with self._asking:
                if job["do"] == "open":
                    return self._check(self._answer(lambda: self._actor.open.remote(job, self._carried), None))
                sha256, data = self._answer(lambda: self._actor.render.remote(job), on_frames)
        except self._ray.exceptions.RayError as error:
            raise Died(
                f"A Blender on the cluster ended ({type(error).__name__}); run the same command again."
            ) from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Died("A segment came back damaged from the cluster; run the same command again.")
        with files.written_beside(Path(job["path"])) as beside:
            beside.write_bytes(data)
        return None

    def _check(self, about: dict[str, Any]) -> None:
        if about["version"] != self._version:
            raise RenderFailed(
                f"The Blender on a node is {about['version']} and the one here {self._version}: they would make other "
                "pixels. Use the same one everywhere."
            )

    @property
    def is_up(self) -> bool:
        """Whether the actor was not ended; that it died is only seen when it is asked."""
        return not self._is_gone

    def kill(self) -> None:
        """Ends the actor, and its Blender with it. Afterwards Ray is not called any more: it would connect again."""
        self._is_gone = True
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._actor)
        with self._asking:
            pass

    def _answer(self, begin: Callable[[], Any], on_frames: Callable[[int], None] | None) -> Any:
        if self._is_gone:
            raise Died("A Blender on the cluster was ended.")
        result = begin()
        while not self._ray.wait([result], timeout=LOOK_EVERY_S)[0]:
            if on_frames:
                on_frames(self._ray.get(self._actor.frames.remote()))
        error, answer = self._ray.get(result)
        if error:
            raise RenderFailed(error)
        return answer


class ClusterFarm(Farm):
    """Starts its Blender processes on a Ray cluster.

    Args:
        address: as `bridge.jobs.ray_executor.connect` takes it.
        program: the Blender program on the nodes; their `bpy` by default.

    Raises:
        BadInput: Ray is not installed, or no cluster answers.
    """

    def __init__(self, address: str, program: Path | None, work_dir: Path) -> None:
        from bridge.jobs.ray_executor import connect

        super().__init__(program, work_dir)
        self._ray = connect(address)
        self._carried: list[Carried] = []
        self._version: object = None

    def __exit__(self, *problem: object) -> None:
        super().__exit__(*problem)
        self._ray.shutdown()

    @property
    def seats(self) -> int:
        """How many processes the cluster has room for."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def carry(self, blend: Path, about: dict[str, Any]) -> None:
        """Takes the edit along, with what Blender says of it.

        Raises:
            BadInput: a file is not in the .blend's folder, so that a node would not find it.
        """
        folder = blend.resolve().parent
        self._version = about["version"]
        for path in [blend.resolve(), *map(Path, about["files"])]:
            if not path.is_relative_to(folder):
                raise BadInput(f"{path} is not beside {blend.name}, so the cluster would not find it; move it there.")
            data = path.read_bytes()
            name, sha256 = str(path.relative_to(folder)), hashlib.sha256(data).hexdigest()
            self._carried.append(Carried(name, sha256, [self._ray.put(data)]))

    def _new(self) -> Blender:
        options = {"num_cpus": 1, "max_concurrency": 2}
        program = str(self._program) if self._program else None
        actor = self._ray.remote(BlenderActor).options(**options).remote(program, SCRIPT.read_bytes())
        return RemoteBlender(self._ray, actor, self._carried, self._version)
