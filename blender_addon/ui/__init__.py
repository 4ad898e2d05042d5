# SPDX-License-Identifier: GPL-3.0-or-later
"""What the editor sees: properties, preferences, operators, panels, menus. The work is in functions that scripts call.

No thread touches bpy: `tasks` runs what waits, and hands results to the main thread. The timeline is the truth:
`shots` reads it, and everything shown is made from what it read.
"""


def register() -> None:
    """Switches the extension on."""
    import bpy

    from ..session import preferences, state
    from . import handlers, lists, menus, operators, panels, preview, properties, timer

    state.begin(synchronous=bpy.app.background)
    for module in (properties, preferences, operators, lists, panels, preview, menus, handlers, timer):
        module.register()


def unregister() -> None:
    """Switches it off, and ends what it started."""
    from ..session import connection, engine_options, preferences, state
    from . import handlers, lists, menus, operators, panels, preview, properties, timer

    engine_options.forget()
    for module in (timer, handlers, menus, preview, panels, lists, operators, preferences, properties):
        module.unregister()
    connection.close()
    state.end()
