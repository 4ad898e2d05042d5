# SPDX-License-Identifier: GPL-3.0-or-later
"""The only writer of markers and strips: an edit plan onto the sequencer, and back.

What is ours is known by custom properties: a shot's strip carries its shot (`strip_layout.properties_of`), the song's
strip `SONG_KEY`. Markers cannot carry any, so the scene lists ours by name and frame. All else is the editor's, and
stays. Building twice is building once.
"""

import functools
import json
import os
from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy
from bpy_extras import anim_utils

from ..core import codec, mp4, strip_layout
from ..core.song_clock import Clock, SongStrip
from ..core.strip_layout import SCENE_START, SHOT_CHANNEL, SONG_CHANNEL, SeenShot, Strip
from ..core.timing import frame_at
from ..core.types import EditPlan, Ending, Excerpt, Shot, ShotKind, SongAnalysis
from . import compat

SCENE_KEY = "beatboard_edit"
"""the scene's custom property that holds, as JSON, what strips cannot"""
SONG_KEY = "beatboard_song"
PLANNED_KEY = "beatboard_planned"
"""the scene's custom property that holds, as JSON, the fingerprint of each shot as it was planned"""
TITLE_KEY = "beatboard_title"
"""a title strip's custom property: the number of its line"""
HANDLE_KEY = "handle_frames"
"""a movie strip's custom property: how many frames its file has before what the shot shows, and after it"""
OWN_KEY = "own"
"""a strip's custom property: it is the editor's own, and became a shot as it was"""
FILL_KEY = "fill"
"""a movie strip's custom property: the scale at which its picture filled the frame when it was laid, 0 if unknown"""
BLENDER = (bpy.app.version_string, str(bpy.app.build_hash))
PLACEHOLDER_RGB = {1: (0.10, 0.18, 0.32), 2: (0.38, 0.20, 0.08), 3: (0.22, 0.12, 0.32)}
"""per act, in the hues of `strip_layout.ACT_COLORS`"""
PICTURES = ("MOVIE", "IMAGE", "SCENE", "MOVIECLIP", "META", "COLOR")
"""kinds of strips that fill the picture by themselves"""
INPUTS = ("input_1", "input_2")
"""what an effect is made of"""
FAR_FRAME = 500_000
"""no edit reaches it; half way to Blender's last frame"""
MAX_CHANNEL = 128
FADE_S = 2.0
"""how long the song fades before the end of an excerpt that stops before the song does"""


def build(
    scene: Any,
    plan: EditPlan,
    analysis: SongAnalysis | None,
    *,
    song_path: Path,
    clips: Mapping[str, Path] | None = None,
    beats: bool = False,
    start: int = SCENE_START,
    keep_scene: bool = False,
) -> None:
    """Lays the plan out on the scene's sequencer: markers, the song, and a strip per shot.

    Args:
        scene: where to; its frame rate, size and range become the plan's.
        plan: what to lay out.
        analysis: where the markers go; without one there are none.
        song_path: the whole song as WAV, FLAC or Opus; other formats play shifted in some versions of Blender.
        clips: the movie of each shot by its id; a shot without one gets a coloured placeholder.
        beats: a marker on every beat, not only on downbeats.
        start: the scene frame of the plan's first.
        keep_scene: leaves rate, size and range as they are: the editor's own strips were made for them.

    Raises:
        FileNotFoundError: the song or a clip is not there.
    """
    for path in (song_path, *(clips or {}).values()):
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist.")
    prepare(scene)
    if not keep_scene:
        _set_scene(scene, plan)
    span = _set_range(scene, range(start, strip_layout.to_scene(plan.frame_count, start)), keep_scene=keep_scene)
    markers = _set_markers(scene, plan, analysis, beats=beats, start=start)
    _set_song(scene, plan, song_path, start)
    _set_shots(scene, plan, clips or {}, start)
    _name_channels(scene)
    _write_header(scene, plan, markers=markers, origin=start, range=span)
    remember_planned(scene, plan.shots)


