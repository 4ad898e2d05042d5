# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue's database, version by version. A released step is never changed; a new one is added at the end."""

import sqlite3

from bridge.common.errors import BadInput

STEPS = (
    """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        position INTEGER NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        request TEXT NOT NULL,
        engine TEXT NOT NULL DEFAULT '',
        width_px INTEGER NOT NULL DEFAULT 0,
        height_px INTEGER NOT NULL DEFAULT 0,
        frame_count INTEGER NOT NULL DEFAULT 0,
        progress REAL NOT NULL DEFAULT 0,
        stage TEXT NOT NULL DEFAULT '',
        error TEXT NOT NULL DEFAULT '',
        clip TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        notes TEXT NOT NULL DEFAULT '[]',
        crashes INTEGER NOT NULL DEFAULT 0,
        memory_level INTEGER NOT NULL DEFAULT 0,
        cancelling INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX jobs_by_revision ON jobs (revision);
    CREATE INDEX jobs_in_line ON jobs (kind, position) WHERE state = 'queued';
    CREATE INDEX jobs_by_state ON jobs (state, revision);
    CREATE TABLE waiting (
        kind TEXT, engine TEXT, width_px INTEGER, height_px INTEGER, frame_count INTEGER, count INTEGER NOT NULL,
        PRIMARY KEY (kind, engine, width_px, height_px, frame_count)
    ) WITHOUT ROWID;
    CREATE TRIGGER one_waits AFTER INSERT ON jobs WHEN new.state = 'queued' BEGIN
        INSERT INTO waiting VALUES (new.kind, new.engine, new.width_px, new.height_px, new.frame_count, 1)
            ON CONFLICT DO UPDATE SET count = count + 1;
    END;
    CREATE TRIGGER one_waits_again AFTER UPDATE OF state ON jobs
    WHEN new.state = 'queued' AND old.state != 'queued' BEGIN
        INSERT INTO waiting VALUES (new.kind, new.engine, new.width_px, new.height_px, new.frame_count, 1)
            ON CONFLICT DO UPDATE SET count = count + 1;
    END;
    CREATE TRIGGER one_waits_no_more AFTER UPDATE OF state ON jobs
    WHEN old.state = 'queued' AND new.state != 'queued' BEGIN
        UPDATE waiting SET count = count - 1 WHERE (kind, engine, width_px, height_px, frame_count)
            = (old.kind, old.engine, old.width_px, old.height_px, old.frame_count);
    END;
    CREATE TABLE unreadable (id TEXT PRIMARY KEY, request TEXT, clip TEXT, notes TEXT) WITHOUT ROWID;
    CREATE TABLE settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO settings VALUES ('paused', 0), ('revision_ceiling', 0);
    """,
)


def migrate(db: sqlite3.Connection) -> None:
    """Brings the database to the newest version, each step in one transaction.

    Raises:
        BadInput: it was written by a newer Beatboard.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(STEPS):
        raise BadInput(
            f"The queue's database has version {version}, this Beatboard knows up to {len(STEPS)}: update Beatboard."
        )
    for number in range(version, len(STEPS)):
        db.executescript(f"BEGIN IMMEDIATE; {STEPS[number]} PRAGMA user_version = {number + 1}; COMMIT;")
