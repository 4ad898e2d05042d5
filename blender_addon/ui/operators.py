# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be pressed. An operator checks, calls and reports; the work is in a function that a script can call too."""
# pyright: reportInvalidTypeForm=false, reportIncompatibleMethodOverride=false

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from ..actions import (
    deliver,
    exchange,
    generate,
    look,
    own_strips,
    plan,
    project,
    shots,
    song,
    song_channels,
    takes,
    title,
)
from ..core import network, regrid
from ..core.messages import EnginePart
from ..core.song_channels import MEANINGS, Shape
from ..scene import grade, timeline
from ..scene import song_channels as channels
from ..session import connection, engine_options, environment, preferences, state, tasks
from ..session.tasks import Problem

READINGS = (
    ("EARLIER", "The One a Beat Earlier", "Every bar starts one beat earlier"),
    ("LATER", "The One a Beat Later", "Every bar starts one beat later"),
    ("HALF", "Half Tempo", "Count every second beat only: two bars become one"),
    ("DOUBLE", "Double Tempo", "Count a beat between each two: a bar becomes two"),
)
WHICH = (
    ("NEEDED", "All That Need It", "Every shot without a clip, or changed since its clip was made"),
    ("SELECTED", "Selected", "The shots whose strips are selected, even if nothing changed"),
    ("ACTIVE", "Active", "The shot that is chosen in the list"),
)


PICTURES = "*.png;*.jpg;*.jpeg;*.webp;*.avif"
"""of which files a browser for pictures shows"""


SLOWEST_BPM = 20


class Base:
    """Calls `work`, and shows a `Problem` as a report."""

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        scene = state.scene_of(context)
        try:
            said = self.work(context, scene)
        except Problem as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        if said:
            self.report({"INFO"}, said)
        shots.refresh(scene)
        shots.redraw()
        return {"FINISHED"}

    def work(self, context: Any, scene: Any) -> str | None:
        raise NotImplementedError


def _can(cls: Any, *reasons: str) -> bool:
    """Whether it can be done now; if not, the tooltip says why not."""
    for reason in reasons:
        if reason:
            cls.poll_message_set(reason)
            return False
    return True


def _no_scene(context: Any) -> str:
    scene = state.scene_of(context)
    if scene is None:
        return "The sequencer shows no scene: add one in its header"
    library = scene.library
    return f"This scene is linked, so edits to it would be lost: open {Path(library.filepath).name}" if library else ""


def _busy(kind: str) -> str:
    task = tasks.running(kind)
    return f"Under way: {task.stage}" if task else ""


def _not_set_up() -> str:
    return connection.lacking()


def _not_chosen(context: Any) -> str:
    settings = state.settings_of(state.scene_of(context))
    if not settings.song:
        return "Choose a song first"
    return "" if settings.cover else "Choose an album cover first"


def _not_heard(context: Any) -> str:
    return "" if state.settings_of(state.scene_of(context)).analysis else "Analyze the song first"


def _not_planned(context: Any) -> str:
    return "" if timeline.SCENE_KEY in state.scene_of(context) else "Plan the shots first"


def _no_numpy() -> str:
    return "" if tasks.has_numpy() else tasks.NO_NUMPY


def _no_plan(context: Any) -> str:
    return "" if plan.waiting(state.scene_of(context)) else "No plan is waiting: plan the shots first"


def _no_strips(context: Any) -> str:
    chosen = any(strip.select for strip in timeline.all_strips(state.scene_of(context)))
    return "" if chosen else "Select strips of your own first"


def _no_own_strips(context: Any) -> str:
    return "" if timeline.foreign_pictures(state.scene_of(context)) else "There are no pictures of your own here"


def _no_title(context: Any) -> str:
    settings = state.settings_of(state.scene_of(context))
    return "Write a title or an artist first" if title.nothing_to_write(settings) else ""


def _no_shot(context: Any) -> str:
    if state.scene_of(context).sequence_editor is None or not state.shot_list().shots:
        return "There are no shots yet: plan them first"
    return "" if shots.active_row(state.scene_of(context)) else "Choose a shot in the list"


def _no_take(context: Any) -> str:
    row = shots.active_row(state.scene_of(context))
    return "" if row and row.take_count else "This shot has no takes yet"


def _no_selection(context: Any) -> str:
    strips = timeline.shot_strips(state.scene_of(context))
    return "" if any(strip.select for strip in strips) else "Select the strips of one or more shots"


