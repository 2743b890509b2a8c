"""How long a word counts: the times of heartbeats and leases (formats F22).

    heartbeat every 3 s  ->  silent for 9 s: out of discovery  ->  30 s: the entry is removed

A lease is counted by the server's clock, a wait by the monotonic clock of the process; no wall
clock of any machine is compared with another's.

Law: jitter only ever shortens the time between heartbeats, so that three of them always lie within
one lease, and one lost answer costs nobody its place.
"""

from typing import Final

__all__ = [
    "HEARTBEAT_S",
    "KEPT_S",
    "LEASE_S",
    "REMOVED_S",
    "REMOVED_SHARE",
    "next_heartbeat_s",
    "retry_s",
]

HEARTBEAT_S: Final = 3.0
"""Longest time from one heartbeat to the next, in seconds."""
LEASE_S: Final = 9.0
"""Silence after which an instance is out of discovery, in seconds: three heartbeats."""
REMOVED_S: Final = 30.0
"""Silence after which its entry is removed, in seconds."""
KEPT_S: Final = 60.0
"""Seconds until Redis forgets a service of which nobody says anything any more."""
REMOVED_SHARE: Final = 0.15
"""Share of a service's entries that one sweep removes at most, though one at least. Eureka's bound
(`AbstractInstanceRegistry.evict`): what makes most of a service fall silent at once is more often a
network than a death."""

_JITTER: Final = 0.1
_RETRY_S: Final = 1.0
_RETRIES_AT_FIRST: Final = 6
"""As many as come between a heartbeat and the end of the lease."""


def next_heartbeat_s(sent_s: float, draw: float) -> float:
    """Say when the next heartbeat is due.

    Args:
        sent_s: when the last one was sent, in monotonic seconds.
        draw: a random number in [0, 1).
    """
    return sent_s + HEARTBEAT_S * (1.0 - _JITTER * draw)


def retry_s(failures: int, draw: float) -> float:
    """Say how long to wait after a call without an answer.

    One second for as long as the lease may run on, so that a short outage costs nobody its place;
    later as long as between heartbeats.

    Args:
        failures: how many there were in a row, at least 1.
        draw: a random number in [0, 1).

    Returns:
        Seconds.
    """
    nominal_s = _RETRY_S if failures <= _RETRIES_AT_FIRST else HEARTBEAT_S
    return nominal_s * (1.0 - _JITTER * draw)
