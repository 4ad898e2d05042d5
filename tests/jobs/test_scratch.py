import subprocess
import sys

from bridge.jobs.scratch import Scratch, sweep
from tests.jobs.test_batch import runs
from tests.waiting import wait_until


def test_what_is_held_elsewhere_stays_whatever_its_process_is_called(tmp_path):
    """Two containers on one store: neither sees the other's processes, but both see the lock."""
    one = Scratch(tmp_path)
    (one.folder / "half.mp4").write_bytes(b"x")
    other = Scratch(tmp_path)
    assert (one.folder / "half.mp4").exists()
    one.close()
    other.close()
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_is_swept_and_so_are_their_stopped_workers(tmp_path):
    one = Scratch(tmp_path)
    (one.folder / "half.mp4").write_bytes(b"x")
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)", str(one.folder)])
    one._lock.close()  # as the system does when the process ends
    (tmp_path / "123-older").mkdir()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
    wait_until(lambda: not runs(worker.pid))
    worker.wait()
