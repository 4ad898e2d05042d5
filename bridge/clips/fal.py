# SPDX-License-Identifier: GPL-3.0-or-later
"""Animator `fal`: image to video by many makers' models on fal's machines, through its official client. It costs money.

Prices are asked of fal, never written down. The key is read from the environment (`FAL_KEY`) and goes nowhere else: not
into requests that are stored, not into messages, not into files.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from blender_addon.core import network
from blender_addon.core.types import ClipRequest, ShotKind
from bridge.clips import holds, options, paid, remote
from bridge.clips.base import Footage, Still, Work
from bridge.clips.camera_words import moving_prompt
from bridge.clips.paid import Receipt
from bridge.common.errors import BadInput, Cancelled, GenerationFailed
from bridge.common.frames import Frame

KEY = "FAL_KEY"
PRICES = "https://api.fal.ai/v1/models/pricing"
POLL_S = 3.0
PROMPT_LIMIT = 1500
LONG_SIDE_PX = 1920
"""of the pictures that are sent"""
JPEG_QUALITY = 95
PER_S, PER_CLIP = ("second", "seconds"), ("video", "videos", "request", "requests", "generation", "generations")
"""the units of fal's prices that a clip's length settles"""


@dataclass(frozen=True)
class FalModel:
    """One row of the table: what a model takes. Check it against fal's documentation now and then."""

    endpoint: str
    durations_s: tuple[int, ...]
    duration: str = "{}"
    """how the length is written"""
    first: str = "image_url"
    last: str = ""
    """what the picture that the clip ends on is called; empty if it takes none"""
    last_endpoint: str = ""
    """another endpoint that takes both pictures, where the usual one doesn't"""
    last_first: str = "image_url"
    """what the first picture is called there"""
    takes_seed: bool = True
    takes_negative: bool = False
    options: tuple[tuple[str, Any], ...] = ()

    def at(self, has_last: bool) -> str:
        """The endpoint for a clip."""
        return self.last_endpoint if has_last and self.last_endpoint else self.endpoint


MODELS = {
    "kling-2.5-turbo": FalModel(
        "fal-ai/kling-video/v2.5-turbo/pro/image-to-video",
        (5, 10),
        last="tail_image_url",
        takes_seed=False,
        takes_negative=True,
    ),
    "seedance-2": FalModel(
        "bytedance/seedance-2.0/image-to-video",
        tuple(range(4, 16)),
        last="end_image_url",
        options=(("resolution", "720p"), ("generate_audio", False)),
    ),
    "veo-3.1-fast": FalModel(
        "fal-ai/veo3.1/fast/image-to-video",
        (4, 6, 8),
        duration="{}s",
        last="last_frame_url",
        last_endpoint="fal-ai/veo3.1/fast/first-last-frame-to-video",
        last_first="first_frame_url",
        takes_seed=False,
        options=(("resolution", "1080p"), ("generate_audio", False)),
    ),
    "wan-2.5": FalModel(
        "fal-ai/wan-25-preview/image-to-video", (5, 10), takes_negative=True, options=(("resolution", "1080p"),)
    ),
}
OPTIONS = (
    options.choice("model", "the model; fal is asked for its price", MODELS, "kling-2.5-turbo"),
    *paid.OPTIONS,
)


@dataclass(frozen=True)
class Cost:
    """What a batch of shots will cost at fal's present prices; fal's own bill counts."""

    usd: float
    seconds: int
    """of video bought"""

    def __str__(self) -> str:
        return f"US$ {self.usd:.2f} for {self.seconds} seconds of video"


def cost_of(requests: Sequence[ClipRequest]) -> Cost:
    """What these shots will cost. Asks fal for the models' prices, once while this process runs.

    Raises:
        BadInput: there is no key, no leave to go online, no answer, or the price is not by the second or the clip.
    """
    lengths = [duration_s(request) for request in requests]
    usd = [
        price(model_of(request).at(_has_last(request))).of(length)
        for request, length in zip(requests, lengths, strict=True)
    ]
    return Cost(sum(usd), sum(lengths))


