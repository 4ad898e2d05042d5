from pathlib import Path

import pytest


def saved(tmp_path_factory, name: str) -> Path:
    """A tiny model's folder, by the name of its builder in `tiny_models`."""
    from tests.clips.diffusion import tiny_models

    return getattr(tiny_models, f"save_{name}")(tmp_path_factory.mktemp("models") / name)


@pytest.fixture(scope="session")
def svd(tmp_path_factory):
    return saved(tmp_path_factory, "svd")


@pytest.fixture(scope="session")
def sdxl(tmp_path_factory):
    return saved(tmp_path_factory, "sdxl")


@pytest.fixture
def store(tmp_path):
    from bridge.common.store import Store

    store = Store(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def work(tmp_path):
    from tests.clips.diffusion.diffusion_world import FakeWork

    return FakeWork(tmp_path, {})


@pytest.fixture
def still():
    import numpy as np

    from bridge.clips.base import Still

    return Still(np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8))
