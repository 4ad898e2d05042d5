# SPDX-License-Identifier: GPL-3.0-or-later
"""What `bridge.cover` offers, each name loaded when it is first asked for."""

from types import ModuleType

from bridge import cover


def test_every_name_that_is_offered_can_be_had_and_is_no_file_of_the_room():
    for _ in range(2):  # a file of the room that is loaded by then would hide a function of its name
        found = {name: getattr(cover, name) for name in cover.__all__}
        assert not [name for name, value in found.items() if isinstance(value, ModuleType)]
