"""How an embedded broker is made: where it listens, what it is set to, who may connect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple, final

from penstock.infra.embedded.wire.call import ListenerAddress
from penstock.schemas.errors import CallerError, ExitCode

__all__ = ["BrokerOptions", "FurtherListener", "OptionRefused"]

_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - to recognise it, not to bind it


class FurtherListener(NamedTuple):
    """One more address to listen on."""

    bound: ListenerAddress
    """Where."""
    advertised: ListenerAddress
    """What clients that come this way are told: that of a proxy, for instance."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOptions:
    """The options of one broker."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = 0
    """The port to listen on; 0 for any that is free."""
    remote: bool = False
    """True to listen on an address that other machines reach. Nothing protects what is kept here
    but `users`, and connections are not encrypted."""
    advertised: ListenerAddress | None = None
    """Where clients are told to connect; None for the address that is bound. Needed where the
    address is all of this machine's."""
    further: tuple[FurtherListener, ...] = ()
    """More addresses to listen on. Limits of connections and memory hold for each."""
    config: Mapping[str, str] = field(default_factory=dict)
    """Values by Kafka's own names, such as `num.partitions`."""
    users: Mapping[str, str] | None = field(default=None, repr=False)
    """Passwords by name: then only these may connect, with SASL (PLAIN, SCRAM-SHA-256 or
    SCRAM-SHA-512); None: everybody may, without."""
    log_memory_bytes: int | None = None
    """How many bytes of records are kept at most; None: 1 GiB in memory, and as many as the disk
    takes for a storage that is one."""

    def check(self) -> None:
        """Look for an address that must not be.

        Raises:
            OptionRefused: other machines reach it, or cannot be told where it is.
        """
        for host in (self.host, *(each.bound.host for each in self.further)):
            if not self.remote and not _is_loopback(host):
                raise OptionRefused(
                    option=f"host {host}",
                    reason="other machines reach this address, and that was not asked for",
                )
        if self.host in _EVERYWHERE and self.advertised is None:
            raise OptionRefused(
                option=f"host {self.host}",
                reason="clients cannot be told this address; say which they use",
            )


def _is_loopback(host: str) -> bool:
    return host in {"::1", "localhost"} or host.startswith("127.")


@dataclass(eq=False, kw_only=True)
class OptionRefused(CallerError):
    """The broker was to be started with something that cannot be."""

    option: str
    """As it was given."""
    reason: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-I129"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    what: ClassVar[str] = "The embedded broker is not started with {option}."
    why: ClassVar[str] = "The option is refused: {reason}."
    remedy: ClassVar[str] = "'penstock broker --help' shows what it takes."
