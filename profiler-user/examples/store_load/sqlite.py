"""The other obvious alternative: SQLite, with a table of stacks and one of samples.

Usage: sqlite.py DATABASE ROWS STACKS. Reads what the example writes (a line per row: time, series, stack, samples,
nanoseconds; a line per stack: its frames), stores it window by window, each in a transaction of its own, and asks for the
flame graph of everything. Prints JSON: bytes, cpu_s, hour_cold_ms, hour_warm_ms, samples, stacks.
"""

import itertools
import json
import os
import sqlite3
import sys
import time

database, rows, stacks = sys.argv[1:]
for ending in ("", "-wal", "-shm"):
    if os.path.exists(database + ending):
        os.remove(database + ending)


def connect():
    connection = sqlite3.connect(database)
    # A crash may cost the last transactions, as it may cost the store its last window.
    connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
    return connection


connection = connect()
connection.executescript(
    """
    CREATE TABLE stacks (id INTEGER PRIMARY KEY, frames TEXT NOT NULL);
    CREATE TABLE samples (
        time INTEGER, series INTEGER, stack INTEGER, samples INTEGER, nanoseconds INTEGER,
        PRIMARY KEY (time, series, stack)
    ) WITHOUT ROWID;
    """
)
with open(rows) as file:
    parsed = [tuple(map(int, line.split(","))) for line in file]
with open(stacks) as file:
    frames = [line.rstrip("\n") for line in file]
windows = [list(window) for _, window in itertools.groupby(parsed, key=lambda row: row[0])]
del parsed

known = set()
begin = time.process_time()
for window in windows:
    new = {row[2] for row in window} - known
    known |= new
    with connection:
        connection.executemany("INSERT INTO stacks VALUES (?, ?)", ((stack, frames[stack]) for stack in new))
        connection.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?)", window)
connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
cpu = time.process_time() - begin
connection.close()


def flame_graph():
    connection = connect()
    begin = time.perf_counter()
    found = connection.execute(
        "SELECT frames, samples, nanoseconds FROM (SELECT stack, SUM(samples) AS samples, SUM(nanoseconds) AS nanoseconds"
        " FROM samples WHERE time >= ? AND time < ? GROUP BY stack) JOIN stacks ON id = stack",
        (0, 1 << 62),
    ).fetchall()
    took = 1000 * (time.perf_counter() - begin)
    connection.close()
    return took, found


os.sync()
try:
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("1")
    cold = flame_graph()[0]
except PermissionError:
    cold = None
warm, found = min((flame_graph() for _ in range(3)), key=lambda result: result[0])
print(
    json.dumps(
        {
            "bytes": os.path.getsize(database),
            "cpu_s": cpu,
            "hour_cold_ms": cold,
            "hour_warm_ms": warm,
            "samples": sum(row[1] for row in found),
            "stacks": len(found),
        }
    )
)
