"""Taking turns at writing schemas; fulfils events.catalogue.SchemaRegistrar.

The turn is Kafka's own fencing: whoever starts a transactional producer with the cluster-wide id
holds the turn, and whoever held it before can commit no more.
"""

import asyncio
from collections.abc import Sequence
from typing import final

from penstock.events.catalogue import SCHEMAS_PARTITION, TurnLost
from penstock.events.log import NewRecord, WriteUnknown
from penstock.events.names import SCHEMAS_TRANSACTIONAL_ID
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.transactions import fence
from penstock.workers.ports import (
    Transaction,
    TransactionalWriter,
    TransactionDoubt,
    TransactionRefused,
)

__all__ = ["KafkaRegistrar"]


@final
class KafkaRegistrar:
    """The turn of one process."""

    def __init__(self, connection: KafkaConnection) -> None:
        """Make it; `fence` connects."""
        self._connection = connection
        self._writer: TransactionalWriter | None = None

    async def fence(self, *, timeout_s: float) -> None:
        """Take the turn.

        Raises:
            TurnLost: it could not be taken in time.
        """
        self._drop()
        try:
            self._writer = await fence(
                self._connection, SCHEMAS_TRANSACTIONAL_ID, limit_s=timeout_s
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
        try:
            async with asyncio.timeout(timeout_s):
                await self._writer.commit(transaction)
        except TimeoutError as error:
            reason = f"no answer within {timeout_s:.0f} s"
            raise WriteUnknown(partition=SCHEMAS_PARTITION, reason=reason) from error
        except (TransactionDoubt, TransactionRefused) as doubt:
            raise WriteUnknown(partition=SCHEMAS_PARTITION, reason=doubt.reason) from doubt
        finally:
            self._drop()

    def close(self) -> None:
        """Give the turn back, if it was taken and not used."""
        self._drop()

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.drop()
            self._writer = None
