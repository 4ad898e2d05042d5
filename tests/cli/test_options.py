# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands share."""

import json
import math

from bridge.cli import options


def test_json_has_no_number_that_isnt_finite(tmp_path):
    found = {"value": [math.nan, 1.5, math.inf], "name": "é"}
    options.write_json(found, tmp_path / "found.json")
    wanted = {"value": [None, 1.5, None], "name": "é"}
    assert json.loads((tmp_path / "found.json").read_text(), parse_constant=_refuse) == wanted


def _refuse(name):
    raise ValueError(f"{name} is no JSON")
