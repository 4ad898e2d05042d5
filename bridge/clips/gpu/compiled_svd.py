# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands the compiled network of Stable Video Diffusion in for the plain one, once its code lies on disk.

The compiled code takes the weights as arguments, from a twin of the network that shares them (`streamline`).
"""

import copy
import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from bridge.clips.gpu import devices
from bridge.clips.gpu.aot_compile import CompileJob, weights_of
from bridge.clips.gpu.streamline import can_compile, streamline

log = logging.getLogger(__name__)

UNET_ROOM_GIB, DECODER_ROOM_GIB = 10.0, 20.0
"""what another process needs on the device to compile them; 8.8 and 17.9, measured"""


class CompiledForward:
    """Takes a network's place once its compiled code lies on disk; until then the network itself runs.

    Compiling takes minutes and all of Python's attention, so another process does it, once for a machine: see
    `aot_compile`. What that process leaves on disk is loaded here in a few seconds. A network that can't be compiled
    runs as it came.

    Args:
        model: a diffusers model; it is made to run as said.
        part: the name of the part of it that is meant; empty for the whole.
        room_gib: what the other process needs free on the device.
    """

    def __init__(self, model: Any, part: str, room_gib: float) -> None:
        self._model, self._part, self._room_gib = model, part, room_gib
        network = getattr(model, part) if part else model
        self._plain = network.forward
        twin = sharing_weights(network)
        streamline(twin)
        self._weights = weights_of(twin)
        self._jobs: dict[Any, CompileJob] = {}
        self._compiled: dict[Any, Callable[..., Any] | None] = {}
        network.forward = self

    def __call__(self, *args: Any, **options: Any) -> Any:
        """The network's forward pass."""
        shapes = _shapes(args, options)
        if shapes not in self._jobs:
            self._jobs[shapes] = CompileJob.of(self._model, self._part, args, options)
        job = self._jobs[shapes]
        if job.is_done and shapes not in self._compiled:
            self._compiled[shapes] = _loaded(job)
        if compiled := self._compiled.get(shapes):
            return compiled(self._weights, args, options)
        if not job.is_done and devices.free_gib(devices.best_device()) >= self._room_gib:
            job.begin()
        return self._plain(*args, **options)

    def wait(self) -> bool:
        """Waits for what is being compiled; gives whether all that was asked for is."""
        for job in self._jobs.values():
            job.wait()
        return all(job.is_done for job in self._jobs.values())


def _loaded(job: CompileJob) -> Callable[..., Any] | None:
    """The compiled code; none if it is damaged or not for this machine: then it is removed, and made anew next time."""
    try:
        return job.load()
    except Exception as error:  # noqa: BLE001 - the compiler raises whatever it likes; the plain network still runs
        log.warning("compiled code in %s could not be loaded (%s); the plain network runs", job.folder, error)
        job.package.unlink(missing_ok=True)
        return None


def prepare_video(pipeline: Any) -> tuple[CompiledForward, ...]:
    """Lets streamlined, compiled twins stand in for a Stable Video Diffusion pipeline's networks once they are ready.

    Does nothing where there is no compiler.
    """
    if not can_compile():
        return ()
    if pipeline.vae.config.force_upcast:
        # diffusers would cast the whole of it to single precision and back for each clip
        pipeline.vae.encoder.float()
        pipeline.vae.quant_conv.float()
    return CompiledForward(pipeline.unet, "", UNET_ROOM_GIB), CompiledForward(pipeline.vae, "decoder", DECODER_ROOM_GIB)


def sharing_weights(network: nn.Module) -> nn.Module:
    """A copy of a network with the same parameters and buffers, not copies of them."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, shared)


def _shapes(args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What decides whether compiled code fits: tensors' shapes and kinds, and everything else as it is."""
    values = [*enumerate(args), *sorted(options.items())]
    return tuple((name, (x.shape, x.dtype, x.device) if isinstance(x, torch.Tensor) else x) for name, x in values)
