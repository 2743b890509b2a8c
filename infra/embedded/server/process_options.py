"""The command line of the broker's process, read by hand: argparse alone takes 15 ms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, final

from penstock.infra.embedded.server.broker_options import (
    BrokerOptions,
    FurtherListener,
    OptionRefused,
)
from penstock.infra.embedded.wire.call import ListenerAddress

__all__ = ["ProcessOptions", "read_arguments"]

_WITH_VALUE: Final = frozenset(
    {"--host", "--port", "--advertise", "--listener", "--config", "--data", "--memory", "--leash"}
)

_MIB: Final = 1 << 20
_MOST_MIB: Final = 1 << 20
"""A tebibyte: more than that is a slip of the pen."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOptions:
    """What the process was told."""

    broker: BrokerOptions = field(default_factory=BrokerOptions)
    data: str | None = None
    """The directory that keeps the records; None: memory."""
    fsync: bool = False
    """True: an answer leaves when the disk has it."""
    leash: int | None = None
    """The descriptor of a pipe whose end ends the process."""


def read_arguments(arguments: list[str]) -> ProcessOptions:
    """Read the command line.

    Args:
        arguments: without the program's name.

    Returns:
        The options.

    Raises:
        OptionRefused: something in it is not understood, or cannot go together.
    """
    found: dict[str, str] = {}
    config: dict[str, str] = {}
    further: list[FurtherListener] = []
    flags: set[str] = set()
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument in {"--remote", "--fsync"}:
            flags.add(argument)
            continue
        if name not in _WITH_VALUE:
            raise OptionRefused(option=argument, reason="there is no such option")
        if not equals:
            value = next(rest, "")
        if not value:
            raise OptionRefused(option=argument, reason="its value is missing")
        if name == "--config":
            key, equals, setting = value.partition("=")
            if not equals:
                raise OptionRefused(option=value, reason="it is no NAME=VALUE")
            config[key] = setting
        elif name == "--listener":
            further.append(_further(value))
        else:
            found[name] = value
    return ProcessOptions(
        broker=BrokerOptions(
            host=found.get("--host", "127.0.0.1"),
            port=_number("--port", found.get("--port", "0"), most=65535),
            remote="--remote" in flags,
            advertised=(
                _address("--advertise", found["--advertise"]) if "--advertise" in found else None
            ),
            further=tuple(further),
            config=config,
            log_memory_bytes=_memory_bytes(found),
        ),
        data=found.get("--data"),
        fsync="--fsync" in flags,
        leash=_number("--leash", found["--leash"], most=2**20) if "--leash" in found else None,
    )


def _memory_bytes(found: Mapping[str, str]) -> int | None:
    text = found.get("--memory")
    if text is None:
        return None
    if "--data" in found:
        raise OptionRefused(
            option=f"--memory {text}",
            reason="with --data the records are on the disk, which has its own limit",
        )
    return _number("--memory", text, least=1, most=_MOST_MIB) * _MIB


def _number(name: str, text: str, *, least: int = 0, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise OptionRefused(option=f"{name} {text}", reason=f"{least} to {most} is allowed")
    return int(text)


def _address(name: str, text: str) -> ListenerAddress:
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise OptionRefused(option=text, reason="it is no HOST:PORT")
    return ListenerAddress(host.strip("[]"), _number(name, port, most=65535))


def _further(text: str) -> FurtherListener:
    bound, _, advertised = text.partition("=")
    if ":" not in bound or ":" not in advertised:
        raise OptionRefused(option=text, reason="it is no HOST:PORT=ADVERTISED_HOST:PORT")
    return FurtherListener(_address("--listener", bound), _address("--listener", advertised))
