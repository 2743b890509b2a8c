"""The payments service's own price list: what things cost, whatever an order says.

    price = await price_list.read("lamp")       # Decimal("39.90"); None where nobody sells it

It stands for any table that is asked often and changes seldom. A charge asks it for each item, so
payments.py keeps a distributed cache in front of it. The list itself knows nothing of that.

Laws:
1. The table is the truth. What a cache says about it may be as old as the cache's time to live.
2. Several processes may use one file, and each may be killed at any moment.
"""

import asyncio
import sqlite3
import threading
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Final, final

from penstock.examples.orders.ledger import ledgers_folder
from penstock.examples.orders.outcomes import UNOBTAINABLE
from penstock.examples.orders.write_ahead import keep_write_ahead

__all__ = ["CATALOGUE", "PRICES", "PriceList"]

CATALOGUE: Final = MappingProxyType(
    {
        "lamp": Decimal("39.90"),
        "desk": Decimal("249.00"),
        "chair": Decimal("119.50"),
        "shelf": Decimal("79.95"),
        "plant": Decimal("12.49"),
        "rug": Decimal("64.00"),
        "cable": Decimal("4.99"),
    }
)
"""What the shop sells."""

PRICES: Final = MappingProxyType({**CATALOGUE, UNOBTAINABLE: Decimal("999.00")})
"""What the table holds: also the price of what never is in stock."""

_FILE: Final = "prices.db"
_BUSY_S: Final = 10.0
_TABLE: Final = "CREATE TABLE IF NOT EXISTS prices (sku TEXT PRIMARY KEY, price TEXT NOT NULL)"
_ADD: Final = "INSERT OR IGNORE INTO prices (sku, price) VALUES (?, ?)"


@final
class PriceList:
    """A table of prices in one file, made and filled at its first use."""

    def __init__(self, folder: Path | None = None) -> None:
        """Name a price list.

        Args:
            folder: where its file lies; None takes the folder of the ledgers at the first use.
        """
        self._folder = folder
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self.reads = 0
        """How many times the table was asked."""

    async def read(self, sku: str) -> Decimal | None:
        """Look a price up in the table.

        Args:
            sku: the item.

        Returns:
            Its price; None where the list has none.
        """
        return await asyncio.to_thread(self._read, sku)

    def _read(self, sku: str) -> Decimal | None:
        with self._lock:
            self.reads += 1
            found = self._opened().execute("SELECT price FROM prices WHERE sku = ?", [sku])
            row = found.fetchone()
            return None if row is None else Decimal(row[0])

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            folder = self._folder or ledgers_folder()
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = _open(folder / _FILE)
        return self._connection


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        keep_write_ahead(connection, limit_s=_BUSY_S)
        with connection:
            connection.execute(_TABLE)
            connection.executemany(_ADD, [(sku, str(price)) for sku, price in PRICES.items()])
    except BaseException:
        connection.close()
        raise
    return connection
