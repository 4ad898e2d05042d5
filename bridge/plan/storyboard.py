# SPDX-License-Identifier: GPL-3.0-or-later
"""The storyboard: what a person wants to see, in a TOML file. `examples/storyboard.toml` shows all of it."""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from blender_addon.core import textures
from blender_addon.core.rules import MOTIONS, SEEDS
from blender_addon.core.types import Ending, Framing, Texture, Treatment, Treatments
from bridge.common.errors import BadInput
from bridge.plan.toml_lines import TomlLines

LARGEST_FILE_BYTES = 1_000_000
LONGEST_TEXT = 2000
FONTS = (".ttf", ".otf", ".ttc", ".otc")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class BoardShot:
    """One shot as asked for. What is None follows the music."""

    prompt: str = ""
    """what happens in it; without it, the section decides"""
    bars: int | None = None
    seed: int | None = None
    motion: int | None = None
    framing: Framing | None = None
    treatment: Treatment | None = None
    image: Path | None = None
    """a picture of your own that it shows"""
    clip: Path | None = None
    """a clip of your own that it plays"""
    from_s: float | None = None
    to_s: float | None = None
    """where in the clip it begins and ends"""
    crop: str = ""
    """the part of the clip's picture that is used: left, top, width, height, as shares"""
    next: int = 0
    """of a shot that is cut from the material: 1 is the next best moment, 2 the one after"""


@dataclass(frozen=True)
class Storyboard:
    """What the video shows. Every field has a default, so that `Storyboard()` serves where there is none."""

    title: str = ""
    artist: str = ""
    subject: str = "a lone figure"
    world: str = "a vast open landscape"
    style: str = "cinematic film still, natural light, fine grain"
    negative: str = "text, letters, watermark, logo, frame, border, deformed hands, extra limbs, low quality"
    character: Path | None = None
    """a picture of the main character, absolute or relative to the working directory"""
    seed: int = 0
    """another one gives every shot another seed"""
    shots: tuple[BoardShot, ...] = ()
    """in order; if the video has more shots, the later ones go through the prompts again"""
    texture: str = ""
    """which of the cover's textures the edit gets, as in "grain, vignette=0.3"; "auto" and "none" too"""
    font: Path | None = None
    """of title and artist: a TrueType or OpenType file"""
    ending: Ending = Ending.AUTO
    """how the whole cover stands in the last frame"""
    treatments: Treatments = Treatments.GENTLE
    """how far the shots' treatments may go"""
    material: Path | None = None
    """the folder of pictures and clips that the other shots are cut from"""

    def with_choices(self, **chosen: Any) -> "Storyboard":
        """The same with what was chosen elsewhere in its place, by field; None is no choice."""
        return replace(self, **{name: value for name, value in chosen.items() if value is not None})


@dataclass(frozen=True)
class _Key:
    """What a key takes."""

    kind: type
    low: int = 0
    high: int = 0
    words: tuple[str, ...] = ()
    may_be_empty: bool = False


_PATHS = ("character", "font", "material", "image", "clip")
_TYPOGRAPHIC_QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2018\u2019\u201a"
_ODD_SPACES = "\u00a0\u202f\u2007\u2003\u2002\u2009\u200b\u3000\ufeff"
_TEXT = _Key(str)
_SEED = _Key(int, *SEEDS)
_SECONDS = _Key(float, 0, 36_000)
_BOARD_KEYS = {
    "title": _Key(str, may_be_empty=True),
    "artist": _Key(str, may_be_empty=True),
    "subject": _TEXT,
    "world": _TEXT,
    "style": _TEXT,
    "negative": _Key(str, may_be_empty=True),
    "texture": _Key(str, may_be_empty=True),
    "font": _TEXT,
    "character": _TEXT,
    "material": _TEXT,
    "seed": _SEED,
    "ending": _Key(str, words=tuple(str(ending) for ending in Ending)),
    "treatments": _Key(str, words=tuple(str(wish) for wish in Treatments)),
    "shots": _Key(list),
}
_SHOT_KEYS = {
    "prompt": _TEXT,
    "bars": _Key(int, 1, 64),
    "seed": _SEED,
    "motion": _Key(int, *MOTIONS),
    "framing": _Key(str, words=tuple(str(framing) for framing in Framing)),
    "treatment": _Key(str, words=tuple(str(treatment) for treatment in Treatment)),
    "image": _TEXT,
    "clip": _TEXT,
    "from": _SECONDS,
    "to": _SECONDS,
    "crop": _TEXT,
    "next": _Key(int, 0, 99),
}
_KIND_NAMES = {str: "a text in quotes", int: "a whole number", float: "a number", list: "tables headed [[shots]]"}


