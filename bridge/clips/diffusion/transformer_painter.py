# SPDX-License-Identifier: GPL-3.0-or-later
"""The painters `flux2-klein`, `qwen-image`, ...: diffusers' image transformers, by the table of `still_families`."""

from collections.abc import Iterator, Sequence
from typing import Any

from blender_addon.core.types import ClipRequest
from bridge.clips import options
from bridge.clips.base import Still, Work
from bridge.clips.diffusion import common
from bridge.clips.diffusion.still_families import LONG_SIDE_PX, SHORT_SIDE_PX, STILL_FAMILIES, StillFamily
from bridge.clips.gpu import devices, models
from bridge.clips.options import Values
from bridge.common.errors import BadInput
from bridge.common.frames import Frame, resized

CHARACTER_WORDS, COVER_WORDS = "keep the face and clothes of the person in {}", "use the colours and the style of {}"


class TransformerPainter:
    """Words to picture, or pictures and words to picture: the cover's look and the hero's face come from themselves.

    Keyframes are painted one by one: these networks use nearly all of a card's arithmetic with a single picture, so a
    batch would take as long and need more memory.

    Args:
        family: of the models that it runs.
    """

    version = "1"

    def __init__(self, family: StillFamily) -> None:
        self.family = family

    def paint(self, requests: Sequence[ClipRequest], work: Work) -> Iterator[Still]:
        """A keyframe per request, in order."""
        for i, request in enumerate(requests):
            yield Still(painted(self.family, request, work, i, len(requests)))

    def cache_request(self, request: ClipRequest) -> ClipRequest:
        """See `KeyframePainter`."""
        given = options.of(request, self.family.shaping)
        return common.still_request(request, model_size(self.family, request, given), given)

    def character_reference(self, request: ClipRequest, work: Work) -> Frame | None:
        """See `KeyframePainter`."""
        from bridge import cover

        return cover.load(work.file(request.character_sha256)) if request.character_sha256 else None


def painted(family: StillFamily, request: ClipRequest, work: Work, index: int, of: int) -> Frame:
    """The keyframe of one request.

    Args:
        index: of the keyframe among those that are painted now.
        of: how many those are.

    Raises:
        BadInput: weights are missing, don't fit, or are of another family; or there is no picture to show.
    """
    given = options.of(request, family.options)
    model = models.Model.named(given.text("painter_model"), models.Model(family.models[0][0]))
    pictures, words = references(family, request, given, work)
    licence = dict(zip(dict(family.models), family.licences, strict=True)).get(model.source)
    work.report(index / of, f"loading {model.source}" + (f" ({licence})" if licence else ""))
    pipeline = load(family, model, models.read_loras(given.text("lora")), given, work.memory_level)
    width_px, height_px = model_size(family, request, given)
    steps = given.whole("painter_steps")
    stage = "painting" if of == 1 else f"painting keyframe {index + 1} of {of}"
    asked: dict[str, Any] = {family.guidance_option: given.number("painter_guidance")}
    if family.takes_negative:
        asked["negative_prompt"] = request.negative_prompt or " "
    if family.area_option:
        asked[family.area_option] = width_px * height_px
    if pictures:
        asked["image"] = pictures if family.most_references > 1 else pictures[0]
    output = pipeline(
        prompt=f"{request.prompt}. {words}" if words else request.prompt,
        width=width_px,
        height=height_px,
        num_inference_steps=steps,
        generator=common.generator(request.seed),
        callback_on_step_end=common.StepReport(work, stage, steps, index / of, (index + 1) / of),
        output_type="np",
        **asked,
    )
    picture = common.to_frames(output.images, family.title)[0]
    return picture if picture.shape[:2] == (height_px, width_px) else resized(picture, width_px, height_px)


def references(family: StillFamily, request: ClipRequest, given: Values, work: Work) -> tuple[list[Any], str]:
    """The pictures that the model is shown, as PIL images, and what the prompt says of them.

    Raises:
        BadInput: an editor of pictures has none.
    """
    from PIL import Image

    from bridge import cover

    if not family.most_references:
        return [], ""
    asked = given.text("references")
    wanted = [
        (request.character_sha256 if asked in ("both", "character") else None, CHARACTER_WORDS),
        (request.cover_sha256 if asked in ("both", "cover") else None, COVER_WORDS),
    ]
    found = [(sha256, words) for sha256, words in wanted if sha256][: family.most_references]
    if not found and family.needs_reference:
        raise BadInput(f"{family.title} needs a picture to change: give a character, or --set references=cover.")
    pictures = [Image.fromarray(cover.load(work.file(sha256))) for sha256, _ in found]
    names = [f"picture {i + 1}" for i in range(len(found))] if len(found) > 1 else ["the picture"]
    return pictures, ", ".join(words.format(name) for (_, words), name in zip(found, names, strict=False))


def load(
    family: StillFamily, model: models.Model, loras: tuple[tuple[str, float], ...], given: Values, memory_level: int
) -> Any:
    """The pipeline on the best device.

    Raises:
        BadInput: weights are missing, don't fit, or are of another family.
    """
    check_family(model, family)
    return common.transformer(family, model, loras, devices.asked_policy(given), memory_level)


def check_family(model: models.Model, family: StillFamily) -> None:
    """Makes sure that a model is of a family, by the pipeline class in its index.

    Raises:
        BadInput: the model is missing, or of another family or none.
    """
    import diffusers

    name = models.index_of(diffusers.DiffusionPipeline, model)["_class_name"]
    if name == family.pipeline:
        return
    others = [other.name for other in STILL_FAMILIES if other.pipeline == name]
    hint = f"choose --painter {others[0]}" if others else f"it paints with a {family.pipeline}"
    raise BadInput(f"{model.source} is a {name}, which the painter {family.name} can't run: {hint}.")


def model_size(family: StillFamily, request: ClipRequest, given: Values) -> tuple[int, int]:
    """Width and height for the shot's shape, with as many pixels as the models know; the scale changes both."""
    known_px = (LONG_SIDE_PX, SHORT_SIDE_PX)
    return common.size_like(request, known_px, given.number("painter_scale"), family.multiple_px)
