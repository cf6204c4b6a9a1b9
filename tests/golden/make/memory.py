#!/usr/bin/env python3
"""A memory as the first version kept it, without vectors.

    python memory.py        # needs SQLite with FTS5; writes tests/golden/memory-1/memory.db
"""
import pathlib
import sqlite3

OUT = pathlib.Path(__file__).resolve().parent.parent / "memory-1" / "memory.db"

OUT.parent.mkdir(exist_ok=True)
OUT.unlink(missing_ok=True)
db = sqlite3.connect(OUT, isolation_level=None)
db.executescript("""
    PRAGMA page_size = 512;
    BEGIN;
    CREATE VIRTUAL TABLE memories USING fts5(text, run UNINDEXED, time UNINDEXED);
    PRAGMA application_id = 1448495437; PRAGMA user_version = 1;
    COMMIT;""")
for i, text in enumerate(["the quick brown fox", "a lazy dog", "invoices go to the folder bills"]):
    db.execute("INSERT INTO memories (text, run, time) VALUES (?, ?, ?)", (text, i + 1, 1764547200 + i))
db.close()
