# SPDX-License-Identifier: GPL-3.0-or-later
"""The Beatboard tab of the sequencer's sidebar, in the order of the work."""
# pyright: reportInvalidTypeForm=false

from typing import Any, ClassVar

import bpy

from ..actions import generate, plan, shots, song, takes
from ..core import reading_names, regrid, tempo, textures
from ..core.options import Option
from ..core.types import SongAnalysis
from ..scene import song_channels, timeline, titles
from ..session import connection, engine_options, state, tasks
from ..session.preferences import draw_size_or_offline, draw_trouble, stored, wrapped
from .lists import STATE_ICONS, STATE_NAMES

MOST_VIOLATIONS = 3
MOST_TEMPOS = 6
BUSY = ("queued", "running")
MAIN_HEIGHT = 1.4
"""of the button that a panel is about"""


class Tab:
    """What all our panels have in common."""

    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Beatboard"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return state.scene_of(context) is not None

    def start(self, context: Any) -> tuple[Any, Any, Any]:
        """The layout, the scene and its settings."""
        layout = self.layout  # type: ignore[attr-defined]
        layout.use_property_split = True
        layout.use_property_decorate = False
        scene = state.scene_of(context)
        return layout, scene, state.settings_of(scene)


class BEATBOARD_PT_song(Tab, bpy.types.Panel):
    bl_label = "Song and Cover"
    bl_order = 0

    def draw(self, context: Any) -> None:
        layout, scene, settings = self.start(context)
        _draw_bridge(layout)
        column = layout.column(align=True)
        _draw_file(column, settings, "song", icon="SOUND", placeholder="Choose a song")
        _draw_file(column, settings, "cover", icon="IMAGE_DATA", placeholder="Choose an album cover")
        again = bool(settings.analysis) and song.is_current(scene)
        height = 1.0 if again else MAIN_HEIGHT
        if not _draw_progress(layout, "analyze", height):
            row = layout.row()
            row.scale_y = height
            row.operator(
                "beatboard.analyze", text="Analyze Again" if again else "Analyze", icon="OUTLINER_DATA_SPEAKER"
            )
        draw_trouble(layout, "analyze")
        analysis = shots.analysis_of(scene)
        if analysis is not None:
            _draw_analysis(layout, scene, settings, analysis)
        if note := plan.cover_note(scene):
            column = layout.column(align=True)
            for number, line in enumerate(wrapped(note)):
                column.label(text=line, icon="BLANK1" if number else "INFO")


def _draw_bridge(layout: Any) -> None:
    """Only while something is missing."""
    if not connection.is_set_up():
        box = layout.box()
        column = box.column(align=True)
        for number, line in enumerate(
            wrapped("Beatboard's bridge listens, plans and makes the clips. Set it up once.")
        ):
            column.label(text=line, icon="INFO" if number == 0 else "BLANK1")
        if not _draw_progress(box, "setup"):
            preferences = stored()
            if preferences is None or preferences.mode == "MANAGED":
                box.operator("beatboard.set_up", icon="IMPORT")
                draw_size_or_offline(box)
            box.operator("beatboard.preferences", icon="PREFERENCES")
        draw_trouble(box, "setup")
    _draw_progress(layout, "connect")
    draw_trouble(layout, "connect")


def _draw_progress(layout: Any, kind: str, height: float = 1.0) -> bool:
    """A task's bar with a button to stop it, as high as the button that started it; whether it runs."""
    task = tasks.running(kind)
    if task is None:
        return False
    row = layout.row(align=True)
    row.scale_y = height
    text = task.stage[:1].upper() + task.stage[1:]
    row.progress(factor=task.progress, text=f"{text} {task.progress:.0%}" if task.progress else text)
    row.operator("beatboard.cancel_task", text="", icon="CANCEL").kind = kind
    return True


