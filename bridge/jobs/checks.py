# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused at the door: every limit of a request, each refusal naming its field."""

import re
from collections.abc import Callable

from blender_addon.core.formats import SIDES_PX
from blender_addon.core.rules import MOTIONS, SEEDS
from blender_addon.core.types import ClipRequest
from bridge.common.errors import BadInput
from bridge.common.store import SHA256

LIMITS = {
    "seed": SEEDS,
    "motion": MOTIONS,
    "frame_count": (1, 36_000),
    "hold_frames": (0, 36_000),
    "width_px": SIDES_PX,
    "height_px": SIDES_PX,
    "fps": (1, 240),
}
"""lowest and highest, both allowed"""
LONGEST_TEXT = 20_000
MOST_ITEMS = 40_000
JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class BadField(BadInput):
    """One field of what was sent cannot be used."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


def check(request: ClipRequest, where: str, has_file: Callable[[str], bool], *, any_engine: bool = False) -> None:
    """Makes sure that a request can be queued.

    Args:
        where: what the field names start with, as in "jobs[3].request".
        has_file: whether the store has the file of this hash.
        any_engine: takes any engine's name, and any options.

    Raises:
        BadField: it can't.
    """
    for field, problem in _problems(request, has_file, any_engine):
        raise BadField(f"{where}.{field}", problem)


def _problems(request: ClipRequest, has_file: Callable[[str], bool], any_engine: bool):
    yield from _bad_numbers(request)
    yield from _bad_texts(request)
    if not any_engine:
        yield from _bad_engine(request)
    yield from _bad_file("cover_sha256", request.cover_sha256, has_file)
    if request.character_sha256 is not None:
        yield from _bad_file("character_sha256", request.character_sha256, has_file)


def _bad_numbers(request: ClipRequest):
    for field, (low, high) in LIMITS.items():
        if not low <= getattr(request, field) <= high:
            yield field, f"must be from {low} to {high}"
    if request.hold_frames > request.frame_count:
        yield "hold_frames", f"must be at most the clip's {request.frame_count} frames"
    for field in ("width_px", "height_px"):
        if getattr(request, field) % 2:
            yield field, "must be even"
    if request.fps.denominator > 10_000:
        yield "fps", "is not a frame rate; write it as in 24 or 30000/1001"
    if len(request.accents) > MOST_ITEMS or any(not 0 <= frame < request.frame_count for frame in request.accents):
        yield "accents", "must be frames of the clip"
    if len(request.energy) > MOST_ITEMS or any(not 0 <= value <= 1 for value in request.energy):
        yield "energy", "must be values from 0 to 1"


def _bad_texts(request: ClipRequest):
    fields = ("painter", "animator", "shot_id", "prompt", "negative_prompt", "into")
    texts = [(field, getattr(request, field)) for field in fields]
    if len(request.options) > 100:
        yield "options", "must be at most 100"
    for name, value in request.options:
        texts += [("options", name), ("options", value)]
    for field, text in texts:
        if len(text) > LONGEST_TEXT:
            yield field, f"must have at most {LONGEST_TEXT} characters"
        if not _is_unicode(text):
            yield field, "is not Unicode text: it holds half of a surrogate pair"


def _bad_engine(request: ClipRequest):
    from bridge.clips import registry

    rows = []
    for field, find in (("painter", registry.painter), ("animator", registry.animator)):
        try:
            rows.append(find(getattr(request, field)[:80]))
        except BadInput as error:
            yield field, str(error)
            return
    if lack := registry.missing(*rows):
        yield "animator", f"{request.engine} cannot run here: it needs {lack}"
    try:
        registry.check_options(request.painter, request.animator, request.options)
    except BadInput as error:
        yield "options", str(error)


def _bad_file(field: str, sha256: str, has_file: Callable[[str], bool]):
    if not SHA256.fullmatch(sha256):
        yield field, "is not a SHA-256: 64 digits of 0-9 and a-f"
    elif not has_file(sha256):
        yield field, f"the file {sha256[:12]}… is not in the store; upload it first"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
