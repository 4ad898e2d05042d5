# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a Blender with a window: goes through the whole work, from song to deliverable, and has pictures taken.

`scripts/test_gui.sh` starts it. What a hand does (keys, mouse, pictures) it asks for by lines in the file `hands`:
the keyboard's F3 search finds our operators by their names, as an editor would. It watches how Beatboard's state
changes, and writes `ok` or what went wrong to the file `verdict`.

    BEATBOARD_GUI   the folder for `hands`, `verdict`, the .blend and the video
"""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(os.environ["BEATBOARD_GUI"])
SONG, COVER, PYTHON = (os.environ[f"BEATBOARD_GUI_{name}"] for name in ("SONG", "COVER", "PYTHON"))
HEIGHT = os.environ.get("BEATBOARD_GUI_HEIGHT", "360")
LENGTH_S = float(os.environ.get("BEATBOARD_GUI_LENGTH", "12"))
ADDON = "bl_ext.user_default.beatboard"
SETTLE_S = 1.5
LIMIT_S = 600.0

Wait = float | Callable[[], bool]


def hands(line: str) -> None:
    """Asks for a key, a mouse movement or a picture."""
    with (FOLDER / "hands").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def area_of() -> Any:
    """The sequencer's area that shows the timeline."""
    for area in bpy.context.window.screen.areas:
        if area.type == "SEQUENCE_EDITOR" and area.spaces.active.view_type != "PREVIEW":
            return area
    raise RuntimeError("no sequencer on the screen")


def over(area: Any, across: float = 0.3, up: float = 0.25) -> str:
    """The hand's word for a place in an area."""
    window = bpy.context.window
    x = area.x + int(area.width * across)
    y = window.height - (area.y + int(area.height * up))
    return f"mousemove {x} {y}"


def search(name: str) -> Iterator[Wait]:
    """Runs an operator by typing its name into Blender's search."""
    hands(over(area_of()))
    yield 0.7
    hands("key F3")
    yield 1.5
    hands(f"type {name}")
    yield 2.0
    hands("key Return")
    yield 1.0


def session() -> Any:
    """What Beatboard shows."""
    return bpy.context.window_manager.beatboard


def settings() -> Any:
    """What Beatboard saves with the scene."""
    return bpy.context.scene.beatboard


def is_idle() -> bool:
    """Whether no task of ours runs; a trouble ends the test."""
    tasks = sys.modules[f"{ADDON}.blender_addon.ui.tasks"]
    for kind, trouble in tasks.troubles.items():
        raise RuntimeError(f"{kind}: {trouble.sentence}\n{trouble.details}")
    return not tasks.running


def all_are(*states: str) -> Callable[[], bool]:
    """Whether every shot is in one of these states."""
    return lambda: is_idle() and bool(session().shots) and all(row.state in states for row in session().shots)


def set_stage() -> Iterator[Wait]:
    """The Video Editing workspace, as an editor opens it, with our tab in front."""
    preferences = bpy.context.preferences
    preferences.view.show_splash = False
    preferences.view.ui_scale = float(os.environ.get("BEATBOARD_GUI_SCALE", "1.0"))
    chosen = preferences.addons[ADDON].preferences
    chosen.mode, chosen.interpreter = "EXISTING", PYTHON
    bpy.ops.wm.read_homefile(app_template="Video_Editing", load_ui=True)
    yield SETTLE_S
    bpy.context.window.workspace = bpy.data.workspaces["Video Editing"]
    yield SETTLE_S
    bpy.context.window.workspace.sequencer_scene = bpy.context.scene
    area_of().spaces.active.view_type = "SEQUENCER_PREVIEW"
    area_of().spaces.active.show_region_ui = True
    yield SETTLE_S
    hands(over(area_of()))
    yield 0.5
    hands("key ctrl+space")  # the sequencer alone, over the whole window
    yield SETTLE_S
    region = next(region for region in area_of().regions if region.type == "UI")
    region.active_panel_category = "Beatboard"
    yield SETTLE_S


