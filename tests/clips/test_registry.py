import re

import pytest

from bridge.clips import registry
from bridge.clips.registry import Entry
from bridge.common.errors import BadInput


def test_animatic_is_ready():
    status = {engine.name: engine for engine in registry.engines()}["animatic"]
    assert status.available
    assert status.missing == ""


def test_unknown_engine_names_the_nearest():
    with pytest.raises(BadInput, match=re.escape("'animatic'")):
        registry.load("animatik")


def test_missing_package_is_named(monkeypatch):
    entry = Entry("dream", "a:B", "c:D", "dreams", packages=("no_such_package",), extra="gpu")
    monkeypatch.setattr(registry, "TABLE", (*registry.TABLE, entry))
    status = {engine.name: engine for engine in registry.engines()}["dream"]
    assert not status.available
    assert "no_such_package" in status.missing
    with pytest.raises(BadInput, match=re.escape("beatboard[gpu]")):
        registry.load("dream")
