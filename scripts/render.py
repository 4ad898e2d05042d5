# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders an edit: `blender -b -P scripts/render.py -- ...`, or `python scripts/render.py -- ...` with the bpy wheel.

    ... -- --plan P.json --analysis A.json --song song.wav --look L.json --clips DIR -o V.mp4   from what was decided
    ... -- --blend F.blend -o V.mp4                                                             from an edited timeline

The first form saves the .blend beside the video too. `--serve` takes jobs as JSON lines instead (see `serve`).
"""

import argparse
import dataclasses
import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import bpy

from blender_addon.core import codec, textures
from blender_addon.core.cut_list import CutList
from blender_addon.core.formats import DRAFT_LONG_SIDE_PX
from blender_addon.core.types import CoverLook, EditPlan, SongAnalysis, Texture
from blender_addon.scene import (
    cut_lists,
    film_textures,
    grade,
    media,
    render_settings,
    segments,
    timeline,
    titles,
    treatments,
)

MARK = "@beatboard "
"""begins each line that is an answer: Blender writes to standard output too"""
served: dict[str, Any] = {}
"""the opened edit's scene, under "scene": not always the one that its file was saved in"""


def main() -> int:
    """Runs the command; 0 if all went well, 2 with one sentence on standard error if not."""
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    options = parse(arguments)
    try:
        if options.serve:
            serve()
        else:
            once(options)
    except (OSError, ValueError, render_settings.RenderError) as error:
        print(f"beatboard: {error}", file=sys.stderr)
        return 2
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options; argparse itself says what is wrong with them, and exits."""
    parser = argparse.ArgumentParser(prog="render.py", description="Render a Beatboard edit with Blender.")
    parser.add_argument("--plan", type=Path, metavar="P.json")
    parser.add_argument("--analysis", type=Path, metavar="A.json", help="where the markers go")
    parser.add_argument("--song", type=Path, metavar="SONG.wav", help="the whole song, as WAV")
    parser.add_argument("--look", type=Path, metavar="L.json", help="the cover's look, with its grade")
    parser.add_argument(
        "--texture",
        default="none",
        metavar="NAMES",
        help="the look's texture: grain,halation,vignette,fade, each with =amount if you like; auto for what it has",
    )
    parser.add_argument("--clips", type=Path, metavar="DIR", help="holds <shot id>.mp4 or <shot id>-<anything>.mp4")
    parser.add_argument("--font", type=Path, metavar="F.ttf", help="of the plan's titles")
    parser.add_argument("--titles", type=Path, metavar="DIR", help="pictures of the plan's titles that were drawn")
    parser.add_argument("--blend", type=Path, metavar="F.blend", help="an edit to render, or to build the plan into")
    parser.add_argument("--save-blend", type=Path, metavar="F.blend", help="instead of the one beside the video")
    parser.add_argument("--scene", metavar="NAME", help="which scene of the file (default: the one it was saved in)")
    parser.add_argument("--tell", action="store_true", help="tell of each frame, on a line that begins with a mark")
    parser.add_argument("--draft", action="store_true", help=f"{DRAFT_LONG_SIDE_PX} pixels on the longer side")
    parser.add_argument("-o", "--output", type=Path, metavar="V.mp4")
    parser.add_argument("--serve", action="store_true", help="take jobs as JSON lines on standard input")
    options = parser.parse_args(arguments)
    if not options.serve and options.output is None:
        parser.error("name the video with -o")
    if not options.serve and not (options.blend or (options.plan and options.song)):
        parser.error("give --blend, or --plan and --song")
    return options


def once(options: argparse.Namespace) -> None:
    """One whole deliverable, sound included."""
    output = options.output.absolute()
    if options.blend and options.blend.exists():
        open_blend(options.blend.absolute())
    else:
        new_scene()
    scene = scene_named(options.scene) if options.scene else bpy.context.scene
    if options.plan:
        build(
            scene,
            plan=load(EditPlan, options.plan),
            analysis=load(SongAnalysis, options.analysis) if options.analysis else None,
            look=load(CoverLook, options.look) if options.look else None,
            texture_words=options.texture,
            font=options.font.absolute() if options.font else None,
            pictures=options.titles.absolute() if options.titles else None,
            song=options.song.absolute(),
            clips=find_clips(options.clips),
        )
        timeline.save(scene, (options.save_blend or output.with_suffix(".blend")).absolute())
    must_have_its_media(scene)
    make_ready(scene, is_draft=options.draft)
    render_settings.render(scene, output, on_frame=(lambda count: say({"frames": count})) if options.tell else None)


def must_have_its_media(scene: Any) -> None:
    """Refuses an edit whose files are gone, before anything is rendered.

    Raises:
        ValueError: which are gone, and what to do.
    """
    if gone := media.missing(scene):
        raise ValueError(media.sentence(gone))


def scene_named(name: str) -> Any:
    """A scene of the opened file.

    Raises:
        ValueError: it has none of this name.
    """
    if name not in bpy.data.scenes:
        raise ValueError(f"The file has no scene {name!r}; it has {', '.join(bpy.data.scenes.keys())}.")
    timeline.prepare(bpy.data.scenes[name])
    return bpy.data.scenes[name]


def build(
    scene: Any,
    plan: EditPlan,
    analysis: SongAnalysis | None,
    look: CoverLook | None,
    song: Path,
    clips: dict[str, Path],
    texture_words: str,
    font: Path | None,
    pictures: Path | None,
) -> None:
    """The whole edit in Blender: strips, grade, texture, settings."""
    timeline.build(scene, plan, analysis, song_path=song, clips=clips)
    titles.lay_out(scene, plan, font, pictures)
    if look:
        treatments.apply(scene, look.palette)
        grade.apply(scene, look.grade)
    film_textures.apply(scene, textures.choose(texture_words, look.texture if look else Texture()))
    render_settings.settings(scene)


def make_ready(scene: Any, *, is_draft: bool) -> None:
    """What is for this render only, and must not be saved."""
    deliver_as_ours(scene)
    grade.follow(scene)
    treatments.follow(scene)
    if is_draft:
        render_settings.draft(scene)
    render_settings.for_this_process(scene)


def deliver_as_ours(scene: Any) -> None:
    """Beside strips of the editor's own, the file has their output's settings, which the deliverable must not have."""
    if timeline.own_strips(scene):
        render_settings.settings(scene, colors=False)


def new_scene() -> None:
    """An empty file with factory settings: the same for everyone."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    timeline.prepare(bpy.context.scene)