def _active(scene: Any) -> str:
    """The shot that is chosen in the list.

    Raises:
        Problem: none is.
    """
    row = shots.active_row(scene)
    if row is None:
        raise Problem("Choose a shot in the list." if state.shot_list().shots else "Plan the shots first.")
    return row.name


# The bridge


class BEATBOARD_OT_set_up(Base, bpy.types.Operator):
    """Make a Python environment for the bridge. You can stop it: next time it goes on from there"""

    bl_idname, bl_label = "beatboard.set_up", "Set Up Bridge"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        offline = "" if bpy.app.online_access else f"Blender is offline: switch on {network.SWITCH}"
        return _can(cls, _busy("setup"), offline)

    def work(self, context: Any, scene: Any) -> str | None:
        stored = preferences.stored()
        wanted = preferences.managed(gpu=bool(stored and stored.use_gpu))
        tasks.start("setup", "Looking for Python", lambda task: environment.set_up(wanted, task.tell), lambda _: None)


class BEATBOARD_OT_connect(Base, bpy.types.Operator):
    """Start the bridge, or find it if it runs, and ask for its engines"""

    bl_idname, bl_label = "beatboard.connect", "Connect"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _not_set_up(), _busy("connect"))

    def work(self, context: Any, scene: Any) -> str | None:
        connection.connect()


class BEATBOARD_OT_open_log(Base, bpy.types.Operator):
    """Open the bridge's log"""

    bl_idname, bl_label = "beatboard.open_log", "Open Log"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    def work(self, context: Any, scene: Any) -> str | None:
        stored = preferences.stored()
        logs = [connection.log(), preferences.managed(gpu=bool(stored and stored.use_gpu)).log]
        found = next((log for log in logs if log.is_file()), None)
        if found is None:
            raise Problem("There is no log yet: the bridge was never started.")
        bpy.ops.wm.path_open(filepath=str(found))


class BEATBOARD_OT_preferences(Base, bpy.types.Operator):
    """Open the add-on's preferences"""

    bl_idname, bl_label = "beatboard.preferences", "Bridge Settings"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    def work(self, context: Any, scene: Any) -> str | None:
        bpy.ops.preferences.addon_show(module=preferences.ADDON)


class BEATBOARD_OT_cancel_task(Base, bpy.types.Operator):
    """Stop this; what is finished is kept"""

    bl_idname, bl_label = "beatboard.cancel_task", "Cancel"
    bl_options: ClassVar[set[str]] = {"REGISTER", "INTERNAL"}
    kind: StringProperty()

    def work(self, context: Any, scene: Any) -> str | None:
        tasks.cancel(self.kind)


class BEATBOARD_OT_copy_details(Base, bpy.types.Operator):
    """Copy everything known about this problem, to send it to someone"""

    bl_idname, bl_label = "beatboard.copy_details", "Copy Details"
    bl_options: ClassVar[set[str]] = {"REGISTER", "INTERNAL"}
    kind: StringProperty()

    def work(self, context: Any, scene: Any) -> str | None:
        trouble = state.session().tasks.troubles.get(self.kind)
        if trouble:
            context.window_manager.clipboard = f"{trouble.sentence}\n\n{trouble.details}".strip()


class BEATBOARD_OT_dismiss(Base, bpy.types.Operator):
    """Hide this message"""

    bl_idname, bl_label = "beatboard.dismiss", "Dismiss"
    bl_options: ClassVar[set[str]] = {"REGISTER", "INTERNAL"}
    kind: StringProperty()

    def work(self, context: Any, scene: Any) -> str | None:
        state.session().tasks.troubles.pop(self.kind, None)


# Song and cover


class Choose(Base, ImportHelper):
    """A file browser for one of the scene's paths."""

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}
    target = ""

    def work(self, context: Any, scene: Any) -> str | None:
        path = Path(self.filepath)
        if not path.is_file():
            raise Problem(f"There is no file {path}: choose another.")
        setattr(state.settings_of(scene), self.target, str(path))
        return f"{self.target.title()}: {path.name}"


class BEATBOARD_OT_choose_song(Choose, bpy.types.Operator):
    """Choose the song"""

    bl_idname, bl_label = "beatboard.choose_song", "Choose Song"
    target = "song"
    filter_glob: StringProperty(default="*.mp3;*.wav;*.flac;*.ogg;*.opus;*.m4a;*.aac", options={"HIDDEN"})


