# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole job: a song and a cover in, finished and measured music videos out."""

import dataclasses
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from blender_addon.core import codec, cover_size, formats, reading_names, rules, textures
from blender_addon.core.encoding import H264, Codec
from blender_addon.core.formats import Format
from blender_addon.core.lyrics import SungLine
from blender_addon.core.platforms import NOTHING_COVERED, Platform, SafeArea
from blender_addon.core.types import (
    Clip,
    ClipRequest,
    CoverLook,
    EditPlan,
    Ending,
    Grade,
    Job,
    JobState,
    SongAnalysis,
    Texture,
    Treatments,
)
from bridge import cover as covers
from bridge import plan, song
from bridge.check import CheckReport
from bridge.common import files, paths, user_files
from bridge.common.errors import BadInput, GenerationFailed
from bridge.common.progress import Display, OnProgress
from bridge.common.store import Store
from bridge.plan.storyboard import Storyboard
from bridge.song import audio

if TYPE_CHECKING:
    from bridge.jobs.batch import Workers
    from bridge.render.blender import Farm
    from bridge.render.fonts import Font

MEASURED_CLIPS = 6
"""enough to know the footage's texture"""


@dataclass(frozen=True)
class MakeOptions:
    """What the user asked for."""

    song: Path
    cover: Path
    output: Path
    """with several formats each gets its own suffix, as in video-9x16.mp4"""
    storyboard: Path | None = None
    material: Path | None = None
    """a folder of pictures and clips that the shots are cut from; without it the storyboard's"""
    painter: str = "cover"
    animator: str = "camera"
    clip_options: tuple[tuple[str, str], ...] = ()
    """of painter and animator, by name"""
    platform: Platform | None = None
    """where it goes: titles keep clear of its buttons, and the check holds it against its limits"""
    length_s: float = rules.DEFAULT_LENGTH_S
    formats: tuple[Format, ...] = (formats.parse("16:9"),)
    fps: Fraction = Fraction(24)
    tracker: str = "bars"
    reading: int = 1
    """which of the song's likeliest readings counts"""
    grade_strength: float = 1.0
    texture: str | None = None
    """which of the cover's textures, as `textures.choose` reads it; without it the storyboard's, else none"""
    title: str | None = None
    """None is the storyboard's, in these three; an empty title is no title, and the artist can stand alone"""
    artist: str | None = None
    font: Path | None = None
    lyrics: Path | None = None
    """the song's words: LRC, SRT, ASS, WebVTT or plain text"""
    treatments: Treatments | None = None
    """how far the shots' treatments may go; without it the storyboard's"""
    ending: Ending | None = None
    """how the whole cover stands in the last frame; without it the storyboard's"""
    draft: bool = False
    by_blender: bool = False
    """Blender draws each frame, also where a table of the grade gives the same picture"""
    blender: Path | None = None
    cluster: str | None = None
    """the address of a Ray cluster to render on"""
    workers: int | None = None
    codec: Codec = H264
    overwrite: bool = False
    """replace a video of this name that isn't as Beatboard wrote it"""

    def output_for(self, wanted: Format) -> Path:
        """Where the video of one format goes."""
        if len(self.formats) == 1:
            return self.output
        return self.output.with_stem(f"{self.output.stem}-{wanted.suffix}")


@dataclass(frozen=True)
class MakeResult:
    """Where everything is, and how it went."""

    video: Path
    blend: Path
    page: Path
    plan: EditPlan
    check: CheckReport
    seconds: dict[str, float]
    """per stage"""
    render_s: dict[str, float]
    """per part of this video's render: "build", "render", "join" """
    likeness: Mapping[str, float]
    """of each shot's keyframe, where the engine compares them: 0-1"""