def read(scene: Any, reserved: Collection[str] = ()) -> EditPlan:
    """The edit as the timeline shows it now, after whatever the editor did; `reserved` as in `seen_shots`.

    Raises:
        ValueError: the scene was never built by `build`.
    """
    header = _header(scene)
    if header is None:
        raise ValueError(f"The scene {scene.name!r} has no Beatboard edit: build the timeline first.")
    clock = clock_of(scene)
    assert clock
    seen = strip_layout.read_back(_layouts(scene), reserved, clock.start)
    first = strip_layout.to_scene(seen[0].shot.start_frame, clock.start) if seen else clock.start
    return EditPlan(
        song_sha256=header["song_sha256"],
        cover_sha256=header["cover_sha256"],
        excerpt=clock.heard_at(first) or clock.excerpt,
        fps=scene_fps(scene),
        width_px=scene.render.resolution_x,
        height_px=scene.render.resolution_y,
        shots=tuple(one.shot for one in seen),
        ending=Ending(header.get("ending", Ending.AUTO)),
    )


def seen_shots(scene: Any, reserved: Collection[str] = ()) -> tuple[SeenShot, ...]:
    """The shots that the timeline shows, each with its strip's name, in order of time.

    `reserved` are ids that pieces and copies must not get: those of deleted shots whose takes are kept.
    """
    return strip_layout.read_back(_layouts(scene), reserved, start_frame(scene))


def start_frame(scene: Any) -> int:
    """The scene frame that counts as the edit's first: wherever the editor moved the song and its shots."""
    clock = clock_of(scene)
    return clock.start if clock else SCENE_START


def clock_of(scene: Any) -> Clock | None:
    """What is heard when, by the song's strips; None if nothing was planned here."""
    header = _header(scene)
    if header is None:
        return None
    excerpt, fps = codec.decode(Excerpt, header["excerpt"]), scene_fps(scene)
    strips = [strip for strip in song_strips(scene) if not is_muted(scene, strip)] or song_strips(scene)
    songs = [
        SongStrip(
            *_span(strip),
            start_by(strip, excerpt.start_s, fps) if strip[SONG_KEY] == header["song_sha256"] else None,
        )
        for strip in strips
    ]
    return Clock.of(excerpt, fps, songs, _first_left(scene))


def place_clip(scene: Any, shot_id: str, clip: Path, shown: str = "") -> Any:
    """Puts a movie where the shot's strip is, on the same frames, and gives the movie's strip.

    The movie's first frame behind its handle is the strip's. A placeholder is replaced; a movie gets the new file and
    keeps its transform, modifiers and animation; a picture of another size is shown as large as the last one was.

    Args:
        shown: the path as it is to be saved, such as one that is relative to the .blend. Given here since Blender
            opens the file anew whenever the path of a strip is set.

    Raises:
        LookupError: no strip has this id.
    """
    for strip in shot_strips(scene):
        if strip["id"] == shot_id:
            left, right = _span(strip)
            return _laid(_with_clip(scene, strip, clip, shown), left, right)
    raise LookupError(f"The timeline has no shot {shot_id!r} any more.")


def remove_clip(scene: Any, shot_id: str) -> Any:
    """Puts a placeholder where the shot's movie is, on the same frames, and gives the placeholder's strip.

    Raises:
        LookupError: no strip has this id.
    """
    for strip in shot_strips(scene):
        if strip["id"] == shot_id:
            return strip if strip.type == "COLOR" else _without_clip(scene, strip)
    raise LookupError(f"The timeline has no shot {shot_id!r} any more.")


def show_markers(scene: Any, plan: EditPlan, analysis: SongAnalysis | None, *, beats: bool = False) -> None:
    """Sets our markers anew, where the analysis says; without one there are none."""
    markers = _set_markers(scene, plan, analysis, beats=beats, start=start_frame(scene))
    scene[SCENE_KEY] = json.dumps((_header(scene) or {}) | {"markers": markers, "origin": _origin(scene)})


def moved_markers(scene: Any) -> dict[int, int]:
    """The scene frames of our bars' markers that the editor dragged: where each was set, and where it is now."""
    ours = [(name, frame) for name, frame in (_header(scene) or {}).get("markers", []) if name[:1].isdigit()]
    bars = {name: frame for name, frame in ours if "." not in name.split()[0]}
    now = {marker.name: marker.frame for marker in scene.timeline_markers if marker.name in bars}
    return {bars[name]: frame for name, frame in now.items() if frame != bars[name]}


def set_ending(scene: Any, ending: Ending) -> None:
    """Changes how the whole cover will stand in the last frame of the edit."""
    scene[SCENE_KEY] = json.dumps((_header(scene) or {}) | {"ending": str(ending)})