def _draw_analysis(layout: Any, scene: Any, settings: Any, analysis: SongAnalysis) -> None:
    if not song.is_current(scene):
        layout.label(text="Song or cover changed: analyze again", icon="ERROR")
    if not analysis.beats:
        layout.label(text="No beat was heard in this song", icon="ERROR")
        return
    column = layout.column(align=True)
    parts = tempo.of_sections(analysis)
    tempi = " and ".join(dict.fromkeys(f"{bpm:.0f}" for _, bpm in parts)) or f"{analysis.tempo_bpm:.1f}"
    _fact(column, "Tempo", f"{tempi} BPM, {reading_names.bar_name(analysis.meter)}")
    for name, bpm in parts[:MOST_TEMPOS]:
        _fact(column, "", f"{bpm:.1f} BPM: {name}")
    _fact(column, "Length", f"{analysis.duration_s // 60:.0f}:{analysis.duration_s % 60:04.1f}")
    row = _fact_row(column, "Confidence")
    row.progress(factor=analysis.confidence, text=f"{analysis.confidence:.0%}")
    _draw_readings(layout, analysis)
    row = layout.row(align=True)
    row.operator("beatboard.regrid", text="", icon="TRIA_LEFT").reading = "EARLIER"
    row.operator("beatboard.downbeat_here", icon="MARKER_HLT")
    row.operator("beatboard.regrid", text="", icon="TRIA_RIGHT").reading = "LATER"
    row = layout.row(align=True)
    row.operator("beatboard.regrid", text="Half Tempo").reading = "HALF"
    row.operator("beatboard.regrid", text="Double Tempo").reading = "DOUBLE"
    column = layout.column(align=True)
    column.operator("beatboard.bend_grid", icon="MARKER")
    column.operator("beatboard.change_here")
    layout.prop(settings, "markers")
    row = layout.row()
    row.enabled = tasks.has_numpy()
    row.prop(state.shot_list(), "clicks")
    _draw_channels(layout, scene)


def _draw_channels(layout: Any, scene: Any) -> None:
    """The song as curves: only where its strip is there to lay them along."""
    if timeline.song_strip(scene) is None:
        return
    if not _draw_progress(layout, "channels"):
        row = layout.row(align=True)
        row.operator("beatboard.song_channels", icon="FCURVE")
        if song_channels.is_baked(scene):
            row.operator("beatboard.remove_song_channels", text="", icon="X")
    draw_trouble(layout, "channels")


def _draw_readings(layout: Any, analysis: SongAnalysis) -> None:
    """The likeliest ways to count the song, to choose with one press; only where there is a choice, or was one."""
    chosen = regrid.reading_of(analysis)
    shown = sorted({1, *reading_names.likely_others(analysis), chosen} - {0}) if analysis.readings else []
    if len(shown) < 2 and chosen:
        return
    column = layout.column(align=True)
    for number in shown:
        one, first = analysis.readings[number - 1], analysis.readings[0]
        text = "As heard" if number == 1 else reading_names.difference(one, first).capitalize()
        column.operator(
            "beatboard.use_reading",
            text=f"{text}: {one.share:.0%}",
            icon="RADIOBUT_ON" if number == chosen else "RADIOBUT_OFF",
            depress=number == chosen,
        ).number = number


def _fact(layout: Any, name: str, value: str) -> None:
    _fact_row(layout, name).label(text=value)


def _fact_row(layout: Any, name: str) -> Any:
    """A name at the left, as a property has it, and a place for the value."""
    split = layout.split(factor=0.4)
    left = split.row()
    left.alignment = "RIGHT"
    left.label(text=name)
    return split.row(align=True)


class BEATBOARD_PT_shots(Tab, bpy.types.Panel):
    bl_label = "Shots"
    bl_order = 1

    def draw(self, context: Any) -> None:
        layout, scene, settings = self.start(context)
        planned = timeline.SCENE_KEY in scene
        _draw_rate(layout, scene, settings)
        height = 1.0 if planned else MAIN_HEIGHT
        if not _draw_progress(layout, "plan", height):
            row = layout.row()
            row.scale_y = height
            row.operator("beatboard.plan", text="Plan Again" if planned else "Plan Shots", icon="SEQ_STRIP_META")
        draw_trouble(layout, "plan")
        if plan.waiting(scene):
            row = layout.row(align=True)
            row.operator("beatboard.lay_out", text="Lay Out Planned Shots...", icon="QUESTION")
            row.operator("beatboard.discard_plan", text="", icon="X")
        if not planned:
            return
        listed = state.shot_list()
        row = layout.row()
        row.template_list(
            "BEATBOARD_UL_shots", "", listed, "shots", listed, "active", rows=6, maxrows=12, sort_lock=True
        )
        column = row.column(align=True)
        column.operator("beatboard.split", text="", icon="UV_ISLANDSEL")
        column.operator("beatboard.merge", text="", icon="AUTOMERGE_ON")
        column.operator("beatboard.snap", text="", icon="SNAP_ON")
        column.separator()
        column.operator("beatboard.lock", text="", icon="LOCKED")
        _draw_violations(layout, scene)


