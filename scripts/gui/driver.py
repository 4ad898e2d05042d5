# SPDX-License-Identifier: GPL-3.0-or-later
"""For scripts that run inside a Blender with a window: their steps, taken from a timer.

`scripts/gui/test_gui.sh` starts such a script. What a hand does (keys, mouse, pictures) it asks for by lines in the
file `hands`; it writes `ok` or what went wrong to the file `verdict`.

    BEATBOARD_GUI   the folder for `hands`, `verdict` and the .blend
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
COVER, PYTHON = (os.environ[f"BEATBOARD_GUI_{name}"] for name in ("COVER", "PYTHON"))
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


def session() -> Any:
    """What Beatboard shows."""
    return bpy.context.window_manager.beatboard


def is_idle() -> bool:
    """Whether no task of ours runs; a trouble ends the test."""
    tasks = sys.modules[f"{ADDON}.blender_addon.session.state"].session().tasks
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