def work() -> Iterator[Wait]:
    """The whole work."""
    yield 3.0
    yield from set_stage()
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "edit.blend"))
    hands("shot 01-empty")
    yield SETTLE_S
    settings().song, settings().cover = SONG, COVER
    settings().height, settings().length_s = HEIGHT, LENGTH_S
    yield SETTLE_S
    yield from search("Analyze Song and Cover")
    hands("shot 02-analyzing")
    yield lambda: is_idle() and bool(settings().analysis)
    hands("shot 03-analyzed")
    yield SETTLE_S
    yield from search("Plan Shots")
    yield lambda: is_idle() and len(session().shots) > 1
    yield from show_all()
    hands("shot 04-planned")
    yield SETTLE_S
    yield from search("Generate Clips")
    yield lambda: any(row.state == "running" for row in session().shots)
    hands("shot 05-generating")
    yield all_are("done")
    hands("shot 06-generated")
    yield SETTLE_S
    yield from edit()
    settings().output = str(FOLDER / "video.mp4")
    yield from search("Render Video")
    yield SETTLE_S * 4
    hands("shot 09-rendering")
    yield lambda: is_idle() and (FOLDER / "video.mp4").is_file()
    yield from search("Check Video")
    yield lambda: is_idle() and (FOLDER / "video.html").is_file()
    hands(over(area_of(), 0.9, 0.5))
    yield 0.5
    hands("click --repeat 40 --delay 20 5")  # scrolls the sidebar down to its end
    hands(over(area_of()))
    yield SETTLE_S
    hands("shot 10-checked")
    yield SETTLE_S
    bpy.ops.wm.save_mainfile()


def edit() -> Iterator[Wait]:
    """Splits a shot, takes it back with Ctrl Z, does it again, and makes what changed anew."""
    before = len(session().shots)
    bpy.context.scene.frame_set(session().shots[0].start + session().shots[0].frame_count // 2 + 1)
    yield SETTLE_S
    yield from search("Split Shot on Downbeat")
    yield lambda: len(session().shots) == before + 1
    hands("shot 07-split")
    yield SETTLE_S
    hands("key ctrl+z")
    yield lambda: len(session().shots) == before and all_are("done")()
    hands("key ctrl+shift+z")
    yield lambda: len(session().shots) == before + 1
    yield from search("Generate Clips")
    yield all_are("done")
    hands("shot 08-generated-again")
    yield SETTLE_S


def show_all() -> Iterator[Wait]:
    """Home shows the whole timeline."""
    hands(over(area_of()))
    yield 0.5
    hands("key Home")
    yield SETTLE_S


def run(steps: Iterator[Wait]) -> None:
    """Takes the steps from a timer, one after the other."""
    state: dict[str, Any] = {"wait": 0.0, "since": time.monotonic()}

    def tick() -> float | None:
        waited_s = time.monotonic() - state["since"]
        wait = state["wait"]
        try:
            if isinstance(wait, float):
                ready = waited_s >= wait
            else:
                ready = wait()
                if not ready and waited_s > LIMIT_S:
                    raise RuntimeError(f"waited {LIMIT_S:.0f} s in vain")
            if ready:
                state["wait"], state["since"] = next(steps), time.monotonic()
        except StopIteration:
            return end("ok")
        except Exception:  # noqa: BLE001 -- the test's edge: told to whoever started it
            return end(traceback.format_exc())
        return 0.2

    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)


def end(verdict: str) -> None:
    """Writes what came out of it, and closes Blender."""
    hands("shot 99-end")
    (FOLDER / "verdict").write_text(verdict, encoding="utf-8")
    hands("end")
    bpy.app.timers.register(lambda: bpy.ops.wm.quit_blender() and None, first_interval=4.0, persistent=True)


if __name__ == "__main__":
    run(work())
