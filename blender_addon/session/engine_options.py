# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of painters and animators in Blender: fields made from what the bridge declares, values kept by the scene.

The scene keeps what was set as text, by painter or animator and name ("svd.steps"), so that it is there before a bridge
is. The fields are property groups, built when a bridge has said what there is; they read and write those texts. A value
that is the default is not kept.
"""
# pyright: reportInvalidTypeForm=false

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from ..core import options
from ..core.messages import EnginePart, Engines
from ..core.options import Option, OptionKind
from . import state
from .tasks import Problem

EVERY_CLIP = "clip"
"""stands for the part in the names of options that every clip has"""


def learn(engines: Engines) -> None:
    """Takes what a bridge says of its engines, and builds the fields if they changed."""
    known = state.session().connection
    if engines == known.engines and state.session().option_groups:
        return
    known.engines = engines
    forget()
    parts = [*engines.painters, *engines.animators]
    declared = {part.name: part.options for part in parts} | {EVERY_CLIP: engines.options}
    for part, its_options in declared.items():
        fields = {option.name: _field(part, option) for option in its_options}
        group = type(f"BEATBOARD_options_{part}", (bpy.types.PropertyGroup,), {"__annotations__": fields})
        bpy.utils.register_class(group)
        setattr(bpy.types.Scene, _attribute(part), PointerProperty(type=group))
        state.session().option_groups[_attribute(part)] = group


def forget() -> None:
    """Takes the fields away; what was set stays with the scene."""
    for attribute, group in state.session().option_groups.items():
        delattr(bpy.types.Scene, attribute)
        bpy.utils.unregister_class(group)
    state.session().option_groups.clear()


def group_of(scene: Any, part: str) -> Any:
    """The fields of a painter, an animator or of every clip."""
    return getattr(scene, _attribute(part))


def find(parts: tuple[EnginePart, ...], name: str) -> EnginePart | None:
    """The painter or animator of this name, if the bridge has told of it."""
    return next((part for part in parts if part.name == name), None)


def fields_of(scene: Any) -> Iterator[tuple[str, str, list[Option]]]:
    """Of the chosen painter and animator and of every clip: its name, a heading, and the options, each name once."""
    settings, engines = state.settings_of(scene), state.session().connection.engines
    seen = {"quality"}  # which has a field of its own
    for part in (find(engines.painters, settings.painter), find(engines.animators, settings.animator)):
        if part is not None:
            yield part.name, part.name, [option for option in part.options if option.name not in seen]
            seen |= {option.name for option in part.options}
    yield EVERY_CLIP, "every clip", [option for option in engines.options if option.name not in seen]


def given(scene: Any) -> tuple[tuple[str, str], ...]:
    """What was set for the chosen painter and animator, by name; checked as far as a bridge has told what there is.

    Raises:
        Problem: an option is unknown, or its value is wrong.
    """
    settings = state.settings_of(scene)
    found = {} if settings.quality == options.GOOD else {"quality": settings.quality}
    for part in (settings.animator, settings.painter, EVERY_CLIP):
        for row in settings.clip_options:
            its_part, _, name = row.name.partition(".")
            if its_part == part:
                found[name] = row.value
    declared = state.session().connection.engines.options_of(settings.painter, settings.animator)
    if declared:
        try:
            options.check(declared, found.items(), f"{settings.painter}+{settings.animator}")
        except ValueError as error:
            raise Problem(str(error)) from None
    return tuple(sorted(found.items()))


def key(part: str, name: str) -> str:
    """The name under which the scene keeps an option."""
    return f"{part}.{name}"


def keep(scene: Any, name: str, text: str, default: str) -> None:
    """Keeps an option's value, unless it is the default."""
    rows = state.settings_of(scene).clip_options
    row = rows.get(name)
    if text == default:
        if row is not None:
            rows.remove(rows.find(name))
        return
    if row is None:
        row = rows.add()
        row.name = name
    row.value = text


def _attribute(part: str) -> str:
    return f"beatboard_options_{part}"


@dataclass(frozen=True)
class _Kept:
    """An option as the scene keeps it, with the functions that its property calls; bpy takes no methods there."""

    option: Option
    text: Callable[[Any], str]
    """of a property group: what was set, else the default"""
    value: Callable[[Any], Any]
    """the same as the option's kind has it"""
    set_text: Callable[[Any, str], None]

    @property
    def labels(self) -> dict[str, str]:
        """Name and tooltip of the field."""
        title = self.option.name.removeprefix("painter_").replace("_", " ").title()
        return {"name": title, "description": f"{self.option.help[:1].upper()}{self.option.help[1:]}"}


def _kept(part: str, option: Option) -> _Kept:
    name = key(part, option.name)

    def text(group: Any) -> str:
        row = state.settings_of(group.id_data).clip_options.get(name)
        return option.default if row is None else row.value

    def value(group: Any) -> Any:
        try:
            return option.read(text(group))
        except ValueError:  # set by a script, or by another version
            return option.read(option.default)

    def set_text(group: Any, text: str) -> None:
        keep(group.id_data, name, text, option.default)

    return _Kept(option, text, value, set_text)


def _field(part: str, option: Option) -> Any:
    """The property that draws an option; one that has no default is text, empty until it is set."""
    make = _FIELDS.get(option.kind, _text_field) if option.default else _text_field
    return make(_kept(part, option))


def _yes_no_field(kept: _Kept) -> Any:
    return BoolProperty(
        **kept.labels,
        default=kept.option.default == "yes",
        get=kept.value,
        set=lambda group, yes: kept.set_text(group, "yes" if yes else "no"),
    )


def _choice_field(kept: _Kept) -> Any:
    choices = kept.option.choices
    return EnumProperty(
        **kept.labels,
        items=[(choice, choice.replace("-", " ").title(), "") for choice in choices],
        default=kept.option.default,
        get=lambda group: choices.index(kept.value(group)),
        set=lambda group, index: kept.set_text(group, choices[index]),
    )


def _whole_field(kept: _Kept) -> Any:
    return IntProperty(
        **kept.labels,
        min=round(kept.option.low),
        max=round(kept.option.high),
        default=int(kept.option.default),
        get=kept.value,
        set=lambda group, number: kept.set_text(group, str(number)),
    )


def _number_field(kept: _Kept) -> Any:
    return FloatProperty(
        **kept.labels,
        min=kept.option.low,
        max=kept.option.high,
        default=float(kept.option.default),
        step=5,
        precision=3,
        get=kept.value,
        set=lambda group, number: kept.set_text(group, f"{number:.6g}"),
    )


def _text_field(kept: _Kept) -> Any:
    option, described = kept.option, dict[str, Any](kept.labels)
    if option.kind is not OptionKind.TEXT:
        described["description"] += f". Takes {option.takes}"
    if option.choices:
        described |= {"search": lambda group, context, text: option.choices, "search_options": {"SUGGESTION"}}
    return StringProperty(
        **described,
        default=option.default,
        get=kept.text,
        set=kept.set_text,
    )


_FIELDS = {
    OptionKind.YES_NO: _yes_no_field,
    OptionKind.CHOICE: _choice_field,
    OptionKind.WHOLE: _whole_field,
    OptionKind.NUMBER: _number_field,
}