def load(path: str | Path, find: Callable[[str], Path | None] | None = None) -> Storyboard:
    """Reads a storyboard.

    Args:
        find: where a file is that it names; None if it isn't there. Beside the storyboard, if not given.

    Raises:
        BadInput: the file can't be read, is not TOML, or a key is unknown, of the wrong type or out of range; the
            sentence names the line, the key and what would be right.
    """
    path = Path(path)
    text = _read(path)
    try:
        data = tomllib.loads(text + "\n")  # so that what is wrong at the end has a line too
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{path.name} {_fault(text, error)}") from None
    reader = _Reader(path, TomlLines(text), find)
    values = reader.table(data, _BOARD_KEYS, None)
    if "material" in values:
        reader.material = values["material"]
        values["material"] = reader.folder(values["material"])
    values["shots"] = tuple(reader.shot(shot, index) for index, shot in enumerate(values.get("shots", ())))
    if "character" in values:
        values["character"] = reader.picture(values["character"])
    if "font" in values:
        values["font"] = reader.font(values["font"])
    if "ending" in values:
        values["ending"] = Ending(values["ending"])
    if "treatments" in values:
        values["treatments"] = Treatments(values["treatments"])
    if "texture" in values:
        reader.check_texture(values["texture"])
    return Storyboard(**values)


def _read(path: Path) -> str:
    try:
        if path.is_dir():
            raise BadInput(f"{path} is a folder; name the storyboard's TOML file in it.")
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise BadInput(f"{path} is larger than 1 MB, which no storyboard is; name the TOML file.")
        return _decoded(path)
    except FileNotFoundError:
        raise BadInput(f"There is no storyboard {path}; check its name.") from None
    except OSError as error:
        raise BadInput(f"The storyboard {path} can't be read: {error.strerror}.") from None


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text:
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise BadInput(f"{path} is {_encoding(data)}, not UTF-8; save it as UTF-8, or name the storyboard's TOML file.")


def _encoding(data: bytes) -> str:
    """What a text that isn't UTF-8 seems to be written in, for people."""
    zeros = (data[0::2].count(0), data[1::2].count(0))
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or max(zeros) > len(data) / 4:
        return "UTF-16 text"
    if 0 in data:
        return "no text"
    return "text in Windows-1252 or Latin-1" if any(byte > 127 for byte in data) else "text in an old encoding"


def _fault(text: str, error: Exception) -> str:
    """What is wrong with a file that is no TOML, and how to mend it; common mistakes are told by name."""
    found = re.search(r"at line (\d+)", str(error))
    line = text.split("\n")[int(found[1]) - 1] if found and int(found[1]) <= text.count("\n") + 1 else ""
    place = f"in line {found[1]} " if found else ""
    if "\\" in line and re.search(r'"[^"]*\\', line):
        return (
            f"has a backslash {place}within double quotes, where it starts a code: write a Windows path with / or in"
            " single quotes, as in 'C:\\Pictures\\hero.png'."
        )
    if odd := next((sign for sign in line if sign in _TYPOGRAPHIC_QUOTES), ""):
        return f'has a typographic quote ({odd}) {place}: write straight ones, as in "text".'.replace(" :", ":")
    if odd := next((sign for sign in line if sign in _ODD_SPACES), ""):
        name = unicodedata.name(odd).lower()
        return f"has a {name} {place}, which looks like a space: write an ordinary space there.".replace(" ,", ",")
    return f"is not valid TOML: {error or 'nested too deeply'}; mend that place."


