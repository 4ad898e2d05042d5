# SPDX-License-Identifier: GPL-3.0-or-later
"""Animator `runway`: Runway's image to video, through its official SDK. It costs money, and says how much beforehand.

The key is read from the environment (`RUNWAYML_API_SECRET`) by the SDK itself and goes nowhere else: not into requests
that are stored, not into messages, not into files.
"""

import base64
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blender_addon.core import network
from blender_addon.core.types import ClipRequest, ShotKind
from bridge.clips import holds, options, paid, remote
from bridge.clips.base import Footage, Still, Work
from bridge.clips.camera_words import moving_prompt
from bridge.clips.paid import Receipt
from bridge.common.errors import BadInput, Cancelled, GenerationFailed
from bridge.common.frames import Frame, resized

USD_PER_CREDIT = 0.01
POLL_S = 5.0
"""Runway asks for no more than that"""
DATA_URI_LIMIT_BYTES = 5_000_000
PROMPT_LIMIT = 1000


@dataclass(frozen=True)
class RunwayModel:
    """One row of the table: what a model takes and costs. Check it against Runway's documentation now and then."""

    credits_per_s: float
    durations_s: tuple[int, ...]
    ratios: tuple[str, ...]
    """the sizes that it makes, in pixels"""
    takes_last: bool = False
    takes_seed: bool = True
    options: tuple[tuple[str, Any], ...] = ()


GEN4_RATIOS = ("1280:720", "720:1280", "1104:832", "832:1104", "960:960", "1584:672")
MODELS = {
    "gen4_turbo": RunwayModel(5, tuple(range(2, 11)), GEN4_RATIOS),
    "gen4.5": RunwayModel(12, tuple(range(2, 11)), GEN4_RATIOS),
    "veo3.1_fast": RunwayModel(
        10, (4, 6, 8), ("1920:1080", "1080:1920"), takes_last=True, takes_seed=False, options=(("audio", False),)
    ),
    "veo3.1": RunwayModel(
        20, (4, 6, 8), ("1920:1080", "1080:1920"), takes_last=True, takes_seed=False, options=(("audio", False),)
    ),
}
OPTIONS = (
    options.choice("model", "the model, each with its price", MODELS, "gen4_turbo"),
    *paid.OPTIONS,
)


@dataclass(frozen=True)
class Cost:
    """What a batch of shots will cost at list price; Runway's own bill counts."""

    credits: float
    seconds: int
    """of video bought"""

    @property
    def usd(self) -> float:
        return self.credits * USD_PER_CREDIT

    def __str__(self) -> str:
        return f"{self.credits:g} credits (US$ {self.usd:.2f}) for {self.seconds} seconds of video"


def cost_of(requests: Sequence[ClipRequest]) -> Cost:
    """What these shots will cost. Asks nobody.

    Raises:
        BadInput: the option `model` names none of the models.
    """
    seconds = [(duration_s(request), model_of(request)) for request in requests]
    return Cost(sum(length * model.credits_per_s for length, model in seconds), sum(length for length, _ in seconds))


def model_name(request: ClipRequest) -> str:
    """The option `model`."""
    return options.of(request, OPTIONS).text("model")


def model_of(request: ClipRequest) -> RunwayModel:
    """The table's row for a request."""
    return MODELS[model_name(request)]


def duration_s(request: ClipRequest) -> int:
    """How long a clip is bought for a shot."""
    return paid.length_s(request, model_of(request).durations_s)


class RunwayAnimator:
    """Image to video on Runway's machines.

    The environment variable RUNWAYML_API_SECRET holds the key, RUNWAYML_BASE_URL another server.
    """

    version = "1"

    def animate(self, request: ClipRequest, still: Still, work: Work) -> Footage:
        """Buys a clip, or fetches the one that an earlier run has bought, and cuts it to the moving part."""
        paid.require_consent(request, cost_of([request]))
        receipt = Receipt.of("runway", request, still)
        with client() as runway:
            url = bought(runway, receipt, request, still, work)
            path = work.folder / "runway.mp4"
            paid.download(url, path, work, "Runway")
        frames = remote.decoded(path, request, "Runway")
        receipt.used()
        return remote.footage(frames, request)


def client() -> Any:
    """The SDK's client. Its key comes from the environment.

    Raises:
        BadInput: there is no key, or no leave to go online.
    """
    import runwayml

    if network.is_offline(os.environ) and not network.is_loopback(os.environ.get("RUNWAYML_BASE_URL", "")):
        raise BadInput(f"Runway is on the network. {network.REFUSAL}.")
    try:
        return runwayml.RunwayML(max_retries=2)
    except runwayml.RunwayMLError:
        raise BadInput(
            "Runway needs a key: set RUNWAYML_API_SECRET, or enter it in the add-on's preferences."
        ) from None


