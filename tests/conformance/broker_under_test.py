"""The brokers that the suite runs on, and the configurations that all of them have.

Where another implementation answers differently from Apache Kafka, the other one is wrong.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.conformance.patience import until
from tests.conformance.raw_client import RawClient

__all__ = ["CONFIG", "SELF_ACTING", "BrokerUnderTest", "warm_up"]

CONFIG: Final[Mapping[str, str]] = {
    "auto.create.topics.enable": "false",
    "num.partitions": "2",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "300",
    "group.max.size": "3",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
    "log.cleaner.backoff.ms": "100",
    "log.retention.check.interval.ms": "300",
    "log.initial.task.delay.ms": "300",
}
"""Short waits, by Kafka's own names."""
SELF_ACTING: Final[Mapping[str, str]] = {
    **CONFIG,
    "auto.create.topics.enable": "true",
    "offsets.retention.check.interval.ms": "100",
}
"""As above, for a broker that makes topics by itself and soon forgets what has expired. Not for all
tests: it also forgets a new group whose first member has an id and has not joined yet."""

_WARM_NAMES: Final = 32
"""Names that reach each of the four partitions of both coordinators' topics."""
_NOT_READY: Final = frozenset({14, 15, 16})
_SAFE_DOWNGRADE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUnderTest:
    """A running broker."""

    name: str
    """`kafka` or `embedded`."""
    address: tuple[str, int]
    """Host and port."""
    pass_time: Callable[[int], None]
    """Move its clock on by so many milliseconds, where it has one that can be moved. Elsewhere time
    passes by itself, so whoever calls this waits with `until` afterwards."""

    moves_time: bool
    """Whether it has such a clock."""

    @property
    def bootstrap(self) -> str:
        """`host:port`."""
        return "{}:{}".format(*self.address)


def warm_up(address: tuple[str, int]) -> None:
    """See that both coordinators serve all names, and take back the new transaction protocol.

    A fresh Apache Kafka 4 has finalized `transaction.version` 2; without it the broker behaves
    towards old clients as one that never had it.
    """
    with RawClient(address) as client:
        back = {"feature": "transaction.version", "upgrade_type": _SAFE_DOWNGRADE}
        answer = client.ask("update_features", 1, timeout=10_000, feature_updates=[back])
        assert not answer.error_code, answer
        for key_type in (0, 1):
            until(lambda kind=key_type: _found(client, kind), what="a coordinator")  # type: ignore[misc] # mypy knows no such lambda
        for number in range(_WARM_NAMES):
            until(lambda name=f"warm-{number}": _serves(client, name), what="a coordinator")  # type: ignore[misc] # as above


def _found(client: RawClient, key_type: int) -> bool:
    return not client.ask("find_coordinator", 2, key="warm", key_type=key_type).error_code


def _serves(client: RawClient, name: str) -> bool:
    group = client.ask("heartbeat", 0, group_id=name, generation_id=1, member_id="nobody")
    producer = client.ask("init_producer_id", 4, transactional_id=name, transaction_timeout=10_000)
    return not {group.error_code, producer.error_code} & _NOT_READY
