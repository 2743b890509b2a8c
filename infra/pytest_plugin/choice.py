"""Which server a suite asks for, by option or in its ini file.

    embedded | container | jvm | HOST:PORT          Kafka
    embedded | container | redis://HOST:PORT/N      Redis; nothing said: the first that is possible

Law: what is not understood is refused with the words that are. Whether the server can be had is not
asked here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from penstock.schemas.errors import CallerError, ExitCode

__all__ = [
    "KAFKA_WORDS",
    "REDIS_WORDS",
    "ChoiceRefused",
    "ServerChoice",
    "ServerKind",
    "kafka_choice",
    "redis_choice",
]

KAFKA_WORDS: Final = "embedded, container, jvm or HOST:PORT"
REDIS_WORDS: Final = "embedded, container or redis://HOST:PORT/NUMBER"

_LONGEST_SHOWN: Final = 80


class ServerKind(StrEnum):
    """Where a server comes from."""

    EMBEDDED = "embedded"
    CONTAINER = "container"
    JVM = "jvm"
    GIVEN = "given"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChoice:
    """One server that a suite asks for."""

    kind: ServerKind
    """Where it comes from."""
    address: str = ""
    """Where it is, if it is given."""

    @property
    def is_ours(self) -> bool:
        """Whether it is started here, and so may be emptied and broken."""
        return self.kind is not ServerKind.GIVEN


@dataclass(eq=False, kw_only=True)
class ChoiceRefused(CallerError):
    """A suite asks for a server in words that are not known."""

    option: str
    """The option's name."""
    value: str
    """What was said, cut at 80 characters and escaped."""
    words: str
    """What may be said."""

    code: ClassVar[str] = "PEN-I150"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    what: ClassVar[str] = "--{option} is '{value}'."
    why: ClassVar[str] = "That names no server."
    remedy: ClassVar[str] = "Say {words}, as an option or as {option} in the ini file."


def kafka_choice(value: str) -> ServerChoice:
    """Read what a suite says about Kafka.

    Args:
        value: of the option or the ini file.

    Raises:
        ChoiceRefused: it is none of the words and no address.
    """
    kinds = {each.value: each for each in ServerKind if each is not ServerKind.GIVEN}
    if (kind := kinds.get(value.strip().lower())) is not None:
        return ServerChoice(kind=kind)
    if all(_is_address(each) for each in value.split(",")):
        return ServerChoice(kind=ServerKind.GIVEN, address=value.strip())
    raise _refused("penstock-kafka", value, KAFKA_WORDS)


def redis_choice(value: str) -> ServerChoice | None:
    """Read what a suite says about Redis.

    Args:
        value: of the option or the ini file; it is never shown, as a URL may hold a password.

    Returns:
        None where it says nothing.

    Raises:
        ChoiceRefused: it is none of the words and no URL.
    """
    word = value.strip().lower()
    if not word:
        return None
    if word in {ServerKind.EMBEDDED, ServerKind.CONTAINER}:
        return ServerChoice(kind=ServerKind(word))
    if word.startswith(("redis://", "rediss://")):
        return ServerChoice(kind=ServerKind.GIVEN, address=value.strip())
    raise _refused("penstock-redis", "no URL of a Redis and no known word", REDIS_WORDS)


def _is_address(text: str) -> bool:
    host, _, port = text.strip().rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16


def _refused(option: str, value: str, words: str) -> ChoiceRefused:
    shown = ascii(value[:_LONGEST_SHOWN])[1:-1]
    return ChoiceRefused(option=option, value=shown, words=words)
