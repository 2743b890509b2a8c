"""`Fault`: a refusal on its way up through nested values, gathering the path as it goes.

The function that meets a bad value knows what is wrong and, when reading, at which byte. Only the
functions around it know the field's name or the item's number. Each adds its part and lets the
fault go on; at the top it becomes the `DecodeError` or `EncodeError` that the caller sees.

Law: a fault never leaves the room. The way up costs nothing while nothing is wrong.
"""

from collections.abc import Callable
from typing import Any

from penstock.schemas.errors import PenstockError

__all__ = ["Fault"]


class Fault(Exception):
    """A value is refused."""

    def __init__(
        self, leaf: Callable[..., PenstockError], /, *, part: str = "", **facts: Any
    ) -> None:
        """Keep what is known where the value is met.

        Args:
            leaf: the error that the fault becomes; it has a field `place`.
            part: the part of the value in which the fault lies, as for `inside`.
            facts: its other fields.
        """
        super().__init__()
        self.leaf = leaf
        self.facts = facts
        self.path = [part]

    def inside(self, part: str) -> None:
        """Note the part of the value in which the fault lies, such as `.price` or `[3]`."""
        self.path.append(part)

    def error(self, record: str) -> PenstockError:
        """Return the error for the caller.

        Args:
            record: the full name of the whole record.
        """
        return self.leaf(place=record + "".join(reversed(self.path)), **self.facts)