def follow_song(scene: Any) -> None:
    """Moves our markers along where the editor moved the song; markers that were moved by hand stay."""
    header, origin = _header(scene), _origin(scene)
    by = origin - header.get("origin", SCENE_START) if header else 0
    if not header or not by:
        return
    at = {(marker.name, marker.frame): marker for marker in scene.timeline_markers}
    for name, frame in header["markers"]:
        if (name, frame) in at:
            at[name, frame].frame = frame + by
    moved = [(name, frame + by) for name, frame in header["markers"]]
    scene[SCENE_KEY] = json.dumps(header | {"markers": moved, "origin": origin})


def _origin(scene: Any) -> int:
    """The scene frame on which the planned excerpt starts, as the song under the first shot lies now."""
    clock = clock_of(scene)
    heard = clock and clock.heard_at(_first_left(scene))
    if not clock or not heard:
        return SCENE_START
    return clock.start - round((heard.start_s - clock.excerpt.start_s) * clock.fps)


def _first_left(scene: Any) -> int:
    return min(map(compat.left, shot_strips(scene)), default=SCENE_START)


def prepare(scene: Any) -> None:
    """Makes the sequencer usable: a strip's compositor modifier crashes 5.0 and 5.1 if no workspace has a scene."""
    for workspace in bpy.data.workspaces:
        if workspace.sequencer_scene is None:
            workspace.sequencer_scene = scene
    if scene.sequence_editor is None:
        scene.sequence_editor_create()


def shot_strips(scene: Any) -> list[Any]:
    """Our shots' strips, placeholders and movies, in order of time."""
    if scene.sequence_editor is None:
        return []
    ours = [strip for strip in all_strips(scene) if "id" in strip and "kind" in strip]
    return sorted(ours, key=lambda strip: (compat.left(strip), strip.channel))


def named(scene: Any, name: str) -> Any | None:
    """A strip by its name, those inside meta strips too."""
    return scene.sequence_editor.strips_all.get(name) if scene.sequence_editor else None


def beside(scene: Any, strip: Any) -> Any:
    """The strips among which a strip lies: a meta's, or the sequencer's own."""
    meta = strip.parent_meta()
    return meta.strips if meta else scene.sequence_editor.strips


def all_strips(scene: Any) -> list[Any]:
    """Every strip, the editor's too, and those inside meta strips."""
    return list(scene.sequence_editor.strips_all) if scene.sequence_editor else []


def unshare(scene: Any, name: str) -> None:
    """Gives the scene its own copies of our groups of this name that another scene wears too, as after Full Copy."""
    if len(bpy.data.scenes) < 2:
        return
    elsewhere = {group for other in bpy.data.scenes if other != scene for _, group in worn(other, name)}
    copies: dict[Any, Any] = {}
    for modifier, group in worn(scene, name):
        if group in elsewhere:
            copies[group] = copies.get(group) or group.copy()
            modifier.node_group = copies[group]


def worn(scene: Any, name: str) -> list[tuple[Any, Any]]:
    """Our strips' compositor modifiers with node groups whose names begin like this."""
    modifiers = [
        modifier for strip in all_strips(scene) for modifier in strip.modifiers if modifier.type == "COMPOSITOR"
    ]
    groups = [(modifier, modifier.node_group) for modifier in modifiers]
    return [(modifier, group) for modifier, group in groups if group and group.name.startswith(name)]


def animation(owner: Any) -> Any:
    """The animation curves of a data-block such as a scene or a node group, empty if it has none."""
    data = owner.animation_data
    bag = data and data.action and anim_utils.action_get_channelbag_for_slot(data.action, data.action_slot)
    return bag.fcurves if bag else ()


def drivers(owner: Any, path: str = "") -> list[Any]:
    """The drivers of a data-block's properties whose paths begin like this."""
    data = owner.animation_data
    return [curve for curve in data.drivers if curve.data_path.startswith(path)] if data else []


def curves_of(scene: Any, strip: Any, property_name: str) -> list[Any]:
    """The animation curves of one of a strip's properties."""
    path = strip.path_from_id(property_name)
    return [curve for curve in animation(scene) if curve.data_path == path]


def fade(strip: Any, property_name: str, keys: Mapping[int, float]) -> None:
    """Animates a strip's volume or opacity by scene frame; where it isn't animated, it is 1."""
    for frame, value in keys.items():
        setattr(strip, property_name, value)
        strip.keyframe_insert(property_name, frame=frame)
    setattr(strip, property_name, 1.0)


