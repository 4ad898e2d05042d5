import hashlib
import os
import sqlite3
from fractions import Fraction

import pytest

from blender_addon.core.types import Clip, ClipRequest, Framing, ShotKind
from bridge.common import files
from bridge.common.errors import BadInput
from bridge.common.store import Store, StoreFull

REQUEST = ClipRequest(
    "test", "test", "s01", ShotKind.MOTION, Framing.WIDE, "p", "", 1, 80, 24, 0, Fraction(24), 64, 36, "c" * 64
)


def clip(sha256):
    return Clip(sha256, REQUEST, 24, Fraction(24), 64, 36, 1.0, 10.0)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    yield store
    store.close()


def age(store, sha256, seconds):
    path = store.path(sha256)
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns - int(seconds * 1e9), stat.st_mtime_ns))


def test_a_file_comes_back_by_the_hash_of_its_content(store, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"abc" * 1_000_000)
    sha256 = store.put(tmp_path / "a.bin")
    assert sha256 == hashlib.sha256(b"abc" * 1_000_000).hexdigest()
    assert sha256 in store
    assert store.path(sha256).read_bytes() == b"abc" * 1_000_000
    assert store.put_bytes(b"abc" * 1_000_000) == sha256
    assert len(list(store.files())) == 1
    assert list((store.root / "incoming").iterdir()) == []


def test_what_is_not_there_is_refused_in_one_sentence(store, tmp_path):
    with pytest.raises(BadInput, match="no file 000000000000"):
        store.path("0" * 64)
    with pytest.raises(BadInput, match="Cannot read"):
        store.put(tmp_path / "missing.png")
    with pytest.raises(BadInput, match="Cannot read"):
        store.put(tmp_path)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "\n", "/" * 64])
def test_only_hashes_are_names(store, name):
    assert name not in store
    with pytest.raises(BadInput, match="is not a SHA-256"):
        store.path(name)


def test_what_is_written_but_not_kept_leaves_nothing(store):
    with store.incoming() as incoming:
        incoming.write(b"half")
    assert list(store.files()) == []
    assert list((store.root / "incoming").iterdir()) == []


@pytest.mark.parametrize("damage", [b"abX", b"ab", b""])
def test_a_damaged_file_is_never_served(store, damage):
    sha256 = store.put_bytes(b"abc")
    store.remember("key", clip(sha256))
    store.path(sha256).write_bytes(damage)
    assert store.clip_for("key") is None
    assert sha256 not in store
    store.put_bytes(b"abc")
    assert store.path(sha256).read_bytes() == b"abc"


def test_damage_from_before_this_process_is_found(store):
    sha256 = store.put_bytes(b"abc")
    path = store.path(sha256)
    stat = path.stat()
    path.write_bytes(b"abX")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(BadInput, match="was damaged"):
        Store(store.root).path(sha256)


def test_clips_are_found_by_key_in_another_process_too(store):
    sha256 = store.put_bytes(b"movie")
    store.remember("key", clip(sha256))
    assert Store(store.root).clip_for("key") == clip(sha256)
    assert store.clip_for("other") is None


def test_a_clip_without_its_file_is_not_remembered(store):
    with pytest.raises(BadInput):
        store.remember("key", clip("0" * 64))


def test_the_least_recently_used_go_first_and_pins_stay(tmp_path):
    store = Store(tmp_path, limit_bytes=250, grace_s=60)
    names = [store.put_bytes(bytes([i]) * 100) for i in range(5)]
    store.pin(names[0], "take")
    store.remember("key", clip(names[1]))
    for i, name in enumerate(names):
        age(store, name, 1000 - i)
    assert store.trim() == 300
    assert [name in store for name in names] == [True, False, False, False, True]
    assert store.clip_for("key") is None
    store.unpin("take")
    store.put_bytes(b"x" * 100)
    age(store, names[0], 1000)
    assert store.trim() == 100
    assert names[0] not in store


def test_what_is_in_use_or_all_pinned_stays_even_above_the_limit(tmp_path):
    store = Store(tmp_path, limit_bytes=50, grace_s=60)
    fresh, pinned = store.put_bytes(b"a" * 100), store.put_bytes(b"b" * 100)
    store.pin(pinned, "job")
    age(store, pinned, 1000)
    assert store.trim() == 0
    assert fresh in store
    assert pinned in store


def test_reading_makes_a_file_recently_used(tmp_path):
    store = Store(tmp_path, limit_bytes=100, grace_s=10)
    old, older = store.put_bytes(b"a" * 100), store.put_bytes(b"b" * 100)
    age(store, old, 500)
    age(store, older, 1000)
    store.path(older)
    store.trim()
    assert older in store
    assert old not in store


