# SPDX-License-Identifier: GPL-3.0-or-later
"""What engines that cost money share: consent, a budget, a clip's length, receipts, waiting and the download."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from blender_addon.core import codec
from blender_addon.core.types import ClipRequest
from bridge.clips import holds, options
from bridge.clips.base import Still, Work
from bridge.common import files, paths
from bridge.common.errors import BadInput, GenerationFailed

LOCK_PAUSE_S = 0.05
EXPIRED = (401, 403, 404, 410)
OPTIONS = (
    options.yes_no("confirm_cost", "lets it spend money: without, it says what the clips would cost", "no"),
    options.number(
        "budget", "the most that all clips of this cover may cost together, in US$; 0 for no limit", 0.0, 1e6, 0.0
    ),
)


def as_bought(request: ClipRequest) -> ClipRequest:
    """The request without consent and budget: another budget asks for the same clip."""
    terms = {option.name for option in OPTIONS}
    return replace(request, options=tuple(pair for pair in request.options if pair[0] not in terms))


def require_consent(request: ClipRequest, cost: object) -> None:
    """Raises `BadInput` with the price, unless the option `confirm_cost` is yes."""
    if not options.of(request, OPTIONS).yes("confirm_cost"):
        raise BadInput(
            f"Shot {request.shot_id} would cost {cost}. Agree with --set confirm_cost=yes, or choose another engine."
        )


@dataclass(frozen=True)
class Budget:
    """What was spent on the videos of one cover, by all engines and all bridges of this user.

    Money is set aside before a clip is asked for, so that clips that are made side by side can't pass the limit.
    """

    path: Path
    limit_usd: float

    @classmethod
    def of(cls, request: ClipRequest) -> Budget:
        """The budget that a request names."""
        folder = paths.data_folder() / "spent"
        folder.mkdir(exist_ok=True)
        return cls(folder / f"{request.cover_sha256}.json", options.of(request, OPTIONS).number("budget"))

    def spend(self, usd: float) -> str:
        """Sets the money aside; gives the entry's name.

        Raises:
            BadInput: with it more would be spent than the limit.
        """
        entry = secrets.token_hex(8)
        with files.locked(self.path.with_suffix(".lock"), lambda: None, LOCK_PAUSE_S):
            spent = self._read()
            total_usd = sum(spent.values()) + usd
            if self.limit_usd and total_usd > self.limit_usd + 1e-9:
                raise BadInput(
                    f"With this clip US$ {total_usd:.2f} would be spent on this cover, and the budget is"
                    f" US$ {self.limit_usd:.2f}. Raise it with --set budget=..., or choose another engine."
                )
            files.write_text(self.path, json.dumps(spent | {entry: usd}))
        return entry

    def give_back(self, entry: str) -> None:
        """The clip did not come: its money is not spent."""
        with files.locked(self.path.with_suffix(".lock"), lambda: None, LOCK_PAUSE_S):
            spent = self._read()
            if spent.pop(entry, None) is not None:
                files.write_text(self.path, json.dumps(spent))

    def _read(self) -> dict[str, float]:
        try:
            return {str(name): float(usd) for name, usd in json.loads(self.path.read_text(encoding="utf-8")).items()}
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError) as error:
            raise BadInput(f"{self.path} holds what was spent, and is damaged. Delete it to count anew.") from error


@dataclass(frozen=True)
class Receipt:
    """Remembers the task that was paid for, so that a restart fetches it instead of paying again."""

    path: Path
    budget: Budget

    @classmethod
    def of(cls, service: str, request: ClipRequest, still: Still) -> Receipt:
        """The receipt for this request and keyframe."""
        folder = paths.data_folder() / service
        folder.mkdir(exist_ok=True)
        content = codec.dumps(as_bought(request)).encode() + np.ascontiguousarray(still.rgb).tobytes()
        content += b"" if still.end is None else np.ascontiguousarray(still.end).tobytes()
        return cls(folder / f"{hashlib.sha256(content).hexdigest()[:32]}.json", Budget.of(request))

    def task_id(self) -> str | None:
        """The task of an earlier run, if there was one."""
        return self._read().get("task")

    def write(self, task_id: str, entry: str) -> None:
        """Keeps the task, and the budget's entry for it."""
        files.write_text(self.path, json.dumps({"task": task_id, "entry": entry}))

    def used(self) -> None:
        """The clip is here: another one of the same request is bought anew."""
        self.path.unlink(missing_ok=True)

    def void(self) -> None:
        """The clip will never be here."""
        self.budget.give_back(self._read().get("entry", ""))
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def length_s(request: ClipRequest, durations_s: Sequence[int]) -> int:
    """The shortest clip that is as long as the shot's moving part; the longest there is, slowed down, if none is.

    Args:
        request: the shot.
        durations_s: of the clips that can be bought, shortest first.
    """
    moving_s = holds.moving_frames(request) / request.fps
    return next((length for length in durations_s if length >= moving_s), durations_s[-1])


def pause(work: Work, progress: float, stage: str, seconds: float) -> None:
    """Waits until the next poll, listening for a cancel all the while.

    Raises:
        Cancelled: as `report` raised it.
    """
    until = time.monotonic() + seconds
    work.report(progress, stage)
    while (left_s := until - time.monotonic()) > 0:
        time.sleep(min(0.25, left_s))
        work.report(progress, stage)


def download(url: str, path: Path, work: Work, service: str) -> None:
    """Fetches the clip at once: its address is good for a while only.

    Raises:
        GenerationFailed: it has expired, or can't be reached.
    """
    import httpx

    try:
        with httpx.stream("GET", url, timeout=60.0, follow_redirects=True) as answer:
            if answer.status_code in EXPIRED:
                raise GenerationFailed(
                    f"{service}'s address of the clip has expired. Make the shot again; it costs again."
                )
            answer.raise_for_status()
            with files.written_beside(path) as beside, beside.open("wb") as out:
                for piece in answer.iter_bytes():
                    out.write(piece)
                    work.report(0.93, f"downloading from {service}")
    except httpx.HTTPError as error:
        raise GenerationFailed(
            f"{service}'s clip could not be downloaded ({type(error).__name__}). Try again: it is paid for and is kept."
        ) from None