class BEATBOARD_OT_choose_cover(Choose, bpy.types.Operator):
    """Choose the album cover"""

    bl_idname, bl_label = "beatboard.choose_cover", "Choose Album Cover"
    target = "cover"
    filter_glob: StringProperty(default=PICTURES, options={"HIDDEN"})


class BEATBOARD_OT_choose_storyboard(Choose, bpy.types.Operator):
    """Choose a storyboard: a TOML file that says what the shots show"""

    bl_idname, bl_label = "beatboard.choose_storyboard", "Choose Storyboard"
    target = "storyboard"
    filter_glob: StringProperty(default="*.toml", options={"HIDDEN"})


class BEATBOARD_OT_choose_character(Choose, bpy.types.Operator):
    """Choose a picture of the hero, which every keyframe must resemble"""

    bl_idname, bl_label = "beatboard.choose_character", "Choose Character"
    target = "character"
    filter_glob: StringProperty(default=PICTURES, options={"HIDDEN"})


class BEATBOARD_OT_analyze(Base, bpy.types.Operator):
    """Find the song's tempo, bars, sections and drop, and the cover's palette and grade"""

    bl_idname, bl_label = "beatboard.analyze", "Analyze Song and Cover"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        if reason := _no_scene(context):
            return _can(cls, reason)
        return _can(cls, _not_chosen(context), _not_set_up(), _busy("analyze"))

    def work(self, context: Any, scene: Any) -> str | None:
        song.analyze(scene)


class BEATBOARD_OT_regrid(Base, bpy.types.Operator):
    """Count the song's bars differently; the shots stay where they are"""

    bl_idname, bl_label = "beatboard.regrid", "Count Bars Differently"
    reading: EnumProperty(name="Reading", items=READINGS)

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _not_heard(context))

    @classmethod
    def description(cls, context: Any, given: Any) -> str:
        return next(text for name, _, text in READINGS if name == given.reading)

    def work(self, context: Any, scene: Any) -> str | None:
        changes: dict[str, Callable[[Any], Any]] = {
            "EARLIER": lambda analysis: regrid.with_downbeat_shift(analysis, -1),
            "LATER": lambda analysis: regrid.with_downbeat_shift(analysis, 1),
            "HALF": regrid.half_tempo,
            "DOUBLE": regrid.double_tempo,
        }
        song.read_differently(scene, changes[self.reading])


class BEATBOARD_OT_use_reading(Base, bpy.types.Operator):
    """Count the song's bars this way; the shots stay where they are until you plan again"""

    bl_idname, bl_label = "beatboard.use_reading", "Use Reading"
    number: IntProperty(name="Number", description="1 is as the song was heard", default=1, min=1)

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _not_heard(context))

    def work(self, context: Any, scene: Any) -> str | None:
        song.use_reading(scene, self.number)


class BEATBOARD_OT_downbeat_here(Base, bpy.types.Operator):
    """Make a bar start at the playhead"""

    bl_idname, bl_label = "beatboard.downbeat_here", "Downbeat Here"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _not_heard(context) or _not_planned(context))

    def work(self, context: Any, scene: Any) -> str | None:
        song.downbeat_here(scene)


class BEATBOARD_OT_bend_grid(Base, bpy.types.Operator):
    """Move the bars whose markers you dragged, and stretch the beats up to the bars around them"""

    bl_idname, bl_label = "beatboard.bend_grid", "Bend Grid to Markers"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if reason := _no_scene(context) or _not_heard(context) or _not_planned(context):
            return _can(cls, reason)
        dragged = timeline.moved_markers(state.scene_of(context))
        return _can(cls, "" if dragged else "Drag the marker of a bar to where the bar starts first")

    def work(self, context: Any, scene: Any) -> str | None:
        return f"Bars moved: {song.bend_to_markers(scene)}"


class BEATBOARD_OT_change_here(Base, bpy.types.Operator):
    """Count with another tempo or meter, from the bar at the playhead to the end of the song"""

    bl_idname, bl_label = "beatboard.change_here", "Change Tempo or Meter Here"
    meter: IntProperty(name="Beats in a Bar", description="0 leaves the meter as it is", min=0, max=16)
    tempo_bpm: FloatProperty(
        name="Tempo", description="Beats per minute, evenly; 0 leaves the beats where they are", min=0.0, max=400.0
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _not_heard(context) or _not_planned(context))

    def invoke(self, context: Any, event: Any) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def work(self, context: Any, scene: Any) -> str | None:
        if not self.meter and not self.tempo_bpm:
            raise Problem("Give the beats in a bar, the tempo, or both.")
        if 0 < self.tempo_bpm < SLOWEST_BPM:
            raise Problem(f"The slowest tempo is {SLOWEST_BPM} beats per minute.")
        song.change_here(scene, self.meter or None, self.tempo_bpm or None)