def test_pinning_what_is_not_there_is_refused(store):
    with pytest.raises(BadInput, match="upload it first"):
        store.pin("0" * 64, "job")
    assert store.owners() == set()


def test_eviction_waits_for_a_pin_under_way(tmp_path):
    store = Store(tmp_path, limit_bytes=0, grace_s=0)
    sha256 = store.put_bytes(b"a")
    store._db.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "index.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        store.trim()
    assert sha256 in store


def test_the_limit_holds_after_every_upload(tmp_path):
    store = Store(tmp_path, limit_bytes=250, grace_s=60)
    names = []
    for i in range(5):
        names.append(store.put_bytes(bytes([i]) * 100))
        store.make_room_for(names[-1], 100)
        assert sum(file.size_bytes for file in store.files()) <= 250
        assert names[-1] in store
    assert [name in store for name in names] == [False, False, False, True, True]


def test_an_upload_that_would_push_out_what_is_needed_is_refused(tmp_path):
    store = Store(tmp_path, limit_bytes=250, grace_s=60)
    needed, made = store.put_bytes(b"a" * 100), store.put_bytes(b"b" * 100)
    store.pin(needed, "job:a")
    store.remember("key", clip(made))
    new = store.put_bytes(b"c" * 100)
    with pytest.raises(StoreFull, match="--store-limit"):
        store.make_room_for(new, 100)
    assert [name in store for name in (needed, made, new)] == [True, True, False]


def test_an_access_time_in_the_future_keeps_nothing(tmp_path):
    store = Store(tmp_path, limit_bytes=100, grace_s=60)
    old, future = store.put_bytes(b"a" * 100), store.put_bytes(b"b" * 100)
    age(store, old, 1000)
    age(store, future, -1_000_000)
    assert store.trim() == 100
    assert old in store
    assert future not in store


def test_bytes_that_rot_are_found_when_they_are_used(store):
    sha256 = store.put_bytes(b"abc")
    path = store.path(sha256)
    stat = path.stat()
    path.write_bytes(b"abX")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(BadInput, match="was damaged"):
        store.path(sha256)
    assert sha256 not in store


def test_a_damaged_index_is_made_anew(tmp_path):
    store = Store(tmp_path)
    sha256 = store.put_bytes(b"abc")
    store.remember("key", clip(sha256))
    store.close()
    (tmp_path / "index.db").write_bytes(b"nonsense" * 1000)
    again = Store(tmp_path)
    assert again.clip_for("key") is None
    assert again.path(sha256).read_bytes() == b"abc"
    assert (tmp_path / "index.db.damaged").exists()


def test_an_index_that_is_damaged_in_the_middle_of_the_work_is_made_anew(tmp_path):
    store = Store(tmp_path)
    names = [store.put_bytes(bytes([i])) for i in range(200)]
    store.pin_all([(name, "job:a") for name in names])
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other = sqlite3.connect(tmp_path / "index.db")
    other.execute("PRAGMA writable_schema = ON")
    other.execute("DROP TABLE pins")
    other.commit()
    other.close()
    store.pin(names[0], "job:b")
    assert "job:b" in store.owners()


def test_pins_are_saved_from_a_damaged_index(tmp_path):
    store = Store(tmp_path)
    names = [store.put_bytes(bytes([i])) for i in range(250)]
    store.pin_all([(name, "client:blend") for name in names])
    for name in names:
        store.remember(name, clip(name))
    store.close()
    root = sqlite3.connect(tmp_path / "index.db").execute("SELECT rootpage FROM sqlite_master WHERE name = 'clips'")
    with (tmp_path / "index.db").open("r+b") as file:
        file.seek((root.fetchone()[0] - 1) * 4096)
        file.write(b"\xee" * 4096)
    again = Store(tmp_path)
    assert again.owners() == {"client:blend"}
    assert again.clip_for(names[0]) is None


def test_a_record_of_another_version_is_none(store):
    sha256 = store.put_bytes(b"movie")
    store.remember("key", clip(sha256))
    store._db.execute("UPDATE clips SET clip = replace(clip, 'flow_px', 'speed')")
    assert store.clip_for("key") is None


def test_a_lock_is_nobodys_until_it_is_the_one_in_its_place(store):
    """Who waited for one that was removed in that moment would else share it with whoever made it anew."""
    with store.making("key", lambda: None):
        (lock,) = (store.root / "making").iterdir()
        held = lock.open("a+")
    assert not lock.exists()
    with store.making("key", lambda: None):
        assert files.try_lock(held), "the removed one is free, and worth nothing"
        assert files._held(lock) is None
    held.close()


def test_locks_of_killed_processes_are_swept_and_others_stay(store):
    (store.root / "making" / "left.lock").touch()
    with store.making("key", lambda: None):
        store.trim()
        assert [lock.name for lock in (store.root / "making").iterdir()] == ["key.lock"]
