"""A service's ledger: what it has done to the world, one row for each effect, and none twice.

    entry = await ledger.do(delivery.idempotency_key, "charged 12.49")
    await ledger.undo(delivery.idempotency_key, delivery.undoes_key, "refunded")

It stands for whatever lies outside Kafka: a bank, a warehouse, a carrier. Kafka cannot take part in
that, so a command may come twice: the worker was killed behind the effect and before its commit, or
a worker that was paused for a minute goes on as if nothing had happened. What makes twice once is
the key that comes with each delivery, and a ledger that remembers keys.

Laws:
1. A key has one row. Whoever comes with it again gets that row.
2. An undo is recorded although there was nothing to undo. What comes to be done behind its undo is
   refused: the two are decided in one transaction of the database, so no order of processes,
   pauses and kills gets past it.
3. Rows are added; none is changed or removed, and the database itself sees to it.
4. Several processes may use one file, and each may be killed at any moment.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, final
from uuid import UUID, uuid4

from penstock.examples.orders.write_ahead import keep_write_ahead
from penstock.workers import Refused

__all__ = ["FOLDER_VARIABLE", "Entry", "Ledger", "ledgers_folder", "read_ledgers"]

FOLDER_VARIABLE: Final = "ORDERS_LEDGERS"
"""Names the folder of all ledgers; without it they lie in `ledgers`, where the service runs."""

_SUFFIX: Final = ".sqlite3"
_BUSY_S: Final = 10.0
"""How long a transaction waits for another process. A transaction takes milliseconds."""

_TABLE: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY,   -- in the order of writing
    key TEXT NOT NULL UNIQUE,     -- of the delivery that did or undid it
    undoes TEXT UNIQUE,           -- in an undo: the key of what it undoes
    effect TEXT NOT NULL,         -- for people
    reference TEXT NOT NULL,      -- what the other side calls it: a reservation, a charge
    at TEXT NOT NULL              -- when, UTC
);
CREATE TRIGGER IF NOT EXISTS nothing_changes BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'a ledger is only added to'); END;
CREATE TRIGGER IF NOT EXISTS nothing_goes BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'a ledger is only added to'); END;
COMMIT;
"""
_COLUMNS: Final = "key, undoes, effect, reference, at"
_ADD: Final = f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row."""

    service: str
    """Whose ledger it is in."""
    key: str
    """The idempotency key: `<saga>/<do|undo>/<step>:<saga key>`."""
    undoes: str | None
    """In an undo the key of what it undoes; None says that something was done."""
    effect: str
    """What was done, for people."""
    reference: UUID
    """What the other side calls it; a repeat is answered with the same one."""
    at: datetime
    """When; aware, UTC."""

    @property
    def order_id(self) -> str:
        """The order that it was for: the saga's key, which stands last in the idempotency key."""
        return self.key.partition(":")[2]


def ledgers_folder() -> Path:
    """Return the folder of all ledgers; the only place where the environment is read."""
    return Path(os.environ.get(FOLDER_VARIABLE) or "ledgers")


@final
class Ledger:
    """The ledger of one service. Its file is made at the first use, not when this is made."""

    def __init__(self, service: str, folder: Path | None = None) -> None:
        """Name a ledger.

        Args:
            service: the service; names the file.
            folder: where; None takes `ledgers_folder()` at the first use.
        """
        self.service = service
        self._folder = folder
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def do(self, key: str, effect: str) -> Entry:
        """Record an effect, once for its key.

        Args:
            key: the delivery's idempotency key.
            effect: what is done, for people.

        Returns:
            The key's row: the one just written, or the one that was there.

        Raises:
            Refused: it was undone already, so it certainly has no effect any more.
        """
        # In a thread: writing to a disk blocks, and all other orders would wait for it. A handler
        # that is cancelled here may have written all the same; the saga takes that for unknown.
        return await asyncio.to_thread(self._do, key, effect)

    async def undo(self, key: str, undoes: str | None, effect: str) -> Entry:
        """Record that an effect is undone, whether it was ever seen or not.

        Args:
            key: the delivery's idempotency key.
            undoes: the key of what is undone, as the delivery says it.
            effect: what is done about it, for people.

        Returns:
            The undo's row: the one just written, or the one that was there.

        Raises:
            Refused: no saga asks, so nobody says what is to be undone.
        """
        if undoes is None:
            raise Refused("no_saga", "only a saga knows what it has done")
        return await asyncio.to_thread(self._undo, key, undoes, effect)

    def entries(self) -> tuple[Entry, ...]:
        """Return all rows, in the order in which they were written."""
        with self._transaction() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM entries ORDER BY number")  # noqa: S608 - made of constants
            return tuple(self._entry(row) for row in rows)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _do(self, key: str, effect: str) -> Entry:
        with self._transaction() as connection:
            undone = connection.execute("SELECT 1 FROM entries WHERE undoes = ?", [key])
            if undone.fetchone() is not None:
                raise Refused("undone", f"{key} comes behind its own undo")
            self._add(connection, key, None, effect)
            return self._find(connection, "key", key)

    def _undo(self, key: str, undoes: str, effect: str) -> Entry:
        with self._transaction() as connection:
            self._add(connection, key, undoes, effect)
            return self._find(connection, "undoes", undoes)

    def _add(
        self, connection: sqlite3.Connection, key: str, undoes: str | None, effect: str
    ) -> None:
        now = datetime.now(UTC).isoformat()
        connection.execute(_ADD, [key, undoes, effect, str(uuid4()), now])

    def _find(self, connection: sqlite3.Connection, column: str, value: str) -> Entry:
        query = f"SELECT {_COLUMNS} FROM entries WHERE {column} = ?"  # noqa: S608 - made of constants
        return self._entry(connection.execute(query, [value]).fetchone())

    def _entry(self, row: tuple[str, str | None, str, str, str]) -> Entry:
        key, undoes, effect, reference, at = row
        return Entry(
            service=self.service,
            key=key,
            undoes=undoes,
            effect=effect,
            reference=UUID(reference),
            at=datetime.fromisoformat(at),
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One thread of this process and one process at a time.

        IMMEDIATE takes the write lock before anything is read: what was looked at is still true
        when it is written about.
        """
        with self._lock:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # some failures have rolled it back already
                    connection.execute("ROLLBACK")
                raise

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            folder = self._folder or ledgers_folder()
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = _open(folder / f"{self.service}{_SUFFIX}")
        return self._connection


def read_ledgers(folder: Path) -> tuple[Entry, ...]:
    """Return the rows of all ledgers in a folder."""
    found: list[Entry] = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        ledger = Ledger(path.name.removesuffix(_SUFFIX), folder)
        try:
            found.extend(ledger.entries())
        finally:
            ledger.close()
    return tuple(found)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        timeout=_BUSY_S,
        isolation_level=None,  # no transactions behind our back
        check_same_thread=False,  # the lock sees to it that one thread uses it at a time
    )
    try:
        # A write-ahead log survives a kill at any moment; FULL lets it survive a power cut, too.
        keep_write_ahead(connection, limit_s=_BUSY_S)
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_TABLE)
    except BaseException:
        connection.close()
        raise
    return connection