def bought(runway: Any, receipt: Receipt, request: ClipRequest, still: Still, work: Work) -> str:
    """The finished clip's address.

    Raises:
        GenerationFailed: Runway refused, failed or cancelled it.
        Cancelled: the user stopped; the task is cancelled there too.
    """
    task_id = receipt.task_id()
    if task_id and (url := follow(runway, task_id, receipt, work, resumed=True)):
        return url
    entry = receipt.budget.spend(cost_of([request]).usd)
    try:
        task_id = create(runway, request, still, work)
    except (BadInput, GenerationFailed):
        receipt.budget.give_back(entry)
        raise
    receipt.write(task_id, entry)
    url = follow(runway, task_id, receipt, work, resumed=False)
    assert url
    return url


def create(runway: Any, request: ClipRequest, still: Still, work: Work) -> str:
    """Starts a task: from here on it costs. Gives its id."""
    import runwayml

    model = model_of(request)
    work.report(0.02, f"sending to Runway: {cost_of([request])}")
    width_px, height_px = (int(side) for side in ratio(request).split(":"))
    images: Any = image(runway, resized(still.rgb, width_px, height_px))
    end = still.end if still.end is None else resized(still.end, width_px, height_px)
    if request.kind is ShotKind.COVER_END:
        end = holds.whole_cover(request, work, width_px, height_px)
    elif end is not None and not model.takes_last:
        raise BadInput(f"Runway's {model_name(request)} can't end on a given picture: leave out into_next.")
    if model.takes_last and end is not None:
        last = image(runway, end)
        images = [{"position": "first", "uri": images}, {"position": "last", "uri": last}]
    more = dict(model.options) | ({"seed": request.seed} if model.takes_seed else {})
    try:
        task = runway.image_to_video.create(
            model=model_name(request),
            prompt_image=images,
            prompt_text=moving_prompt(request)[:PROMPT_LIMIT] or "slow camera move",
            ratio=ratio(request),
            duration=duration_s(request),
            **more,
        )
    except runwayml.APIError as error:
        raise GenerationFailed(_sentence(error)) from None  # its chain holds the request, and so the key
    return str(task.id)


def follow(runway: Any, task_id: str, receipt: Receipt, work: Work, *, resumed: bool) -> str | None:
    """Polls a task until it ends; the SDK's own wait would not see that it was cancelled.

    Returns:
        the clip's address; None if an earlier run's task is gone or failed, so that it must be bought again.
    """
    import runwayml

    while True:
        try:
            task = runway.tasks.retrieve(task_id)
        except runwayml.NotFoundError:
            receipt.void()
            if resumed:
                return None
            raise GenerationFailed("Runway no longer knows the clip that it was making. Try again.") from None
        except runwayml.APIError as error:
            raise GenerationFailed(_sentence(error)) from None
        if task.status == "SUCCEEDED":
            return str(task.output[0])
        if task.status in ("FAILED", "CANCELLED"):
            receipt.void()
            if resumed:
                return None
            raise GenerationFailed(_ending(task))
        wait(runway, task_id, task, receipt, work)


def wait(runway: Any, task_id: str, task: Any, receipt: Receipt, work: Work) -> None:
    """Until the next poll, listening for a cancel all the while."""
    stage = {"PENDING": "waiting at Runway", "THROTTLED": "waiting for a free place at Runway"}.get(
        task.status, "animating at Runway"
    )
    progress = 0.05 + 0.85 * float(getattr(task, "progress", 0.0) or 0.0)
    try:
        paid.pause(work, progress, stage, POLL_S)
    except Cancelled:
        runway.tasks.delete(task_id)
        receipt.void()
        raise


def ratio(request: ClipRequest) -> str:
    """The model's size whose shape is nearest to the shot's."""
    shape = math.log(request.width_px / request.height_px)

    def distance(size: str) -> float:
        width, height = map(int, size.split(":"))
        return abs(math.log(width / height) - shape)

    return min(model_of(request).ratios, key=distance)


def image(runway: Any, picture: Frame) -> str:
    """A picture as a data URI; as an upload if it is too large for one."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    if len(uri) <= DATA_URI_LIMIT_BYTES:
        return uri
    return str(runway.uploads.create_ephemeral(file=("keyframe.png", buffer.getvalue(), "image/png")).uri)


def _ending(task: Any) -> str:
    if task.status == "CANCELLED":
        return "The clip was cancelled at Runway. Make the shot again to start anew."
    code = f" ({task.failure_code})" if getattr(task, "failure_code", None) else ""
    return f"Runway could not make the clip: {task.failure}{code}. Change the prompt or the keyframe, or try again."


def _sentence(error: Any) -> str:
    status = getattr(error, "status_code", None)
    if status in (401, 403):
        return "Runway refused the key. Check RUNWAYML_API_SECRET, or the key in the add-on's preferences."
    if status == 429:
        return "Runway allows no more clips for now: the daily limit is reached, or too many are asked at once."
    if status is None:
        return "Runway could not be reached. Check the network, and try again."
    body = getattr(error, "body", None)
    reason = body.get("error") if isinstance(body, dict) else None
    return f"Runway refused the request with status {status}{f': {reason}' if reason else ''}."