def clear_fade(scene: Any, strip: Any, property_name: str) -> None:
    """Takes such an animation away. Blender keeps the curves of removed strips: clear before removing."""
    for curve in curves_of(scene, strip, property_name):
        animation(scene).remove(curve)


def cover_turn(scene: Any) -> range | None:
    """The scene frames on which the last shot's picture becomes the cover; None if the edit doesn't end on it."""
    shots = shot_strips(scene)
    if not shots or shots[-1]["kind"] != ShotKind.COVER_END:
        return None
    left, right = _span(shots[-1])
    turn = strip_layout.cover_turn(right - left, int(shots[-1].get("hold_frames", 0)), scene_fps(scene))
    return range(left + turn.start, left + turn.stop)


def foreign_pictures(scene: Any) -> list[Any]:
    """The editor's own strips that fill the picture, those without shots of ours."""
    if scene.sequence_editor is None:
        return []
    with_shots = {meta.name for strip in shot_strips(scene) for meta in (strip, *_metas(strip))}
    return [
        strip
        for strip in scene.sequence_editor.strips
        if strip.type in PICTURES and strip.name not in with_shots and not is_muted(scene, strip)
    ]


def is_ours(strip: Any) -> bool:
    """Whether Beatboard made a strip."""
    return ("id" in strip and "kind" in strip) or any(key.startswith("beatboard_") for key, _ in strip.items())


def own_strips(scene: Any) -> list[Any]:
    """The editor's own strips; not those that stand on ours: effects between our shots, metas that hold them."""
    if scene.sequence_editor is None:
        return []
    metas = {meta.name for strip in all_strips(scene) if is_ours(strip) for meta in _metas(strip)}
    ours = {strip.name for strip in all_strips(scene) if is_ours(strip)}
    return [
        strip
        for strip in scene.sequence_editor.strips
        if strip.name not in ours | metas and not any(input_.name in ours for input_ in inputs(strip))
    ]


def inputs(strip: Any) -> list[Any]:
    """The strips that an effect is made of."""
    return [found for slot in INPUTS if (found := getattr(strip, slot, None))]


def effects_on(scene: Any, strips: Iterable[Any]) -> list[Any]:
    """The effects that are made of some strips, and those that are made of these."""
    names, found = {strip.name for strip in strips}, []

    def further() -> list[Any]:
        return [
            strip
            for strip in all_strips(scene)
            if strip.name not in names and any(input_.name in names for input_ in inputs(strip))
        ]

    while more := further():
        names |= {strip.name for strip in more}
        found += more
    return found


def stays(strip: Any) -> bool:
    """Whether the editor keeps it where it is: by a lock, in a meta strip, or as a strip of their own."""
    return strip.lock or strip.parent_meta() is not None or OWN_KEY in strip


def remember_planned(scene: Any, planned: Iterable[Shot]) -> None:
    """Notes how the shots were planned, so that it is seen which of them the editor changes."""
    scene[PLANNED_KEY] = json.dumps({shot.id: strip_layout.fingerprint(shot) for shot in planned})


def planned(scene: Any) -> dict[str, str]:
    """The fingerprint of each shot as it was planned, by its id."""
    return json.loads(scene.get(PLANNED_KEY, "{}"))


def own_songs(scene: Any, files: Iterable[Path]) -> list[Any]:
    """The editor's own sound strips that play one of these files."""
    names = {path.resolve() for path in files}
    return [
        strip
        for strip in own_strips(scene)
        if strip.type == "SOUND" and absolute(strip.sound.filepath) in names and not is_muted(scene, strip)
    ]


def start_by(strip: Any, start_s: float, fps: Fraction) -> int:
    """The scene frame on which a sound strip plays a moment of its file, seen or not."""
    return compat.source_start(strip) + round((start_s + strip.sound_offset) * fps)


def song_strip(scene: Any) -> Any | None:
    """Our song's strip, if there is one."""
    return next(iter(song_strips(scene)), None)


def song_strips(scene: Any) -> list[Any]:
    """Our songs' strips, in order of time: one, unless the editor copied or split it."""
    return sorted((strip for strip in all_strips(scene) if SONG_KEY in strip), key=compat.left)


def scene_fps(scene: Any) -> Fraction:
    """The scene's frame rate, exactly; 30 / 1.001 is 30000/1001."""
    base = Fraction(scene.render.fps_base).limit_denominator(10_000)
    return Fraction(scene.render.fps) / base


