# SPDX-License-Identifier: GPL-3.0-or-later
"""Analyses kept by the song's sha256, the tracker, and the version of the code that heard it."""

from pathlib import Path

from blender_addon.core import codec, mp4, regrid
from blender_addon.core.code_version import code_version
from blender_addon.core.types import SongAnalysis
from bridge.common import paths
from bridge.common.errors import BadInput
from bridge.common.files import write_text

SOURCES = (Path(__file__).parent, Path(mp4.__file__), Path(regrid.__file__))
"""the code that shapes an analysis"""


def folder() -> Path:
    """Where the analyses are."""
    return paths.cache_folder() / "analyses"


def load(song_sha256: str, tracker: str) -> SongAnalysis | None:
    """What was kept; None if there is nothing, or nothing readable."""
    try:
        return codec.loads(SongAnalysis, _entry(song_sha256, tracker).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, codec.DecodeError):
        return None  # a missing or damaged entry is computed again


def save(analysis: SongAnalysis) -> None:
    """Keeps an analysis. A cache that cannot be written is no reason to fail: the analysis is there all the same."""
    try:
        entry = _entry(analysis.song_sha256, analysis.tracker)
        entry.parent.mkdir(parents=True, exist_ok=True)
        write_text(entry, codec.dumps(analysis))
    except (OSError, BadInput):
        return


def _entry(song_sha256: str, tracker: str) -> Path:
    return folder() / f"{song_sha256}-{tracker}-{code_version(*SOURCES)}.json"
