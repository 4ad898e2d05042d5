# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge's process: found if one runs, started if none does, ended with us. Every call here blocks."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.types import PROTOCOL_VERSION
from .client import Client, LinkError, Unreachable

START_LIMIT_S = 60.0
_PROGRAM = """
import sys
from bridge.common.errors import BeatboardError
from bridge.server.serve import serve
try:
    serve(until_stdin_ends={until_stdin_ends}, make_clip={make_clip!r}, niceness=19)
except BeatboardError as error:
    sys.exit(str(error))
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """A bridge that can be started."""

    python: Path
    """the interpreter of its own environment"""
    source: Path | None = None
    """the folder that holds `bridge` and `blender_addon`, if they are not installed in that environment"""
    home: Path | None = None
    """where its queue and store are; None for the user's own folder"""


def default_home() -> Path:
    """Where a bridge keeps its data if nobody says otherwise; the same rule as `bridge.common.paths`."""
    if home := os.environ.get("BEATBOARD_HOME"):
        return Path(home)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "beatboard"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "beatboard"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "beatboard"


def find(home: Path | None = None) -> Client | None:
    """A client of the bridge that runs for this home, if one answers.

    The token goes to nobody but the bridge that wrote the connection file: its process must live, and who answers at
    its address must know that launch's secret.

    Raises:
        LinkError: one does, but speaks another version of the protocol.
    """
    try:
        published = json.loads(((home or default_home()) / "bridge.json").read_text(encoding="utf-8"))
        url, token, fingerprint, nonce = (str(published[name]) for name in ("url", "token", "fingerprint", "nonce"))
        client = Client(url, token, fingerprint, timeout_s=10.0)
        if not nonce or not _lives(published["pid"]) or not client.knows(nonce):
            return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError, LinkError):
        return None
    try:
        check_version(client)
    except Unreachable:
        return None
    return client


def _lives(pid: object) -> bool:
    """Whether a process of this id runs."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    if os.name == "nt":  # where signal 0 would be Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def plainly(line: str, python: Path | str) -> str:
    """The last line of a program that ended; of one that misses a package, what is missing and what to do."""
    found = re.search(r"ModuleNotFoundError: No module named '([^'.]+)", line)
    if not found:
        return line
    return (
        f"{python} has no module {found[1]}, so it is not the bridge's environment. In the add-on's preferences choose"
        " Set Up Here, or an interpreter that has the bridge's packages"
    )


def check_version(client: Client) -> None:
    """Makes sure that the bridge speaks our protocol.

    Raises:
        LinkError: it doesn't, or does not let us in.
    """
    health = client.health()
    if health.protocol_version != PROTOCOL_VERSION:
        raise LinkError(
            f"The bridge (Beatboard {health.version}) speaks protocol {health.protocol_version}, this add-on"
            f" {PROTOCOL_VERSION}: update the older one."
        )


class BridgeProcess:
    """Finds or starts a bridge, and ends the one it started.

    Args:
        installation: what to start.
        keep_running: let it go on working when we end.
        make_clip: see `bridge.server.serve.serve`; for tests.
        variables: environment variables for the bridge, such as keys of services. They go nowhere else.
    """

    def __init__(
        self,
        installation: Installation,
        *,
        keep_running: bool = False,
        make_clip: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.installation = installation
        self.keep_running = keep_running
        self.variables = dict(variables or {})
        self._make_clip = make_clip
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def home(self) -> Path:
        """Where its data and logs are."""
        return self.installation.home or default_home()

    @property
    def log(self) -> Path:
        """Its log, for people to look at."""
        return self.home / "logs" / "bridge.log"

    def ensure(self, say: Callable[[str], None] = lambda line: None) -> Client:  # noqa: ARG005
        """A client of a bridge that answers, started if need be. Call it again after the bridge was lost.

        Raises:
            LinkError: it does not start; the message has the reason from its log.
        """
        with self._lock:
            if client := find(self.installation.home):
                return client
            say("Starting the bridge …")
            self._start()
            return self._wait()

    def stop(self, limit_s: float = 10.0) -> None:
        """Ends the bridge if we started it and it is not to go on: first asks, then kills."""
        with self._lock:
            process, self._process = self._process, None
            if process is None or self.keep_running:
                return
            assert process.stdin
            process.stdin.close()  # it ends when its standard input does
            try:
                process.wait(limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self) -> None:
        self._output.parent.mkdir(parents=True, exist_ok=True)
        program = _PROGRAM.format(until_stdin_ends=not self.keep_running, make_clip=self._make_clip)
        try:
            with self._output.open("wb") as output:
                self._process = subprocess.Popen(
                    [str(self.installation.python), "-c", program],
                    stdin=subprocess.DEVNULL if self.keep_running else subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._environment(),
                    start_new_session=True,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
                    | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
                )
        except OSError as error:
            raise LinkError(
                f"Cannot run {self.installation.python}: {error.strerror}. Set the bridge up again."
            ) from None

    def _wait(self) -> Client:
        assert self._process
        end_s = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end_s:
            if client := find(self.installation.home):
                return client
            if self._process.poll() is not None:
                raise LinkError(f"The bridge did not start: {self._last_words()}")
            time.sleep(0.05)
        raise LinkError(f"The bridge did not answer within {START_LIMIT_S:.0f} s; its log is {self.log}.")

    @property
    def _output(self) -> Path:
        return self.home / "logs" / "start.log"

    def _last_words(self) -> str:
        lines = self._output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = plainly(lines[-1], self.installation.python) if lines else "it said nothing"
        return f"{last} (log: {self._output})"

    def _environment(self) -> dict[str, str]:
        """Ours, without what Blender's own Python was told, and with what the bridge must know."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        if self.installation.source:
            environment["PYTHONPATH"] = str(self.installation.source)
        if self.installation.home:
            environment["BEATBOARD_HOME"] = str(self.installation.home)
        return environment | self.variables