def open_blend(path: Path) -> None:
    """Opens a .blend without running scripts in it.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=False)
    except RuntimeError as error:
        raise ValueError(f"{path} could not be opened: {str(error).strip()}") from error
    timeline.prepare(bpy.context.scene)


def load(kind: Any, path: Path) -> Any:
    """Reads a protocol value from its JSON file."""
    try:
        return codec.loads(kind, path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} does not fit: {error}") from error


def find_clips(folder: Path | None) -> dict[str, Path]:
    """The newest movie of each shot in a folder, by the shot's id: what the name has before its first dash."""
    found = sorted(folder.glob("*.mp4"), key=lambda path: path.stat().st_mtime_ns) if folder else []
    return {path.stem.split("-")[0]: path.absolute() for path in found}


def serve() -> None:
    """Takes one job per line from standard input until it ends, and answers each with one line that begins with `MARK`.

    Jobs: `{"do": "build", plan, analysis, look, song, clips, font, blend}`, `{"do": "open", blend, scene, draft,
    master}`, which gives the output's size and rate and the segments, `{"do": "about"}`, `{"do": "mix", path}`, which
    writes the sound as WAV, `{"do": "render", start, end, path, lossless}`, which answers with `{"frames": n}` on the
    way too, `{"do": "bake", path}`, which writes the grade as a .cube, `{"do": "cuts", blend, scene, cube}`, which
    gives the timeline for other editors, and `{"do": "lay out", cuts, blend}`, which lays one out. If the other side
    goes away, this process ends at once.
    """
    jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    say({"ready": bpy.app.version_string})
    while True:
        job = jobs.get()
        try:
            say({"done": DO[job["do"]](job)})
        except (OSError, ValueError, RuntimeError, LookupError) as error:
            say({"error": str(error)})


def _listen(jobs: "queue.SimpleQueue[dict[str, Any]]") -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    os._exit(0)  # whoever asked is gone: nobody wants what is being rendered