@dataclass(frozen=True)
class Material:
    """What every format of the video shares."""

    options: MakeOptions
    analysis: SongAnalysis
    look: CoverLook
    storyboard: Storyboard
    edit: EditPlan
    store: Store
    texts: tuple[str, str]
    """title and artist, empty where there is none"""
    font: "Font | None"
    """of both; None if there are none"""
    lyrics: tuple[SungLine, ...]
    """the song's words in time"""
    lyrics_fonts: "Mapping[str, Font]"
    """of each line, by its text"""
    farm: "Farm"
    """whose Blender is ready, or nearly"""
    workers: "Workers"
    """which make the clips"""


@dataclass(frozen=True)
class Project:
    """The folder beside the video that holds what the .blend refers to, and what was decided."""

    folder: Path

    @classmethod
    def beside(cls, video: Path) -> "Project":
        """Makes `<video's stem>.beatboard/` if it isn't there."""
        folder = video.with_suffix(".beatboard")
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        return cls(folder)

    @property
    def song(self) -> Path:
        """The song as WAV: the only kind that Blender plays without a shift on every version."""
        return self.folder / "song.wav"

    def save(self, analysis: SongAnalysis, look: CoverLook, edit: EditPlan) -> None:
        """Writes the decisions as JSON."""
        for name, value in (("analysis", analysis), ("look", look), ("plan", edit)):
            files.write_text(self.folder / f"{name}.json", codec.dumps(value) + "\n")

    def take(self, clip: Clip, store: Store) -> Path:
        """Copies a clip out of the store, named by its content too; a shot's newest file is its take."""
        path = self.folder / "clips" / f"{clip.request.shot_id}-{clip.sha256[:12]}.mp4"
        if path.exists():
            os.utime(path)
        else:
            with files.written_beside(path) as beside:
                shutil.copyfile(store.path(clip.sha256), beside)
        return path


def make(options: MakeOptions, display: Display) -> list[MakeResult]:
    """Runs every stage, and gives a result per format; what was done before, with the same input, is reused.

    Raises:
        BadInput: the song, the cover, the storyboard or an option cannot be used.
        GenerationFailed: a clip could not be made; the others are kept.
        RenderFailed: Blender could not render.
        Cancelled: the user stopped it; what is finished is kept.
    """
    from bridge import render
    from bridge.render import fonts, title_placement

    preflight(options)
    storyboard = load_storyboard(options.storyboard)
    with (
        trimmed_store() as store,
        workers_for(options, store) as workers,
        render.standing_by(options.blender, render_folder()) as farm,
    ):
        with display.stage("Cover"):
            look = covers.look(options.cover)
            texts = title_placement.texts_of(options.title, options.artist, storyboard)
            font = fonts.choose_font(texts, options.font or storyboard.font, look.palette)
        if note := size_note(options):
            display.say(note)
        with display.stage("Song") as on_progress, cover_studied(options):
            analysis = song.analyze(options.song, options.tracker, on_progress, options.reading)
        if choice := reading_names.choice(analysis):
            display.say(choice)
        words = lyrics_of(options, analysis)
        planned = plan_for(options, analysis, look, storyboard, words)
        edit = cut_from_material(options, planned, analysis, storyboard, display)
        words_fonts = fonts.for_words(
            [line.text for line in words], font, options.font or storyboard.font, look.palette
        )
        material = Material(
            options, analysis, look, storyboard, edit, store, texts, font, words, words_fonts, farm, workers
        )
        return [make_format(material, wanted, display) for wanted in options.formats]