# The song drives the picture


def _no_channels(context: Any) -> str:
    return "" if channels.is_baked(state.scene_of(context)) else "Press Song Channels first"


class BEATBOARD_OT_song_channels(Base, bpy.types.Operator):
    """Write the song's drums, bass, voice, bars and more as curves of the scene, for anything that Blender animates"""

    bl_idname, bl_label = "beatboard.song_channels", "Song Channels"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        if reason := _no_scene(context) or _not_heard(context) or _not_planned(context):
            return _can(cls, reason)
        return _can(cls, _no_numpy(), _not_set_up(), _busy("channels"))

    def work(self, context: Any, scene: Any) -> str | None:
        song_channels.bake(scene)


class BEATBOARD_OT_remove_song_channels(Base, bpy.types.Operator):
    """Remove the song's curves, and every driver that follows them; what was driven gets its old value back"""

    bl_idname, bl_label = "beatboard.remove_song_channels", "Remove Song Channels"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _no_channels(context))

    def work(self, context: Any, scene: Any) -> str | None:
        return f"Removed, with {song_channels.remove(scene)} drivers"


class BEATBOARD_OT_drive_with_song(Base, bpy.types.Operator):
    """Have the property under the mouse follow the song: its value, plus the gain times a channel"""

    bl_idname, bl_label = "beatboard.drive_with_song", "Drive With Song"
    channel: EnumProperty(
        name="Channel", items=[(name, name.title(), meaning.capitalize()) for name, meaning in MEANINGS.items()]
    )
    gain: FloatProperty(name="Gain", description="What a full hit adds to the value", default=1.0)
    threshold: FloatProperty(name="Threshold", description="Hits below this do nothing", min=0.0, max=0.99)
    smoothing_s: FloatProperty(name="Smoothing", description="Seconds over which it is averaged", min=0.0, soft_max=2.0)
    attack_s: FloatProperty(name="Attack", description="Seconds that a rise takes", min=0.0, soft_max=2.0)
    release_s: FloatProperty(name="Release", description="Seconds that a fall takes", min=0.0, soft_max=5.0)
    owner_uid: IntProperty(options={"HIDDEN", "SKIP_SAVE"})
    data_path: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    index: IntProperty(default=-1, options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _no_channels(context), _no_numpy())

    def invoke(self, context: Any, event: Any) -> set[str]:
        under = context.property
        if under is None:
            self.report({"ERROR"}, "Put the mouse on a property first.")
            return {"CANCELLED"}
        owner, self.data_path, self.index = under
        self.owner_uid = owner.session_uid
        return context.window_manager.invoke_props_dialog(self)

    def work(self, context: Any, scene: Any) -> str | None:
        owner = channels.find(self.owner_uid)
        if owner is None or not self.data_path:
            raise Problem("Right-click a property and choose Drive With Song there.")
        shape = Shape(self.threshold, self.smoothing_s, self.attack_s, self.release_s)
        song_channels.drive(scene, channels.Target(owner, self.data_path, self.index), self.channel, self.gain, shape)


# Shots


