# SPDX-License-Identifier: GPL-3.0-or-later
"""Words in: LRC with or without the words' times, SubRip, SubStation, WebVTT, plain text. Words out: LRC and SubRip.

Plain text is spread over the phrases of the voice-like channel: a first guess, to be moved by hand.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from blender_addon.core.lyrics import SungLine, SungWord
from bridge.common import files
from bridge.common.errors import BadInput

LARGEST_FILE_BYTES = 1_000_000
LONGEST_LINE_S = 8.0
"""a line of a file that says no ends goes away after this, if none follows sooner"""
SUBTITLES = (".srt", ".ass", ".ssa", ".vtt")
WRITTEN = (".lrc", ".srt")
_TIME = r"(\d{1,3}):(\d{1,2}(?:[.:]\d{1,3})?)"
_LINE_TIMES = re.compile(rf"^((?:\[{_TIME}\]\s*)+)(.*)$")
_STAMP = re.compile(rf"\[{_TIME}\]")
_WORD_STAMP = re.compile(rf"<{_TIME}>")
_TAG = re.compile(r"^\[([a-zA-Z#]+):(.*)\]\s*$")
_KARAOKE = re.compile(r"\{[^}]*?\\[kK][fo]?(\d+)[^}]*\}([^{]*)")
_SMOOTHING_S = 0.4
_PAUSE_S = 0.5
"""of the voice: a shorter one doesn't part phrases"""
_NEAR = 0.45
"""of the shortest line: so near to a phrase's edge, a line starts or ends with the phrase"""
_SOUNDING = 0.35
"""of the voice's own strong level"""

Voice = Callable[[], tuple[npt.NDArray[np.floating], int]]
"""gives the voice-like channel and its rate; asked for only where a file has no times"""


def load(path: Path, voice: Voice) -> tuple[SungLine, ...]:
    """The words of a file in time, in order.

    Raises:
        BadInput: it can't be read, or holds no words.
    """
    text = _read(path)
    if path.suffix.lower() in SUBTITLES:
        lines = _from_subtitles(text, path)
    elif any(_LINE_TIMES.match(line) for line in text.splitlines()):
        lines = _from_lrc(text)
    else:
        lines = spread([cleaned for line in text.splitlines() if (cleaned := _clean(line))], *voice())
    if not lines:
        raise BadInput(f"{path.name} holds no words; give an LRC, SRT or ASS file, or plain text, a line each.")
    return tuple(sorted(lines, key=lambda line: line.start_s))


def write(lines: Sequence[SungLine], path: Path) -> None:
    """Writes .lrc (with the words' times where they are known) or .srt.

    Raises:
        BadInput: the name ends otherwise, or the file can't be written.
    """
    kind = path.suffix.lower()
    if kind not in WRITTEN:
        raise BadInput(f"{path.name} is no file for words; let it end in .lrc or .srt.")
    files.check_writable(path)
    files.write_text(path, _as_lrc(lines) if kind == ".lrc" else _as_srt(lines))


def spread(texts: Sequence[str], voice: npt.NDArray[np.floating], rate_hz: int) -> list[SungLine]:
    """Lines over the phrases of a voice, each as long as it has letters; edges near a phrase's are the phrase's."""
    phrases = _phrases(voice, rate_hz)
    if not texts or not phrases:
        return []
    sung_s = np.concatenate([[0.0], np.cumsum([end - start for start, end in phrases])])
    letters = np.array([max(1, sum(sign.isalnum() for sign in text)) for text in texts], float)
    edges = np.concatenate([[0.0], np.cumsum(letters)]) * sung_s[-1] / letters.sum()
    reach_s = _NEAR * np.diff(edges).min(initial=sung_s[-1])
    nearest = sung_s[np.abs(sung_s[:, None] - edges).argmin(axis=0)]
    edges = np.where(np.abs(nearest - edges) < reach_s, nearest, edges)
    return [
        SungLine(text, _at(phrases, sung_s, first_s, after=True), _at(phrases, sung_s, last_s, after=False))
        for text, first_s, last_s in zip(texts, edges[:-1], edges[1:], strict=True)
    ]


def _at(phrases: Sequence[tuple[float, float]], sung_s: npt.NDArray[np.floating], at_s: float, *, after: bool) -> float:
    """When so many seconds of voice have been heard; between two phrases, after the pause or before it."""
    number = int(np.searchsorted(sung_s, at_s + (1e-6 if after else -1e-6), side="right")) - 1
    number = min(max(number, 0), len(phrases) - 1)
    return round(phrases[number][0] + at_s - float(sung_s[number]), 3)


