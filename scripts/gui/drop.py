# SPDX-License-Identifier: GPL-3.0-or-later
"""Drops a file onto the window at a place of the screen, as a file manager does: XDND, from an X client of its own.

    /usr/bin/python3 scripts/gui/drop.py FILE X Y

Needs Debian's python3-xlib. Source of the protocol: https://freedesktop.org/wiki/Specifications/XDND/, version 5.
"""

import sys
import time
from pathlib import Path

from Xlib import X, Xatom, display  # pyright: ignore[reportMissingImports] -- of the system's Python
from Xlib.protocol import event  # pyright: ignore[reportMissingImports]

VERSION = 5
LIMIT_S = 15.0
STEPS = 6
"""positions on the way to the place: programs take note of what hovers before it is dropped"""


class Drag:
    """A file under the pointer."""

    def __init__(self, path: Path) -> None:
        self.display = display.Display()
        self.source = self.display.screen().root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        self.data = (path.absolute().as_uri() + "\r\n").encode()
        self.source.set_selection_owner(self.atom("XdndSelection"), X.CurrentTime)

    def atom(self, name: str) -> int:
        """The server's number of a name."""
        return self.display.intern_atom(name)

    def drop(self, x: int, y: int) -> None:
        """Moves there and lets go.

        Raises:
            SystemExit: no window there takes it.
        """
        target = self._target(x, y)
        uris, status = self.atom("text/uri-list"), [0, 0]
        self._send(target, "XdndEnter", [VERSION << 24, uris, 0, 0])
        for step in range(STEPS, -1, -1):
            place = (x - 5 * step) << 16 | (y - 5 * step)
            self._send(target, "XdndPosition", [0, place, X.CurrentTime, self.atom("XdndActionCopy")])
            status = self._wait_for("XdndStatus")
            time.sleep(0.2)
        if not status[1] & 1:
            sys.exit("The window does not take it.")
        self._send(target, "XdndDrop", [0, X.CurrentTime, 0, 0])
        self._wait_for("XdndFinished")

    def _target(self, x: int, y: int):
        """The window at a place that takes drops."""
        window = self.display.screen().root
        while window:
            if window.get_full_property(self.atom("XdndAware"), X.AnyPropertyType):
                return window
            window = window.translate_coords(self.display.screen().root, x, y).child
        sys.exit("No window there takes drops.")

    def _send(self, target, name: str, data: list[int]) -> None:
        words = (32, [self.source.id, *data])
        target.send_event(event.ClientMessage(window=target, client_type=self.atom(name), data=words))
        self.display.flush()

    def _wait_for(self, name: str) -> list[int]:
        """The target's answer; meanwhile it may ask for the data."""
        end_s = time.monotonic() + LIMIT_S
        while time.monotonic() < end_s:
            if not self.display.pending_events():
                time.sleep(0.02)
                continue
            told = self.display.next_event()
            if told.type == X.SelectionRequest:
                self._hand_over(told)
            elif told.type == X.ClientMessage and told.client_type == self.atom(name):
                return list(told.data[1])
        sys.exit(f"The window did not answer with {name}.")

    def _hand_over(self, asked) -> None:
        asked.requestor.change_property(asked.property or Xatom.PRIMARY, asked.target, 8, self.data)
        asked.requestor.send_event(
            event.SelectionNotify(
                time=asked.time,
                requestor=asked.requestor,
                selection=asked.selection,
                target=asked.target,
                property=asked.property,
            )
        )
        self.display.flush()


if __name__ == "__main__":
    Drag(Path(sys.argv[1])).drop(int(sys.argv[2]), int(sys.argv[3]))