class BEATBOARD_OT_plan(Base, bpy.types.Operator):
    """Cut the song into shots on its downbeats and lay them out. Locked shots keep their settings; takes are kept"""

    bl_idname, bl_label = "beatboard.plan", "Plan Shots"
    bl_options: ClassVar[set[str]] = {"REGISTER"}
    confirmed: BoolProperty(
        name="Confirmed",
        description="Lay the shots out though they cover strips of yours, or effects of yours go",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        if reason := _no_scene(context) or _not_heard(context):
            return _can(cls, reason)
        stale = "" if song.is_current(state.scene_of(context)) else "Song or cover changed: analyze again first"
        return _can(cls, stale, _not_set_up(), _busy("plan"))

    def work(self, context: Any, scene: Any) -> str | None:
        plan.plan(scene, confirmed=self.confirmed)


class BEATBOARD_OT_lay_out(Base, bpy.types.Operator):
    """Put the shots that were planned on the timeline, beside what you made there"""

    bl_idname, bl_label = "beatboard.lay_out", "Lay Out Shots"
    start: IntProperty(
        name="Start Frame", description="The frame on which the first shot starts", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _no_plan(context))

    def invoke(self, context: Any, event: Any) -> set[str]:
        scene = state.scene_of(context)
        found = plan.waiting(scene)
        assert found
        self.start = plan.start_of(scene, found.edit, found.wav)
        return context.window_manager.invoke_props_dialog(self, width=420, confirm_text="Lay Out")

    def draw(self, context: Any) -> None:
        scene = state.scene_of(context)
        found = plan.waiting(scene)
        if found is None:
            return
        column = self.layout.column(align=True)
        changes = plan.changes(scene, found.edit, found.wav, self._start())
        for sentences, icon in ((changes.losses, "ERROR"), (changes.notes, "INFO")):
            for sentence in sentences:
                for number, line in enumerate(preferences.wrapped(sentence, 64)):
                    column.label(text=line, icon=icon if number == 0 else "BLANK1")
        if timeline.SCENE_KEY not in scene:
            self.layout.prop(self, "start")

    def _start(self) -> int | None:
        return self.start if self.properties.is_property_set("start") else None

    def work(self, context: Any, scene: Any) -> str | None:
        plan.lay_out_waiting(scene, self._start())


class BEATBOARD_OT_discard_plan(Base, bpy.types.Operator):
    """Forget the shots that were planned; your timeline stays as it is"""

    bl_idname, bl_label = "beatboard.discard_plan", "Discard"
    bl_options: ClassVar[set[str]] = {"REGISTER", "INTERNAL"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _no_plan(context))

    def work(self, context: Any, scene: Any) -> str | None:
        plan.discard(scene)


class BEATBOARD_OT_restore_fps(Base, bpy.types.Operator):
    """Set the scene's frame rate back to the one that the shots were planned for"""

    bl_idname, bl_label = "beatboard.restore_fps", "Restore Frame Rate"

    def work(self, context: Any, scene: Any) -> str | None:
        plan.restore_fps(scene)


class BEATBOARD_OT_split(Base, bpy.types.Operator):
    """Split the shot under the playhead on the nearest downbeat"""

    bl_idname, bl_label = "beatboard.split", "Split Shot on Downbeat"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _not_planned(context) or _not_heard(context))

    def work(self, context: Any, scene: Any) -> str | None:
        return f"New shot {shots.split(scene, scene.frame_current)}"


class BEATBOARD_OT_merge(Base, bpy.types.Operator):
    """Join selected neighboring shots into one, with the settings of the first"""

    bl_idname, bl_label = "beatboard.merge", "Merge Shots"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _not_planned(context) or _no_selection(context))

    def work(self, context: Any, scene: Any) -> str | None:
        return f"Merged into {shots.merge(scene, shots.selected_ids(scene))}"


class BEATBOARD_OT_snap(Base, bpy.types.Operator):
    """Move the edges of the selected shots onto the nearest downbeats, and their neighbors' with them"""

    bl_idname, bl_label = "beatboard.snap", "Snap to Downbeats"
    all_shots: BoolProperty(name="All Shots", description="Snap every shot, not only the selected ones")

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _not_planned(context) or _not_heard(context))

    def work(self, context: Any, scene: Any) -> str | None:
        ids = [row.name for row in state.shot_list().shots] if self.all_shots else shots.selected_ids(scene)
        if not ids:
            raise Problem("Select the strips of one or more shots, or switch on All Shots.")
        moved = shots.snap(scene, ids)
        return f"Moved {moved} edges onto downbeats" if moved else "All edges were on downbeats already"


class BEATBOARD_OT_use_as_shot(Base, bpy.types.Operator):
    """Make shots of the selected strips of your own: movies, images and scenes; they show what they showed"""

    bl_idname, bl_label = "beatboard.use_as_shot", "Use as Shot"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _not_planned(context) or _no_strips(context))

    def work(self, context: Any, scene: Any) -> str | None:
        made = own_strips.use_as_shots(scene, [strip.name for strip in timeline.all_strips(scene) if strip.select])
        return f"Now shots: {', '.join(made)}"