def save(scene: Any, path: Path) -> None:
    """Saves the .blend whole or not at all; our strips name their files relative to it, so the folder can be moved.

    Raises:
        OSError: it could not be written as a whole, as on a full disk.
    """
    beside = path.with_name(f".{path.stem}~.blend")
    try:
        _save_as(beside)  # relative paths need a file to start from
        titles = [strip for strip in all_strips(scene) if TITLE_KEY in strip]
        for strip in [*shot_strips(scene), song_strip(scene), *titles]:
            holder = getattr(strip, "sound", None) or getattr(strip, "font", None) or strip  # whose the strip's path is
            if getattr(holder, "filepath", "<builtin>") != "<builtin>" and not holder.filepath.startswith("//"):
                holder.filepath = bpy.path.relpath(holder.filepath)
        for strip in (strip for strip in titles if strip.type == "IMAGE" and not strip.directory.startswith("//")):
            strip.directory = bpy.path.relpath(strip.directory)
        _save_as(beside)
        beside.replace(path)
    finally:
        for left in (beside, beside.with_name(beside.name + "1"), beside.with_name(beside.name + "@")):
            left.unlink(missing_ok=True)


def _save_as(path: Path) -> None:
    """Blender keeps quiet about some files that it could not write to the end."""
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    except RuntimeError as error:
        raise OSError(str(error).strip()) from error
    with path.open("rb") as file:
        is_plain = file.read(7) == b"BLENDER"  # a compressed one has an end of its own, which Blender checks
        file.seek(-min(64, path.stat().st_size), os.SEEK_END)
        ends = b"ENDB" in file.read()
    if is_plain and not ends:
        raise OSError(f"{path.name} could not be written to its end; is the disk full?")


def _set_scene(scene: Any, plan: EditPlan) -> None:
    scene.render.fps = round(plan.fps)
    scene.render.fps_base = float(round(plan.fps) / plan.fps)
    scene.render.resolution_x, scene.render.resolution_y = plan.width_px, plan.height_px
    scene.render.resolution_percentage = 100
    scene.sync_mode = "AUDIO_SYNC"
    scene.tool_settings.use_snap_sequencer = True
    scene.tool_settings.sequencer_tool_settings.snap_to_markers = True


def _set_range(scene: Any, planned: range, *, keep_scene: bool) -> list[int] | None:
    """Makes the frame range the plan's, unless it is the editor's; what we set it to, to know it by."""
    ours = (_header(scene) or {}).get("range")
    is_ours = ours == [scene.frame_start, scene.frame_end]
    if is_ours or (ours is None and not keep_scene):
        scene.frame_start, scene.frame_end = planned.start, planned.stop - 1
        return [scene.frame_start, scene.frame_end]
    return ours


def _set_markers(
    scene: Any, plan: EditPlan, analysis: SongAnalysis | None, *, beats: bool, start: int = SCENE_START
) -> list[tuple[str, int]]:
    for name, frame in (_header(scene) or {}).get("markers", []):
        mine = [marker for marker in scene.timeline_markers if marker.name == name]
        if mine:  # the editor may have moved it
            scene.timeline_markers.remove(min(mine, key=lambda marker: abs(marker.frame - frame)))
    markers = marker_names(plan, analysis, beats=beats, start=start) if analysis else {}
    for frame, name in markers.items():
        scene.timeline_markers.new(name, frame=frame)
    return [(name, frame) for frame, name in markers.items()]


def marker_names(
    plan: EditPlan, analysis: SongAnalysis, *, beats: bool = False, start: int = SCENE_START
) -> dict[int, str]:
    """What stands at which scene frame: "12" on a bar, "12 chorus B" where a section starts too, "12.3" on a beat.

    `start` is the scene frame that counts as the plan's first.
    """

    def at(time_s: float) -> int:
        return strip_layout.to_scene(frame_at(time_s - plan.excerpt.start_s, plan.fps), start)

    names: dict[int, list[str]] = {}
    for beat in analysis.beats:
        if beat.position == 1 or beats:
            label = str(beat.bar) if beat.position == 1 else f"{beat.bar}.{beat.position}"
            names.setdefault(at(beat.time_s), []).append(label)
    for section in analysis.sections:
        if section.end_s > plan.excerpt.start_s:
            names.setdefault(max(start, at(section.start_s)), []).append(f"{section.role} {section.label}")
    if analysis.drop_s is not None:
        names.setdefault(at(analysis.drop_s), []).append("drop")
    inside = range(start, strip_layout.to_scene(plan.frame_count, start))
    return {frame: " ".join(labels) for frame, labels in sorted(names.items()) if frame in inside}