def make_format(material: Material, wanted: Format, display: Display) -> MakeResult:
    """One format's clips, render and check, from the shared material."""
    from bridge import check, render

    options, analysis = material.options, material.analysis
    output = options.output_for(wanted)
    edit = dataclasses.replace(material.edit, width_px=wanted.width_px, height_px=wanted.height_px)
    mark = f" {wanted.name}" if len(options.formats) > 1 else ""
    project = Project.beside(output)
    audio.write_song(options.song, project.song)
    with display.stage("Shots" + mark) as on_progress:
        clips = make_clips(material, edit, on_progress)
    takes = {shot_id: project.take(clip, material.store) for shot_id, clip in clips.items()}
    with display.stage("Grade" + mark):
        look = fitted_look(material, takes)
        edit = with_titles(material, edit, look, takes, project)
        edit, left_out = with_lyrics(material, edit, look, takes, project)
    if left_out:
        display.say(f"No place beside a face was found for: {' / '.join(left_out)}")
    project.save(analysis, look, edit)
    blend, page = (user_files.free_name(output.with_suffix(suffix)) for suffix in (".blend", ".html"))
    with display.stage("Render" + mark) as on_progress:
        rendered = render.render(
            edit,
            analysis,
            look,
            takes,
            project.song,
            output,
            blend_path=blend,
            work_dir=render_folder(),
            blender=options.blender,
            workers=options.workers,
            on_progress=on_progress,
            draft=options.draft,
            by_blender=options.by_blender,
            farm=material.farm,
            cluster=options.cluster,
            codec=options.codec,
            font=font.path if (font := text_font(material)) else None,
        )
    user_files.remember(output, blend)
    with display.stage("Check" + mark) as on_progress:
        measured = check.check(
            output,
            options.song,
            options.cover,
            plan=edit,
            analysis=analysis,
            on_progress=on_progress,
            platform=options.platform,
            codec=options.codec,
            brief=options.draft,
        )
        check.write_page(measured, page)
    user_files.remember(page)
    likeness = {shot_id: clip.likeness for shot_id, clip in clips.items() if clip.likeness is not None}
    return MakeResult(output, blend, page, edit, measured, dict(display.seconds), rendered.timings_s, likeness)


def render_folder() -> Path:
    """Where rendered segments are kept."""
    return paths.cache_folder() / "render"


def workers_for(options: MakeOptions, store: Store) -> "Workers":
    """What will make the clips, started: all of them for a cover that is new here, else one for what has changed."""
    from bridge import jobs

    is_new = not options.cover.is_file() or files.sha256_of(options.cover) not in store
    ready = jobs.standing_by(store, options.painter, options.animator, workers=options.workers)
    ready.warm_up(None if is_new else 1)
    return ready


@contextmanager
def cover_studied(options: MakeOptions) -> Iterator[None]:
    """Understands, beside other work, what the cover's shots are framed by: all workers find it then."""
    from bridge.clips.animatic.study import studied

    if options.painter != "cover":
        yield
        return
    with ThreadPoolExecutor(1) as pool:
        study = pool.submit(studied, options.cover)
        yield
        study.result()


@contextmanager
def trimmed_store() -> Iterator[Store]:
    """The store, brought within its limit afterwards."""
    store = Store(paths.store_folder(), limit_bytes=paths.DEFAULT_STORE_LIMIT_BYTES)
    try:
        yield store
    finally:
        store.trim()
        store.close()


def preflight(options: MakeOptions) -> None:
    """Refuses what cannot work before any time is spent on it.

    Raises:
        BadInput: with what to do about it.
    """
    from bridge.clips import registry
    from bridge.render import codecs

    registry.check(options.painter, options.animator, options.clip_options)
    if options.material and not options.material.is_dir():
        raise BadInput(f"There is no folder {options.material}; name the one with your pictures and clips.")
    if options.blender and not os.access(options.blender, os.X_OK):
        raise BadInput(
            f"There is no Blender program at {options.blender}; leave --blender out to use the built-in one."
        )
    codecs.must_be_here(options.codec)
    if options.output.suffix.lower() != options.codec.suffix:
        raise BadInput(
            f"The output is {options.codec.title}: give it a name that ends in {options.codec.suffix}, not"
            f" {options.output.name!r}."
        )
    for wanted in options.formats:
        output = options.output_for(wanted)
        for path, what in ((options.song, "song"), (options.cover, "cover"), (options.storyboard, "storyboard")):
            if path and path.exists() and output.exists() and path.samefile(output):
                raise BadInput(f"The output {output} is the {what} itself; name another file with -o.")
            if path and output.with_suffix(".beatboard").resolve() in path.resolve().parents:
                raise BadInput(
                    f"The {what} {path} is in the folder that `make` writes to; name another output with -o."
                )
        user_files.must_be_free(output, overwrite=options.overwrite)


