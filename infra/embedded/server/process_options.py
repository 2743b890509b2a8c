"""The command line of the broker's process, read by hand: argparse alone takes 15 ms."""

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
    {"--host", "--port", "--advertise", "--listener", "--config", "--data", "--leash"}
)


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
        OptionRefused: something in it is not understood.
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
        ),
        data=found.get("--data"),
        fsync="--fsync" in flags,
        leash=_number("--leash", found["--leash"], most=2**20) if "--leash" in found else None,
    )


def _number(name: str, text: str, *, most: int) -> int:
    if not text.isdecimal() or int(text) > most:
        raise OptionRefused(option=f"{name} {text}", reason=f"0 to {most} is allowed")
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
