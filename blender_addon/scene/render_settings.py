# SPDX-License-Identifier: GPL-3.0-or-later
"""Render settings, and the render itself."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import bpy

from ..core import encoding, formats, mp4
from . import passthrough, timeline

MIX_LIMIT_S = 30.0
"""without a byte more, the sound will not come"""
MIX_SETTLED_S = 0.3
SAMPLE_BYTES = 8
"""two channels, 32 bits each"""


class RenderError(RuntimeError):
    """Blender rendered something else than what was asked for, or nothing."""


def settings(scene: Any, *, colors: bool = True) -> None:
    """The deliverable's settings, saved with the .blend: H.264 High, yuv420p, BT.709, AAC, the colours as they are.

    Without `colors`, the scene keeps its own colour management: the editor's own strips were made with it.
    """
    timeline.prepare(scene)
    for owner, name, value in _wanted(scene, colors=colors):
        setattr(owner, name, value)


@contextmanager
def lent(scene: Any, *, colors: bool) -> Iterator[None]:
    """The deliverable's settings for a while, as for a copy that is saved; then the editor's own again."""
    timeline.prepare(scene)
    names = [(owner, name) for owner, name, _ in _wanted(scene, colors=colors)]
    before = [(owner, name, getattr(owner, name)) for owner, name in names]
    settings(scene, colors=colors)
    try:
        yield
    finally:
        for owner, name, value in before:
            with suppress(TypeError):  # of a kind of file that the editor's own is not
                setattr(owner, name, value)


def _wanted(scene: Any, *, colors: bool) -> list[tuple[Any, str, Any]]:
    """Each setting: whose it is, its name, its value."""
    render, image, video = scene.render, scene.render.image_settings, scene.render.ffmpeg
    x264 = encoding.DELIVERABLE
    wanted = [
        (render, "resolution_percentage", 100),
        (render, "use_sequencer", True),
        (render, "dither_intensity", 0.0),  # noise that the encoder would have to spend bits on
        (image, "media_type", "VIDEO"),  # first: it decides which formats there are
        (image, "file_format", "FFMPEG"),
        (image, "color_mode", "RGB"),
        (video, "format", "MPEG4"),
        (video, "codec", "H264"),
        (video, "constant_rate_factor", encoding.BLENDER_CRF[x264.crf]),
        (video, "ffmpeg_preset", encoding.BLENDER_PRESET[x264.preset]),
        (video, "gopsize", round(timeline.scene_fps(scene))),
        (video, "audio_codec", "AAC"),
        (video, "audio_bitrate", 192),
        (video, "audio_channels", "STEREO"),
        (video, "audio_mixrate", encoding.SAMPLE_RATE_HZ),
    ]
    if colors:
        wanted += [
            (scene.view_settings, "view_transform", "Standard"),
            (scene.view_settings, "look", "None"),
            (scene.sequencer_colorspace_settings, "name", "sRGB"),
        ]
    return wanted


def for_this_process(scene: Any) -> None:
    """What a render process needs and the editor's Blender does not; not for saving.

    Caches only cost memory when each frame is asked for once; a GPU is not to be relied on without a window.
    """
    editor = scene.sequence_editor
    editor.use_cache_raw = editor.use_cache_final = editor.use_prefetch = False
    scene.render.compositor_device = "CPU"


def draft(scene: Any) -> None:
    """Makes the output small, and encodes it fast; not for saving."""
    render = scene.render
    render.ffmpeg.ffmpeg_preset = encoding.BLENDER_PRESET[encoding.DRAFT.preset]
    ratio = formats.draft_ratio(render.resolution_x, render.resolution_y)
    render.resolution_x, render.resolution_y = formats.draft_size(render.resolution_x, render.resolution_y)
    for strip in timeline.all_strips(scene):
        if hasattr(strip, "transform"):
            strip.transform.offset_x *= ratio
            strip.transform.offset_y *= ratio
        if hasattr(strip, "elements"):  # scaled from the source's own pixels, so that it doesn't follow the output
            strip.transform.scale_x *= ratio
            strip.transform.scale_y *= ratio
        if strip.type == "TEXT":
            strip.font_size *= ratio


def master(scene: Any) -> None:
    """Encodes for what is then encoded in another codec; not for saving."""
    video = scene.render.ffmpeg
    video.constant_rate_factor = encoding.BLENDER_CRF[encoding.MASTER.crf]
    video.ffmpeg_preset = encoding.BLENDER_PRESET[encoding.MASTER.preset]


def render(
    scene: Any,
    path: Path,
    frame_start: int | None = None,
    frame_end: int | None = None,
    *,
    audio: bool = True,
    lossless: bool = False,
    on_frame: Callable[[int], None] | None = None,
) -> None:
    """Renders [frame_start, frame_end) to an MP4 with its index first. The file appears whole or not at all.

    Args:
        scene: with `settings` and `for_this_process` done.
        path: ends in .mp4.
        frame_start: the first scene frame; the scene's own by default.
        frame_end: one past the last.
        audio: with the sequencer's sound.
        lossless: as the encoder gets the picture, for measuring and for repeating.
        on_frame: told the number of frames written so far, after each.

    Raises:
        RenderError: Blender could not write all frames.
    """
    first = scene.frame_start if frame_start is None else frame_start
    end = scene.frame_end + 1 if frame_end is None else frame_end
    path = Path(os.path.realpath(path))  # a link stays one
    beside = path.with_name(f".{path.stem}~{os.getpid()}.mp4")
    video = scene.render.ffmpeg
    saved = (scene.frame_start, scene.frame_end, scene.render.filepath)
    encoding = (video.audio_codec, video.constant_rate_factor)
    scene.frame_start, scene.frame_end, scene.render.filepath = first, end - 1, _literal(beside)
    if not audio:
        video.audio_codec = "NONE"
    if lossless:
        video.constant_rate_factor = "LOSSLESS"
    try:
        with _told_of_frames(on_frame), passthrough.colors(scene, first, end):
            bpy.ops.render.render(animation=True, scene=scene.name)
        _must_be_whole(beside, end - first)
        mp4.move_index_first(beside)
        beside.replace(path)
    except (RuntimeError, OSError, ValueError) as error:
        raise RenderError(f"Blender could not render {path}: {_reason(error)}") from error
    finally:
        beside.unlink(missing_ok=True)
        scene.frame_start, scene.frame_end, scene.render.filepath = saved
        video.audio_codec, video.constant_rate_factor = encoding


def _literal(path: Path) -> str:
    """A path for an output: Blender reads braces in it as the name of a value to put there."""
    return str(path).replace("{", "{{").replace("}", "}}")


def mix(scene: Any, path: Path) -> None:
    """Writes the sound of the scene's frame range as WAV: stereo, 32-bit float, at the deliverable's rate.

    Raises:
        RenderError: Blender could not.
    """
    try:
        with bpy.context.temp_override(scene=scene):
            bpy.ops.sound.mixdown(
                filepath=str(path), check_existing=False, container="WAV", codec="PCM", format="F32",
                mixrate=scene.render.ffmpeg.audio_mixrate, channels="STEREO",
            )  # fmt: skip
    except RuntimeError as error:
        raise RenderError(f"Blender could not mix the sound into {path}: {_reason(error)}") from error
    frames = scene.frame_end - scene.frame_start + 1
    seconds = frames / timeline.scene_fps(scene)
    _wait_for_sound(path, int(seconds * scene.render.ffmpeg.audio_mixrate) * SAMPLE_BYTES)


def _wait_for_sound(path: Path, least_bytes: int) -> None:
    """Blender 5.2's program mixes in a job of its own and returns before the file is there."""
    size, changed_s = -1, time.monotonic()
    while time.monotonic() - changed_s < (MIX_LIMIT_S if size < least_bytes else MIX_SETTLED_S):
        now = path.stat().st_size if path.is_file() else -1
        if now != size:
            size, changed_s = now, time.monotonic()
        time.sleep(0.05)
    if size < least_bytes:
        raise RenderError(f"Blender wrote no sound, or not all, to {path}; is the disk full?")


@contextmanager
def _told_of_frames(on_frame: Callable[[int], None] | None):
    written = 0

    def count(*_: Any) -> None:
        nonlocal written
        written += 1
        if on_frame:
            on_frame(written)

    bpy.app.handlers.render_write.append(count)
    try:
        yield
    finally:
        bpy.app.handlers.render_write.remove(count)


def _must_be_whole(path: Path, frames: int) -> None:
    if not path.exists():
        raise RenderError("it wrote no file; is the folder writable?")
    written = mp4.frame_count(path)
    if written != frames:
        raise RenderError(f"it wrote {written} of {frames} frames; is the disk full?")


def _reason(error: Exception) -> str:
    return str(error).strip().replace("\n", " ") or type(error).__name__
