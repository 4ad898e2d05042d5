import sys
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def scene():
    """An empty file's scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture
def song(tmp_path):
    from edit_world import make_song

    make_song(tmp_path / "song.wav")
    return tmp_path / "song.wav"
