# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the bridge is: set up by us, another environment's, or on another machine."""
# pyright: reportInvalidTypeForm=false

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..client.process import Installation, default_home
from ..core import network
from . import tasks
from .environment import Environment
from .state import session
from .tasks import Problem

ADDON = (__package__ or "").removesuffix(".blender_addon.session")
"""the extension's name in Blender's preferences"""
SOURCE = Path(__file__).resolve().parents[2]
"""the extension's folder, which has the bridge's source too"""
MODES = (
    ("MANAGED", "Set Up Here", "An environment of its own that this add-on makes and keeps"),
    ("EXISTING", "Other Interpreter", "A Python environment on this machine that has the bridge's packages"),
    ("REMOTE", "Other Machine", "A bridge that runs somewhere else"),
)
WIDE = 90
"""how many letters a line of the preferences holds"""


def _key(service: str, engine: str, variable: str) -> Any:
    """A property for a service's key, which is kept in memory only."""

    def write(_: Any, key: str) -> None:
        session().secrets.pop(variable, None)
        if key.strip():
            session().secrets[variable] = key.strip()

    return StringProperty(
        name=f"{service} Key",
        description=f"For the engine {engine}. Given to the bridge when it starts and never saved: enter it again in"
        f" the next session, or set {variable} before you start Blender",
        subtype="PASSWORD",
        get=lambda _: session().secrets.get(variable, ""),
        set=write,
    )


class BeatboardPreferences(bpy.types.AddonPreferences):
    bl_idname = ADDON

    mode: EnumProperty(name="Bridge", description="The program that listens, looks, plans and makes", items=MODES)
    use_gpu: BoolProperty(
        name="GPU Engines",
        description="Install PyTorch and Diffusers too, for the generative engines: several gigabytes",
    )
    interpreter: StringProperty(name="Python", description="The environment's Python program", subtype="FILE_PATH")
    address: StringProperty(name="Address", description="As the bridge printed it, such as https://studio:8123")
    token: StringProperty(
        name="Token",
        description="What BEATBOARD_TOKEN is where the bridge runs, or the token in its file bridge.json",
        subtype="PASSWORD",
    )
    fingerprint: StringProperty(
        name="Fingerprint", description="SHA-256 of the bridge's certificate, for https; as the bridge printed it"
    )
    keep_running: BoolProperty(
        name="Keep Running after Blender Closes", description="Let the bridge finish its queue when Blender is closed"
    )

    runway_key: _key("Runway", "runway", "RUNWAYML_API_SECRET")
    fal_key: _key("fal", "fal", "FAL_KEY")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "mode", expand=True)
        if self.mode == "MANAGED":
            _draw_managed(layout, self)
        elif self.mode == "EXISTING":
            layout.prop(self, "interpreter")
        else:
            for name in ("address", "token", "fingerprint"):
                layout.prop(self, name)
        if self.mode != "REMOTE":
            layout.prop(self, "keep_running")
            layout.prop(self, "runway_key")
            layout.prop(self, "fal_key")
        row = layout.row()
        row.operator("beatboard.connect", icon="LINKED")
        row.operator("beatboard.open_log", icon="TEXT")
        _draw_connection(layout)


def _draw_connection(layout: Any) -> None:
    """What Connect found: that it goes on, what went wrong, or what can run there and what lacks what."""
    if task := tasks.running("connect"):
        layout.label(text=task.stage, icon="TIME")
    draw_trouble(layout, "connect", WIDE)
    engines, client = session().connection.engines, session().connection.client
    if client is None or not engines.animators:
        return
    layout.label(text="Connected", icon="CHECKMARK")
    column = layout.column(align=True)
    for part in (*engines.painters, *engines.animators):
        text = f"{part.name}: ready" if part.available else f"{part.name} needs {part.missing}"
        for number, line in enumerate(wrapped(text, WIDE)):
            column.label(text=line, icon=("CHECKMARK" if part.available else "INFO") if number == 0 else "BLANK1")


def _draw_managed(layout: Any, preferences: BeatboardPreferences) -> None:
    layout.prop(preferences, "use_gpu")
    environment = managed(gpu=preferences.use_gpu)
    if task := tasks.running("setup"):
        row = layout.row(align=True)
        row.progress(factor=task.progress, text=f"{task.stage}")
        row.operator("beatboard.cancel_task", text="", icon="CANCEL").kind = "setup"
    elif environment.is_ready:
        layout.label(text="The bridge's environment is ready", icon="CHECKMARK")
    else:
        layout.operator("beatboard.set_up", icon="IMPORT")
        draw_size_or_offline(layout)
    draw_trouble(layout, "setup", WIDE)


def draw_size_or_offline(layout: Any) -> None:
    """What the set-up needs: room, and Blender's leave to go online."""
    if bpy.app.online_access:
        layout.label(text="Takes about 1 GB of disk", icon="INFO")
        return
    column = layout.column(align=True)
    for number, line in enumerate(wrapped(f"To download it, switch on {network.SWITCH}")):
        column.label(text=line, icon="INTERNET_OFFLINE" if number == 0 else "BLANK1")


def draw_trouble(layout: Any, kind: str, width: int = 38) -> None:
    """What went wrong, as a sentence with a next step, and its details to copy; in lines of so many letters."""
    if trouble := session().tasks.troubles.get(kind):
        box = layout.box()
        column = box.column(align=True)
        column.alert = True
        for number, line in enumerate(wrapped(trouble.sentence, width)):
            column.label(text=line, icon="ERROR" if number == 0 else "BLANK1")
        row = box.row(align=True)
        row.operator("beatboard.copy_details", icon="COPYDOWN").kind = kind
        row.operator("beatboard.dismiss", text="", icon="X").kind = kind


def wrapped(text: str, width: int = 38) -> list[str]:
    """Lines that fit the sidebar."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def stored() -> Any | None:
    """The preferences, if the add-on is switched on in Blender's preferences."""
    addon = bpy.context.preferences.addons.get(ADDON)
    return addon.preferences if addon else None


def managed(*, gpu: bool) -> Environment:
    """The environment that we make."""
    if not ADDON.startswith("bl_ext."):  # not installed as an extension: run from the source
        return Environment(default_home() / "environment", SOURCE, gpu)
    return Environment(Path(bpy.utils.extension_path_user(ADDON, path="bridge")) / "environment", SOURCE, gpu)


def installation() -> Installation:
    """The bridge on this machine.

    Raises:
        Problem: none is set up.
    """
    preferences = stored()
    if preferences is None or preferences.mode == "MANAGED":
        environment = managed(gpu=bool(preferences and preferences.use_gpu))
        if not environment.is_ready:
            raise Problem("The bridge is not set up yet: press Set Up Bridge.")
        return Installation(environment.python, SOURCE)
    if preferences.mode == "REMOTE":
        raise Problem("The bridge is on another machine; this needs one on this machine: see the preferences.")
    interpreter = Path(bpy.path.abspath(preferences.interpreter))
    if not interpreter.is_file():
        raise Problem(f"There is no Python at {preferences.interpreter!r}: correct it in the add-on's preferences.")
    return Installation(interpreter, SOURCE)


def register() -> None:
    bpy.utils.register_class(BeatboardPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(BeatboardPreferences)
