# SPDX-License-Identifier: GPL-3.0-or-later
"""Leave to go online. Blender's user gives or withholds it; a bridge that the add-on starts is told by its environment.

This computer itself (loopback) may be asked always.
"""

import ipaddress
import urllib.parse
from collections.abc import Mapping

OFFLINE = "HF_HUB_OFFLINE"
"""the environment variable by which model hubs stay off the network, and everything else of ours too"""
SWITCH = "Preferences > System > Network > Allow Online Access"
"""where Blender's user gives leave"""
REFUSAL = f"This bridge may not go online: in Blender switch on {SWITCH}; elsewhere unset {OFFLINE}"


def is_offline(environment: Mapping[str, str]) -> bool:
    """Whether the network is not to be asked; spelt as Hugging Face's library reads it."""
    return environment.get(OFFLINE, "").upper() in ("1", "ON", "YES", "TRUE")


def is_loopback(url: str) -> bool:
    """Whether an address is this computer's own."""
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
