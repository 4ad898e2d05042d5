# SPDX-License-Identifier: GPL-3.0-or-later
"""Goes through the whole work in a Blender that has never seen Beatboard, by mouse and keyboard alone.

`scripts/gui/test_gui.sh` starts it beside that Blender, whose window fills the display. Nothing of it runs inside
Blender: what to press, and when, is read off the screen. From the extension's zip to the measured video.
"""

import argparse
import re
import subprocess
import time
from pathlib import Path

from hand import Box, NotSeen, Screen

MENU_BAR = Box(0, 0, 500, 30)
HEADER = Box(0, 28, 500, 54)
MENUS = Box(0, 0, 700, 700)
SIDEBAR = Box(1540, 40, 1895, 1035)
BELOW_TITLE = Box(1540, 85, 1895, 1035)
LOWER_HALF = Box(1540, 300, 1895, 1035)
TABS = Box(1896, 40, 1920, 500)
FIELD_X, FOLDER_X = 1780, 1871
"""of the sidebar's fields, and of the folder icons at their right"""
TIMELINE, RULER = (900, 800), (300, 470)
VIEW = (900, 500)
"""in the middle of the window"""
INSTALL_S = 8.0
"""the zip is unpacked and switched on by then"""
WORK_LIMIT_S = 600.0


