# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiles a network in a process of its own: `python -m bridge.engines.rehearse FOLDER`.

The compiler's results depend on the network's shape, not on its weights. So this process builds the network with random
ones, runs it once, and leaves what was compiled in the compiler's cache on disk, where every later process finds it.
"""

import functools
import hashlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from bridge import files, settings
from bridge.engines import devices

VERSION = 1
"""changes whenever `fast` changes what is compiled"""
REQUEST, DONE, LOG = "request.json", "done", "log.txt"


def cache_folder() -> Path:
    """Where compiled code is kept."""
    return settings.cache_folder() / "compiled"


@dataclass(frozen=True)
class Input:
    """One of a forward pass' inputs."""

    name: str
    """empty for a positional one"""
    shape: tuple[int, ...] | None = None
    """a tensor's"""
    dtype: str = ""
    """a tensor's, as in "float16" """
    value: Any = None
    """of what is no tensor: a number, a truth value or nothing"""


@dataclass
class Rehearsal:
    """What a forward pass needs to be compiled, as JSON can say it, and the process that does it."""

    model: str
    """a class of diffusers"""
    config: dict[str, Any]
    part: str
    dtype: str
    inputs: tuple[Input, ...]
    environment: tuple[str, ...]
    """what else the compiled code depends on"""
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @classmethod
    def of(cls, model: Any, part: str, args: tuple[Any, ...], options: dict[str, Any]) -> "Rehearsal":
        """For a model's, or a part's, forward pass with these inputs."""
        network = getattr(model, part) if part else model
        inputs = [_input("", value) for value in args] + [_input(name, value) for name, value in options.items()]
        dtype = str(next(network.parameters()).dtype).removeprefix("torch.")
        config = json.loads(model.to_json_string())
        return cls(type(model).__name__, config, part, dtype, tuple(inputs), _environment())

    @property
    def request(self) -> str:
        """All but the process, as JSON."""
        facts = {entry.name: getattr(self, entry.name) for entry in fields(self) if not entry.name.startswith("_")}
        facts["inputs"] = [asdict(entry) for entry in self.inputs]
        return json.dumps({"version": VERSION, **facts}, sort_keys=True)

    @functools.cached_property
    def folder(self) -> Path:
        """Of the request, its log, and the mark that it is done."""
        return cache_folder() / "rehearsals" / hashlib.sha256(self.request.encode()).hexdigest()[:16]

    @property
    def is_done(self) -> bool:
        """Whether the compiled code is on disk."""
        return (self.folder / DONE).exists()

    def begin(self) -> None:
        """Starts the process, once. It ends with this one's process group."""
        if self._process:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        files.write_text(self.folder / REQUEST, self.request)
        environment = settings.child_environment(TORCHINDUCTOR_CACHE_DIR=str(cache_folder()))
        command = [sys.executable, "-m", "bridge.engines.rehearse", str(self.folder)]
        with (self.folder / LOG).open("wb") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def wait(self) -> None:
        """Waits for the process, if it was started."""
        if self._process:
            self._process.wait()


def _environment() -> tuple[str, ...]:
    import torch

    device = devices.best_device()
    model = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return model, torch.__version__


def _input(name: str, value: Any) -> Input:
    import torch

    if isinstance(value, torch.Tensor):
        return Input(name, tuple(value.shape), str(value.dtype).removeprefix("torch."))
    return Input(name, value=value)


def rehearse(folder: Path) -> None:
    """Does what the folder's request asks for, and marks it as done."""
    import diffusers
    import torch

    from bridge.engines import fast

    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    device = devices.best_device()
    with device:
        model = getattr(diffusers, request["model"]).from_config(request["config"])
        model.to(device, getattr(torch, request["dtype"])).eval()
        made = [(entry["name"], _made(entry)) for entry in request["inputs"]]
    network = getattr(model, request["part"]) if request["part"] else model
    fast.streamline(network)
    with torch.no_grad():
        torch.compile(network, dynamic=False)(
            *[value for name, value in made if not name], **{name: value for name, value in made if name}
        )
    files.write_text(folder / DONE, "")


def _made(entry: dict[str, Any]) -> Any:
    import torch

    return entry["value"] if entry["shape"] is None else torch.rand(entry["shape"]).to(getattr(torch, entry["dtype"]))


if __name__ == "__main__":
    rehearse(Path(sys.argv[1]))