class _Reader:
    """Checks tables against their keys, with the lines for its complaints."""

    def __init__(self, path: Path, lines: TomlLines, find: Callable[[str], Path | None] | None = None) -> None:
        self.path, self.lines = path, lines
        self._find = find or self._beside
        self.material = ""
        """the folder of the shots' own files"""

    def _beside(self, name: str) -> Path | None:
        place = self.path.parent / name
        return place if place.is_file() else None

    def table(self, data: Mapping[str, Any], keys: Mapping[str, _Key], shot: int | None) -> dict[str, Any]:
        for name in data:
            if name not in keys:
                raise self._error(name, shot, f"there is no key {_quoted(name)}{_hint(name, keys)}")
        return {name: self._value(name, value, keys[name], shot) for name, value in data.items()}

    def shot(self, data: object, index: int) -> BoardShot:
        if not isinstance(data, dict):
            raise self._error("shots", None, f'"shots" must be {_KIND_NAMES[list]}')
        values = self.table(data, _SHOT_KEYS, index)
        if "framing" in values:
            values["framing"] = Framing(values["framing"])
        if "treatment" in values:
            values["treatment"] = Treatment(values["treatment"])
        self._read_media(values, index)
        return BoardShot(**values)

    def _read_media(self, values: dict[str, Any], index: int) -> None:
        """The shot's own picture or clip, and what belongs to a clip alone."""
        if "image" in values and "clip" in values:
            raise self._error("clip", index, "a shot shows an image or a clip, not both; leave one out")
        for name in ("from", "to", "crop"):
            if name in values and "clip" not in values:
                raise self._error(name, index, f'"{name}" is of a clip, and this shot has none')
        for name in ("image", "clip"):
            if name in values:
                values[name] = self._media(name, values[name], index)
        if values.get("next") and ("image" in values or "clip" in values):
            raise self._error(
                "next", index, '"next" is of a shot that is cut from the material; leave it or the file out'
            )
        values |= {f"{name}_s": float(values.pop(name)) for name in ("from", "to") if name in values}
        if values.get("to_s", 1e9) <= values.get("from_s", 0.0):
            raise self._error("to", index, '"to" must be later than "from"')

    def _media(self, name: str, text: str, index: int) -> Path:
        found = self._find(f"{self.material.rstrip('/')}/{text}" if self.material else text)
        if found is None:
            where = f"in {self.material}" if self.material else "beside the storyboard"
            raise self._error(name, index, f"there is no file {text} {where}")
        if name == "image" and Path(text).suffix.lower() not in PICTURES:
            raise self._error(name, index, f"{Path(text).name} is not a PNG, JPEG or WebP picture")
        return found

    def folder(self, name: str) -> Path:
        folder = self.path.parent / name
        if not folder.is_dir():
            raise self._error("material", None, f"there is no folder {name}; its place is relative to the storyboard")
        return folder

    def picture(self, name: str) -> Path:
        picture = self._find(name)
        if picture is None:
            raise self._error("character", None, f"there is no picture {name}; its place is relative to the storyboard")
        if Path(name).suffix.lower() not in PICTURES:
            raise self._error("character", None, f"{Path(name).name} is not a PNG, JPEG or WebP picture")
        return picture

    def font(self, name: str) -> Path:
        font = self._find(name)
        if font is None or Path(name).suffix.lower() not in FONTS:
            raise self._error(
                "font",
                None,
                f"there is no .ttf, .otf, .ttc or .otc file {name}; its place is relative to the storyboard",
            )
        return font

    def check_texture(self, words: str) -> None:
        try:
            textures.choose(words, Texture())
        except ValueError as error:
            raise self._error("texture", None, str(error)) from None

    def _value(self, name: str, value: Any, key: _Key, shot: int | None) -> Any:
        kinds = (int, float) if key.kind is float else key.kind
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise self._error(name, shot, f'"{name}" must be {_KIND_NAMES[key.kind]}, not {_quoted(value)}')
        if isinstance(value, int | float) and not key.low <= value <= key.high:
            raise self._error(name, shot, f'"{name}" must be from {key.low} to {key.high}, not {_quoted(value)}')
        if key.words and value not in key.words:
            wanted = f"one of {', '.join(key.words)}"
            raise self._error(
                name, shot, f'"{name}" must be {wanted}, not {_quoted(value)}{_hint(str(value), key.words)}'
            )
        return self._text(name, value, key, shot) if isinstance(value, str) else value

    def _text(self, name: str, value: str, key: _Key, shot: int | None) -> str:
        if name in _PATHS and any(unicodedata.category(sign) == "Cc" for sign in value):
            wrong = f'"{name}" has a backslash that was read as a code'
            raise self._error(name, shot, f"{wrong}; write the path with / or in single quotes")
        text = " ".join(value.split())
        if not text and not key.may_be_empty:
            raise self._error(name, shot, f'"{name}" is empty; write something, or leave the key out')
        if len(text) > LONGEST_TEXT:
            raise self._error(name, shot, f'"{name}" has {len(text)} characters; {LONGEST_TEXT} are the most')
        return text

    def _error(self, name: str, shot: int | None, what: str) -> BadInput:
        line = self.lines.of(name, shot)
        return BadInput(f"{self.path.name}{f', line {line}' if line else ''}: {what}.")


def _hint(wrong: str, right: Mapping[str, Any] | tuple[str, ...]) -> str:
    near = get_close_matches(wrong.lower(), list(right), n=1, cutoff=0.5)
    if near:
        return f'; did you mean "{near[0]}"?'.removesuffix("?")
    return f"; there are {', '.join(right)}" if isinstance(right, Mapping) else ""


def _quoted(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    text = text if len(text) <= 40 else text[:39] + "…"
    return f'"{text}"' if isinstance(value, str) else text
