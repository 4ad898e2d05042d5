# SPDX-License-Identifier: GPL-3.0-or-later
"""How a bridge shows who it is before it is told the token. Pure: standard library only; both sides import it.

A bridge that was killed leaves its connection file behind, and another program may have its port by now. So each launch
writes a secret into that file, and whoever answers must show that it knows it, for a challenge made for this one time.
"""

import hashlib
import hmac
from dataclasses import dataclass

PATH = "/proof"


@dataclass(frozen=True, slots=True)
class Proof:
    """The answer to a challenge."""

    proof: str


def proof_of(nonce: str, challenge: str) -> str:
    """What only who knows the launch's secret can answer."""
    return hmac.new(nonce.encode(), challenge.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