def _phrases(voice: npt.NDArray[np.floating], rate_hz: int) -> list[tuple[float, float]]:
    """Where the voice sounds, in seconds."""
    level = scipy.ndimage.uniform_filter1d(np.asarray(voice, float), max(1, round(_SMOOTHING_S * rate_hz)))
    sounding = level > _SOUNDING * np.percentile(level, 90) if len(level) else np.zeros(0, bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], sounding.astype(int), [0]])))
    spans = [(start / rate_hz, end / rate_hz) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    joined: list[tuple[float, float]] = []
    for start_s, end_s in spans:
        if joined and start_s - joined[-1][1] < _PAUSE_S:
            joined[-1] = (joined[-1][0], end_s)
        else:
            joined.append((start_s, end_s))
    return [(start_s, end_s) for start_s, end_s in joined if end_s - start_s > _PAUSE_S] or joined


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise BadInput(f"{path.name} is larger than 1 MB, which no song's words are; name the file with the words.")
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"There is no file {path}; check its name.") from None
    except OSError as error:
        raise BadInput(f"The words in {path} can't be read: {error.strerror}.") from None
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise BadInput(f"{path.name} is not text in UTF-8; save it as UTF-8.")
    return text


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _from_subtitles(text: str, path: Path) -> list[SungLine]:
    import pysubs2
    from pysubs2.exceptions import Pysubs2Error

    try:
        read = pysubs2.SSAFile.from_string(text, format_=path.suffix[1:].lower())
    except (Pysubs2Error, ValueError) as error:
        raise BadInput(f"{path.name} can't be read as subtitles: {error}.") from None
    found: list[SungLine] = []
    for event in read:
        shown = _clean(event.plaintext)
        if shown and not event.is_comment and event.end > event.start:
            found.append(
                SungLine(shown, event.start / 1000, event.end / 1000, _karaoke(event.text, event.start / 1000))
            )
    return found


def _karaoke(text: str, start_s: float) -> tuple[SungWord, ...]:
    r"""The words of SubStation's karaoke: `{\k20}` says a syllable's length in hundredths of a second."""
    words: list[SungWord] = []
    fresh = True
    for length, syllable in _KARAOKE.findall(text):
        end_s, plain = start_s + int(length) / 100, _clean(syllable)
        if plain and words and not fresh and not syllable[:1].isspace():
            words[-1] = SungWord(words[-1].text + plain, words[-1].start_s, end_s)
        elif plain:
            words.append(SungWord(plain, start_s, end_s))
        fresh, start_s = syllable[-1:].isspace(), end_s
    return tuple(words)


def _from_lrc(text: str) -> list[SungLine]:
    """https://en.wikipedia.org/wiki/LRC_(file_format): several times before one line, and `[offset:ms]`."""
    offset_s, stamped = 0.0, list[tuple[float, str]]()
    for line in text.splitlines():
        if tag := _TAG.match(line.strip()):
            if tag[1].lower() == "offset":
                offset_s = _number(tag[2]) / 1000
        elif found := _LINE_TIMES.match(line.strip()):
            stamped += [(_seconds(*stamp), found[4]) for stamp in _STAMP.findall(found[1])]
    stamped.sort(key=lambda one: one[0])
    nexts = [start_s for start_s, _ in stamped[1:]]
    lines: list[SungLine] = []
    for i, (start_s, written) in enumerate(stamped):
        plain = _clean(_WORD_STAMP.sub(" ", written))
        if plain:
            end_s = min([start_s + LONGEST_LINE_S, *nexts[i : i + 1]])
            words = _words(written, start_s, end_s)
            end_s = min(end_s, words[-1].end_s + 1) if words else end_s
            lines.append(_earlier(SungLine(plain, start_s, end_s, words), offset_s))
    return lines


def _words(written: str, start_s: float, end_s: float) -> tuple[SungWord, ...]:
    """The words of an enhanced line: each ends where the next time stands."""
    stamps = list(_WORD_STAMP.finditer(written))
    if not stamps:
        return ()
    parts = [(start_s, written[: stamps[0].start()])]
    ends = [*(stamp.start() for stamp in stamps[1:]), len(written)]
    parts += [(_seconds(*stamp.groups()), written[stamp.end() : end]) for stamp, end in zip(stamps, ends, strict=True)]
    parts.append((max(end_s, parts[-1][0]), ""))
    return tuple(
        SungWord(_clean(word), begin_s, max(begin_s, stop_s))
        for (begin_s, word), (stop_s, _) in pairwise(parts)
        if _clean(word)
    )


def _earlier(line: SungLine, by_s: float) -> SungLine:
    words = tuple(SungWord(word.text, word.start_s - by_s, word.end_s - by_s) for word in line.words)
    return SungLine(line.text, line.start_s - by_s, line.end_s - by_s, words)


def _seconds(minutes: str, seconds: str) -> float:
    return int(minutes) * 60 + float(seconds.replace(":", "."))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _as_lrc(lines: Sequence[SungLine]) -> str:
    rows: list[str] = []
    for line, after in zip(lines, [*lines[1:], None], strict=True):
        words = " ".join(f"<{_stamp(word.start_s)}> {word.text}" for word in line.words)
        end = f" <{_stamp(line.words[-1].end_s)}>" if words else ""
        rows.append(f"[{_stamp(line.start_s)}]{words + end if words else line.text}")
        if after is None or after.start_s - line.end_s > 0.05:
            rows.append(f"[{_stamp(line.end_s)}]")
    return "\n".join(rows) + "\n"


def _stamp(time_s: float) -> str:
    hundredths = round(max(0.0, time_s) * 100)
    return f"{hundredths // 6000:02d}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"


def _as_srt(lines: Sequence[SungLine]) -> str:
    import pysubs2

    written = pysubs2.SSAFile()
    written.events = [
        pysubs2.SSAEvent(round(line.start_s * 1000), round(line.end_s * 1000), line.text.replace("\n", r"\N"))
        for line in lines
    ]
    return written.to_string("srt")
