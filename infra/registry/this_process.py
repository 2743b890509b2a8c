"""What this process says of itself in the registry."""

import os
import re
import socket
from collections.abc import Mapping
from importlib.metadata import version
from types import MappingProxyType
from typing import Final

from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.infra.registry.instance import Instance

__all__ = ["this_process"]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_NOT_OF_HOSTS: Final = re.compile(r"[^A-Za-z0-9.-]+")
_HOST_SHOWN: Final = 64
_RANDOM_BYTES: Final = 4


def this_process(
    service: str,
    *,
    clock: Clock,
    entropy: Entropy,
    metadata: Mapping[str, str] = _NOTHING,
) -> Instance:
    """Describe this process as an instance that was never there before.

    Args:
        service: of which service.
        clock: says when it starts: now.
        entropy: tells it from a process that had the same id of the system on the same host.
        metadata: more about it.

    Raises:
        BadInstance: the name or the metadata breaks its rule.
    """
    host = _NOT_OF_HOSTS.sub("-", socket.gethostname()).strip("-.") or "unnamed"
    pid = os.getpid()
    chance = entropy.random_bytes(_RANDOM_BYTES).hex()
    return Instance(
        service=service,
        id=f"{host[:_HOST_SHOWN]}-{pid}-{chance}",
        host=host[:255],
        pid=pid,
        started_ms=clock.wall_ms(),
        version=version("penstock"),
        metadata=metadata,
    )
