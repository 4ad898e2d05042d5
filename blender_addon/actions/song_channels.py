# SPDX-License-Identifier: GPL-3.0-or-later
"""The song's kick, bass, bars and the like as curves in the scene, and properties that follow them."""

from typing import Any

from ..client.client import Client
from ..core.song_channels import Shape
from ..scene import song_channels, timeline
from ..scene.song_channels import Target
from ..session import connection, files, state, tasks
from ..session.tasks import Problem, Task
from . import shots

RATE = "rate_hz"


def bake(scene: Any) -> None:
    """Has the bridge listen for the song's channels; then they are curves along the song's strip.

    Raises:
        Problem: nothing was analysed or planned, or no bridge is set up; without a window, whatever went wrong.
    """
    analysis, strip = shots.analysis_of(scene), timeline.song_strip(scene)
    if analysis is None or strip is None:
        raise Problem("Analyze the song and plan the shots first: the channels lie along the song's strip.")
    song = timeline.absolute(strip.sound.filepath)
    opened, folder, uid = connection.opener(), files.project_folder(), scene.session_uid

    def work(task: Task) -> tuple[Client, dict[str, Any]]:
        if not song.is_file():
            raise Problem(f"The song {song} is not there: put it back.")
        import numpy as np

        client, path = opened(task), folder / "channels.npz"
        client.write_channels(song, analysis, path, task.tell)
        with np.load(path) as arrays:
            return client, dict(arrays)

    tasks.start("channels", "Listening for drums, bass and voice", work, lambda result: _baked(uid, *result))


def _baked(uid: int, client: Client, arrays: dict[str, Any]) -> None:
    connection.follow(client)
    scene = state.find_scene(uid)
    if scene is None:
        return
    rate_hz = int(arrays.pop(RATE))
    try:
        song_channels.bake(scene, arrays, rate_hz)
    except LookupError as error:
        raise Problem(f"{error} Undo, or plan the shots again.") from None
    shots.after_task(scene, "Song Channels")


def drive(scene: Any, target: Target, channel: str, gain: float, shape: Shape) -> None:
    """Has a property follow one of the song's channels.

    Raises:
        Problem: there are no channels yet, or the property is animated already or can't be.
    """
    if not song_channels.is_baked(scene):
        raise Problem("Press Song Channels first: there is nothing to listen to yet.")
    try:
        song_channels.drive(scene, target, channel, gain, shape)
    except ValueError:
        raise Problem("This property is animated already: clear its keys or its driver first.") from None
    except TypeError:
        raise Problem("This property is not a number, so nothing can drive it.") from None


def remove(scene: Any) -> int:
    """Takes the channels away with every driver that Drive With Song made; how many drivers that were."""
    count = song_channels.drivers(scene)
    song_channels.remove(scene)
    return count
