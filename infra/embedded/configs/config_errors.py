"""What is wrong with the configuration that the broker is started with."""

from dataclasses import dataclass
from typing import ClassVar, final

from penstock.schemas.errors import CallerError

__all__ = ["BrokerOptionRefused", "BrokerOptionUnknown"]


@final
@dataclass(eq=False, kw_only=True)
class BrokerOptionUnknown(CallerError):
    """An option has a name that the embedded broker does not have."""

    code: ClassVar[str] = "PEN-I122"
    what: ClassVar[str] = "The embedded broker has no option {option!r}."
    why: ClassVar[str] = "It knows those of Apache Kafka 4.1 that one node can have{nearest}."
    remedy: ClassVar[str] = (
        "Correct the name, or leave the option out; a topic's option is set on the topic."
    )

    option: str
    """The unknown name."""
    nearest: str
    """`; did you mean …?`, or empty where no name is like it."""


@final
@dataclass(eq=False, kw_only=True)
class BrokerOptionRefused(CallerError):
    """An option has a value that Kafka would not start with."""

    code: ClassVar[str] = "PEN-I123"
    what: ClassVar[str] = "The embedded broker cannot start with these options."
    why: ClassVar[str] = "{reasons}."
    remedy: ClassVar[str] = "Correct the value."

    reasons: str
    """Kafka's sentences, one for each option."""
