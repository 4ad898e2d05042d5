# SPDX-License-Identifier: GPL-3.0-or-later
"""Painter and animator `comfyui`: workflows that the user exported, on one ComfyUI or several.

The workflow decides: its models, its steps, the area of its pictures, its own frame rate. What is put into it is what a
shot asks for: the words, the seed, the pictures, the shot's shape and as many frames as it lasts.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np

from blender_addon.core.types import ClipRequest, ShotKind
from bridge.clips import holds, options, remote
from bridge.clips.base import Footage, Still, Work
from bridge.clips.camera_words import moving_prompt
from bridge.clips.comfyui import roles, servers, steps
from bridge.clips.comfyui.roles import Roles
from bridge.clips.comfyui.servers import SavedFile, Server
from bridge.clips.comfyui.workflow import Place, Slot, Workflow
from bridge.common.errors import BadInput, GenerationFailed
from bridge.common.frames import Frame, resized

SIDE_STEP_PX = 8
"""sides are multiples of it, and of what the server says"""
MOST_FRAMES = 2000
STILLS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tiff")
"""pictures, some of which may move"""

SHARED = (
    options.text(
        "comfyui", "ComfyUI's address; several with commas between share the work",
        automatic=f"what {servers.ADDRESSES} names, or {servers.USUAL}",
    ),
    options.yes_no("comfyui_free", "ComfyUI gives its memory back whenever its queue is empty", "no"),
)  # fmt: skip
PAINTER_OPTIONS = (
    options.text("painter_workflow", "the file of a workflow, exported for ComfyUI's API, that paints"),
    options.text("painter_nodes", "its nodes by role, as in prompt=6,seed=KSampler", automatic="found by its links"),
    *SHARED,
)
ANIMATOR_OPTIONS = (
    options.text("workflow", "the file of a workflow, exported for ComfyUI's API, that animates"),
    options.text("nodes", "its nodes by role, as in image=52,length=50", automatic="found by its links"),
    options.whole(
        "most_frames", "frames that it makes at most; a longer shot is slowed down", 2, MOST_FRAMES,
        automatic="as many as the workflow has",
    ),
    *SHARED,
)  # fmt: skip


class ComfyPainter:
    """Paints by a workflow that saves a picture."""

    version = "1"

    def paint(self, requests: Sequence[ClipRequest], work: Work) -> Iterator[Still]:
        """One after the other; shots that are made at the same time share the servers."""
        for request in requests:
            yield Still(self._painted(request, work))

    def _painted(self, request: ClipRequest, work: Work) -> Frame:
        given = options.of(request, PAINTER_OPTIONS)
        workflow = _workflow(given.text("painter_workflow"), "painter_workflow")
        named = roles.read(workflow, given.text("painter_nodes"))
        found = roles.find(workflow, named, ("image", "cover", "character"))
        if not found.of("prompt") and "prompt" not in named:
            raise BadInput("The workflow has no node for the prompt. Name it, as in --set painter_nodes=prompt=6.")
        with servers.least_busy(servers.addresses(given.text("comfyui")), request.shot_id) as server:
            job = Job(server, workflow, found, work)
            values = job.numbers(request) | _words(found, request.prompt, request.negative_prompt)
            for role, sha256 in _references(request).items():
                if found.of(role):
                    values |= job.picture(role, _file(work, sha256))
            picture = _picture(job.done(values, "painting at ComfyUI", _is_picture)[0])
            job.end(given)
        return picture


class ComfyAnimator:
    """Animates by a workflow that saves a video, or the frames of one."""

    version = "1"

    def animate(self, request: ClipRequest, still: Still, work: Work) -> Footage:
        """The still, the words and the length go into the workflow; its frames come back."""
        given = options.of(request, ANIMATOR_OPTIONS)
        workflow = _workflow(given.text("workflow"), "workflow")
        named = roles.read(workflow, given.text("nodes"))
        found = roles.find(workflow, named, ("image", "last"))
        if not found.of("image") and "image" not in named:
            raise BadInput("The workflow has no node that loads the keyframe. Name it, as in --set nodes=image=52.")
        with servers.least_busy(servers.addresses(given.text("comfyui")), request.shot_id) as server:
            job = Job(server, workflow, found, work)
            values = job.numbers(request) | _words(found, moving_prompt(request), request.negative_prompt)
            values |= job.length(request, given.whole("most_frames", automatic=0))
            values |= self._pictures(job, request, still)
            paths = job.done(values, "animating at ComfyUI", _is_footage)
            frames = _frames(paths, request)
            job.end(given)
        return remote.footage(frames, request)

    def _pictures(self, job: "Job", request: ClipRequest, still: Still) -> dict[Place, Any]:
        """The first frame, and the last one if the shot has one and the workflow takes it."""
        width_px, height_px = job.size(request)
        values = job.picture("image", resized(still.rgb, width_px, height_px))
        if request.kind is ShotKind.COVER_END and job.roles.of("last"):
            return values | job.picture("last", holds.whole_cover(request, job.work, width_px, height_px))
        if still.end is not None and not job.roles.of("last"):
            raise BadInput("The workflow has no node for a last frame: leave out into_next, or name it: nodes=last=60.")
        end = still.rgb if still.end is None else still.end
        return values | job.picture("last", resized(end, width_px, height_px))


@dataclass(frozen=True)
class Job:
    """A workflow on its way through a server."""

    server: Server
    workflow: Workflow
    roles: Roles
    work: Work

    def numbers(self, request: ClipRequest) -> dict[Place, Any]:
        """The seed, the size, and the frame rate if the user named a node for it."""
        values: dict[Place, Any] = {slot.holds: request.seed for slot in self.roles.of("seed")}
        if self.roles.sizes:
            width_px, height_px = self.size(request)
            for width, height in self.roles.sizes:
                values |= {width.holds: width_px, height.holds: height_px}
        if "fps" in self.roles.named:
            rate = float(request.fps)
            for slot in self.roles.of("fps"):
                values[slot.holds] = round(rate) if isinstance(self.workflow.value(slot.holds), int) else rate
        return values

    def size(self, request: ClipRequest) -> tuple[int, int]:
        """Width and height: the shot's shape with the workflow's own area; the shot's own where it has none."""
        if not self.roles.sizes:
            return request.width_px, request.height_px
        widths, heights = zip(*self.roles.sizes, strict=True)
        area = self.workflow.value(widths[0].holds) * self.workflow.value(heights[0].holds)
        shape = request.width_px / request.height_px
        return self._side(widths, math.sqrt(area * shape)), self._side(heights, math.sqrt(area / shape))

    def length(self, request: ClipRequest, most: int) -> dict[Place, Any]:
        """As many frames as the shot's moving part lasts at the video's own rate, up to a limit."""
        slots = self.roles.of("length")
        if not slots:
            return {}
        wanted = math.ceil(holds.moving_frames(request) / request.fps * self._rate(request))
        longest = most or int(self.workflow.value(slots[0].holds))
        limits = self._limits(slots[0])
        low, step = int(limits.get("min", 1)), max(1, int(limits.get("step", 1)))
        count = low + math.ceil(max(0, min(wanted, longest) - low) / step) * step
        return {slot.holds: count for slot in slots}

    def picture(self, role: str, picture: Frame) -> dict[Place, Any]:
        """Uploads a picture for the nodes of a role."""
        slots = self.roles.of(role)
        if not slots:
            return {}
        self.work.report(0.02, "sending pictures to ComfyUI")
        name = self.server.upload(picture)
        return {slot.holds: name for slot in slots}

    def done(self, values: Mapping[Place, Any], doing: str, serves: Callable[[SavedFile], bool]) -> list[Path]:
        """Queues it, waits and fetches: one moving file, or all pictures of one node, in order."""
        self.work.report(0.05, "sending the workflow to ComfyUI")
        with steps.listening(self.server.url, self.workflow) as heard:
            prompt_id = self.server.enqueue(self.workflow.filled(values), self.workflow, heard.client_id)
            saved = self.server.follow(prompt_id, self.workflow, self.work, doing, heard)
        paths = []
        for i, file in enumerate(self._chosen(saved, serves)):
            paths.append(self.work.folder / f"comfyui-{i:05d}{file.suffix}")
            self.server.download(file, paths[-1], self.work)
        return paths

    def end(self, given: options.Values) -> None:
        """Lets the server rest, if it was asked to."""
        if given.yes("comfyui_free"):
            self.server.free()

    def _chosen(self, saved: Sequence[SavedFile], serves: Callable[[SavedFile], bool]) -> list[SavedFile]:
        """The files of one node: the named one, else the one that keeps something of use; videos before pictures."""
        fit = [file for file in saved if serves(file) and self.roles.output in ("", file.node)]
        for better in (lambda file: file.place == "output", lambda file: file.suffix not in STILLS):
            fit = [file for file in fit if better(file)] or fit
        nodes = list(dict.fromkeys(file.node for file in fit))
        if not nodes:
            raise GenerationFailed(
                "The workflow saved nothing that can be used here: it needs a node that saves its result."
            )
        if len(nodes) > 1:
            raise self.workflow.ambiguous("output", nodes)
        return fit[:1] if fit[0].suffix not in STILLS else fit

    def _side(self, slots: Sequence[Slot], side_px: float) -> int:
        step = math.lcm(SIDE_STEP_PX, *(max(1, int(self._limits(slot).get("step", 1))) for slot in slots))
        return max(step, round(side_px / step) * step)

    def _rate(self, request: ClipRequest) -> Fraction:
        """Frames per second of what the workflow makes; the shot's own where it doesn't say."""
        slots = self.roles.of("fps")
        if not slots or "fps" in self.roles.named:
            return request.fps
        return Fraction(self.workflow.value(slots[0].holds)).limit_denominator(1001)

    def _limits(self, slot: Slot) -> Mapping[str, Any]:
        return self.server.limits(self.workflow.node_class(slot.asks.node), slot.asks.input)


