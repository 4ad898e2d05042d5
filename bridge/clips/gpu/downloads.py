# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a folder of model weights whole? What a hub's download leaves when it stops half-way, told before anything loads.

Looks at names, sizes and the heads of files alone, so it takes no time. Pure: known without torch.
"""

import json
import re
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.common.errors import BadInput

INDEX = "model_index.json"
SHARDS = "*.safetensors.index*.json"
HALF = re.compile(r"\.fp16[.-]")
"""in the names of half-precision files, of which a hub has a set of its own; and of their shards"""
PICKLED = (".bin", ".pt", ".pth", ".ckpt")
POINTER = b"version https://git-lfs.github.com/spec/"
HEAD_LIMIT_BYTES = 100_000_000
"""safetensors allows no longer head"""
MOST_TOLD = 3


@dataclass(frozen=True)
class Gap:
    """A file that is not there, or not whole."""

    name: str
    """relative to the model's folder"""
    missing_bytes: int | None = None
    """None if nothing says how large it is"""

    def __str__(self) -> str:
        return self.name if self.missing_bytes is None else f"{self.name} ({_size(self.missing_bytes)} missing)"


def check(path: Path, given: Collection[str] = ()) -> None:
    """Refuses a download that isn't whole, or isn't of a kind that is read.

    Args:
        path: a model's folder, or a file of weights.
        given: the pipeline's parts that come from elsewhere.

    Raises:
        BadInput: what is missing and how large it is, or why the file isn't read.
    """
    others = [path] if path.is_file() else sorted(path.rglob("*.gguf"))
    if any(file.suffix == ".gguf" for file in others) and not any(path.rglob("*.safetensors")):
        raise BadInput(f"{others[0]} is a GGUF file, which isn't read here. Download the model's .safetensors.")
    found = list(_file_gaps(path, path.parent) if path.is_file() else gaps(path, given))
    if found:
        more = f" and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else ""
        told = ", ".join(map(str, found[:MOST_TOLD])) + more
        raise BadInput(f"The download in {path} is not whole: {told}. Download the model again, or go on with it.")


def is_half(file: Path) -> bool:
    """Whether its name says that it holds weights in half precision, or lists such files."""
    return HALF.search(file.name) is not None


def gaps(folder: Path, given: Collection[str] = ()) -> Iterator[Gap]:
    """What a pipeline's folder, or one part's, lacks."""
    index = _json(folder / INDEX)
    if index is None:
        yield from _part_gaps(folder, folder)
        return
    for name, kind in index.items():
        is_part = isinstance(kind, list) and all(isinstance(word, str) for word in kind)
        if not is_part or name in given:
            continue
        if (folder / name).is_dir():
            yield from _part_gaps(folder / name, folder)
        else:
            yield Gap(f"{name}/")


def _part_gaps(part: Path, root: Path) -> Iterator[Gap]:
    """What one part's folder lacks: a network has a configuration, and weights beside it."""
    for file in sorted(part.glob("*.safetensors")):
        yield from _file_gaps(file, root)
    shards = sorted(part.glob(SHARDS))
    for index in [one for one in shards if is_half(one)] or shards:  # the halves are read where they are there
        yield from _shard_gaps(index, root)
    config = _json(part / "config.json")
    if config is None or shards or any(part.glob("*.safetensors")) or not _has_weights(config):
        return
    if pickled := [file for file in part.iterdir() if file.suffix in PICKLED]:
        name = pickled[0].relative_to(root)
        raise BadInput(f"{root} has {name}, which may hold any program. Only .safetensors are read: download those.")
    yield Gap(f"{part.relative_to(root)}/*.safetensors" if part != root else "*.safetensors")


def _has_weights(config: dict[str, Any]) -> bool:
    """A network's configuration names its class; a tokenizer's or a scheduler's has another file's name."""
    return "_class_name" in config or "architectures" in config or "model_type" in config


def _shard_gaps(index: Path, root: Path) -> Iterator[Gap]:
    """The shards that an index names and that aren't there."""
    found = _json(index)
    if found is None:
        yield Gap(str(index.relative_to(root)))
        return
    names = sorted(set(found.get("weight_map", {}).values()))
    gone = [name for name in names if not (index.parent / name).exists()]
    there_bytes = sum((index.parent / name).stat().st_size for name in names if name not in gone)
    total = found.get("metadata", {}).get("total_size")
    for name in gone:  # what is left is theirs, in equal shares: shards are cut to one size
        share = max(0, int(total) - there_bytes) // len(gone) if isinstance(total, int | float) else None
        yield Gap(str((index.parent / name).relative_to(root)), share)


def _file_gaps(file: Path, root: Path) -> Iterator[Gap]:
    """What a file of weights lacks at its end. (The format: eight bytes say how long the JSON head is, which says where
    each tensor lies behind it.)"""
    name, size = str(file.relative_to(root)), file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(len(POINTER))
        if start == POINTER:
            yield Gap(f"{name}, of which only Git LFS's pointer is there", _pointed_bytes(file))
            return
        if file.suffix != ".safetensors":
            return
        if size < 8:
            yield Gap(name)
            return
        (head_bytes,) = struct.unpack("<Q", start[:8])
        opened.seek(8)
        head = opened.read(head_bytes) if head_bytes <= min(HEAD_LIMIT_BYTES, size) else b""
    try:
        tensors = json.loads(head)
        end = (
            8
            + head_bytes
            + max((one["data_offsets"][1] for key, one in tensors.items() if key != "__metadata__"), default=0)
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        yield Gap(name)
        return
    if size < end:
        yield Gap(name, end - size)


def _pointed_bytes(file: Path) -> int | None:
    """The size that a Git LFS pointer tells."""
    words = file.read_text(encoding="utf-8", errors="replace").split()
    size = words[words.index("size") + 1] if "size" in words[:-1] else ""
    return int(size) if size.isdigit() else None


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _size(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{max(1, round(count / 1024))} KiB"
