# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands share."""

import json
import math
from pathlib import Path

from bridge.cli import options
from bridge.cli.main import parser


def test_json_has_no_number_that_isnt_finite(tmp_path):
    found = {"value": [math.nan, 1.5, math.inf], "name": "é"}
    options.write_json(found, tmp_path / "found.json")
    wanted = {"value": [None, 1.5, None], "name": "é"}
    assert json.loads((tmp_path / "found.json").read_text(), parse_constant=_refuse) == wanted


def test_a_platform_brings_its_shape_and_length_and_the_format_comes_first():
    given = ["make", "s.wav", "c.png", "--for", "spotify-canvas"]
    canvas = options.make_options(parser().parse_args(given), Path("v.mp4"))
    assert (canvas.formats[0].width_px, canvas.formats[0].height_px, canvas.length_s) == (576, 1024, 8.0)
    chosen = options.make_options(parser().parse_args([*given, "--format", "1:1", "--length", "5"]), Path("v.mp4"))
    assert (chosen.formats[0].name, chosen.length_s) == ("1:1", 5.0)
    plain = options.make_options(parser().parse_args(given[:3]), Path("v.mp4"))
    assert (plain.formats[0].name, plain.platform) == ("16:9", None)


def _refuse(name):
    raise ValueError(f"{name} is no JSON")