class BEATBOARD_PT_plan(Tab, bpy.types.Panel):
    bl_label = "Plan Settings"
    bl_parent_id = "BEATBOARD_PT_shots"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}
    bl_order = 0

    def draw(self, context: Any) -> None:
        layout, scene, settings = self.start(context)
        layout.prop(settings, "length_s")
        _draw_format(layout, scene, settings)
        layout.prop(settings, "treatments")
        _draw_file(layout, settings, "storyboard", placeholder="Optional")
        _draw_file(layout, settings, "character", placeholder="Optional")


def _draw_format(layout: Any, scene: Any, settings: Any) -> None:
    """What the video will be; where the scene has an edit of the user's, what it is."""
    if plan.keeps_scene(scene):
        render, rate = scene.render, float(timeline.scene_fps(scene))
        _fact(layout, "Format", f"{render.resolution_x} x {render.resolution_y}, {rate:.5g} fps")
        _fact(layout, "", "The scene's own, as your strips need")
        return
    column = layout.column(align=True)
    column.prop(settings, "shape")
    if settings.shape == "CUSTOM":
        column.prop(settings, "width_px")
        column.prop(settings, "height_px")
    else:
        column.prop(settings, "size")
    column.prop(settings, "fps")
    if timeline.SCENE_KEY in scene and not _is_planned_for(scene, settings):
        layout.label(text="Plan again to use these", icon="INFO")


def _draw_file(layout: Any, settings: Any, name: str, **look: Any) -> None:
    """A path with a button for a file browser that shows what fits."""
    row = layout.row(align=True)
    row.prop(settings, name, **look)
    row.operator(f"beatboard.choose_{name}", text="", icon="FILEBROWSER")


class BEATBOARD_PT_shot(Tab, bpy.types.Panel):
    bl_label = "Shot"
    bl_parent_id = "BEATBOARD_PT_shots"
    bl_order = 1

    @classmethod
    def poll(cls, context: Any) -> bool:
        scene = state.scene_of(context)
        return scene is not None and shots.active_strip(scene) is not None

    def draw_header(self, context: Any) -> None:
        row = shots.active_row(state.scene_of(context))
        if row is not None:
            self.layout.label(text="", icon=STATE_ICONS.get(row.state, "QUESTION"))

    def draw(self, context: Any) -> None:
        layout, scene, _ = self.start(context)
        row, strip = shots.active_row(scene), shots.active_strip(scene)
        if row is None or strip is None:
            return
        column = layout.column(align=True)
        column.active = not row.is_locked
        for name in ("beatboard_prompt", "beatboard_negative_prompt"):
            column.prop(strip, name)
        column = layout.column(align=True)
        column.active = not row.is_locked
        seed = column.row(align=True)
        seed.prop(strip, "beatboard_seed")
        seed.operator("beatboard.new_seed", text="", icon="FILE_REFRESH")
        for name in ("beatboard_motion", "beatboard_framing", "beatboard_treatment"):
            column.prop(strip, name)
        column = layout.column(align=True)
        doing = row.state in BUSY and row.detail
        _fact(column, "State", f"{STATE_NAMES[row.state]}: {row.detail}" if doing else STATE_NAMES[row.state])
        if row.detail and row.state in ("stale", "failed", "missing"):
            for line in wrapped(row.detail):
                column.label(text=line, icon="BLANK1")
        if row.state in BUSY:
            layout.operator("beatboard.cancel_jobs", text="Cancel This Clip", icon="CANCEL").shot = row.name
        if row.state == "stale":
            layout.operator("beatboard.keep", icon="CHECKMARK")
        _fact(column, "Length", f"{row.frame_count} frames")
        if row.frames_off:
            late = "late" if row.frames_off > 0 else "early"
            _fact(column, "Downbeat", f"{abs(row.frames_off)} frames {late}")
        if why := shots.reasons(strip):
            for line in wrapped(f"Cut here: {why}", 44):
                column.label(text=line)


def _draw_rate(layout: Any, scene: Any, settings: Any) -> None:
    """The frame rate was changed after planning: the strips no longer lie on the downbeats."""
    if timeline.SCENE_KEY in scene and settings.planned_fps and settings.planned_fps != str(timeline.scene_fps(scene)):
        box = layout.box()
        column = box.column(align=True)
        column.alert = True
        text = (
            f"The shots were planned for {float(eval_rate(settings.planned_fps)):.5g} fps: restore it, or plan again."
        )
        for number, line in enumerate(wrapped(text)):
            column.label(text=line, icon="ERROR" if number == 0 else "BLANK1")
        box.operator("beatboard.restore_fps", icon="LOOP_BACK")


