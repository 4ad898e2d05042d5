"""The two tables, what they declare, and what is refused by them."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from bridge.clips import registry
from bridge.clips.registry import AnimatorEntry
from bridge.common.errors import BadInput
from tests.clips.animatic.animatic_world import request


def test_the_animatic_is_ready():
    painter, animator = registry.named("animatic")
    assert registry.missing(registry.painter(painter), registry.animator(animator)) == ""
    assert not registry.needs_gpu(painter, animator)
    assert registry.load(request())


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ("animatik", "Did you mean 'animatic'"),
        ("sdxl-svd", "Did you mean 'sdxl+svd'"),
        ("sdxl+sdv", "no animator 'sdv'. Did you mean 'svd'"),
        ("sdx+svd", "no painter 'sdx'. Did you mean 'sdxl'"),
        ("", "no engine ''. It is a painter and an animator"),
    ],
)
def test_unknown_engines_name_the_nearest(engine, message):
    with pytest.raises(BadInput, match=re.escape(message)):
        registry.named(engine)


def test_a_missing_package_is_named_with_both_extras(monkeypatch):
    dream = AnimatorEntry("dream", object, "dreams", packages=("no_such_package",), extra="runway")
    monkeypatch.setitem(registry.ANIMATORS, "dream", dream)
    part = next(part for part in registry.state().animators if part.name == "dream")
    assert not part.available
    assert part.missing == "no_such_package (pip install 'beatboard[runway]')"
    with pytest.raises(BadInput, match=re.escape("The engine cover+dream cannot run here: it needs no_such_package")):
        registry.load(replace(request(), animator="dream"))
    painter = registry.PainterEntry("sand", object, "sand", packages=("no_sand",), extra="gpu")
    assert registry.missing(painter, dream) == "no_sand, no_such_package (pip install 'beatboard[gpu,runway]')"


@pytest.mark.parametrize(
    ("engine", "option", "message"),
    [
        ("sdxl+svd", ("stpes", "12"), "The engine sdxl+svd has no option 'stpes'. Did you mean 'steps'?"),
        (
            "cover+camera",
            ("steps", "12"),
            "has no option 'steps'. `beatboard engines cover+camera` lists those it has.",
        ),
        ("cover+svd", ("into_next", "yes"), "has no option 'into_next'"),
        ("sdxl+svd", ("steps", "0"), "The option steps takes a whole number from 1 to 100, not '0'."),
        ("sdxl+svd", ("steps", "1.5"), "a whole number from 1 to 100"),
        ("sdxl+svd", ("noise", "nan"), "The option noise takes a number from 0 to 1, not 'nan'."),
        ("sdxl+svd", ("compile", "maybe"), "yes or no"),
        ("sdxl+svd", ("watermark", "burn"), "one of keep, inpaint, crop"),
        ("sdxl+svd", ("guidance_interval", "5-1"), "two numbers, the lower first, such as 0.28-5.42, not '5-1'"),
        ("sdxl+svd", ("quality", "great"), "one of draft, good, best"),
    ],
)
def test_options_are_refused_with_the_nearest_name_or_what_is_right(engine, option, message):
    with pytest.raises(BadInput, match=re.escape(message)):
        registry.check_options(*registry.named(engine), [option])


def test_every_default_and_preset_is_one_that_the_option_takes():
    for row in (*registry.PAINTERS.values(), *registry.ANIMATORS.values()):
        for option in row.options:
            assert option.default or option.automatic, f"{row.name}: {option.name} says what stands in"
            for text in filter(None, (option.default, option.draft, option.best)):
                option.read(text)


def test_painters_and_animators_that_share_an_option_mean_the_same():
    for painter in registry.PAINTERS.values():
        for animator in registry.ANIMATORS.values():
            by_name = {option.name: option for option in painter.options}
            shared = [option for option in animator.options if option.name in by_name]
            assert all(by_name[option.name] == option for option in shared), f"{painter.name}+{animator.name}"


def test_the_tables_load_no_engine():
    heavy = ["torch", "diffusers", "transformers", "runwayml", "cv2"]
    code = f"import sys; from bridge.clips import registry; registry.state(); print(set({heavy}) & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
