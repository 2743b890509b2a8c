"""Addresses of brokers, as they are written in one setting: `host:port,host:port`.

Whether an address answers is told by connecting; here stands what can be told by looking. All that
is wrong is said at once, and a part that may hold a password is never repeated.

Laws:
1. What passes is understood by every Kafka client in the same way.
2. This file connects to nothing and resolves no name.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from penstock.infra.plain_text import excerpt

__all__ = ["EMBEDDED", "Address", "Addresses", "parse_addresses"]

EMBEDDED: Final = "embedded"
"""Stands in place of addresses for the broker that processes of a project share on this machine."""

_NAME: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
"""A host name. Underscores are no DNS, but container networks have them."""
_LIKE_IPV4: Final = re.compile(r"[0-9.]+")
_PORTS: Final = range(1, 65_536)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One broker's address."""

    host: str
    """A name or an IP address, without brackets."""
    port: int
    """1 to 65 535."""

    @property
    def is_loopback(self) -> bool:
        """Whether it can only be this machine."""
        if ":" in self.host:
            return IPv6Address(self.host).is_loopback
        if _LIKE_IPV4.fullmatch(self.host):
            return IPv4Address(self.host).is_loopback
        return self.host.lower() == "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """What a list of addresses says, and what is wrong with it."""

    good: tuple[Address, ...]
    """The addresses that can be used."""
    problems: tuple[str, ...]
    """What is wrong with the others, without a full stop; empty if all is well."""


class _Bad(Exception):
    """An address that cannot be used; its text says why."""


def parse_addresses(text: str) -> Addresses:
    """Read a list of addresses.

    Args:
        text: `host:port`, several with commas between; IPv6 in brackets, `[::1]:9092`.
    """
    good: list[Address] = []
    problems: list[str] = []
    for number, part in enumerate(text.split(","), 1):
        try:
            good.append(_address(part))
        except _Bad as bad:
            # Before an @ there may be a password, so such a part is only counted.
            shown = f"number {number}" if "@" in part else f"'{excerpt(part)}'"
            problems.append(f"address {shown} {bad}")
    return Addresses(good=tuple(good), problems=tuple(problems))


def _address(part: str) -> Address:
    if not part:
        raise _Bad("is empty: there is a comma too many")
    if any(character.isspace() for character in part):
        raise _Bad("has white space in it")
    if "://" in part:
        raise _Bad("has a scheme: write host:port only")
    if "@" in part:
        raise _Bad("names a user: say that in the settings for SASL")
    if "/" in part:
        raise _Bad("has a path: write host:port only")
    host, port = _split(part)
    return Address(host=host, port=_port(port))


def _split(part: str) -> tuple[str, str]:
    if part.startswith("["):
        host, closed, rest = part[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise _Bad("is not written as [IPv6]:port")
        return _ipv6(host), rest[1:]
    if part.count(":") > 1:
        raise _Bad("looks like IPv6 without brackets: write [::1]:9092")
    host, _, port = part.partition(":")
    return _host(host), port


def _ipv6(host: str) -> str:
    try:
        IPv6Address(host)
    except AddressValueError:
        raise _Bad("has no IPv6 address in its brackets") from None
    return host


def _host(host: str) -> str:
    if _LIKE_IPV4.fullmatch(host):
        try:
            IPv4Address(host)
        except AddressValueError:
            raise _Bad("has no IPv4 address before its port") from None
    elif not _NAME.fullmatch(host):
        raise _Bad("has no host name before its port" if host else "has no host")
    return host


def _port(port: str) -> int:
    if not port:
        raise _Bad("has no port: write host:port")
    if not (port.isascii() and port.isdecimal() and len(port) <= len("65535")):
        raise _Bad("has a port that is not a number from 1 to 65535")
    if int(port) not in _PORTS:
        raise _Bad("has a port that is not from 1 to 65535")
    return int(port)
