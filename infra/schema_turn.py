"""Taking turns at writing schemas; fulfils events.catalogue.SchemaRegistrar on every cluster.

The turn is Kafka's own fencing: whoever starts a transactional producer with the cluster-wide id
holds the turn, and whoever held it before can commit no more.
"""

from collections.abc import Sequence
from typing import final

from penstock.events.catalogue import SCHEMAS_PARTITION
from penstock.events.catalogue_errors import TurnLost
from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.log import NewRecord, WriteUnknown
from penstock.events.names import SCHEMAS_TRANSACTIONAL_ID
from penstock.workers.ports import (
    ProducerGate,
    Transaction,
    TransactionalWriter,
    TransactionDoubt,
    TransactionRefused,
)

__all__ = ["SchemaTurn"]


@final
class SchemaTurn:
    """The turn of one process."""

    def __init__(self, gate: ProducerGate, clock: Clock) -> None:
        """Stand ready; `fence` takes the turn.

        Args:
            gate: where producers come from.
            clock: the time.
        """
        self._gate = gate
        self._clock = clock
        self._writer: TransactionalWriter | None = None

    async def fence(self, *, timeout_s: float) -> None:
        """Take the turn.

        Raises:
            TurnLost: it could not be taken in time.
        """
        self.close()
        try:
            await before(self._clock, self._clock.monotonic() + timeout_s, self._take())
        except (TimeoutError, TransactionDoubt) as error:
            raise TurnLost from error

    async def _take(self) -> None:
        # Kept here and not handed back: whoever waits may be cancelled in the turn in which this
        # ends, and `close` must find the producer all the same.
        self._writer = await self._gate.fence(SCHEMAS_TRANSACTIONAL_ID)

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
            reason = f"no answer within {timeout_s:g} s"
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