def _set_song(scene: Any, plan: EditPlan, song_path: Path, start: int) -> None:
    """Cuts the song to the excerpt. Whole frames go into the strip's start, the rest into its sound offset.

    A song that stays is left as it is. Where the editor's own strip plays the song, ours is silent.
    """
    strip = song_strip(scene)
    if strip is not None and stays(strip):
        return
    end = strip_layout.to_scene(plan.frame_count, start)
    is_other = strip is not None and absolute(strip.sound.filepath) != song_path.resolve()
    pieces = [other for other in song_strips(scene)[1:] if not stays(other)]
    gone = [other for other in pieces if compat.left(other) < end and compat.right(other) > start]
    for other in [*([strip] if is_other else []), *gone]:
        clear_fade(scene, other, "volume")
        beside(scene, other).remove(other)
    strip = None if is_other else strip
    whole_frames = int(Fraction(plan.excerpt.start_s) * plan.fps)
    offset = -float(Fraction(plan.excerpt.start_s) - whole_frames / plan.fps)
    same = (_header(scene) or {}).get("excerpt") == json.loads(codec.dumps(plan.excerpt))
    placed = (*_span(strip), compat.content_start(strip)) if strip is not None else None
    if same and placed == (start, end, start - whole_frames):
        return  # its volume may be the editor's
    if strip is None:
        strip = scene.sequence_editor.strips.new_sound("Song", str(song_path), MAX_CHANNEL, start)
        strip[SONG_KEY] = plan.song_sha256
        strip.show_waveform = True
        strip.mute = any(compat.left(own) < end and compat.right(own) > start for own in own_songs(scene, [song_path]))
    strip.channel = MAX_CHANNEL  # alone, as in `_laid`
    strip.sound_offset = offset
    compat.place(strip, start - whole_frames, start, end)
    strip.channel = free_channel(scene, SONG_CHANNEL, start, end, movable=[strip])
    clear_fade(scene, strip, "volume")
    if plan.excerpt.fades_out:
        _fade_out(scene, strip, end)


def _fade_out(scene: Any, strip: Any, end: int) -> None:
    start = end - round(FADE_S * scene_fps(scene))
    fade(strip, "volume", {max(SCENE_START, start): 1.0, max(SCENE_START, end): 0.0})
    for curve in curves_of(scene, strip, "volume"):
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"


def _set_shots(scene: Any, plan: EditPlan, clips: Mapping[str, Path], start: int) -> None:
    wanted = {layout.id: layout for layout in strip_layout.lay_out(plan.shots, start)}
    blended = {layout.name for layout in _layouts(scene) if layout.blends_with}
    kept: dict[str, Any] = {}
    for strip in shot_strips(scene):
        if strip["id"] in wanted and strip["id"] not in kept:
            kept[strip["id"]] = strip
        else:
            beside(scene, strip).remove(strip)
    moved = [strip for shot_id, strip in kept.items() if _span(strip) != (wanted[shot_id].left, wanted[shot_id].right)]
    fixed = {shot_id for shot_id, strip in kept.items() if stays(strip)}
    free = [strip for shot_id, strip in kept.items() if shot_id not in fixed and strip.name not in blended]
    end = strip_layout.to_scene(plan.frame_count, start)
    channel = free_channel(scene, SHOT_CHANNEL, start, end, movable=kept.values())
    _move_out_of_the_way(strip for strip in moved if strip["id"] not in fixed)
    channels = {
        shot_id: free_channel(scene, channel, layout.left, layout.right, movable=free)
        for shot_id, layout in wanted.items()
    }
    for shot_id, layout in wanted.items():
        if shot_id in fixed:
            continue
        strip = kept.get(shot_id) or _placeholder(scene, layout, channels[shot_id])
        own = channels[shot_id]
        if strip.name in blended:
            own = free_channel(scene, strip.channel, layout.left, layout.right, movable=[strip])
        _move(strip, layout.left, layout.right, own)
        if strip.type == "COLOR":
            strip.color = PLACEHOLDER_RGB.get(int(layout.properties["act"]), PLACEHOLDER_RGB[2])
        for key, value in layout.properties.items():
            strip[key] = value
        strip.color_tag = layout.color_tag
        if shot_id in clips:
            _laid(_with_clip(scene, strip, clips[shot_id]), layout.left, layout.right)