def eval_rate(text: str) -> float:
    """A rate that is saved as a fraction."""
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)


def _draw_violations(layout: Any, scene: Any) -> None:
    violations = state.session().shots.violations
    if not violations:
        return
    column = layout.column(align=True)
    for violation in violations[:MOST_VIOLATIONS]:
        text = f"Frame {violation.frame + timeline.start_frame(scene)}: {violation.sentence}"
        for number, line in enumerate(wrapped(text, 44)):
            column.label(text=line, icon="INFO" if number == 0 else "BLANK1")
    if len(violations) > MOST_VIOLATIONS:
        column.label(text=f"and {len(violations) - MOST_VIOLATIONS} more", icon="BLANK1")


class BEATBOARD_PT_generate(Tab, bpy.types.Panel):
    """As high while clips are made as it was before: Blender animates panels that are pushed, with many redraws."""

    bl_label = "Generate"
    bl_order = 2

    def draw(self, context: Any) -> None:
        layout, scene, settings = self.start(context)
        _fact_row(layout, "Painter").menu("BEATBOARD_MT_painter", text=settings.painter)
        _fact_row(layout, "Animator").menu("BEATBOARD_MT_animator", text=settings.animator)
        _fact_row(layout, "Quality").prop(settings, "quality", text="")
        needed = generate.needed(scene)
        busy = [row for row in state.shot_list().shots if row.state in BUSY]
        if busy:
            done = sum(row.progress for row in busy) / len(busy)
            text = "1 shot" if len(busy) == 1 else f"{len(busy)} shots"
            _fact_row(layout, "Under Way").progress(factor=done, text=f"{text}, {done:.0%}")
        elif state.shot_list().shots:
            _draw_estimate(layout, needed)
        if not _draw_progress(layout, "generate", MAIN_HEIGHT):
            row = layout.row(align=True)
            row.scale_y = MAIN_HEIGHT
            text = {0: "Generate", 1: "Generate 1 Shot"}.get(len(needed), f"Generate {len(needed)} Shots")
            row.operator("beatboard.generate", text=text, icon="RENDER_ANIMATION").which = "NEEDED"
            row.operator("beatboard.generate", text="Selected").which = "SELECTED"
        row = layout.row(align=True)
        text, icon = ("Resume Queue", "PLAY") if state.session().connection.paused else ("Pause Queue", "PAUSE")
        row.operator("beatboard.pause", text=text, icon=icon)
        row.operator("beatboard.cancel_jobs", text="Cancel All", icon="CANCEL")
        draw_trouble(layout, "generate")
        draw_trouble(layout, "queue")
        _draw_failed(layout)


class BEATBOARD_PT_options(Tab, bpy.types.Panel):
    bl_label = "Options"
    bl_parent_id = "BEATBOARD_PT_generate"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        layout, scene, settings = self.start(context)
        declared = set()
        for part, heading, options in engine_options.fields_of(scene):
            column = layout.column(heading=heading[:1].upper() + heading[1:], align=True)
            for option in options:
                declared.add(engine_options.key(part, option.name))
                _draw_option(column, scene, settings, part, option)
        if not declared:
            layout.operator("beatboard.connect", text="Connect to See All", icon="LINKED")
        for row in settings.clip_options:
            if row.name.partition(".")[0] in (settings.painter, settings.animator) and row.name not in declared:
                line = layout.row()
                line.label(text=f"{row.name}: {row.value}")
                line.operator("beatboard.reset_option", text="", icon="X").option = row.name


def _draw_option(layout: Any, scene: Any, settings: Any, part: str, option: Option) -> None:
    """Its field; what is set has a button to take it back, and what is wrong is red."""
    name = engine_options.key(part, option.name)
    kept = settings.clip_options.get(name)
    row = layout.row(align=True)
    row.alert = kept is not None and not _is_right(option, kept.value)
    row.prop(engine_options.group_of(scene, part), option.name, placeholder=option.automatic)
    if kept is not None:
        row.operator("beatboard.reset_option", text="", icon="LOOP_BACK").option = name


def _is_right(option: Option, text: str) -> bool:
    try:
        option.read(text)
    except ValueError:
        return False
    return True


