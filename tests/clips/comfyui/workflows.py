"""Small workflows in the form that ComfyUI exports for its API."""

import json
from pathlib import Path
from typing import Any


def node(kind: str, title: str = "", **inputs: Any) -> dict:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": title or kind}}


def painting() -> dict:
    """Words to a picture."""
    return {
        "3": node("KSampler", seed=5, steps=20, model=["4", 0], positive=["6", 0], negative=["7", 0],
                  latent_image=["5", 0]),
        "4": node("CheckpointLoaderSimple", ckpt_name="mine.safetensors"),
        "5": node("EmptyLatentImage", width=1024, height=1024, batch_size=1),
        "6": node("CLIPTextEncode", "Words", text="a cat", clip=["4", 1]),
        "7": node("CLIPTextEncode", "Not these", text="blurry", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
    }  # fmt: skip


def animating() -> dict:
    """Two pictures, scaled on the way, to a video between them."""
    return {
        "2": node("CLIPTextEncode", "Words", text="it moves", clip=["1", 0]),
        "4": node("ConditioningZeroOut", conditioning=["2", 0]),
        "10": node("LoadImage", image="example.png"),
        "11": node("LoadImage", image="example.png"),
        "12": node("ImageScale", image=["10", 0], width=832, height=480),
        "20": node("WanFirstLastFrameToVideo", positive=["2", 0], negative=["4", 0], start_image=["12", 0],
                   end_image=["11", 0], width=832, height=480, length=81, batch_size=1),
        "30": node("KSampler", seed=5, positive=["20", 0], negative=["20", 1], latent_image=["20", 2]),
        "40": node("VAEDecode", samples=["30", 0]),
        "50": node("CreateVideo", images=["40", 0], fps=16.0),
        "60": node("SaveVideo", video=["50", 0], filename_prefix="video/ComfyUI"),
    }  # fmt: skip


def without_last() -> dict:
    """The same from one picture."""
    nodes = animating()
    del nodes["11"], nodes["20"]["inputs"]["end_image"]
    return nodes


def saved(path: Path, nodes: object) -> Path:
    path.write_text(json.dumps(nodes), encoding="utf-8")
    return path