class BEATBOARD_OT_conform(Base, bpy.types.Operator):
    """Move the cuts of your own edit to the song's downbeats with the least change: selected strips, or all of yours"""

    bl_idname, bl_label = "beatboard.conform", "Conform to Bars"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _not_heard(context) or _no_own_strips(context))

    def work(self, context: Any, scene: Any) -> str | None:
        done = own_strips.conform(scene, [strip.name for strip in timeline.own_strips(scene) if strip.select])
        said = [f"Moved {done.moved} strips" if done.moved else "All cuts were on downbeats already"]
        if done.muted:
            said.append(f"muted, for the song has no bar for them: {', '.join(done.muted)}")
        if done.resting:
            said.append(f"rest on their last picture: {', '.join(done.resting)}")
        return "; ".join(said)


class BEATBOARD_OT_lock(Base, bpy.types.Operator):
    """Lock or unlock this shot: planning and generating leave locked shots alone"""

    bl_idname, bl_label = "beatboard.lock", "Lock Shot"
    shot: StringProperty(options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _no_shot(context))

    def work(self, context: Any, scene: Any) -> str | None:
        row = state.shot_list().shots.get(self.shot) if self.shot else shots.active_row(scene)
        if row is not None:
            shots.set_locked(scene, [row.name], locked=not row.is_locked)


class BEATBOARD_OT_new_seed(Base, bpy.types.Operator):
    """Give this shot another seed: its next clip will be another one with the same settings"""

    bl_idname, bl_label = "beatboard.new_seed", "New Seed"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _no_shot(context))

    def work(self, context: Any, scene: Any) -> str | None:
        return f"Seed {shots.new_seed(scene, _active(scene))}"


# Generate


class BEATBOARD_OT_set_engine(Base, bpy.types.Operator):
    """Use this one"""

    bl_idname, bl_label = "beatboard.set_engine", "Painter or Animator"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}
    part: EnumProperty(items=[("painter", "Painter", ""), ("animator", "Animator", "")])
    value: StringProperty()

    @classmethod
    def description(cls, context: Any, given: Any) -> str:
        found = _engine_part(given)
        if found is None:
            return "Use this one"
        return found.description if found.available else f"Cannot run here: it needs {found.missing}"

    def work(self, context: Any, scene: Any) -> str | None:
        found = _engine_part(self)
        if found is not None and not found.available:
            raise Problem(f"The {self.part} {self.value} cannot run here: it needs {found.missing}.")
        setattr(state.settings_of(scene), self.part, self.value)
        state.session().shots.estimate = None


def _engine_part(given: Any) -> EnginePart | None:
    engines = state.session().connection.engines
    return engine_options.find(engines.painters if given.part == "painter" else engines.animators, given.value)


class BEATBOARD_OT_reset_option(Base, bpy.types.Operator):
    """Back to the default"""

    bl_idname, bl_label = "beatboard.reset_option", "Reset Option"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}
    option: StringProperty()

    def work(self, context: Any, scene: Any) -> str | None:
        engine_options.keep(scene, self.option, "", "")


class BEATBOARD_OT_estimate(Base, bpy.types.Operator):
    """Ask the bridge how long the shots that need a clip will take, and how much memory"""

    bl_idname, bl_label = "beatboard.estimate", "Estimate"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        if reason := _no_scene(context) or _not_planned(context):
            return _can(cls, reason)
        return _can(cls, _not_set_up(), _busy("estimate"))

    def work(self, context: Any, scene: Any) -> str | None:
        generate.measure(scene)


class BEATBOARD_OT_generate(Base, bpy.types.Operator):
    """Make clips for shots. They arrive on the timeline one by one while you go on working"""

    bl_idname, bl_label = "beatboard.generate", "Generate Clips"
    bl_options: ClassVar[set[str]] = {"REGISTER"}
    which: EnumProperty(name="Shots", items=WHICH)

    @classmethod
    def poll(cls, context: Any) -> bool:
        if reason := _no_scene(context) or _not_planned(context):
            return _can(cls, reason)
        return _can(cls, _not_heard(context), _not_chosen(context), _not_set_up(), _busy("generate"))

    def work(self, context: Any, scene: Any) -> str | None:
        shots.refresh(scene)
        if self.which == "NEEDED":
            ids = generate.needed(scene)
            if not ids:
                raise Problem("Every shot has its clip. To make some again, select them and use Selected.")
        elif self.which == "SELECTED":
            ids = shots.selected_ids(scene)
            if not ids:
                raise Problem("Select the strips of one or more shots.")
        else:
            ids = [_active(scene)]
        same = generate.unchanged(scene, ids)
        if same == ids:
            raise Problem(f"Nothing changed in {', '.join(ids)}: that gives the same clip. New Seed gives another one.")
        return f"Asked for {generate.generate(scene, ids)} clips"


