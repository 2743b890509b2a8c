"""A database that is kept by a write-ahead log, whoever else makes its file at the same time.

Whoever opens a file of SQLite's waits for others for as long as it said. Only the change to a
write-ahead log does not: it begins as a reader, and a reader that wants to write beside a writer is
refused at once. So of several processes that begin together on a new file one would fail.
"""

import sqlite3
import time
from typing import Final

__all__ = ["keep_write_ahead"]

_PAUSE_S: Final = 0.01
"""Between two tries; making a file takes a few milliseconds."""


def keep_write_ahead(connection: sqlite3.Connection, *, limit_s: float) -> None:
    """Let a database be kept by a write-ahead log, which survives a kill at any moment.

    Args:
        connection: to it, outside of a transaction.
        limit_s: how long others may stand in the way, in seconds.

    Raises:
        sqlite3.Error: they did for longer, or it cannot be done at all.
    """
    deadline_s = time.monotonic() + limit_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as refusal:
            busy = refusal.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # or a kind of it
            if not busy or time.monotonic() > deadline_s:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