def _move(strip: Any, left: int, right: int, channel: int) -> None:
    """Puts a shot's strip on other frames and a channel. One that keeps its length still shows the same of its clip."""
    before = _span(strip)
    if before != (left, right):
        strip.channel = MAX_CHANNEL  # alone, as in `_laid`
        keeps_length = before[1] - before[0] == right - left
        moved = compat.content_start(strip) + left - before[0]
        behind_handle = left - int(strip.get(HANDLE_KEY, 0)) if strip.type == "MOVIE" else left
        compat.place(strip, moved if keeps_length and strip.type != "COLOR" else behind_handle, left, right)
    strip.channel = channel


def _span(strip: Any) -> tuple[int, int]:
    return compat.left(strip), compat.right(strip)


def _move_out_of_the_way(strips: Iterable[Any]) -> None:
    """Far to the right, one after the other: a strip that lands on another is pushed aside by Blender."""
    start = FAR_FRAME
    for strip in strips:
        left, right = _span(strip)
        compat.place(strip, start, start, start + right - left)
        start += right - left


def _placeholder(scene: Any, layout: Strip, channel: int) -> Any:
    return scene.sequence_editor.strips.new_effect(
        layout.name, "COLOR", channel, layout.left, length=layout.right - layout.left
    )


def _with_clip(scene: Any, strip: Any, clip: Path, shown: str = "") -> Any:
    """The movie's strip, still to be laid: it may be as long as its file."""
    if strip.type == "MOVIE":
        if absolute(strip.filepath) != clip.resolve():
            left, right, channel = *_span(strip), strip.channel
            fill_before = strip.get(FILL_KEY) or fill_scale(scene, strip)
            strip.channel = MAX_CHANNEL  # alone, as in `_laid`
            strip.filepath = shown or str(clip)
            strip[HANDLE_KEY], strip[FILL_KEY] = _handle_frames(clip), fill_scale(scene, strip)
            larger = strip[FILL_KEY] / fill_before if strip[FILL_KEY] and fill_before else 1.0
            strip.transform.scale_x *= larger
            strip.transform.scale_y *= larger
            _laid(strip, left, right)
            strip.channel = channel
        return strip
    strips = beside(scene, strip)
    name, left, right, channel = strip.name, compat.left(strip), compat.right(strip), strip.channel
    movie = strips.new_movie(
        name, shown or str(clip), MAX_CHANNEL, left, fit_method="FILL"
    )  # alone: it may be too long
    _take_over(scene, movie, strip)
    movie[HANDLE_KEY], movie[FILL_KEY] = _handle_frames(clip), fill_scale(scene, movie)
    _laid(movie, left, right)
    movie.channel = channel
    return movie


def picture_size(strip: Any) -> tuple[int, int]:
    """A movie's width and height in pixels.

    The file is asked: until it has drawn a movie's new file, Blender tells the last one's size.
    """
    path = absolute(strip.filepath)
    try:
        return _size_of(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):  # gone, or in another format
        return strip.elements[0].orig_width, strip.elements[0].orig_height


@functools.lru_cache(1024)
def _size_of(path: Path, _changed_ns: int) -> tuple[int, int]:
    return mp4.picture_size(path)


def fill_scale(scene: Any, strip: Any) -> float:
    """The scale at which a movie fills the frame; 0 if its size isn't known."""
    width_px, height_px = picture_size(strip)
    if not (width_px and height_px):
        return 0.0
    return max(scene.render.resolution_x / width_px, scene.render.resolution_y / height_px)


def _handle_frames(clip: Path) -> int:
    try:
        return mp4.handle_frames(clip)
    except (OSError, ValueError):  # a file of the editor's own, in whatever format
        return 0


def _take_over(scene: Any, new: Any, old: Any) -> None:
    """Gives a new strip all that the editor knows the old one by, and removes that one."""
    strips, name = beside(scene, old), old.name
    for key, value in old.items():
        new[key] = value
    new.color_tag, new.select, new.mute, new.lock = old.color_tag, old.select, old.mute, old.lock
    for other in scene.sequence_editor.strips_all:
        for slot in INPUTS:
            if getattr(other, slot, None) == old:
                setattr(other, slot, new)
    if scene.sequence_editor.active_strip == old:
        scene.sequence_editor.active_strip = new
    strips.remove(old)
    new.name = name


