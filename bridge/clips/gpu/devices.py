# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a model runs, at which precision, and how it fits into the memory that is free."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from bridge.clips.gpu.footprints import SHARE_OF_FREE, MemoryPolicy
from bridge.clips.options import Values

if TYPE_CHECKING:
    import torch


def asked_policy(given: Values) -> MemoryPolicy | None:
    """The memory policy that a request asks for with the option `memory`, if it does."""
    return MemoryPolicy(given.whole("memory")) if given.has("memory") else None


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


def room_gib(device: "torch.device") -> float:
    """How much of that is planned with."""
    return free_gib(device) * SHARE_OF_FREE


def free_cached() -> None:
    """Gives the device what is no longer used."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def place(pipeline: Any, device: "torch.device", policy: MemoryPolicy, stays: bool) -> None:
    """Puts a diffusers pipeline on the device under a policy. On the CPU there is nothing to save but 8 bits.

    Args:
        pipeline: of diffusers.
        device: to run it on.
        policy: how to save memory there.
        stays: part by part, only the encoders of prompts have to make room (see `Footprint.stays`).
    """
    if policy is MemoryPolicy.EIGHT_BIT and device.type != "mps":
        keep_in_eight_bits(pipeline)
    if device.type == "cpu" or policy <= MemoryPolicy.TILED:
        pipeline.to(device)
    elif policy is MemoryPolicy.OFFLOAD and stays:
        # layer by layer too: whole encoders would be copied back after each prompt, for seconds
        offload_layers(pipeline, device, [name for name in pipeline.components if not name.startswith("text_encoder")])
    elif policy <= MemoryPolicy.EIGHT_BIT:
        pipeline.enable_model_cpu_offload(device=device)
    elif device.type == "cuda":
        # the decoder is small, and pipelines widen it for a while; layers that come and go keep the precision they had
        offload_layers(pipeline, device, ["vae"])
    else:
        pipeline.enable_sequential_cpu_offload(device=device)
    if policy > MemoryPolicy.RESIDENT and hasattr(pipeline.vae, "use_tiling"):
        pipeline.vae.enable_tiling()


def offload_layers(pipeline: Any, device: "torch.device", resident: Collection[str]) -> None:
    """Keeps only the layers at work on the device, and these parts."""
    pipeline.enable_group_offload(
        device, offload_type="leaf_level", use_stream=device.type == "cuda", exclude_modules=list(resident)
    )


def keep_in_eight_bits(pipeline: Any) -> None:
    """Stores the denoising networks' weights in 8 bits; each layer widens its own while it works."""
    import torch

    for name in ("unet", "transformer", "transformer_2"):
        network = getattr(pipeline, name, None)
        if network is not None:
            network.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=network.dtype)
