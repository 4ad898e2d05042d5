# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiles a network in a process of its own: `python -m bridge.clips.gpu.aot_compile FOLDER`.

Compiled code depends on the network's shape, not on its weights: they are arguments of it, like the pictures. So this
process builds the network with random ones, exports and compiles it, and leaves a package on disk that every later
process loads as it is, without tracing anything again.
"""

import functools
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from blender_addon.core.code_version import code_version
from bridge.clips.gpu import devices
from bridge.common import files, paths

REQUEST, PACKAGE, OUTPUTS, LOG, LOCK = "request.json", "network.bin", "outputs.json", "log.txt", "lock"
SOURCES = tuple(Path(__file__).with_name(name) for name in ("aot_compile.py", "streamline.py", "gated_linear.py"))
"""the code that shapes what is compiled: the last two put layers in the place of the model's own"""
TRIES, PAUSE_S = 20, 15.0
"""when others have the device's memory"""


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
class CompileJob:
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
    def of(cls, model: Any, part: str, args: tuple[Any, ...], options: dict[str, Any]) -> "CompileJob":
        """For a model's, or a part's, forward pass with these inputs."""
        network = getattr(model, part) if part else model
        inputs = [_input("", value) for value in args] + [_input(name, value) for name, value in options.items()]
        dtype = str(next(network.parameters()).dtype).removeprefix("torch.")
        config = {name: value for name, value in json.loads(model.to_json_string()).items() if name[0] != "_"}
        return cls(type(model).__name__, config, part, dtype, tuple(inputs), _environment())

    @property
    def request(self) -> str:
        """All but the process, as JSON."""
        facts = {entry.name: getattr(self, entry.name) for entry in fields(self) if not entry.name.startswith("_")}
        facts["inputs"] = [asdict(entry) for entry in self.inputs]
        return json.dumps({"version": code_version(*SOURCES), **facts}, sort_keys=True)

    @functools.cached_property
    def folder(self) -> Path:
        """Of the request, its log, and what came of it."""
        return paths.cache_folder() / "compiled" / hashlib.sha256(self.request.encode()).hexdigest()[:16]

    @property
    def package(self) -> Path:
        """The compiled code."""
        return self.folder / PACKAGE

    @property
    def is_done(self) -> bool:
        """Whether the compiled code is on disk."""
        return self.package.exists()

    def load(self) -> Callable[..., Any]:
        """The compiled code, to be called with weights (see `weights_of`), positional inputs and named ones.

        Raises:
            Exception: of whatever kind, if it is damaged or not for this machine.
        """
        import torch
        from torch.utils import _pytree as pytree

        _keep_caches_here()
        compiled = torch._inductor.CompiledArtifact.load(path=str(self.package), format="binary")
        outputs = pytree.treespec_loads((self.folder / OUTPUTS).read_text(encoding="utf-8"))

        def run(*everything: Any) -> Any:
            tensors = [leaf for leaf in pytree.tree_leaves(everything) if isinstance(leaf, torch.Tensor)]
            return pytree.tree_unflatten(compiled(*tensors), outputs)

        return run

    def begin(self) -> None:
        """Starts the process, once. It ends with this one's process group."""
        if self._process:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        files.write_text(self.folder / REQUEST, self.request)
        command = [sys.executable, "-m", "bridge.clips.gpu.aot_compile", str(self.folder)]
        with (self.folder / LOG).open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=paths.child_environment(paths.ENGINE_SECRETS),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
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


def weights_of(network: Any) -> dict[str, Any]:
    """All that a network computes with beside its inputs, by name."""
    return dict(network.named_parameters()) | dict(network.named_buffers())


def compile_once(folder: Path) -> None:
    """Makes the package that the folder's request asks for, unless another process does or did so."""
    import torch

    with files.locked(folder / LOCK, lambda: None, pause_s=1.0):
        for _ in range(TRIES):
            if (folder / PACKAGE).exists():
                return
            try:
                return _compile(folder)
            except RuntimeError as error:  # the compiler wraps the device's error in its own
                if "out of memory" not in str(error):
                    raise
                print(error, flush=True)
            torch.cuda.empty_cache()
            time.sleep(PAUSE_S)


def _compile(folder: Path) -> None:
    import diffusers
    import torch
    from torch.utils import _pytree as pytree

    from bridge.clips.gpu import streamline

    _keep_caches_here()
    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    device = devices.best_device()
    kind = getattr(diffusers, request["model"])
    with device:
        model = kind.from_config(request["config"]).to(device, getattr(torch, request["dtype"])).eval()
        made = [(entry["name"], _made(entry)) for entry in request["inputs"]]
    network = getattr(model, request["part"]) if request["part"] else model
    streamline.streamline(network)

    class WithWeights(torch.nn.Module):
        """The network as a function of its weights too; being no module of this one's, it has no others."""

        def forward(self, weights: Any, args: Any, options: Any) -> Any:
            return torch.func.functional_call(network, weights, args, options)

    args = tuple(value for name, value in made if not name)
    options = {name: value for name, value in made if name}
    everything = (weights_of(network), args, options)
    with torch.no_grad():
        exported = torch.export.export(WithWeights(), everything, strict=False)
        graph, tensors = _of_tensors(exported.graph_module, pytree.tree_leaves(everything))
        compiled = torch._inductor.standalone_compile(graph, tensors, dynamic_shapes="from_example_inputs")
    files.write_text(folder / OUTPUTS, pytree.treespec_dumps(exported.call_spec.out_spec))
    with files.written_beside(folder / PACKAGE) as beside:
        compiled.save(path=str(beside), format="binary")
    if device.type == "cuda":
        print(f"took {torch.cuda.max_memory_reserved() / 2**30:.1f} GiB of the device's memory")


def _of_tensors(graph: Any, leaves: list[Any]) -> tuple[Any, list[Any]]:
    """The graph without its inputs that are no tensors, whose values are in it already; and the tensors."""
    import torch

    inputs = zip(graph.graph.find_nodes(op="placeholder"), leaves, strict=True)
    for node in [node for node, leaf in inputs if not isinstance(leaf, torch.Tensor)]:
        graph.graph.erase_node(node)
    graph.recompile()
    return graph, [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]


def _keep_caches_here() -> None:
    """Loading a package unpacks it into the compiler's own cache."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(paths.cache_folder() / "compiled" / "unpacked"))


def _made(entry: dict[str, Any]) -> Any:
    import torch

    return entry["value"] if entry["shape"] is None else torch.rand(entry["shape"]).to(getattr(torch, entry["dtype"]))


if __name__ == "__main__":
    compile_once(Path(sys.argv[1]))
