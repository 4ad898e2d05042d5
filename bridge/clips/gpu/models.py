# SPDX-License-Identifier: GPL-3.0-or-later
"""Where model weights come from: a folder or file of the user's, or the hub by id; safetensors only, no remote code.

`BEATBOARD_MODELS` names a folder that is looked through first, with the hub's layout of names inside, as in
`stabilityai/stable-diffusion-xl-base-1.0`. `HF_HUB_OFFLINE=1` keeps everything off the network.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blender_addon.core import network
from bridge.clips.gpu import downloads
from bridge.clips.gpu.footprints import Footprint
from bridge.common.errors import BadInput


@dataclass(frozen=True)
class Model:
    """One model's weights."""

    source: str
    """a hub id such as "stabilityai/stable-video-diffusion-img2vid-xt", a folder, or a .safetensors file"""
    revision: str | None = None
    """the hub's commit; None for the newest"""
    variant: str | None = None
    """"fp16" where the hub has half-precision files of their own"""

    @classmethod
    def named(cls, text: str | None, default: "Model") -> "Model":
        """The model that a setting names, as in "owner/name@revision", or the default."""
        if not text:
            return default
        source, _, revision = text.partition("@")
        if source == default.source:
            return cls(source, revision or default.revision, default.variant)
        return cls(source, revision or None)

    def local(self) -> Path | None:
        """The folder or file, if the model is on this machine by path."""
        folder = os.environ.get("BEATBOARD_MODELS")
        for path in (Path(self.source).expanduser(), Path(folder or "/nonexistent") / self.source):
            if path.exists():
                return path
        return None


def load(kind: Any, model: Model, **options: Any) -> Any:
    """Loads a pipeline or a part of one.

    Args:
        kind: a class with `from_pretrained` (and `from_single_file` for single files).
        model: where the weights are.
        options: passed on; `dtype`, `subfolder` and the like.

    Raises:
        BadInput: the weights are missing, not whole, corrupt, or of another kind of model.
    """
    path = model.local()
    if path:
        downloads.check(path, options)
    check_memory(model)
    try:
        if path and path.is_file():
            return kind.from_single_file(str(path), **options)
        if path:
            variant = "fp16" if any(map(downloads.is_half, path.glob("**/*.safetensors"))) else None
            return kind.from_pretrained(str(path), variant=variant, use_safetensors=True, **options)
        return kind.from_pretrained(
            model.source, revision=model.revision, variant=model.variant, use_safetensors=True, **options
        )
    except Exception as error:
        if not is_unloadable(error):
            raise
        raise BadInput(_sentence(kind, model, path, error)) from error


def is_unloadable(error: Exception) -> bool:
    """Whether it says that files are missing, damaged, out of reach or of another kind.

    Classes that are made in Rust, or by whichever HTTP client the hub's library has, are known by their names.
    """
    kinds = (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError)
    names = {kind.__name__ for kind in type(error).__mro__}
    out_of_memory = "OutOfMemoryError" in names
    return (isinstance(error, kinds) and not out_of_memory) or bool(names & {"SafetensorError", "TransportError"})


def read_loras(text: str) -> tuple[tuple[str, float], ...]:
    """ "a.safetensors:0.8,b.safetensors" to pairs of file and weight; the weight is 1 if none is given.

    Raises:
        BadInput: a weight is no number, or a file isn't there.
    """
    pairs = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        file, _, weight = entry.partition(":")
        if not Path(file).expanduser().is_file():
            raise BadInput(f"The LoRA file {file} is not there. Give it as FILE:WEIGHT.")
        try:
            pairs.append((file, float(weight or 1.0)))
        except ValueError:
            raise BadInput(f"The weight of the LoRA {file} is a number such as 0.8, not {weight!r}.") from None
    return tuple(pairs)