class Editor:
    """Someone who makes a music video."""

    def __init__(self, screen: Screen, folder: Path) -> None:
        self.screen, self.folder = screen, folder

    def greet(self) -> None:
        """Past the splash screen of a first start."""
        self.screen.click("Continue")
        self.screen.key("Escape")

    def install(self, archive: Path, python: Path) -> None:
        """Drops the zip onto the window; then says in the preferences where the bridge's Python is."""
        screen = self.screen
        screen.drop(archive, *VIEW)
        screen.wait_for("Enable Add-on")
        screen.keep("01-dropped")
        screen.key("Return")
        screen.wait_until_gone("Enable Add-on")  # what the status bar says goes sooner than a busy machine reads it
        time.sleep(INSTALL_S)
        screen.click("Edit", MENU_BAR)
        screen.click("Preferences...", MENUS)
        window = self.window("Preferences")
        screen.click("Add-ons", window)
        screen.click("Beatboard", window, right=window.left + 188)  # the arrow before the name
        screen.click("Other Interpreter", window)
        screen.click("Python", window, right=window.left + 600)
        screen.type(str(python))
        screen.keep("01-installed")
        screen.key("ctrl+w")

    def open_tab(self) -> None:
        """A new Video Editing file, saved; the sequencer over the whole window; our tab in its sidebar."""
        screen = self.screen
        screen.click("File", MENU_BAR)
        screen.click("New", MENUS)
        screen.click("Video Editing", MENUS)
        time.sleep(3)
        screen.key("ctrl+s")
        self.choose(self.folder / "edit.blend")
        screen.point(*TIMELINE)
        screen.key("ctrl+space", "n")
        screen.click("Sequencer", HEADER)
        screen.click("Sequencer & Preview")
        screen.click("Beatboard", TABS, upright=False)
        screen.keep("02-empty")

    def prepare(self, song: Path, cover: Path) -> None:
        """Song and cover by the file browser; analysed; a short draft."""
        screen = self.screen
        for name, path in (("Song", song), ("Cover", cover)):
            screen.click(name, BELOW_TITLE, right=FOLDER_X)
            self.choose(path)
        screen.click("Analyze", SIDEBAR)
        screen.keep("03-analyzing")
        screen.wait_for("Confidence", SIDEBAR, limit_s=WORK_LIMIT_S)
        screen.keep("04-analyzed")
        screen.click("Plan Settings", SIDEBAR)
        screen.click("Size", SIDEBAR, right=FIELD_X)
        screen.click("360p")
        screen.click("Length", LOWER_HALF, right=FIELD_X)
        screen.type("20")
        screen.click("Plan Settings", SIDEBAR)  # closed again: what is below it has to be seen

    def make(self) -> None:
        """Plans, generates; splits a shot, takes that back, does it again, and generates what changed."""
        screen = self.screen
        screen.click("Plan Shots", SIDEBAR)
        screen.wait_for("Plan Again", SIDEBAR, limit_s=WORK_LIMIT_S)
        screen.point(*TIMELINE)
        screen.key("Home")
        screen.keep("05-planned")
        screen.click("Selected", self.scrolled_to("Selected"), right=1640)  # the button left of it
        screen.wait_for("Under Way", SIDEBAR)
        screen.point(*TIMELINE)
        time.sleep(10)
        screen.keep("06-generating")
        screen.wait_for("every shot is up to date", SIDEBAR, limit_s=WORK_LIMIT_S)
        screen.keep("07-generated")

    def edit(self) -> None:
        """Splits a shot in its middle, takes that back, does it again, and generates what changed."""
        screen = self.screen
        screen.click_at(*RULER)
        screen.click("Strip", HEADER)
        screen.click("Beatboard", MENUS)
        screen.click("Split Shot on Downbeat")
        self.scrolled_to("Pause Queue")  # below the button that is waited for
        screen.point(*TIMELINE)
        screen.wait_for("Generate 2 Shots", SIDEBAR)
        screen.keep("08-split")
        screen.key("ctrl+z")
        screen.wait_for("every shot is up to date", SIDEBAR)
        screen.key("ctrl+shift+z")
        screen.click("Generate 2 Shots", SIDEBAR)
        screen.wait_for("every shot is up to date", SIDEBAR, limit_s=WORK_LIMIT_S)
        screen.keep("09-generated-again")

    def write_title(self) -> None:
        """A title over the opening."""
        screen = self.screen
        screen.click("Title", self.scrolled_to("Title"))
        box = self.scrolled_to("Place Title")
        screen.click("Artist", box, right=FIELD_X - 60)
        screen.type("The Keepers")
        screen.click("Place Title", box)
        screen.wait_for("Place Title Again", SIDEBAR)
        screen.point(*TIMELINE)
        screen.keep("10-titled")

    def deliver(self) -> None:
        """Renders and measures."""
        screen = self.screen
        screen.click("Render Video", self.scrolled_to("Check Video"))
        screen.keep("11-rendering")
        self.wait_below("Render Video")
        screen.click("Check Video", self.scrolled_to("Check Video"))
        self.wait_below("measures hold")
        screen.keep("12-checked")
        screen.key("ctrl+s")

    def quit(self) -> None:
        """Leaves Blender as people do."""
        self.screen.key("ctrl+q")

    # What is done again and again

    def scrolled_to(self, text: str) -> Box:
        """Turns the wheel over the sidebar until a text is seen there."""
        for _ in range(12):
            if self.screen.find(text, SIDEBAR):
                return SIDEBAR
            self.screen.scroll(1600, 700, 3)
        raise NotSeen(f"{text!r} is nowhere in the sidebar.")

    def wait_below(self, text: str) -> None:
        """Waits for a text at the sidebar's end; the sidebar grows and shrinks with what is done."""
        for _ in range(int(WORK_LIMIT_S / 5)):
            self.screen.scroll(1600, 700, 5)
            if self.screen.find(text, SIDEBAR):
                return
            time.sleep(3)
        raise NotSeen(f"{text!r} did not come to the sidebar's end.")

    def window(self, name: str) -> Box:
        """Where a window of this name is."""
        for _ in range(20):
            found = subprocess.run(
                ["xdotool", "search", "--onlyvisible", "--name", name, "getwindowgeometry", "--shell"],
                capture_output=True,
                text=True,
                check=False,
            ).stdout
            if found:
                x, y, width, height = (int(re.findall(rf"^{key}=(\d+)", found, re.M)[0]) for key in _GEOMETRY)
                return Box(x, y, x + width, y + height)
            time.sleep(0.5)
        raise RuntimeError(f"There is no window {name}.")

    def choose(self, path: Path) -> None:
        """Types a path into the file browser, folder and name, and presses its button."""
        window = self.window("Blender File View")
        time.sleep(1)
        middle = (window.left + window.right) // 2
        self.screen.click_at(middle, window.top + 21)
        self.screen.type(f"{path.parent}/")
        self.screen.click_at(middle, window.bottom - 80)  # the empty part of the list: out of the field
        self.screen.click_at(middle, window.bottom - 21)
        self.screen.type(path.name)
        self.screen.click_at(window.right - 60, window.bottom - 21)

    def field(self, label: str, box: Box, x: int, text: str) -> None:
        """Types into the field beside a label."""
        self.screen.click(label, box, right=x)
        self.screen.type(text)


_GEOMETRY = ("X", "Y", "WIDTH", "HEIGHT")


def main() -> None:
    """Runs the walk; raises where the screen is not what it should be."""
    parser = argparse.ArgumentParser(description="Make a music video by mouse and keyboard.")
    for name in ("archive", "python", "song", "cover", "folder", "pictures"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--process", type=int, required=True, help="the program on the screen")
    given = parser.parse_args()
    screen = Screen(given.pictures, lambda: Path(f"/proc/{given.process}").exists())
    editor = Editor(screen, given.folder)
    try:
        editor.greet()
        editor.install(given.archive, given.python)
        editor.open_tab()
        editor.prepare(given.song, given.cover)
        editor.make()
        editor.edit()
        editor.write_title()
        editor.deliver()
        editor.quit()
    except Exception:
        screen.keep("99-not-as-it-should-be")
        raise


if __name__ == "__main__":
    main()
