"""Segments' names are made from whatever a strip has, without running in circles."""

from types import SimpleNamespace

from blender_addon.scene import segments


def thing(name: str, **members):
    """As Blender describes itself: every member with its kind."""
    kinds = {list: "COLLECTION", int: "INT"}
    properties = [SimpleNamespace(identifier=key, type=kinds[type(value)]) for key, value in members.items()]
    return SimpleNamespace(name=name, bl_rna=SimpleNamespace(identifier="Strip", properties=properties), **members)


def test_strips_that_point_at_each_other_are_described():
    """As a movie that was dropped in with its sound: each is connected to the other."""
    movie, sound = thing("movie", channel=2, connections=[], parts=[]), thing("sound", channel=1, parts=[])
    movie.connections.append(sound)
    movie.parts.append(sound)
    sound.parts.append(movie)
    described = segments._describe(movie, 0)
    assert described == {
        "type": "Strip",
        "channel": 2,
        "parts": [{"type": "Strip", "channel": 1, "parts": ["movie"]}],
    }