def _without_clip(scene: Any, movie: Any) -> Any:
    name, left, right, channel = movie.name, compat.left(movie), compat.right(movie), movie.channel
    movie.channel = MAX_CHANNEL
    strip = beside(scene, movie).new_effect(name, "COLOR", channel, left, length=right - left)
    strip.color = PLACEHOLDER_RGB.get(movie.get("act"), PLACEHOLDER_RGB[2])
    _take_over(scene, strip, movie)
    strip[HANDLE_KEY] = 0
    return strip


def _laid(strip: Any, left: int, right: int) -> Any:
    """Shows the movie on [left, right), from behind its handle on."""
    channel = strip.channel
    strip.channel = MAX_CHANNEL  # alone, since a strip that lands on another, even for a moment, is pushed aside
    compat.place(strip, left - int(strip.get(HANDLE_KEY, 0)), left, right)
    strip.channel = channel
    return strip


def above_shots(scene: Any, channel: int) -> int:
    """A channel, or the lowest one above all shots if that is higher: for what lies over them."""
    return max([channel, *(strip.channel + 1 for strip in shot_strips(scene))])


def free_channel(scene: Any, first: int, left: int, right: int, movable: Iterable[Any] = ()) -> int:
    """The lowest channel from `first` on where no strip but the movable ones lies in [left, right).

    A strip that is put on another is pushed aside by Blender.
    """
    ours = {strip.name for strip in movable}
    taken = {
        strip.channel
        for strip in scene.sequence_editor.strips
        if strip.name not in ours and compat.left(strip) < right and compat.right(strip) > left
    }
    return next(channel for channel in range(first, first + len(taken) + 1) if channel not in taken)


def _name_channels(scene: Any) -> None:
    """Names our channels, unless the editor has."""
    shots, song = shot_strips(scene), song_strip(scene)
    for strip, name in ((song, "Song"), (shots[0] if shots else None, "Shots")):
        if strip is not None:
            channel = scene.sequence_editor.channels[strip.channel]
            if channel.name == f"Channel {strip.channel}":
                channel.name = name


def _layouts(scene: Any) -> list[Strip]:
    """Our shots' strips as `strip_layout` reads them."""
    blends: dict[str, set[str]] = {}
    for effect in all_strips(scene):
        made_of = inputs(effect)
        if len(made_of) == 2 and not effect.mute:
            first, second = (strip.name for strip in made_of)
            blends.setdefault(first, set()).add(second)
            blends.setdefault(second, set()).add(first)
    return [_as_layout(scene, strip, frozenset(blends.get(strip.name, ()))) for strip in shot_strips(scene)]


def _as_layout(scene: Any, strip: Any, blends_with: frozenset[str]) -> Strip:
    metas = _metas(strip)
    around = [strip, *metas]
    channel, *inner = (each.channel for each in reversed(around))
    return Strip(
        id=str(strip["id"]),
        left=max(map(compat.left, around)),
        right=min(map(compat.right, around)),
        channel=channel,
        color_tag=strip.color_tag,
        properties={key: value for key, value in strip.items() if isinstance(value, str | int)},
        name=strip.name,
        inner_channels=tuple(inner),
        blends_with=blends_with,
        muted=is_muted(scene, strip),
    )


def _metas(strip: Any) -> list[Any]:
    """The meta strips that a strip lies in, from the inside."""
    metas = []
    while (strip := strip.parent_meta()) is not None:
        metas.append(strip)
    return metas


def is_muted(scene: Any, strip: Any) -> bool:
    """Whether a strip, a meta that it lies in, or one of their channels is switched off."""
    metas = _metas(strip)
    channels = [*(meta.channels for meta in metas), scene.sequence_editor.channels]
    around = [strip, *metas]
    return any(each.mute or own[each.channel].mute for each, own in zip(around, channels, strict=True))


def absolute(path: str) -> Path:
    """A path as Blender writes it, `//` being the .blend's folder."""
    return Path(bpy.path.abspath(path)).resolve()


def _write_header(scene: Any, plan: EditPlan, **more: Any) -> None:
    header = {
        "song_sha256": plan.song_sha256,
        "cover_sha256": plan.cover_sha256,
        "excerpt": codec.encode(plan.excerpt),
        "ending": str(plan.ending),
        **more,
    }
    scene[SCENE_KEY] = json.dumps(header)


def _header(scene: Any) -> dict[str, Any] | None:
    return json.loads(scene[SCENE_KEY]) if SCENE_KEY in scene else None