def size_note(options: MakeOptions) -> str:
    """What a cover of few pixels means for the video; empty if it has enough, or if other pictures are painted."""
    if options.painter != "cover":
        return ""
    height_px, width_px = covers.load(options.cover).shape[:2]
    return cover_size.size_note((width_px, height_px), [(one.width_px, one.height_px) for one in options.formats])


def load_storyboard(path: Path | None) -> Storyboard:
    """The storyboard from its file, or an empty one, which leaves everything to the template."""
    from bridge.plan import storyboard

    return storyboard.load(path) if path else Storyboard()


def texture_words(options: MakeOptions, storyboard: Storyboard) -> str:
    """Which textures were asked for."""
    return options.texture if options.texture is not None else storyboard.texture


def lyrics_of(options: MakeOptions, analysis: SongAnalysis) -> tuple[SungLine, ...]:
    """The song's words in time, if a file of them was named.

    Raises:
        BadInput: it can't be read, or holds no words.
    """
    return song.load_lyrics(options.lyrics, analysis, options.song) if options.lyrics else ()


def plan_for(
    options: MakeOptions,
    analysis: SongAnalysis,
    look: CoverLook,
    storyboard: Storyboard,
    lyrics: Sequence[SungLine] = (),
) -> EditPlan:
    """The edit plan in the first format that was asked for."""
    first = options.formats[0]
    return plan.plan_edit(
        analysis,
        look,
        storyboard.with_choices(ending=options.ending, treatments=options.treatments),
        length_s=options.length_s,
        width_px=first.width_px,
        height_px=first.height_px,
        fps=options.fps,
        lyrics=lyrics,
    )


def cut_from_material(
    options: MakeOptions, edit: EditPlan, analysis: SongAnalysis, storyboard: Storyboard, display: Display
) -> EditPlan:
    """The plan with moments of the user's material, if there is any; says what of it can't be used.

    Raises:
        BadInput: there is no such folder, or nothing in it can be used.
    """
    from bridge import material

    folder = options.material or storyboard.material
    if folder is None:
        return edit
    with display.stage("Material") as on_progress:
        watched = material.watch_folder(folder, on_progress)
        edit = material.assign(edit, analysis, watched, storyboard)
    for line in (*watched.left_out, material.summary(edit, watched)):
        display.say(line)
    return edit


def make_clips(material: Material, edit: EditPlan, on_progress: OnProgress) -> dict[str, Clip]:
    """A clip for every shot, by shot id. Shots that were made before come from the store.

    Raises:
        GenerationFailed: one or more failed; the message has the first one's reason.
    """
    from bridge.clips import own_media

    options, store = material.options, material.store
    store.put(options.cover)
    character = store.put(material.storyboard.character) if material.storyboard.character else None
    requests = plan.clip_requests(
        draft_of(edit) if options.draft else edit,
        material.analysis,
        painter=options.painter,
        animator=options.animator,
        options=options.clip_options,
        character_sha256=character,
    )
    if options.draft:
        requests = tuple(dataclasses.replace(request, draft_for_px=edit.width_px) for request in requests)
    requests = own_media.with_own_media(requests, edit.shots, material.storyboard, store)
    finished = material.workers.run(requests, BatchProgress(requests, on_progress))
    failed = [job for job in finished if job.state is not JobState.DONE]
    if failed:
        raise GenerationFailed(
            f"{len(failed)} of {len(finished)} shots could not be made; {failed[0].request.shot_id}: {failed[0].error}"
            " The others are kept: run the same command again after mending this."
        )
    return {job.request.shot_id: job.clip for job in finished if job.clip}