def add_loras(pipeline: Any, loras: Sequence[tuple[str, float]]) -> None:
    """Loads LoRAs, each from a file, a folder or the hub by id ("owner/name" or "owner/name/file"), with its weight.

    Raises:
        BadInput: one is missing, or not for this model.
    """
    names = [f"lora{i}" for i in range(len(loras))]
    for name, (source, _) in zip(names, loras, strict=True):
        place, options = _lora_place(source)
        try:
            pipeline.load_lora_weights(place, adapter_name=name, use_safetensors=True, **options)
        except Exception as error:
            if not is_unloadable(error):
                raise
            raise BadInput(
                f"{source} could not be used as a LoRA for this model ({_first_line(error)})."
                " It is a .safetensors file made for the same base model."
            ) from error
    if loras:
        pipeline.set_adapters(names, [weight for _, weight in loras])


def _lora_place(source: str) -> tuple[str, dict[str, str]]:
    path = Model(source).local()
    if path and path.is_file():
        return str(path.parent), {"weight_name": path.name}
    if path is None and source.endswith(".safetensors") and source.count("/") == 2:
        repository, _, file = source.rpartition("/")
        return repository, {"weight_name": file}
    return str(path or source), {}


def add_ip_adapters(pipeline: Any, model: Model, files: Sequence[str]) -> None:
    """Loads IP-Adapters for SDXL (Ye et al. 2023) and the image encoder that they share.

    Args:
        model: the hub's `h94/IP-Adapter`, or a folder laid out like it.
        files: of its `sdxl_models` folder.

    Raises:
        BadInput: the weights are missing, or not for this pipeline.
    """
    folders = {"subfolder": "sdxl_models", "image_encoder_folder": "models/image_encoder"}
    try:
        pipeline.load_ip_adapter(str(model.local() or model.source), weight_name=list(files), **folders)
    except Exception as error:
        if not is_unloadable(error):
            raise
        raise BadInput(
            f"The IP-Adapter of {model.source} could not be used ({_first_line(error)})."
            " Download it into a folder laid out like h94/IP-Adapter and name it with --set adapters=FOLDER."
        ) from error


def size_gib(model: Model) -> float | None:
    """How large the weights on this machine are, each part once; None if they aren't here by path."""
    path = model.local()
    if path is None:
        return None
    if path.is_file():
        return path.stat().st_size / 2**30
    files = list(path.glob("*/*.safetensors")) or list(path.glob("*.safetensors"))
    half = {file.parent for file in files if downloads.is_half(file)}
    return sum(file.stat().st_size for file in files if file.parent not in half or downloads.is_half(file)) / 2**30


def sized(usual: Footprint, model: Model) -> Footprint:
    """What this model needs: the usual footprint of its kind, at its real size where that is known."""
    size = size_gib(model)
    return usual.with_weights(size) if size else usual


def check_memory(model: Model) -> None:
    """Refuses weights that the computer's memory can't take: the system would end the process in the middle of it.

    Raises:
        BadInput: they don't fit.
    """
    import psutil

    size, free = size_gib(model), psutil.virtual_memory().available / 2**30
    if size is not None and size > free:
        raise BadInput(
            f"The weights of {model.source} take {size:.1f} GiB of memory, and {free:.1f} GiB are free."
            " Close other programs, or choose a smaller model with --set model=ID."
        )


def index_of(kind: Any, model: Model) -> dict[str, Any]:
    """The pipeline's index (`model_index.json`): its class and its parts.

    Raises:
        BadInput: the model is missing, or is no pipeline.
    """
    path = model.local()
    try:
        return kind.load_config(str(path) if path else model.source, revision=model.revision)
    except (OSError, ValueError) as error:
        raise BadInput(_sentence(kind, model, path, error)) from error


def _sentence(kind: Any, model: Model, path: Path | None, error: Exception) -> str:
    reason = _first_line(error)
    if path is None:
        refusal = f" {network.REFUSAL}." if network.is_offline(os.environ) else ""
        return (
            f"The weights of {model.source} could not be had ({reason}).{refusal} Download them into a folder and name"
            f" it with --set model=FOLDER, or set BEATBOARD_MODELS to a folder that has {model.source} in it."
        )
    return (
        f"The weights in {path} could not be loaded as {kind.__name__} ({reason})."
        " Check that the download is whole and that it is this kind of model."
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
