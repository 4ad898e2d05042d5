# SPDX-License-Identifier: GPL-3.0-or-later
"""The protocol's dataclasses to JSON and back, driven by their annotations. Standard library only."""

import dataclasses
import json
import types
import typing
from enum import Enum
from fractions import Fraction
from typing import Any, TypeVar

T = TypeVar("T")


class DecodeError(ValueError):
    """The JSON does not fit the type; the message names the field."""


def encode(value: Any) -> Any:
    """Turns a protocol value into plain dicts, lists, strings and numbers.

    A class's `DERIVED` properties are written too, for readers of the JSON, and ignored by `decode`.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)] + list(getattr(value, "DERIVED", ()))
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
    return _decode(kind, data, where or getattr(kind, "__name__", str(kind)))


def dumps(value: Any) -> str:
    """The canonical JSON text: equal values give equal text, so that it can be hashed."""
    return json.dumps(encode(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def loads(kind: type[T], text: str) -> T:
    """Reads what `dumps` wrote.

    Raises:
        DecodeError: it is not JSON, or does not fit.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise DecodeError(f"not JSON: {error}") from None
    return decode(kind, data)


def _decode(kind: Any, data: Any, where: str) -> Any:
    if kind is Any:
        return data
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(typing.cast(type, kind), data, where)
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _decode_optional(kind, data, where)
    if origin is tuple:
        return _decode_tuple(typing.get_args(kind), data, where)
    return _decode_scalar(kind, data, where)


def _decode_dataclass(kind: type, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise DecodeError(f"{where}: expected an object, found {type(data).__name__}")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = set(data) - set(fields) - set(getattr(kind, "DERIVED", ()))
    if unknown:
        raise DecodeError(f"{where}: unknown field {sorted(unknown)[0]!r}")
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _decode(hints[name], data[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise DecodeError(f"{where}: field {name!r} is missing")
    return kind(**values)


def _decode_optional(kind: Any, data: Any, where: str) -> Any:
    choices = [choice for choice in typing.get_args(kind) if choice is not types.NoneType]
    if data is None and len(choices) < len(typing.get_args(kind)):
        return None
    if len(choices) != 1:
        raise TypeError(f"{where}: the codec knows unions with None only, not {kind}")
    return _decode(choices[0], data, where)


def _decode_tuple(kinds: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise DecodeError(f"{where}: expected a list, found {type(data).__name__}")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_decode(kinds[0], item, f"{where}[{i}]") for i, item in enumerate(data))
    if len(kinds) != len(data):
        raise DecodeError(f"{where}: expected {len(kinds)} items, found {len(data)}")
    return tuple(_decode(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, data, strict=True)))


def _decode_scalar(kind: Any, data: Any, where: str) -> Any:
    if kind is Fraction and isinstance(data, str) and "e" in data.lower():
        raise DecodeError(f"{where}: {data[:80]!r} is not a Fraction")  # "1e999999999" would take all memory
    if kind is Fraction or (isinstance(kind, type) and issubclass(kind, Enum)):
        try:
            return kind(data)
        except (ValueError, TypeError, ArithmeticError):
            raise DecodeError(f"{where}: {data!r} is not a {kind.__name__}") from None
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        try:
            return float(data)
        except OverflowError:
            raise DecodeError(f"{where}: the number is too large") from None
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise DecodeError(f"{where}: expected {kind.__name__}, found {data!r}")
    return data