def draft_of(edit: EditPlan) -> EditPlan:
    """The plan as it is filmed for a draft."""
    width_px, height_px = formats.draft_size(edit.width_px, edit.height_px)
    return dataclasses.replace(edit, width_px=width_px, height_px=height_px)


class BatchProgress:
    """Turns the jobs' updates into one progress, weighted by the shots' lengths."""

    def __init__(self, requests: tuple[ClipRequest, ...], on_progress: OnProgress) -> None:
        self.on_progress = on_progress
        self.frames = {request.shot_id: request.frame_count for request in requests}
        self.progress = dict.fromkeys(self.frames, 0.0)

    def __call__(self, job: Job) -> None:
        self.progress[job.request.shot_id] = 1.0 if job.state is JobState.DONE else job.progress
        done = sum(self.progress[shot_id] * frames for shot_id, frames in self.frames.items())
        self.on_progress(done / sum(self.frames.values()), f"{job.request.shot_id} {job.stage or job.state.value}")


def fitted_look(material: Material, clips: Mapping[str, Path]) -> CoverLook:
    """The look with its grade fitted to the footage (it moves these clips' colours to the cover's), and its texture."""
    from bridge.cover import clip_grade

    grade = clip_grade.fit_grade(list(clips.values()), material.options.cover)
    grade = dataclasses.replace(grade, strength=material.options.grade_strength)
    return dataclasses.replace(material.look, grade=grade, texture=chosen_texture(material, grade, clips))


def with_titles(
    material: Material, edit: EditPlan, look: CoverLook, clips: Mapping[str, Path], project: Project
) -> EditPlan:
    """The plan with title and artist over its opening, if they were asked for; lines that are drawn go beside it."""
    from bridge.render import title_drawing, title_placement

    if material.font is None:
        return edit
    frames = title_placement.opening(edit, look, clips[edit.shots[0].id], material.options.cover)
    lines = title_placement.plan_titles(edit, *material.texts, frames, look.palette, material.font, _safe(material))
    lines = title_drawing.with_pictures(lines, edit, material.font, project.folder / "titles")
    return dataclasses.replace(edit, titles=lines)


def _safe(material: Material) -> SafeArea:
    return material.options.platform.safe if material.options.platform else NOTHING_COVERED


def with_lyrics(
    material: Material, edit: EditPlan, look: CoverLook, clips: Mapping[str, Path], project: Project
) -> tuple[EditPlan, tuple[str, ...]]:
    """The plan with the song's words over its shots, and those that found no place there."""
    from bridge.render import lyric_placement, title_drawing

    if not material.lyrics:
        return edit, ()
    shots = lyric_placement.Shots.of(edit, clips, look)
    placed = lyric_placement.place(
        edit, material.analysis, material.lyrics, shots, look.palette, material.lyrics_fonts, _safe(material)
    )
    lines = tuple(
        drawn
        for line, font in placed.lines
        for drawn in title_drawing.with_pictures(
            [line], edit, font, project.folder / "titles", always=font != text_font(material)
        )
    )
    return dataclasses.replace(edit, titles=(*edit.titles, *lines)), placed.left_out


def text_font(material: Material) -> "Font | None":
    """The one font that Blender sets text in: the titles', else the first line's."""
    return material.font or next(iter(material.lyrics_fonts.values()), None)


def chosen_texture(material: Material, grade: Grade, clips: Mapping[str, Path]) -> Texture:
    """The textures that were asked for, as far as the graded clips lack them."""
    from bridge.common import frame_sampling

    words = texture_words(material.options, material.storyboard)
    if words in ("", "none"):
        return Texture()
    sampled = frame_sampling.sample(list(clips.values())[:MEASURED_CLIPS], per_video=1, width_px=None)
    frames = [covers.apply_grade(frame, grade) for frame in sampled]
    return textures.choose(words, covers.lacking_texture(material.look.texture, frames))
