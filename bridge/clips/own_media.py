# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots that show the user's own pictures and clips: which engine makes each, and from which file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from blender_addon.core.types import ClipRequest, OwnMedia, Shot, ShotKind
from bridge.clips import registry
from bridge.common.errors import BadInput
from bridge.common.store import Store
from bridge.plan.storyboard import BoardShot, Storyboard


def with_own_media(
    requests: tuple[ClipRequest, ...], shots: Sequence[Shot], storyboard: Storyboard, store: Store
) -> tuple[ClipRequest, ...]:
    """The requests, with those among them that show a file of the user's; the files go to the store.

    What the storyboard asks for comes before what was chosen from the material. Its first entry is the shot s01, and so
    on, wherever an editor moved it.

    Raises:
        BadInput: a file is asked for in the shot that turns into the cover.
    """
    asked = {f"s{number:02d}": entry for number, entry in enumerate(storyboard.shots, start=1)}
    chosen = {shot.id: _chosen(shot.media) for shot in shots if shot.media}
    found = {**chosen, **{shot_id: entry for shot_id, entry in asked.items() if entry.clip or entry.image}}
    return tuple(_made(request, found.get(request.shot_id, BoardShot()), store) for request in requests)


def _chosen(media: OwnMedia) -> BoardShot:
    path = Path(media.path)
    return BoardShot(image=path) if media.start_s is None else BoardShot(clip=path, from_s=media.start_s)


def _made(request: ClipRequest, asked: BoardShot, store: Store) -> ClipRequest:
    """A picture is framed and filmed as the cover is, by whatever animator was chosen; a clip is played."""
    path = asked.clip or asked.image
    if path is None:
        return request
    if request.kind is ShotKind.COVER_END:
        raise BadInput(
            f"{request.shot_id} ends the video and turns into the cover: leave {path.name} out of it in the storyboard."
        )
    painter, animator = ("footage", "footage") if asked.clip else ("cover", request.animator)
    known = {option.name for option in registry.options_of(painter, animator)}
    kept = {name: value for name, value in request.options if name in known}
    own = {"from": asked.from_s, "to": asked.to_s, "crop": asked.crop or None}
    kept |= {name: str(value) for name, value in own.items() if value is not None}
    return replace(
        request,
        painter=painter,
        animator=animator,
        cover_sha256=store.put(path),
        character_sha256=None,
        options=tuple(sorted(kept.items())),
        into="",
        beside=(),
    )
