# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a model runs, at which precision, and how it fits into the memory that is free."""

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from blender_addon.protocol import ClipRequest
from bridge.engines.footprints import SHARE_OF_FREE, Footprint
from bridge.errors import BadInput

if TYPE_CHECKING:
    import torch


class MemoryPolicy(IntEnum):
    """From the fastest to the one that needs the least memory; a retry after running out takes the next."""

    RESIDENT = 0
    """everything stays on the device"""
    TILED = 1
    """the image decoder works in tiles and slices"""
    OFFLOAD = 2
    """only the part at work is on the device"""
    SEQUENTIAL = 3
    """only the layer at work is on the device: slow, and fits nearly anywhere"""

    def cheaper(self) -> "MemoryPolicy":
        """The next policy that needs less memory; the last one stays."""
        return MemoryPolicy(min(self + 1, MemoryPolicy.SEQUENTIAL))


def policy_setting(request: ClipRequest) -> MemoryPolicy | None:
    """The memory policy that the request asks for with the option `memory`, if it does."""
    text = dict(request.settings).get("memory")
    if text is None:
        return None
    try:
        return MemoryPolicy(int(text))
    except ValueError:
        raise BadInput(f"The option memory is 0 (fastest) to 3 (least memory), not {text!r}.") from None


def best_device() -> "torch.device":
    """CUDA, else Apple's GPU, else the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def precision(device: "torch.device") -> "torch.dtype":
    """Half precision where it is faster, else single."""
    import torch

    return torch.float16 if device.type in ("cuda", "mps") else torch.float32


def free_gib(device: "torch.device") -> float:
    """How much memory the device has free."""
    import psutil
    import torch

    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] / 2**30
    return psutil.virtual_memory().available / 2**30


def free_cached() -> None:
    """Gives the device what is no longer used."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def choose_policy(free: float, need: Footprint) -> MemoryPolicy:
    """The fastest policy that fits into `free` GiB, with a tenth to spare."""
    room = free * SHARE_OF_FREE
    if need.weights_gib + need.working_gib <= room:
        return MemoryPolicy.RESIDENT
    if need.weights_gib + need.tiled_working_gib <= room:
        return MemoryPolicy.TILED
    if need.largest_part_gib + need.tiled_working_gib <= room:
        return MemoryPolicy.OFFLOAD
    return MemoryPolicy.SEQUENTIAL


def place(pipeline: Any, device: "torch.device", policy: MemoryPolicy) -> None:
    """Puts a diffusers pipeline on the device under a policy. On the CPU there is nothing to save."""
    if device.type == "cpu" or policy <= MemoryPolicy.TILED:
        pipeline.to(device)
    elif policy is MemoryPolicy.OFFLOAD:
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.enable_sequential_cpu_offload(device=device)
    if policy > MemoryPolicy.RESIDENT and hasattr(pipeline.vae, "use_tiling"):
        pipeline.vae.enable_tiling()
