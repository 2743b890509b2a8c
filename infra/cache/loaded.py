"""A loaded value, as it is handed to all who waited for it.

Law: no two of them share an object that can be changed. The first gets the value itself, each other
one a copy of its own, read from the bytes that are kept; so a copy is what a later hit will be. A
value that has no such bytes is shared as it is, since a cache that cannot keep it must not refuse
it either.
"""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, final
from uuid import UUID

from penstock.infra.cache.value_format import ValueFormat

__all__ = ["Loaded", "is_changeable"]

_UNCHANGEABLE: Final = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        str,
        bytes,
        Decimal,
        UUID,
        date,
        datetime,
        time,
        timedelta,
    }
)


def is_changeable(value: object) -> bool:
    """Whether who holds the value could change it for others who hold it."""
    return type(value) not in _UNCHANGEABLE


@final
class Loaded:
    """A value, and its bytes where it has any."""

    __slots__ = ("_frame", "_given", "_value")

    def __init__(self, value: Any, frame: bytes | None) -> None:
        """Hold a value.

        Args:
            value: as loaded.
            frame: as kept; None where it has no such form.
        """
        self._value = value
        self._frame = frame
        self._given = False

    def own(self, form: ValueFormat, key: str) -> Any:
        """Return a value that is the caller's alone.

        Args:
            form: that made the bytes.
            key: in Redis, as the bytes were made for.
        """
        if not self._given or self._frame is None or not is_changeable(self._value):
            self._given = True
            return self._value
        return form.decode(self._frame, key)
