# SPDX-License-Identifier: GPL-3.0-or-later
"""An album: a video for each song of a folder, all with one cover and one look, and a page of all reports."""

import html
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.check.report import Verdict
from bridge.common import files, user_files
from bridge.common.errors import BadInput, BeatboardError, Cancelled
from bridge.common.progress import Display
from bridge.make import MakeOptions, MakeResult, make

SONGS = (".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff")


@dataclass(frozen=True)
class Album:
    """What was made."""

    results: tuple[MakeResult, ...]
    failed: tuple[tuple[Path, str], ...]
    """songs that no video could be made of, each with the reason"""
    page: Path


def songs_in(folder: Path) -> list[Path]:
    """The folder's songs in order of their names; "2" comes before "10".

    Raises:
        BadInput: there are none.
    """
    found = [path for path in folder.iterdir() if path.suffix.lower() in SONGS and not path.name.startswith(".")]
    if not found:
        raise BadInput(f"There are no songs in {folder}: it has no file that ends in {', '.join(SONGS)}.")
    return sorted(found, key=lambda path: [int(part) if part.isdecimal() else part for part in _parts(path)])


def _parts(path: Path) -> list[str]:
    return re.split(r"(\d+)", path.name.casefold())  # words and numbers in turn, words first


def outputs(songs: list[Path], folder: Path) -> dict[Path, Path]:
    """Each song's video, by its name; songs of one name get their kind added."""
    names = Counter(song.stem.casefold() for song in songs)

    def name(song: Path) -> str:
        return song.stem if names[song.stem.casefold()] == 1 else f"{song.stem}-{song.suffix[1:].lower()}"

    return {song: folder / f"{name(song)}.mp4" for song in songs}


def make_album(
    options: MakeOptions,
    display: Display,
    starts: Callable[[Path], None],
    make_one: Callable[[MakeOptions, Display], list[MakeResult]] = make,
) -> Album:
    """Makes every song's video; what can't be made is named, and the rest goes on.

    What was made before is reused, so that the same command goes on after a stop.

    Args:
        options: their `song` is the folder, and the videos go beside their `output`.
        starts: told of each song as its turn comes.

    Raises:
        BadInput: the folder has no songs, or words were given for all of them.
        Cancelled: the user stopped it; what is finished is kept.
    """
    if options.lyrics:
        raise BadInput("An album's songs have words of their own; leave --lyrics out, or make one song at a time.")
    results: list[MakeResult] = []
    failed: list[tuple[Path, str]] = []
    for song, output in outputs(songs_in(options.song), options.output.parent).items():
        starts(song)
        try:
            results += make_one(replace(options, song=song, output=output), display)
        except Cancelled:
            raise
        except BeatboardError as error:
            failed.append((song, str(error)))
    page = user_files.free_name(options.output.parent / "album.html")
    files.check_writable(page)
    files.write_text(page, _page(results, failed, page.parent))
    user_files.remember(page)
    return Album(tuple(results), tuple(failed), page)


def _page(results: list[MakeResult], failed: list[tuple[Path, str]], folder: Path) -> str:
    rows = [*(_row(result, folder) for result in results), *(_failed_row(*one) for one in failed)]
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Album</title>\n'
        "<style>body{font:16px system-ui,sans-serif;margin:2rem auto;max-width:60rem;color-scheme:light dark}"
        "td,th{padding:.4rem .8rem;text-align:left;vertical-align:top}</style>\n<h1>Album</h1>\n"
        "<table><tr><th>Video<th>Report<th>Check</tr>\n" + "\n".join(rows) + "\n</table></html>\n"
    )


def _row(result: MakeResult, folder: Path) -> str:
    failures = [measure.name for measure in result.check.measures if measure.verdict is Verdict.FAIL]
    verdict = f"fails: {', '.join(failures)}" if failures else "all measures hold"
    links = (_link(path, text, folder) for path, text in ((result.video, result.video.name), (result.page, "report")))
    return f"<tr><td>{'<td>'.join(links)}<td>{html.escape(verdict)}</tr>"


def _failed_row(song: Path, reason: str) -> str:
    return f"<tr><td>{html.escape(song.name)}<td><td>not made: {html.escape(reason)}</tr>"


def _link(path: Path, text: str, folder: Path) -> str:
    from urllib.parse import quote

    return f'<a href="{quote(Path(os.path.relpath(path, folder)).as_posix())}">{html.escape(text)}</a>'
