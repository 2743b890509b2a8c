"""What can only be wrong by a fault of the broker itself."""

from dataclasses import dataclass
from typing import ClassVar, final

from penstock.schemas.errors import InternalError

__all__ = ["BrokerDefect"]


@final
@dataclass(eq=False, kw_only=True)
class BrokerDefect(InternalError):
    """The broker's own parts contradict each other."""

    code: ClassVar[str] = "PEN-I125"
    what: ClassVar[str] = "The embedded broker contradicts itself: {fact}."
    why: ClassVar[str] = "Going on could lose or mix up records."
    remedy: ClassVar[str] = "Please report it with this message."

    fact: str
    """What was found."""
