# SPDX-License-Identifier: GPL-3.0-or-later
"""How alike keyframes are: CLIP image embeddings (Radford et al. 2021) of the whole picture and of its subject."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bridge.clips.gpu import devices, models
from bridge.common.frames import Frame

CLIP = models.Model("openai/clip-vit-large-patch14")
Embedding = npt.NDArray[np.float32]
"""shape (n,), length 1"""

OUTLIER_MADS = 3.0
"""a keyframe is an outlier if it is so many median deviations less like the others than they are among themselves"""
LEAST_GAP = 0.03
"""and by at least so much"""


@dataclass(frozen=True)
class Score:
    """How like a keyframe is to the reference, or to the others: cosines, 1 for equal."""

    whole: float
    subject: float

    @property
    def mean(self) -> float:
        return (self.whole + self.subject) / 2


@dataclass(frozen=True)
class Kept:
    """Keyframes after re-rolling, their scores, and what was spent."""

    pictures: list[Frame]
    scores: list[Score]
    attempts: int


class Embedder(Protocol):
    """Sees pictures as directions."""

    def __call__(self, pictures: Sequence[Frame], /) -> list[Embedding]: ...


class Judge:
    """CLIP's image encoder, loaded when it is first asked."""

    def __init__(self, model: models.Model = CLIP) -> None:
        self._model = model
        self._parts: tuple[Any, Any] | None = None

    def __call__(self, pictures: Sequence[Frame]) -> list[Embedding]:
        """An embedding per picture.

        Raises:
            BadInput: the weights are missing, or no CLIP.
        """
        import torch

        encoder, processor = self.load()
        encoder.to(devices.best_device())
        pixels = processor(images=list(pictures), return_tensors="pt")["pixel_values"]
        with torch.inference_mode():
            found = encoder(pixel_values=pixels.to(encoder.device, encoder.dtype)).image_embeds.float().cpu().numpy()
        return list(found / np.linalg.norm(found, axis=1, keepdims=True))

    def load(self) -> tuple[Any, Any]:
        """The encoder, in the computer's memory until it is first used, and what prepares pictures for it.

        Raises:
            BadInput: the weights are missing, or no CLIP.
        """
        self._parts = self._parts or self._load()
        return self._parts

    def _load(self) -> tuple[Any, Any]:
        import transformers

        device = devices.best_device()
        encoder = models.load(transformers.CLIPVisionModelWithProjection, self._model, dtype=devices.precision(device))
        size = encoder.config.image_size
        processor = transformers.CLIPImageProcessor(size={"shortest_edge": size}, crop_size=size)
        return encoder.eval(), processor


def subject_of(picture: Frame) -> Frame:
    """The part of the picture that its subject fills."""
    from bridge.cover import subject_box

    return np.ascontiguousarray(picture[subject_box(picture).slices])


@dataclass(frozen=True)
class Seen:
    """A picture as the embedder sees it."""

    whole: Embedding
    subject: Embedding

    @classmethod
    def of(cls, picture: Frame, embed: Embedder) -> "Seen":
        """Looks at it, and at its subject."""
        return cls(*embed([picture, subject_of(picture)]))

    def likeness(self, other: "Seen") -> Score:
        """How alike two pictures are."""
        return Score(float(self.whole @ other.whole), float(self.subject @ other.subject))


def scores(seen: Sequence[Seen], reference: Seen | None) -> list[Score]:
    """A score per picture: how like the reference it is; without one, how like the others on average."""
    if reference is not None:
        return [one.likeness(reference) for one in seen]
    if len(seen) == 1:
        return [Score(1.0, 1.0)]
    found = []
    for i, one in enumerate(seen):
        others = [one.likeness(other) for j, other in enumerate(seen) if j != i]
        found.append(Score(*(float(np.mean(part)) for part in zip(*map(_pair, others), strict=True))))
    return found


def _pair(score: Score) -> tuple[float, float]:
    return score.whole, score.subject


def outliers(found: Sequence[Score], least: float | None = None) -> list[int]:
    """Which pictures stand out as unlike, the least like first.

    Args:
        least: with a reference, a single picture is an outlier below this score.
    """
    means = np.array([score.mean for score in found])
    middle = float(np.median(means))
    spread = float(np.median(np.abs(means - middle)))
    limit = middle - max(LEAST_GAP, OUTLIER_MADS * spread)
    if least is not None:
        limit = max(limit, least)
    return [int(i) for i in np.argsort(means) if means[i] < limit]


def reroll_outliers(
    pictures: list[Frame],
    reference: Frame | None,
    embed: Embedder,
    again: Callable[[int, int], Frame],
    budget: int,
    least: float = 0.7,
    settled: Collection[int] = (),
) -> Kept:
    """Paints outliers again until none is left or the budget is spent; a new picture is kept only if it is more alike.

    Args:
        reference: the character sheet, if there is one.
        again: makes picture `i` from another seed; told the number of the attempt, from 1.
        budget: how many pictures may be made.
        least: what a picture must reach if there is a reference.
        settled: pictures that are compared with, but stay as they are.
    """
    pictures, spent = list(pictures), 0
    seen = [Seen.of(picture, embed) for picture in pictures]
    target = Seen.of(reference, embed) if reference is not None else None
    found = scores(seen, target)
    while spent < budget:
        bad = [index for index in outliers(found, least if target else None) if index not in settled]
        if not bad:
            break
        spent += 1
        index = bad[(spent - 1) % len(bad)]
        picture = again(index, spent)
        trial = [*seen]
        trial[index] = Seen.of(picture, embed)
        new = scores(trial, target)
        if new[index].mean > found[index].mean:
            pictures[index], seen, found = picture, trial, new
    return Kept(pictures, found, spent)
