# SPDX-License-Identifier: GPL-3.0-or-later
"""Throws generated requests, fitting and not fitting the API page, at the bridge; none may end in a 5xx.

python scripts/stress/fuzz_api.py [--quick] [--cases 5000]
"""

import hashlib
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from schemathesis import GenerationMode

from bridge.server.request_guard import Guard
from bridge.server.routes import Changes, build
from bridge.server.service import Bridge, Options
from scripts.measuring import figure, parser

warnings.filterwarnings("ignore", message="Using `httpx`")

TOKEN = "the-token"
URL = "http://127.0.0.1:4242"
COVER = b"a cover"
COVER_SHA256 = hashlib.sha256(COVER).hexdigest()


def fuzz(home: Path, cases: int) -> Counter[int]:
    """How often each status came back, over about this many requests, evenly over all routes and kinds.

    Raises:
        AssertionError: a 5xx; Hypothesis prints the smallest request that gives one.
    """
    from starlette.testclient import TestClient

    changes = Changes()
    bridge = Bridge(Options(home, home / "store", make_clip="none:none"), changes.announce)
    bridge.pause(True)
    bridge.store.put_bytes(COVER)
    app = Guard(build(bridge, changes, lambda: None), token=TOKEN, hosts={"127.0.0.1:4242"})
    statuses: Counter[int] = Counter()
    with (
        TestClient(app, base_url=URL, headers={"Authorization": f"Bearer {TOKEN}"}) as client,
        mock.patch.object(Changes, "wait_until", mock.AsyncMock()),
    ):
        page = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
        operations = [result.ok() for result in page.get_all_operations()]
        each = max(1, cases // (2 * len(operations)))
        for operation in operations:
            for mode in GenerationMode:
                _fuzz_operation(client, operation, mode, each, statuses)
    return statuses


def _fuzz_operation(client, operation, mode, count: int, statuses: Counter[int]) -> None:
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        verbosity=Verbosity.quiet,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(operation.as_strategy(generation_mode=mode))
    def send(case) -> None:
        if mode is GenerationMode.POSITIVE:
            _name_known_files(case.body)
        answer = client.request(**_request(case))
        statuses[answer.status_code] += 1
        assert answer.status_code < 500, f"{case.method} {case.formatted_path}: {answer.text}"
        assert answer.status_code not in (401, 403), "it was not let in"

    send()


def _name_known_files(body: object) -> None:
    """Makes requests name a file that is there, so that some come further than the check of that."""
    if isinstance(body, list):
        for item in body:
            _name_known_files(item)
    elif isinstance(body, dict):
        for name, value in body.items():
            if name in ("cover_sha256", "character_sha256"):
                body[name] = COVER_SHA256
            elif name == "fps":
                body[name] = "30000/1001"
            _name_known_files(value)


def _request(case) -> dict:
    arguments = case.as_transport_kwargs(base_url=URL)
    names = ("method", "url", "headers", "params", "json", "data", "cookies")
    request = {name: arguments[name] for name in names if arguments.get(name) is not None}
    if isinstance(request.get("data"), bytes | str):
        request["content"] = request.pop("data")
    headers = {name: value for name, value in request.get("headers", {}).items() if name.lower() != "authorization"}
    return request | {"headers": headers}


def main() -> None:
    """Prints how many requests were answered how."""
    command = parser(__doc__)
    command.add_argument("--cases", type=int, default=5000)
    options = command.parse_args()
    with tempfile.TemporaryDirectory() as home:
        statuses = fuzz(Path(home), 100 if options.quick else options.cases)
    for status, count in sorted(statuses.items()):
        print(f"{count:6} x {status}")
    figure("api_fuzz_cases", sum(statuses.values()), "cases")
    figure("api_fuzz_5xx", sum(n for status, n in statuses.items() if status >= 500), "cases")


if __name__ == "__main__":
    main()