class BEATBOARD_OT_cancel_jobs(Base, bpy.types.Operator):
    """Cancel clips that are queued or being made"""

    bl_idname, bl_label = "beatboard.cancel_jobs", "Cancel Clips"
    bl_options: ClassVar[set[str]] = {"REGISTER"}
    shot: StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def poll(cls, context: Any) -> bool:
        if reason := _no_scene(context):
            return _can(cls, reason)
        waiting = any(row.state in ("queued", "running") for row in state.shot_list().shots)
        return _can(cls, "" if waiting else "Nothing is under way", _busy("queue"))

    def work(self, context: Any, scene: Any) -> str | None:
        generate.cancel(scene, [self.shot] if self.shot else [])


class BEATBOARD_OT_pause(Base, bpy.types.Operator):
    """Pause the bridge's queue, or let it go on"""

    bl_idname, bl_label = "beatboard.pause", "Pause Queue"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _not_set_up(), _busy("queue"))

    def work(self, context: Any, scene: Any) -> str | None:
        generate.pause(paused=not state.session().connection.paused)


# Takes


class BEATBOARD_OT_step_take(Base, bpy.types.Operator):
    """Show this shot's next or previous take"""

    bl_idname, bl_label = "beatboard.step_take", "Step Through Takes"
    by: IntProperty(name="By", default=1, min=-1, max=1)

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _no_shot(context) or _no_take(context))

    def work(self, context: Any, scene: Any) -> str | None:
        takes.step(scene, _active(scene), self.by)


class BEATBOARD_OT_use_take(Base, bpy.types.Operator):
    """Show this take on the chosen shot"""

    bl_idname, bl_label = "beatboard.use_take", "Use Take"
    sha256: StringProperty()

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _no_shot(context))

    def work(self, context: Any, scene: Any) -> str | None:
        takes.use(scene, _active(scene), self.sha256)


class BEATBOARD_OT_delete_take(Base, bpy.types.Operator):
    """Delete the take that this shot shows. Its file goes to the folder named trash, beside the clips"""

    bl_idname, bl_label = "beatboard.delete_take", "Delete Take"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _no_shot(context) or _no_take(context))

    def work(self, context: Any, scene: Any) -> str | None:
        takes.delete(scene, _active(scene))


class BEATBOARD_OT_keep(Base, bpy.types.Operator):
    """Keep this clip though the shot was trimmed or changed since; it is made anew only if you change it again"""

    bl_idname, bl_label = "beatboard.keep", "Keep As It Is"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _no_shot(context) or _no_take(context))

    def work(self, context: Any, scene: Any) -> str | None:
        takes.keep(scene, _active(scene))


class BEATBOARD_OT_reuse_settings(Base, bpy.types.Operator):
    """Give the shot the prompt, seed, motion and framing that this take was made with"""

    bl_idname, bl_label = "beatboard.reuse_settings", "Reuse Settings"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _no_shot(context) or _no_take(context))

    def work(self, context: Any, scene: Any) -> str | None:
        takes.reuse_settings(scene, _active(scene))


# Look


class BEATBOARD_OT_fit_grade(Base, bpy.types.Operator):
    """Fit the grade to the clips that the edit shows now"""

    bl_idname, bl_label = "beatboard.fit_grade", "Fit Grade to Footage"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(
            cls, _no_scene(context) or _not_planned(context), _not_chosen(context), _not_set_up(), _busy("grade")
        )

    def work(self, context: Any, scene: Any) -> str | None:
        look.fit(scene)


class BEATBOARD_OT_edit_grade(Base, bpy.types.Operator):
    """Open the grade's nodes in a window of their own"""

    bl_idname, bl_label = "beatboard.edit_grade", "Edit Grade"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        scene = state.scene_of(context)
        return _can(cls, _no_scene(context) or ("" if grade.find(scene) else "The edit has no grade yet"))

    def work(self, context: Any, scene: Any) -> str | None:
        bpy.ops.wm.window_new()
        area = context.window_manager.windows[-1].screen.areas[0]
        area.ui_type = "CompositorNodeTree"
        space = area.spaces.active
        space.pin, space.node_tree = True, grade.find(scene)


