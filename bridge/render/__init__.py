# SPDX-License-Identifier: GPL-3.0-or-later
"""The deliverable: Blender renders the edit in segments, which are joined without re-encoding, with the song.

Each segment is named by all that shapes its pixels, and kept: what did not change is not rendered again, and a render
that was killed goes on from what is there.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from blender_addon.core.encoding import H264, Codec

if TYPE_CHECKING:
    from blender_addon.core.types import CoverLook, EditPlan, SongAnalysis
    from bridge.common.progress import OnProgress
    from bridge.render.blender import Farm
    from bridge.render.cluster import ClusterFarm
    from bridge.render.join import Samples
    from bridge.render.segments import Segment


@dataclass(frozen=True)
class RenderResult:
    """What was made."""

    path: Path
    """the video"""
    blend_path: Path
    """the edit"""
    timings_s: dict[str, float]
    """"build" or "open", then "render", "join" """
    segments: int
    segments_rendered: int
    """the others were there already"""


def render(
    plan: EditPlan,
    analysis: SongAnalysis,
    look: CoverLook,
    clips: Mapping[str, Path],
    song_path: Path,
    out_path: Path,
    *,
    work_dir: Path,
    blend_path: Path | None = None,
    blender: Path | None = None,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
    draft: bool = False,
    by_blender: bool = False,
    font: Path | None = None,
    cluster: str | None = None,
    farm: Farm | None = None,
    codec: Codec = H264,
) -> RenderResult:
    """Builds the edit in Blender, saves it beside the video, renders what is not there yet, and joins it with the song.

    Args:
        plan: the edit.
        analysis: where the markers go.
        look: its grade.
        clips: the movie of each shot by its id; a shot without one shows its placeholder.
        song_path: the song, as WAV so that the .blend plays it exactly.
        out_path: the video, ending in .mp4; what the .blend uses goes into a folder of its name.
        work_dir: keeps the segments.
        blend_path: where the edit is saved, in the video's folder; what is there is replaced.
        blender: a Blender 5 program; the `bpy` package of this environment by default.
        workers: how many Blender processes; as many as pay off by default.
        on_progress: told of progress and of the time left; may raise `Cancelled`.
        draft: 640 pixels wide, quickly.
        by_blender: let Blender draw each frame, also those where a table of the grade gives the same picture.
        font: of the plan's titles.
        codec: what the video is encoded in; anything but H.264 is encoded from finer H.264 than is delivered.
        cluster: the address of a Ray cluster to render on.
        farm: whose Blender is used, as `standing_by` gives it; by default one is started here.

    Raises:
        BadInput: a file is missing, the output cannot be written, or no cluster answers.
        RenderFailed: Blender could not do it; what it finished is kept.
        Cancelled: as `report` raised it; what is finished is kept.
    """
    from bridge.render.edit import build_edit
    from bridge.render.join import excerpt_samples
    from bridge.render.segments import Output, render_segments

    blend_path = blend_path or out_path.with_suffix(".blend")
    on_progress = on_progress or _silent
    timings_s: dict[str, float] = {}
    with _farms(blender, work_dir, cluster, farm) as (farm, remote):
        on_progress(0.0, "building the edit in Blender")
        with _timed(timings_s, "build"):
            build_edit(
                farm, plan, analysis, look, clips, song_path, blend_path, font, out_path.with_suffix(".beatboard")
            )
        output = Output(
            *_size(plan.width_px, plan.height_px, is_draft=draft), plan.fps, draft, by_blender, master=codec != H264
        )
        with _timed(timings_s, "render"):
            parts, rendered = render_segments(
                farm, blend_path, work_dir, output, workers=workers, on_progress=on_progress, cluster=remote
            )
    on_progress(0.97, "joining picture and sound")
    with _timed(timings_s, "join"):
        length_s = sum(part.frame_count for part in parts) / plan.fps
        _deliver(parts, plan.fps, excerpt_samples(song_path, plan.excerpt, length_s), out_path, codec, on_progress)
    on_progress(1.0, "done")
    return RenderResult(out_path, blend_path, timings_s, len(parts), rendered)


def render_edit(
    blend_path: Path,
    out_path: Path,
    *,
    scene: str = "",
    work_dir: Path,
    blender: Path | None = None,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
    draft: bool = False,
    by_blender: bool = False,
    codec: Codec = H264,
) -> RenderResult:
    """Renders an edit as it stands in its .blend, whatever an editor made of it: picture and sound are Blender's.

    Args:
        blend_path: the edit.
        out_path: the video, ending in .mp4.
        scene: which of the file's scenes; the one that it was saved in by default.

    The rest, and what is raised, is as in `render`.
    """
    from bridge.render.edit import mixed
    from bridge.render.segments import Output, render_segments

    on_progress = on_progress or _silent
    timings_s: dict[str, float] = {}
    with _farms(blender, work_dir) as (farm, _):
        on_progress(0.0, "opening the edit in Blender")
        with _timed(timings_s, "open"):
            edit, sound = mixed(farm, blend_path, scene)
        fps = Fraction(edit["fps"])
        size = _size(edit["width_px"], edit["height_px"], is_draft=draft)
        output = Output(*size, fps, draft, by_blender, scene, codec != H264)
        with _timed(timings_s, "render"):
            parts, rendered = render_segments(
                farm, blend_path, work_dir, output, workers=workers, on_progress=on_progress
            )
    on_progress(0.97, "joining picture and sound")
    with _timed(timings_s, "join"):
        _deliver(parts, fps, sound, out_path, codec, on_progress)
    on_progress(1.0, "done")
    return RenderResult(out_path, blend_path, timings_s, len(parts), rendered)


def _deliver(
    parts: Sequence[Segment], fps: Fraction, sound: Samples, out_path: Path, codec: Codec, on_progress: OnProgress
) -> None:
    """Joins the segments, and encodes them in another codec if that is asked for."""
    from bridge.render.codecs import encode
    from bridge.render.join import join

    if codec == H264:
        join(parts, fps, sound, out_path)
        return
    count = sum(part.frame_count for part in parts)
    with tempfile.TemporaryDirectory(prefix="beatboard-") as folder:
        pictures = Path(folder) / "pictures.mp4"
        join(parts, fps, sound, pictures)
        encode(
            pictures, sound, codec, fps, out_path,
            lambda done: on_progress(0.97 + 0.03 * done / count, f"encoding {codec.title}, frame {done} of {count}"),
        )  # fmt: skip


@contextmanager
def standing_by(blender: Path | None, work_dir: Path) -> Iterator[Farm]:
    """A Blender that gets ready while other work is done, for `render`'s `farm`.

    Raises:
        BadInput: the program can't be started.
    """
    from bridge.render.blender import Farm

    with Farm(blender, work_dir) as farm:
        farm.give_back(farm.take())
        yield farm


def _size(width_px: int, height_px: int, *, is_draft: bool) -> tuple[int, int]:
    from blender_addon.core import formats

    return formats.draft_size(width_px, height_px) if is_draft else (width_px, height_px)


@contextmanager
def _farms(
    blender: Path | None, work_dir: Path, cluster: str | None = None, ready: Farm | None = None
) -> Iterator[tuple[Farm, ClusterFarm | None]]:
    """Where Blender processes come from, here and on the cluster if there is one; afterwards all have ended."""
    from bridge.render.blender import Farm
    from bridge.render.segments import forget_unfinished

    with ExitStack() as opened:
        opened.callback(forget_unfinished, work_dir)  # after the farms' processes have ended
        farm = ready or opened.enter_context(Farm(blender, work_dir))
        yield farm, opened.enter_context(_cluster_farm(cluster, blender, work_dir)) if cluster else None


def _cluster_farm(address: str, blender: Path | None, work_dir: Path) -> ClusterFarm:
    from bridge.render.cluster import ClusterFarm

    return ClusterFarm(address, blender, work_dir)


@contextmanager
def _timed(timings_s: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    timings_s[name] = time.monotonic() - started


def _silent(progress: float, stage: str) -> None:
    """Nobody is listening."""
