# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets the bridge's own Python environment up: with uv if it is there, else venv and pip. No bpy; every call blocks.

Never into Blender's own Python. A set-up that was stopped goes on from what is there.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .tasks import Problem

VERSIONS = ("3.11", "3.12", "3.13")
"""of Python, that the bridge's packages are there for"""
_MARK = "installed.txt"


@dataclass(frozen=True)
class Environment:
    """The bridge's environment, and what it is made from."""

    folder: Path
    """inside the extension's own folder of user files"""
    source: Path
    """holds `requirements/`, `bridge/` and `blender_addon/`"""
    gpu: bool = False

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def log(self) -> Path:
        """What the set-up said."""
        return self.folder.with_suffix(".log")

    @property
    def requirements(self) -> Path:
        """The locked packages."""
        return self.source / "requirements" / ("gpu.txt" if self.gpu else "base.txt")

    @property
    def is_ready(self) -> bool:
        """Whether it has what this version of the extension needs."""
        try:
            return (self.folder / _MARK).read_text() == _fingerprint(self.requirements) and self.python.exists()
        except OSError:
            return False

    def mark_ready(self) -> None:
        """Notes that all is there."""
        (self.folder / _MARK).write_text(_fingerprint(self.requirements))


@cache
def _fingerprint(requirements: Path) -> str:
    """Of a file that doesn't change while Blender runs; asked for with every redraw."""
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


def set_up(environment: Environment, tell: Callable[[float, str], None]) -> None:
    """Makes the environment and installs the packages.

    Args:
        environment: what to make.
        tell: told of progress; stops the set-up by raising.

    Raises:
        Problem: there is no fitting Python, or the packages could not be installed.
    """
    if environment.is_ready:
        return
    environment.folder.parent.mkdir(parents=True, exist_ok=True)
    uv = shutil.which("uv")
    with environment.log.open("w", encoding="utf-8") as log:
        run = _Runner(log, tell)
        tell(0.02, "making the environment")
        if not environment.python.exists():
            run(_make_command(environment.folder, uv), 0.02, 0.08)
        packages = environment.folder / "requirements.txt"
        packages.write_text(without_bpy(environment.requirements.read_text(encoding="utf-8")), encoding="utf-8")
        command = _install_command(environment.python, packages, uv)
        total = len(re.findall(r"^[a-zA-Z]", packages.read_text(encoding="utf-8"), re.MULTILINE))
        run(command, 0.1, 0.95, count=lambda: _installed(environment.folder) / max(1, total))
        tell(0.96, "trying it")
        run([str(environment.python), "-c", "import av, cv2, fastapi, librosa, numpy, scipy, uvicorn"], 0.96, 1.0)
    environment.mark_ready()


def find_python() -> str:
    """A Python program that the bridge can run on.

    Raises:
        Problem: there is none.
    """
    names = [f"python{version}" for version in VERSIONS] + ["python3", "python", sys.executable]
    for name in names:
        program = shutil.which(name)
        if program and _version(program) in VERSIONS:
            return program
    raise Problem(
        "No Python 3.11, 3.12 or 3.13 was found. Install one, or uv (https://docs.astral.sh/uv), and set up again."
    )


def _version(program: str) -> str:
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        found = subprocess.run(
            [program, "-c", code], capture_output=True, text=True, timeout=30, env=clean(), check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip()


def _make_command(folder: Path, uv: str | None) -> list[str]:
    if uv:
        return [uv, "venv", "--python", VERSIONS[0], "--allow-existing", str(folder)]
    return [find_python(), "-m", "venv", str(folder)]


def _install_command(python: Path, packages: Path, uv: str | None) -> list[str]:
    if uv:
        return [uv, "pip", "install", "--python", str(python), "-r", str(packages)]
    return [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(packages)]


def without_bpy(lock: str) -> str:
    """The lock file without Blender as a package: this is Blender already."""
    return re.sub(r"^bpy==.*(\n[ \t]+.*)*\n", "", lock, flags=re.MULTILINE)


def _installed(folder: Path) -> int:
    return sum(1 for _ in folder.glob("**/site-packages/*.dist-info"))


def clean() -> dict[str, str]:
    """Our environment without what Blender's own Python was told."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


class _Runner:
    """Runs a command, its output going to the log, until it ends or is to stop."""

    def __init__(self, log, tell: Callable[[float, str], None]) -> None:
        self._log = log
        self._tell = tell
        self._last = ""

    def __call__(self, command: list[str], start: float, end: float, count: Callable[[], float] = lambda: 0.0) -> None:
        self._log.write(f"$ {' '.join(command)}\n")
        self._log.flush()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=clean(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise Problem(f"Cannot run {command[0]}: {error.strerror}. See {self._log.name}.") from None
        reader = threading.Thread(target=self._copy, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            while reader.is_alive():
                reader.join(0.5)
                self._tell(start + (end - start) * min(1.0, count()), self._last[:80] or "working")
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.wait():
            raise Problem(f"The set-up stopped: {self._last or 'no reason given'}. The log has more: {self._log.name}")

    def _copy(self, lines: Iterator[str]) -> None:
        for line in lines:
            self._log.write(line)
            self._log.flush()
            self._last = line.strip() or self._last
