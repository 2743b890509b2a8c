"""Taking turns at writing schemas; fulfils events.catalogue.SchemaRegistrar, as infra/kafka does.

The turn is Kafka's own fencing: whoever starts a transactional producer with the cluster-wide id
holds the turn, and whoever held it before can commit no more.
"""

from collections.abc import Sequence
from typing import final

from penstock.events.catalogue import SCHEMAS_PARTITION, TurnLost
from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.log import NewRecord, WriteUnknown
from penstock.events.names import SCHEMAS_TRANSACTIONAL_ID
from penstock.infra.memory.link import Link
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.transactions import fence
from penstock.workers.ports import (
    Transaction,
    TransactionalWriter,
    TransactionDoubt,
    TransactionRefused,
)

__all__ = ["MemoryRegistrar"]


@final
class MemoryRegistrar:
    """The turn of one process."""

    def __init__(self, broker: MemoryBroker, clock: Clock, link: Link) -> None:
        """Stand ready; `fence` takes the turn."""
        self._broker = broker
        self._clock = clock
        self._link = link
        self._writer: TransactionalWriter | None = None

    async def fence(self, *, timeout_s: float) -> None:
        """Take the turn.

        Raises:
            TurnLost: it could not be taken in time.
        """
        self.close()
        try:
            self._writer = await fence(
                self._broker, self._clock, self._link, SCHEMAS_TRANSACTIONAL_ID, limit_s=timeout_s
            )
        except TransactionDoubt as doubt:
            raise TurnLost from doubt

    async def commit(self, records: Sequence[NewRecord], *, timeout_s: float) -> None:
        """Write these records, all or none, and give the turn back.

        Raises:
            WriteUnknown: somebody else has fenced since, or there was no answer in time; the
                catalogue finds out which when it reads the topic again.
        """
        assert self._writer is not None, "fence() first"
        transaction = Transaction(outputs={SCHEMAS_PARTITION: records}, offset=None)
        until_s = self._clock.monotonic() + timeout_s
        try:
            await before(self._clock, until_s, self._writer.commit(transaction))
        except TimeoutError as error:
            reason = f"no answer within {timeout_s:.0f} s"
            raise WriteUnknown(partition=SCHEMAS_PARTITION, reason=reason) from error
        except (TransactionDoubt, TransactionRefused) as doubt:
            raise WriteUnknown(partition=SCHEMAS_PARTITION, reason=doubt.reason) from doubt
        finally:
            self.close()

    def close(self) -> None:
        """Give the turn back, if it was taken and not used."""
        if self._writer is not None:
            self._writer.drop()
            self._writer = None