def model_of(request: ClipRequest) -> FalModel:
    """The table's row for a request."""
    return MODELS[options.of(request, OPTIONS).text("model")]


def duration_s(request: ClipRequest) -> int:
    """How long a clip is bought for a shot."""
    return paid.length_s(request, model_of(request).durations_s)


def _has_last(request: ClipRequest) -> bool:
    return bool(model_of(request).last) and request.kind is ShotKind.COVER_END


@dataclass(frozen=True)
class Price:
    """What fal asks for one model."""

    usd: float
    is_per_s: bool

    def of(self, length_s: int) -> float:
        """A clip's price in US$."""
        return self.usd * (length_s if self.is_per_s else 1)


@lru_cache(maxsize=64)
def price(endpoint: str) -> Price:
    """Asks fal for a model's price; see `cost_of` for what is raised."""
    import httpx

    try:
        answer = httpx.get(
            PRICES, params={"endpoint_id": endpoint}, headers={"Authorization": f"Key {key()}"}, timeout=20.0
        )
        if answer.status_code in (401, 403):
            raise BadInput(REFUSED)
        answer.raise_for_status()
        (row,) = [row for row in answer.json()["prices"] if row["endpoint_id"] == endpoint]
        usd, unit, currency = float(row["unit_price"]), str(row["unit"]).lower(), str(row["currency"])
    except httpx.HTTPError as error:
        raise BadInput(f"fal could not be asked for its price ({type(error).__name__}). Try again.") from None
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"fal named no price for {endpoint}. Choose another model.") from None
    if unit not in (*PER_S, *PER_CLIP) or currency != "USD":
        raise BadInput(
            f"fal's price of {endpoint} is in {currency} per {unit}, not by the second. Choose another model."
        )
    return Price(usd, unit in PER_S)


def key() -> str:
    """The key, if we may go online with it.

    Raises:
        BadInput: there is none, or no leave.
    """
    if network.is_offline(os.environ) and not network.is_loopback(PRICES):
        raise BadInput(f"fal is on the network. {network.REFUSAL}.")
    if not os.environ.get(KEY):
        raise BadInput(f"fal needs a key: set {KEY}, or enter it in the add-on's preferences.")
    return os.environ[KEY]


class FalAnimator:
    """Image to video on fal's machines."""

    version = "1"

    def animate(self, request: ClipRequest, still: Still, work: Work) -> Footage:
        """Buys a clip, or fetches the one that an earlier run has bought, and cuts it to the moving part."""
        from fal_client import SyncClient

        receipt = Receipt.of("fal", request, still)
        client = SyncClient(key=key())
        endpoint, arguments = asked(request, still, work)
        request_id = receipt.task_id()
        url = followed(client, endpoint, request_id, receipt, work, resumed=True) if request_id else None
        if url is None:
            length_s = duration_s(request)
            cost = Cost(price(endpoint).of(length_s), length_s)
            paid.require_consent(request, cost)
            request_id = bought(client, endpoint, arguments, receipt, work, cost)
            url = followed(client, endpoint, request_id, receipt, work, resumed=False)
        assert url
        path = work.folder / "fal.mp4"
        paid.download(url, path, work, "fal")
        frames = remote.decoded(path, request, "fal")
        receipt.used()
        return remote.footage(frames, request)


def asked(request: ClipRequest, still: Still, work: Work) -> tuple[str, dict[str, Any]]:
    """The endpoint, and what it is sent.

    Raises:
        BadInput: the model can't end on a given picture.
    """
    model = model_of(request)
    end = still.end
    if _has_last(request):
        end = holds.whole_cover(request, work, still.rgb.shape[1], still.rgb.shape[0])
    if end is not None and not model.last:
        raise BadInput("This model of fal can't end on a given picture: leave out into_next.")
    sent: dict[str, Any] = {
        "prompt": moving_prompt(request)[:PROMPT_LIMIT] or "slow camera move",
        model.first if end is None else model.last_first: picture(still.rgb),
        "duration": model.duration.format(duration_s(request)),
        **dict(model.options),
    }
    if end is not None:
        sent[model.last] = picture(end)
    if model.takes_seed:
        sent["seed"] = request.seed % 2**31
    if model.takes_negative and request.negative_prompt:
        sent["negative_prompt"] = request.negative_prompt
    return model.at(end is not None), sent


