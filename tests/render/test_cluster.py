"""Needs the extra `cluster`; starts a small Ray cluster of its own on this machine."""

import os
import signal

import numpy as np
import psutil
import pytest

from bridge.common.errors import RenderFailed
from bridge.render import cluster as remote
from bridge.render import render
from tests.addon_scene import edit_world as world
from tests.ray_cluster import running
from tests.waiting import PATIENCE_S

ray = pytest.importorskip("ray", reason="needs the cluster extra: scripts/test.sh has it")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    with running() as address:
        yield address


@pytest.fixture
def material(song, tmp_path):
    return {
        "plan": world.plan(),
        "analysis": world.analysis(),
        "look": world.look(),
        "clips": world.make_clips(tmp_path / "clips"),
        "song_path": song,
        "out_path": tmp_path / "out" / "video.mp4",
        "work_dir": tmp_path / "work",
        "workers": 2,
    }


def actors():
    """The cluster's Blender processes, by what they were started with."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any("beatboard-render-" in part for part in process.info["cmdline"] or ()):
            found.append(process)
    return found


def differences(video, pictures):
    """The largest difference of each frame that isn't the same, by its number."""
    pairs = zip(world.pictures(video), pictures, strict=True)
    levels = [int(np.abs(one.astype(int) - other).max()) for one, other in pairs]
    return {index: level for index, level in enumerate(levels) if level}


def test_a_cluster_renders_the_same_and_a_killed_blender_is_replaced(cluster, material, tmp_path):
    killed = []

    def report(progress, stage):
        if stage.startswith("frame ") and not killed:
            for process in actors():
                os.kill(process.pid, signal.SIGKILL)
                killed.append(process.pid)

    assert render(**material, on_progress=report, cluster=cluster).segments_rendered == 3
    assert killed
    there = world.pictures(material["out_path"])
    render(**{**material, "workers": 1, "work_dir": tmp_path / "here"}, by_blender=True)  # nodes have no table
    assert differences(material["out_path"], there) == {}
    _, alive = psutil.wait_procs(actors(), timeout=PATIENCE_S)
    assert not alive


def test_a_node_with_another_blender_is_refused(cluster, material, monkeypatch):
    monkeypatch.setattr(
        remote.ClusterFarm,
        "carry",
        lambda self, blend, about, carry=remote.ClusterFarm.carry: carry(
            self, blend, {**about, "version": ["4.2", "x"]}
        ),
    )
    with pytest.raises(RenderFailed, match="Use the same one everywhere"):
        render(**material, cluster=cluster)
    assert not material["out_path"].exists()
