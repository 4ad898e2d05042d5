# SPDX-License-Identifier: GPL-3.0-or-later
"""Keyframes as a stage of their own: a video's stills are painted together, compared, and kept.

The first shot of a video that needs its keyframe paints those of its siblings too, in batches: one lot for each device
of the machine, so that several paint side by side; whoever comes while that goes on waits. Each still is kept by what
it was asked for, so a cancel, a crash or another animator loses none. When all are there they are compared, and
outliers are painted again from other seeds; what was chosen stays chosen.
"""

import hashlib
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from blender_addon.core import codec
from blender_addon.core.types import ClipRequest
from bridge.clips import options
from bridge.clips.base import KeyframePainter, Still, Work
from bridge.common import files
from bridge.common.errors import BadInput, GenerationFailed
from bridge.common.frames import Frame
from bridge.common.store import Keyframe, Store

if TYPE_CHECKING:
    from bridge.clips.diffusion.likeness import Judge

WAIT_S = 0.5


@dataclass(frozen=True)
class Studio:
    """Where a video's keyframes are painted."""

    painter: KeyframePainter
    store: Store
    work: Work

    def keyframe(self, request: ClipRequest) -> Keyframe:
        """The shot's keyframe, compared with its siblings'; paints and compares what isn't there yet.

        Raises:
            BadInput: a model is missing, or an option is out of range.
            GenerationFailed: this shot's keyframe could not be painted.
            Cancelled: the user asked to stop; what is painted is kept.
        """
        if found := self.chosen(request):
            return found
        started_s = time.perf_counter()
        judge = self._judge(request)
        self._paint_lots(request)
        with files.locked(self.store.root / "choosing.lock", self._wait, WAIT_S):
            return self.chosen(request) or self._choose(request, judge, started_s)

    def still(self, keyframe: Keyframe) -> Still:
        """Its picture."""
        return Still(_picture(self.store, keyframe))

    def chosen(self, request: ClipRequest) -> Keyframe | None:
        """The keyframe that was decided on, if it is there."""
        return self.store.keyframe_for(self._chosen_key(request))

    def _paint_lots(self, request: ClipRequest) -> None:
        """Paints what isn't there of the whole video, beginning with the request's own lot.

        Every worker divides the video into the same lots, and neighbours are in different ones: those who begin with
        the first shots begin with different lots.
        """
        shots = sorted((request, *self.work.siblings), key=lambda shot: shot.shot_id)
        count = self.work.painters
        for i in range(count):
            number = (shots.index(request) + i) % count
            lot = shots[number::count]
            if all(map(self._painted, lot)):
                continue
            with files.locked(self.store.root / f"painting-{number}.lock", self._wait, WAIT_S):
                self._paint(sorted(lot, key=lambda shot: shot != request), asked=request)

    def _choose(self, request: ClipRequest, judge: "Judge | None", started_s: float) -> Keyframe:
        others = [keyframe for shot in self.work.siblings if (keyframe := self.chosen(shot))]
        wanted = [request, *(shot for shot in self.work.siblings if not self.chosen(shot))]
        found = {shot: keyframe for shot in wanted if (keyframe := self._painted(shot))}
        if judge:
            found = self._compared(found, others, judge)
        share_s = (time.perf_counter() - started_s) / len(found)
        for shot, keyframe in found.items():
            self.store.remember_keyframe(self._chosen_key(shot), replace(keyframe, seconds_taken=share_s))
        return found[request]

    def _judge(self, request: ClipRequest) -> "Judge | None":
        """Loaded ahead of all painting: a missing model is told at once. None where there is nothing to compare."""
        from bridge.clips.diffusion import likeness
        from bridge.clips.gpu import models

        given = options.of(request, options.KEYFRAMES)
        if not given.yes("likeness"):
            return None
        if not self.work.siblings and self.painter.character_reference(request, self.work) is None:
            return None
        judge = likeness.Judge(models.Model.named(given.text("likeness_model"), likeness.CLIP))
        try:
            judge.load()
        except BadInput as error:
            raise BadInput(
                f"{error} It compares the keyframes: --set likeness_model=FOLDER names it, --set likeness=no does"
                " without."
            ) from error
        return judge

    def _paint(self, shots: Sequence[ClipRequest], asked: ClipRequest) -> None:
        """Paints what isn't there. Failures of shots that weren't asked for are left to their own jobs."""
        missing = [shot for shot in shots if not self._painted(shot)]
        if not missing:
            return
        try:
            self._paint_together(missing)
        except GenerationFailed:
            for shot in missing:
                self._paint_alone(shot, is_asked=shot == asked)

    def _paint_alone(self, request: ClipRequest, *, is_asked: bool) -> None:
        try:
            if not self._painted(request):
                self._paint_together([request])
        except GenerationFailed:
            if is_asked:
                raise

    def _paint_together(self, requests: Sequence[ClipRequest]) -> None:
        for shot, still in zip(requests, self.painter.paint(requests, self.work), strict=True):
            sha256 = self.store.put_bytes(_png(still.rgb))
            self.store.remember_keyframe(self._key(shot), Keyframe(sha256, shot.seed))

    def _compared(
        self, found: Mapping[ClipRequest, Keyframe], others: Sequence[Keyframe], judge: "Judge"
    ) -> dict[ClipRequest, Keyframe]:
        """The keyframes with their likeness; outliers may be replaced by others of other seeds."""
        from bridge.clips.diffusion import likeness

        shots, kept = list(found), list(found.values())
        budget = options.of(shots[0], options.KEYFRAMES).whole("reroll")
        pictures = [_picture(self.store, keyframe) for keyframe in (*kept, *others)]
        tried: list[tuple[int, Keyframe, Frame]] = []

        def again(index: int, attempt: int) -> Frame:
            shot = replace(shots[index], seed=(shots[index].seed + 7919 * attempt) % 2**31)
            self.work.report(0.9, f"{shot.shot_id}: keyframe unlike the others, painted again")
            try:
                self._paint([shot], asked=shot)
            except GenerationFailed:
                return pictures[index]
            keyframe = self._painted(shot)
            assert keyframe
            tried.append((index, keyframe, _picture(self.store, keyframe)))
            return tried[-1][2]

        self.work.report(0.9, f"comparing {len(pictures)} keyframes")
        result = likeness.reroll_outliers(
            pictures,
            self.painter.character_reference(shots[0], self.work),
            judge,
            again,
            budget,
            settled=range(len(kept), len(pictures)),
        )
        for index, keyframe, picture in tried:
            if result.pictures[index] is picture:
                kept[index] = keyframe
        scores = result.scores[: len(kept)]
        return {
            shot: replace(keyframe, likeness=round(score.mean, 4))
            for shot, keyframe, score in zip(shots, kept, scores, strict=True)
        }

    def _painted(self, request: ClipRequest) -> Keyframe | None:
        return self.store.keyframe_for(self._key(request))

    def _chosen_key(self, request: ClipRequest) -> str:
        compared = (f"{name}={value}" for name, value in options.of(request, options.KEYFRAMES).texts.items())
        return self._key(request, "chosen", *compared)

    def _key(self, request: ClipRequest, *more: str) -> str:
        parts = (codec.dumps(self.painter.cache_request(request)), self.painter.version, *more)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _wait(self) -> None:
        self.work.report(0.0, "waiting for the keyframes")


def _png(picture: Frame) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _picture(store: Store, keyframe: Keyframe) -> Frame:
    from PIL import Image

    with Image.open(store.path(keyframe.sha256)) as image:
        return np.asarray(image.convert("RGB"))