def picture(rgb: Frame) -> str:
    """A picture as a data URI, at most `LONG_SIDE_PX` long: fal takes it in place of an address."""
    from PIL import Image

    image = Image.fromarray(rgb)
    image.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def bought(client: Any, endpoint: str, arguments: dict[str, Any], receipt: Receipt, work: Work, cost: Cost) -> str:
    """Sends a request: from here on it costs. Gives its id.

    Raises:
        BadInput: the budget doesn't reach.
        GenerationFailed: fal refused it.
    """
    from fal_client.client import FalClientHTTPError
    from httpx import HTTPError

    work.report(0.02, f"sending to fal: {cost}")
    entry = receipt.budget.spend(cost.usd)
    try:
        request_id = str(client.submit(endpoint, arguments).request_id)
    except FalClientHTTPError as error:
        receipt.budget.give_back(entry)
        raise GenerationFailed(_sentence(error)) from None  # its chain holds the request, and so the key
    except HTTPError as error:  # it may have arrived: the money stays set aside
        raise GenerationFailed(UNREACHED.format(type(error).__name__)) from None
    receipt.write(request_id, entry)
    return request_id


def followed(client: Any, endpoint: str, request_id: str, receipt: Receipt, work: Work, *, resumed: bool) -> str | None:
    """Polls a request until it ends.

    Returns:
        the clip's address; None if an earlier run's request is gone or failed, so that it must be bought again.

    Raises:
        GenerationFailed: fal refused it or could not make it.
        Cancelled: the user stopped; the request is cancelled there too.
    """
    from fal_client.client import Completed, FalClientHTTPError
    from httpx import HTTPError

    try:
        while not isinstance(status := client.status(endpoint, request_id), Completed):
            wait(client, endpoint, request_id, status, receipt, work)
        return str(client.result(endpoint, request_id)["video"]["url"])
    except FalClientHTTPError as error:
        if error.status_code in (401, 403, 429) or error.status_code >= 500:
            raise GenerationFailed(_sentence(error)) from None
        receipt.void()
        if resumed:
            return None
        raise GenerationFailed(_sentence(error)) from None
    except (KeyError, TypeError):
        receipt.void()
        raise GenerationFailed("fal sent no video. Change the prompt or the keyframe, or try again.") from None
    except HTTPError as error:
        raise GenerationFailed(UNREACHED.format(type(error).__name__)) from None


def wait(client: Any, endpoint: str, request_id: str, status: Any, receipt: Receipt, work: Work) -> None:
    """Until the next poll, listening for a cancel all the while."""
    from fal_client.client import FalClientHTTPError, Queued
    from httpx import HTTPError

    stage = f"waiting at fal, {status.position} before" if isinstance(status, Queued) else "animating at fal"
    try:
        paid.pause(work, 0.1 if isinstance(status, Queued) else 0.5, stage, POLL_S)
    except Cancelled:
        with contextlib.suppress(FalClientHTTPError, HTTPError):  # else it is paid for: a later run fetches it
            client.cancel(endpoint, request_id)
            receipt.void()
        raise


REFUSED = f"fal refused the key. Check {KEY}, or the key in the add-on's preferences."
UNREACHED = "fal could not be reached ({}). Check the network, and try again: what was bought is fetched then."


def _sentence(error: Any) -> str:
    if error.status_code in (401, 403):
        return REFUSED
    if error.status_code == 429:
        return "fal allows no more clips for now: too many are asked at once."
    return f"fal could not make the clip (status {error.status_code}): {_reason(error.message)}"


def _reason(detail: Any) -> str:
    """What fal says: a text, or a list of faults with a message each."""
    if isinstance(detail, list):
        detail = "; ".join(str(one.get("msg", one) if isinstance(one, dict) else one) for one in detail)
    return str(detail).strip().rstrip(".")[:300] + "."
