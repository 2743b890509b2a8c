"""Commands as bytes, in the protocol's own form (RESP: https://redis.io/docs/reference/protocol-spec).

redis-py packs commands too, but guesses at spaces in the first word and takes five times as long.
"""

from collections.abc import Iterable
from typing import TypeAlias

__all__ = ["Argument", "command"]

Argument: TypeAlias = str | bytes | int
"""Text is encoded as UTF-8, a number as its decimal digits."""


def command(*arguments: Argument) -> bytes:
    """Encode a command.

    Args:
        arguments: its name and what follows.

    Raises:
        UnicodeEncodeError: a text holds half a character.
    """
    return b"".join((b"*%d\r\n" % len(arguments), *_bulks(arguments)))


def _bulks(arguments: Iterable[Argument]) -> Iterable[bytes]:
    for argument in arguments:
        encoded = argument if isinstance(argument, bytes) else str(argument).encode()
        yield b"$%d\r\n%b\r\n" % (len(encoded), encoded)
