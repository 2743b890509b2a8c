"""A reader or a slot of counters outlived its block."""

from dataclasses import dataclass
from typing import ClassVar

from penstock.schemas.errors import CallerError

__all__ = ["CountersClosed"]


@dataclass(eq=False, kw_only=True)
class CountersClosed(CallerError):
    """A reader or a slot of counters was used after the end of its block."""

    counters: str
    """The name of the set."""

    code: ClassVar[str] = "PEN-I113"
    what: ClassVar[str] = "The counters {counters} are closed here."
    why: ClassVar[str] = "Behind the end of its block nothing is read and nothing is written."
    remedy: ClassVar[str] = (
        "Use them within 'async with bus.counters(...)' or 'async with bus.counting(...)'."
    )