class BEATBOARD_OT_place_title(Base, bpy.types.Operator):
    """Write title and artist over the opening as text strips, where the picture is calm. Replaces earlier ones"""

    bl_idname, bl_label = "beatboard.place_title", "Place Title"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        planned = _no_scene(context) or _not_planned(context)
        return _can(cls, planned, _not_chosen(context), _no_title(context), _not_set_up(), _busy("title"))

    def work(self, context: Any, scene: Any) -> str | None:
        title.place(scene)


# Deliver


class BEATBOARD_OT_render(Base, bpy.types.Operator):
    """Render the finished video in the background; you can go on working"""

    bl_idname, bl_label = "beatboard.render", "Render Video"
    bl_options: ClassVar[set[str]] = {"REGISTER"}
    check: BoolProperty(name="Check Afterwards", description="Measure the file when it is done", default=False)

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _not_planned(context), _busy("render"))

    def work(self, context: Any, scene: Any) -> str | None:
        deliver.render(scene, then_check=self.check)


class BEATBOARD_OT_check(Base, bpy.types.Operator):
    """Measure the finished file: cuts on downbeats, sync, colors, codec"""

    bl_idname, bl_label = "beatboard.check", "Check Video"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _not_planned(context), _not_set_up(), _busy("check"))

    def work(self, context: Any, scene: Any) -> str | None:
        deliver.check(scene)


class BEATBOARD_OT_collect(Base, bpy.types.Operator):
    """Pack a copy of this file with every clip, sound and picture that it uses into a folder, to keep or to pass on"""

    bl_idname, bl_label = "beatboard.collect", "Collect Project"
    bl_options: ClassVar[set[str]] = {"REGISTER"}
    directory: StringProperty(subtype="DIR_PATH")
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, "" if bpy.data.filepath else "Save the .blend first", _busy("collect"))

    def invoke(self, context: Any, event: Any) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: Any, scene: Any) -> str | None:
        return f"Into {project.collect(Path(self.directory))}"


class BEATBOARD_OT_export_timeline(Base, bpy.types.Operator):
    """Write the timeline for Resolve, Premiere, Final Cut and others, with the grade as a .cube beside it"""

    bl_idname, bl_label = "beatboard.export_timeline", "Export Timeline"
    bl_options: ClassVar[set[str]] = {"REGISTER"}
    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.otio;*.xml;*.fcpxml;*.edl", options={"HIDDEN"})
    check_existing: BoolProperty(default=True, options={"HIDDEN"})

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _no_scene(context) or _not_planned(context), _not_set_up(), _busy("export"))

    def invoke(self, context: Any, event: Any) -> set[str]:
        self.filepath = f"{Path(bpy.data.filepath).stem or 'edit'}.otio"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: Any, scene: Any) -> str | None:
        exchange.export(scene, Path(bpy.path.abspath(self.filepath)))


class BEATBOARD_OT_import_timeline(Base, ImportHelper, bpy.types.Operator):
    """Lay a timeline of Resolve, Premiere, Final Cut or another editor out in a new scene"""

    bl_idname, bl_label = "beatboard.import_timeline", "Import Timeline"
    filter_glob: StringProperty(default="*.otio;*.xml;*.fcpxml;*.edl", options={"HIDDEN"})
    fps: StringProperty(name="Frame Rate of an EDL", description="An .edl doesn't say it", default="25")

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _can(cls, _not_set_up(), _busy("import"))

    def work(self, context: Any, scene: Any) -> str | None:
        exchange.import_file(Path(self.filepath), self.fps)


class BEATBOARD_OT_open(Base, bpy.types.Operator):
    """Open it with your system's program"""

    bl_idname, bl_label = "beatboard.open", "Open"
    bl_options: ClassVar[set[str]] = {"REGISTER", "INTERNAL"}
    what: EnumProperty(items=(("VIDEO", "Video", ""), ("REPORT", "Report", ""), ("FOLDER", "Folder", "")))

    def work(self, context: Any, scene: Any) -> str | None:
        video = deliver.output_of(scene)
        path = {"VIDEO": video, "REPORT": video.with_suffix(".html"), "FOLDER": video.parent}[self.what]
        if not path.exists():
            raise Problem(f"{path} is not there yet.")
        bpy.ops.wm.path_open(filepath=str(path))


_CLASSES = [
    cls for name, cls in list(globals().items()) if name.startswith("BEATBOARD_OT_")
]  # fmt: skip


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
