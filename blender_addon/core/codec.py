# SPDX-License-Identifier: GPL-3.0-or-later
"""The protocol's dataclasses to JSON and back, driven by their annotations. Standard library only."""

import dataclasses
import functools
import json
import math
import reprlib
import types
import typing
from collections.abc import Callable
from enum import Enum
from fractions import Fraction
from typing import Any, TypeVar

T = TypeVar("T")
_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = 80


class DecodeError(ValueError):
    """The JSON does not fit the type; the message names the field."""


class _Misfit(Exception):
    """What is wrong, and where: written from the inside out, since most data is right and needs no place."""

    def __init__(self, problem: str, where: str = "") -> None:
        super().__init__(problem)
        self.problem, self.where = problem, where


def encode(value: Any) -> Any:
    """Turns a protocol value into plain dicts, lists, strings and numbers.

    A class's `DERIVED` properties are written too, for readers of the JSON, and ignored by `decode`.
    """
    if type(value) in (str, int, float, bool, type(None)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [*_fields(type(value)), *getattr(value, "DERIVED", ())]
        return {name: encode(getattr(value, name)) for name in names}
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value


def decode(kind: type[T], data: Any, where: str = "") -> T:
    """Builds a `kind` from what `encode` made.

    Raises:
        DecodeError: a field is missing, unknown or of the wrong type.
    """
    try:
        return _decoder(kind)(data)
    except _Misfit as misfit:
        raise DecodeError(f"{where or getattr(kind, '__name__', kind)}{misfit.where}: {misfit.problem}") from None


def dumps(value: Any) -> str:
    """The canonical JSON text: equal values give equal text, so that it can be hashed.

    Raises:
        ValueError: a number in it is not finite, which JSON has no word for.
    """
    return json.dumps(encode(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def loads(kind: type[T], text: str) -> T:
    """Reads what `dumps` wrote.

    Raises:
        DecodeError: it is not JSON, or does not fit.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise DecodeError(f"not JSON: {error}") from None
    except RecursionError:
        raise DecodeError("not JSON that anyone means: nested too deeply") from None
    return decode(kind, data)


@functools.cache
def _fields(kind: type) -> dict[str, tuple[Any, bool]]:
    """Each field's type, and whether it must be given."""
    hints = typing.get_type_hints(kind)
    missing = dataclasses.MISSING
    return {
        field.name: (hints[field.name], field.default is missing and field.default_factory is missing)
        for field in dataclasses.fields(kind)
    }


@functools.cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    """What builds a value of this type; raises `_Misfit`."""
    if kind is Any:
        return lambda data: data
    if dataclasses.is_dataclass(kind):
        return functools.partial(_dataclass, typing.cast(type, kind))
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _optional(kind)
    if origin is tuple:
        return _tuple(typing.get_args(kind))
    if kind is Fraction or (isinstance(kind, type) and issubclass(kind, Enum)):
        return functools.partial(_by_its_text, kind)
    return _float if kind is float else functools.partial(_plain, kind)


def _dataclass(kind: type, data: Any) -> Any:
    if not isinstance(data, dict):
        raise _Misfit(f"expected an object, found {type(data).__name__}")
    fields = _fields(kind)
    unknown = data.keys() - fields.keys() - set(getattr(kind, "DERIVED", ()))
    if unknown:
        raise _Misfit(f"unknown field {_shown.repr(sorted(unknown)[0])}")
    values = {}
    name = ""
    try:
        for name, (hint, _) in fields.items():
            if name in data:
                values[name] = _decoder(hint)(data[name])
    except _Misfit as misfit:
        raise _Misfit(misfit.problem, f".{name}{misfit.where}") from None
    for name, (_, is_needed) in fields.items():
        if is_needed and name not in values:
            raise _Misfit(f"field {name!r} is missing")
    return kind(**values)


def _optional(kind: Any) -> Callable[[Any], Any]:
    choices = [choice for choice in typing.get_args(kind) if choice is not types.NoneType]
    if len(choices) != 1 or len(typing.get_args(kind)) != 2:
        raise TypeError(f"the codec knows unions with None only, not {kind}")
    choice = _decoder(choices[0])
    return lambda data: None if data is None else choice(data)


def _tuple(kinds: tuple[Any, ...]) -> Callable[[Any], tuple[Any, ...]]:
    is_endless = len(kinds) == 2 and kinds[1] is Ellipsis
    decoders = [_decoder(kind) for kind in kinds if kind is not Ellipsis]

    def build(data: Any) -> tuple[Any, ...]:
        if not isinstance(data, list | tuple):
            raise _Misfit(f"expected a list, found {type(data).__name__}")
        if is_endless and kinds[0] is float and all(type(item) is float for item in data):  # curves are long
            return tuple(map(_float, data))
        if not is_endless and len(decoders) != len(data):
            raise _Misfit(f"expected {len(decoders)} items, found {len(data)}")
        values = []
        for index, item in enumerate(data):
            try:
                values.append(decoders[0 if is_endless else index](item))
            except _Misfit as misfit:
                raise _Misfit(misfit.problem, f"[{index}]{misfit.where}") from None
        return tuple(values)

    return build


def _by_its_text(kind: Any, data: Any) -> Any:
    if kind is Fraction and isinstance(data, str) and "e" in data.lower():
        raise _Misfit(f"{data[:80]!r} is not a Fraction")  # "1e999999999" would take all memory
    try:
        return kind(data)
    except (ValueError, TypeError, ArithmeticError):
        raise _Misfit(f"{_shown.repr(data)} is not a {kind.__name__}") from None


def _float(data: Any) -> float:
    if isinstance(data, int) and not isinstance(data, bool):
        try:
            return float(data)
        except OverflowError:
            raise _Misfit("the number is too large") from None
    if not isinstance(data, float):
        raise _Misfit(f"expected float, found {_shown.repr(data)}")
    if not math.isfinite(data):
        raise _Misfit(f"{data} is no finite number")  # Python reads NaN and Infinity, which aren't JSON
    return data


def _plain(kind: type, data: Any) -> Any:
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise _Misfit(f"expected {kind.__name__}, found {_shown.repr(data)}")
    return data