def _draw_estimate(layout: Any, needed: list[str]) -> None:
    if _draw_progress(layout, "estimate"):
        return
    found = state.session().shots.estimate
    row = _fact_row(layout, "Time Needed")
    if not needed:
        row.label(text="Nothing: every shot is up to date")
    elif found is None or found.seconds is None:
        row.label(text="Not measured yet" if found else "")
        row.operator("beatboard.estimate", text="" if found else "Estimate", icon="TEMP")
    else:
        memory = f", {found.peak_memory_bytes / 2**30:.1f} GB" if found.peak_memory_bytes else ""
        row.label(text=f"about {duration(found.seconds)}{memory}")
        row.operator("beatboard.estimate", text="", icon="FILE_REFRESH")
    draw_trouble(layout, "estimate")


def duration(seconds: float) -> str:
    """For people: "40 s", "3 min", "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _draw_failed(layout: Any) -> None:
    failed = [row for row in state.shot_list().shots if row.state == "failed"]
    for row in failed[:2]:
        box = layout.box()
        column = box.column(align=True)
        for number, line in enumerate(wrapped(f"{row.name}: {row.detail}")):
            column.label(text=line, icon="ERROR" if number == 0 else "BLANK1")
    if failed:
        layout.operator("beatboard.generate", text="Retry", icon="FILE_REFRESH").which = "NEEDED"


class BEATBOARD_PT_takes(Tab, bpy.types.Panel):
    bl_label = "Takes"
    bl_order = 3

    def draw(self, context: Any) -> None:
        layout, scene, _ = self.start(context)
        row = shots.active_row(scene)
        if row is None:
            there = bool(state.shot_list().shots)
            layout.label(text="Choose a shot in the list" if there else "Plan the shots first", icon="INFO")
            return
        _draw_takes(layout, scene, row)
        draw_trouble(layout, "takes")
        lost = takes.orphans(scene)
        if lost:
            layout.separator()
            layout.label(text="Of shots that are gone", icon="ORPHAN_DATA")
            column = layout.column(align=True)
            for take in lost[-5:]:
                use = column.operator(
                    "beatboard.use_take", text=f"Use {take.shot_id} for {row.name}", icon="FILE_MOVIE"
                )
                use.sha256 = take.sha256


def _draw_takes(layout: Any, scene: Any, row: Any) -> None:
    bar = layout.row(align=True)
    bar.operator("beatboard.step_take", text="", icon="TRIA_LEFT").by = -1
    middle = bar.row()
    middle.alignment = "CENTER"
    shown = f"take {row.take_index} of {row.take_count}" if row.take_index else f"{row.take_count} takes"
    middle.label(text=f"{row.name}: {shown}" if row.take_count else f"{row.name}: no takes yet")
    bar.operator("beatboard.step_take", text="", icon="TRIA_RIGHT").by = 1
    bar.operator("beatboard.delete_take", text="", icon="TRASH")


class BEATBOARD_PT_take(Tab, bpy.types.Panel):
    bl_label = "Made With"
    bl_parent_id = "BEATBOARD_PT_takes"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        layout, scene, _ = self.start(context)
        row = shots.active_row(scene)
        found = shots.takes_of(scene, row.name) if row is not None else []
        if row is None or not row.take_index or not found[row.take_index - 1].request:
            layout.label(text="This shot shows no take", icon="INFO")
            return
        take = found[row.take_index - 1]
        request = shots.request_from(take.request)
        column = layout.column(align=True)
        _fact(column, "Engine", request.engine)
        _fact(column, "Seed", str(request.seed))
        _fact(column, "Motion", f"{request.motion}, {request.framing.value}")
        _fact(column, "Render Time", duration(take.seconds_taken))
        if take.likeness >= 0:
            _fact(column, "Likeness", f"{take.likeness:.2f}")
        for line in wrapped(request.prompt, 44)[:3]:
            column.label(text=line)
        layout.operator("beatboard.reuse_settings", icon="LOOP_BACK")


class BEATBOARD_PT_look(Tab, bpy.types.Panel):
    bl_label = "Look"
    bl_order = 4

    def draw(self, context: Any) -> None:
        layout, _, settings = self.start(context)
        if settings.palette:
            row = layout.row(align=True)
            row.use_property_split = False
            row.scale_y = 1.4
            for swatch in settings.palette:
                row.prop(swatch, "color", text="")
        column = layout.column(heading="Grade")
        column.prop(settings, "use_grade", text="From the Cover")
        sub = column.column()
        sub.active = settings.use_grade
        sub.prop(settings, "grade_strength", slider=True)
        if not _draw_progress(sub, "grade"):
            row = sub.row(align=True)
            row.prop(settings, "fit_grade")
            row.operator("beatboard.fit_grade", text="", icon="FILE_REFRESH")
        sub.operator("beatboard.edit_grade", icon="NODETREE")
        draw_trouble(sub, "grade")
        column = layout.column(heading="Texture")
        column.prop(settings, "use_texture", text="From the Cover")
        sub = column.column(align=True)
        sub.active = settings.use_texture
        for name in textures.NAMES:
            sub.prop(settings, f"texture_{name}", slider=True)
        column = layout.column(heading="Opening")
        column.prop(settings, "hero_hold")
        column = layout.column(heading="Ending")
        column.prop(settings, "end_on_cover")
        sub = column.column()
        sub.active = settings.end_on_cover
        sub.prop(settings, "ending")


class BEATBOARD_PT_title(Tab, bpy.types.Panel):
    bl_label = "Title"
    bl_parent_id = "BEATBOARD_PT_look"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        layout, scene, settings = self.start(context)
        column = layout.column(align=True)
        for name in ("title", "artist"):
            is_told = bool(settings.storyboard) and not settings.is_property_set(name)
            column.prop(settings, name, placeholder="The storyboard's" if is_told else "None")
        column.prop(settings, "font", placeholder="One that suits the cover")
        if not _draw_progress(layout, "title"):
            text = "Place Title Again" if titles.strips(scene) else "Place Title"
            layout.operator("beatboard.place_title", text=text, icon="FONT_DATA")
        draw_trouble(layout, "title")


class BEATBOARD_PT_deliver(Tab, bpy.types.Panel):
    bl_label = "Deliver"
    bl_order = 5

    def draw(self, context: Any) -> None:
        layout, scene, settings = self.start(context)
        layout.prop(settings, "output")
        if not _draw_progress(layout, "render", MAIN_HEIGHT):
            row = layout.row()
            row.scale_y = MAIN_HEIGHT
            row.operator("beatboard.render", icon="RENDER_ANIMATION")
        draw_trouble(layout, "render")
        if not _draw_progress(layout, "check"):
            layout.operator("beatboard.check", icon="VIEWZOOM")
        draw_trouble(layout, "check")
        _draw_verdict(layout, scene)
        if not _draw_progress(layout, "collect"):
            layout.operator("beatboard.collect", icon="PACKAGE")
        draw_trouble(layout, "collect")
        if not _draw_progress(layout, "export") and not _draw_progress(layout, "import"):
            row = layout.row(align=True)
            row.operator("beatboard.export_timeline", icon="EXPORT")
            row.operator("beatboard.import_timeline", icon="IMPORT")
        for kind in ("export", "exported", "import", "imported"):
            draw_trouble(layout, kind)


def _is_planned_for(scene: Any, settings: Any) -> bool:
    try:
        chosen = plan.format_of(settings)
    except ValueError:  # pressing Plan says what is wrong with it
        return False
    size = (scene.render.resolution_x, scene.render.resolution_y)
    return (chosen.width_px, chosen.height_px) == size and settings.fps == settings.planned_fps


def _draw_verdict(layout: Any, scene: Any) -> None:
    found = state.session().measured.get(scene.session_uid)
    if found is None:
        return
    box = layout.box()
    if not found.failures:
        box.label(text=f"All {found.passed} measures hold", icon="CHECKMARK")
    for failure in found.failures[:4]:
        column = box.column(align=True)
        for number, line in enumerate(wrapped(failure, 44)):
            column.label(text=line, icon="ERROR" if number == 0 else "BLANK1")
    row = box.row(align=True)
    row.operator("beatboard.open", text="Report", icon="URL").what = "REPORT"
    row.operator("beatboard.open", text="Video", icon="FILE_MOVIE").what = "VIDEO"
    row.operator("beatboard.open", text="", icon="FILE_FOLDER").what = "FOLDER"


_CLASSES = (
    BEATBOARD_PT_song,
    BEATBOARD_PT_shots,
    BEATBOARD_PT_plan,
    BEATBOARD_PT_shot,
    BEATBOARD_PT_generate,
    BEATBOARD_PT_options,
    BEATBOARD_PT_takes,
    BEATBOARD_PT_take,
    BEATBOARD_PT_look,
    BEATBOARD_PT_title,
    BEATBOARD_PT_deliver,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