def say(answer: dict[str, Any]) -> None:
    """Writes one answer."""
    print(f"\n{MARK}{json.dumps(answer)}", flush=True)


def do_build(job: dict[str, Any]) -> None:
    """Builds the edit in an empty file and saves it."""
    new_scene()
    build(
        bpy.context.scene,
        plan=codec.decode(EditPlan, job["plan"]),
        analysis=codec.decode(SongAnalysis, job["analysis"]),
        look=codec.decode(CoverLook, job["look"]),
        song=Path(job["song"]),
        clips={shot_id: Path(path) for shot_id, path in job["clips"].items()},
        texture_words="auto",  # the look's texture is what was chosen already
        font=Path(job["font"]) if job["font"] else None,
        pictures=Path(job["titles"]),
    )
    timeline.save(bpy.context.scene, Path(job["blend"]))


def do_open(job: dict[str, Any]) -> dict[str, Any]:
    """Opens an edit for rendering; gives what it makes, and its segments."""
    open_blend(Path(job["blend"]))
    scene = served["scene"] = scene_named(job["scene"]) if job["scene"] else bpy.context.scene
    must_have_its_media(scene)
    size = {"width_px": scene.render.resolution_x, "height_px": scene.render.resolution_y}
    deliver_as_ours(scene)
    grade.follow(scene)
    treatments.follow(scene)
    if job["draft"]:
        render_settings.draft(scene)
    if job["master"]:
        render_settings.master(scene)
    found = [dataclasses.asdict(segment) for segment in segments.segments(scene)]
    render_settings.for_this_process(scene)
    return {**size, "fps": str(timeline.scene_fps(scene)), "segments": found}


def do_mix(job: dict[str, Any]) -> None:
    """Writes what the sequencer plays."""
    render_settings.mix(served["scene"], Path(job["path"]))


def do_render(job: dict[str, Any]) -> None:
    """Renders one segment, without sound."""
    render_settings.render(
        served["scene"],
        Path(job["path"]),
        job["start"],
        job["end"],
        audio=False,
        lossless=job["lossless"],
        on_frame=lambda count: say({"frames": count}),
    )


def do_bake(job: dict[str, Any]) -> None:
    """Writes the grade as a table (Adobe, "Cube LUT Specification 1.0")."""
    rows = grade.table(served["scene"])
    lines = [f"LUT_3D_SIZE {grade.TABLE_SIZE}", *(" ".join(f"{value:.6f}" for value in row) for row in rows)]
    beside = Path(job["path"] + "~")
    beside.write_text("\n".join(lines) + "\n", encoding="ascii")
    beside.replace(job["path"])


def do_cuts(job: dict[str, Any]) -> dict[str, Any]:
    """An edit's timeline for other editors; its grade, if it has one, goes to a table."""
    open_blend(Path(job["blend"]))
    scene = served["scene"] = scene_named(job["scene"]) if job["scene"] else bpy.context.scene
    is_graded = grade.find(scene) is not None
    if is_graded:
        do_bake({"path": job["cube"]})
    return {"cuts": codec.encode(cut_lists.read(scene)), "graded": is_graded}


def do_lay_out(job: dict[str, Any]) -> list[str]:
    """Lays another editor's timeline out in an empty file and saves it; gives what is not there."""
    new_scene()
    cuts = codec.decode(CutList, job["cuts"])
    notes = cut_lists.lay_out(bpy.context.scene, cuts)
    timeline.save(bpy.context.scene, Path(job["blend"]))
    bpy.ops.file.make_paths_relative()  # needs a file to start from
    timeline.save(bpy.context.scene, Path(job["blend"]))
    return notes


def do_about(_job: dict[str, Any]) -> dict[str, Any]:
    """Which Blender this is, and the files that the open edit uses."""
    used = [Path(path).resolve() for path in bpy.utils.blend_paths(absolute=True)]
    return {"version": list(timeline.BLENDER), "files": [str(path) for path in used if path.is_file()]}


DO = {
    "about": do_about,
    "mix": do_mix,
    "bake": do_bake,
    "build": do_build,
    "cuts": do_cuts,
    "lay out": do_lay_out,
    "open": do_open,
    "render": do_render,
}

if __name__ == "__main__":
    sys.exit(main())
