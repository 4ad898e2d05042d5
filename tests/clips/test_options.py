"""What a request says of declared options."""

from dataclasses import replace

import pytest

from bridge.clips import options
from bridge.common.errors import BadInput
from tests.clips.animatic.animatic_world import request

DECLARED = (
    options.whole("steps", "denoising steps", 1, 100, 25, draft="12"),
    options.number("guidance", "how closely", 0.0, 10.0, automatic="the model's own"),
    options.yes_no("compile", "compiled", "yes"),
    options.GUIDANCE_INTERVAL,
    options.text("lora", "files"),
    *options.KEYFRAMES,
)


def read(**given):
    return options.of(replace(request(), options=tuple(given.items())), DECLARED)


def test_defaults_stand_in():
    found = read()
    assert (found.whole("steps"), found.yes("compile"), found.text("lora")) == (25, True, "")
    assert not found.has("guidance")
    assert found.number("guidance", automatic=6.0) == 6.0
    assert found.interval("guidance_interval") is None


def test_what_is_asked_for_wins_over_the_quality_and_that_over_the_default():
    assert read(quality="draft").whole("steps") == 12
    assert read(quality="draft").interval("guidance_interval") == (0.28, 5.42)
    assert read(quality="draft", steps="7").whole("steps") == 7
    assert read(quality="best").whole("reroll") == 8
    assert read(quality="good").whole("reroll") == 4


def test_equal_wishes_have_equal_texts():
    assert read(quality="draft").texts == read(steps="12", guidance_interval="0.28-5.42").texts


@pytest.mark.parametrize("text", ["5", "5-1", "low-high", "-1-2", ""])
def test_what_is_no_interval_is_refused(text):
    with pytest.raises(BadInput, match="guidance_interval takes two numbers"):
        read(guidance_interval=text)


def test_zero_is_a_value():
    assert read(guidance="0").number("guidance", automatic=6.0) == 0.0
