# SPDX-License-Identifier: GPL-3.0-or-later
"""The two small interfaces behind every engine: a painter makes the still, an animator makes it move."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from blender_addon.core.types import ClipRequest
from bridge.common.frames import Frame


class Work(Protocol):
    """What an engine is given to work with; the executor provides it."""

    @property
    def folder(self) -> Path:
        """Scratch space; emptied afterwards."""
        ...

    @property
    def memory_level(self) -> int:
        """0: as the engine likes. One more each time it ran out of memory: offload, tile, decode smaller chunks."""
        ...

    @property
    def siblings(self) -> Sequence[ClipRequest]:
        """The other shots of the same video, in order: their keyframes are painted along with this one's."""
        ...

    @property
    def painters(self) -> int:
        """How many devices of this machine may paint the video's keyframes side by side, this one included."""
        ...

    def device(self) -> AbstractContextManager[None]:
        """Held while the device computes, and let go for what the processor does alone: another may have its turn.

        Raises:
            Cancelled: the user asked to stop while it was another's turn.
        """
        ...

    def hand_over(self, rest_gib: float) -> None:
        """Lets another have its turn on the device although this one's last computing is still to come.

        Nothing happens where the device has no room for both.

        Args:
            rest_gib: what that computing needs at most; as much is left for the other.
        """
        ...

    def file(self, sha256: str) -> Path:
        """Where the file with this content is.

        Raises:
            BadInput: nobody uploaded it.
        """
        ...

    def report(self, progress: float, stage: str, preview: Frame | None = None) -> None:
        """Tells how far it is (0-1) and what is being done. Call it at least every second or step.

        Raises:
            Cancelled: the user asked to stop; let it through.
        """
        ...


@dataclass(frozen=True)
class Room:
    """Where the camera may go in a still, in widths of the frame from the middle of the frame at rest."""

    left: float
    """of the still; negative"""
    top: float
    right: float
    bottom: float
    kept: tuple[tuple[float, float, float, float], ...] = ()
    """left, top, right, bottom of what is shown whole or not at all, as the frame at rest does"""
    closest: float = 0.0
    """the smallest part of the frame's width that may fill the frame: closer the picture is too coarse"""


@dataclass(frozen=True)
class Still:
    """A painter's picture."""

    rgb: Frame
    """may be larger than the frame, so that the camera has somewhere to go"""
    depth: npt.NDArray[np.float32] | None = None
    """shape of `rgb` without the channels; 0 far, 1 near"""
    end: Frame | None = None
    """what the shot ends on, if it was asked to, for animators that can"""
    room: Room | None = None
    """None: the frame at rest is in the middle, with equal room on all sides"""


@dataclass(frozen=True)
class Footage:
    """What an animator makes; `conform` brings it to the exact frame count, size and rate."""

    frames: Iterator[Frame]
    frame_count: int
    fps: Fraction
    holds: bool = True
    """whether the hold is among the frames; if not, they are the moving part alone and `conform` adds the hold"""


class Painter(Protocol):
    """Makes the still of each request, in order. Several at once where the model can batch."""

    version: str
    """changes whenever equal requests would give other pixels (docs/caches.md, "Versions")"""

    def paint(self, requests: Sequence[ClipRequest], work: Work) -> Iterator[Still]: ...


@runtime_checkable
class KeyframePainter(Painter, Protocol):
    """A painter whose stills are worth keeping, painting together and comparing."""

    def cache_request(self, request: ClipRequest) -> ClipRequest:
        """The request with all that doesn't shape its still set to one value: equal ones share a still."""
        ...

    def character_reference(self, request: ClipRequest, work: Work) -> Frame | None:
        """The character's picture that the still is held to, if it has one."""
        ...


class Animator(Protocol):
    """Makes a still move."""

    version: str

    def animate(self, request: ClipRequest, still: Still, work: Work) -> Footage: ...


@runtime_checkable
class HandlesAnimator(Animator, Protocol):
    """An animator that films handles by itself, and changes nothing of the shot for them."""

    def animate_with_handles(self, request: ClipRequest, handle: int, still: Still, work: Work) -> Footage:
        """The frames that `animate` gives, and `handle` more at either end."""
        ...