def _workflow(file: str, option: str) -> Workflow:
    if not file:
        raise BadInput(f"ComfyUI needs a workflow: export one for its API, and name the file with --set {option}=FILE.")
    return Workflow.read(Path(file).expanduser())


def _words(found: Roles, prompt: str, negative: str) -> dict[Place, Any]:
    words = {"prompt": prompt, "negative": negative}
    return {slot.holds: text for role, text in words.items() for slot in found.of(role)}


def _references(request: ClipRequest) -> dict[str, str]:
    """Pictures that a painter may take, by role."""
    character = request.character_sha256
    sheet = {"character": character} if character else {}
    return {"image": character or request.cover_sha256, "cover": request.cover_sha256, **sheet}


def _file(work: Work, sha256: str) -> Frame:
    from PIL import Image

    with Image.open(work.file(sha256)) as image:
        return np.asarray(image.convert("RGB"))


def _is_picture(file: SavedFile) -> bool:
    return file.suffix in STILLS


def _is_footage(file: SavedFile) -> bool:
    return file.suffix in (*STILLS, ".mp4", ".webm", ".mkv", ".mov")


def _frames(paths: Sequence[Path], request: ClipRequest) -> list[Frame]:
    """The frames that the shot uses, of a video or of pictures; the latter are one frame each, or an animation."""
    if paths[0].suffix not in STILLS:
        return remote.decoded(paths[0], request, "ComfyUI")
    if len(paths) > 1:
        return [_picture(path) for path in paths]
    frames, fps = _moving_picture(paths[0], MOST_FRAMES)
    if len(frames) < 2:
        raise GenerationFailed("The workflow saved one picture, not a video. Export one that animates.")
    return frames[: max(2, math.ceil(holds.moving_frames(request) / request.fps * fps))]


def _picture(path: Path) -> Frame:
    return _moving_picture(path, 1)[0][0]


def _moving_picture(path: Path, most: int) -> tuple[list[Frame], float]:
    """The frames of a picture, at most so many, and their rate.

    Raises:
        GenerationFailed: it is none.
    """
    from PIL import Image, ImageSequence

    try:
        with Image.open(path) as image:
            frames, duration_ms = [], 0.0
            for frame in ImageSequence.Iterator(image):
                frames.append(cast(Frame, np.asarray(frame.convert("RGB"))))
                duration_ms += float(frame.info.get("duration", 0.0))
                if len(frames) == most:
                    break
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise GenerationFailed("ComfyUI sent something that is not a picture. Try again.") from error
    return frames, 1000 * len(frames) / duration_ms if duration_ms else 24.0
