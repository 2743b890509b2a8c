"""Two ways to make a commit's work permanent.

`TransactionalCommitter` writes outputs, state changes and the offset in one Kafka transaction.
`PlainCommitter` writes the outputs, waits for their acknowledgement, and only then commits the
offset: at least once.

Both fulfil `Committer` of work_seams.py and name their order: nothing is acknowledged before what
it stands for is written.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, final

from penstock.events.log import BatchWriter, NewRecord, Partition
from penstock.workers.group_commit import Work
from penstock.workers.offsets import metadata_of
from penstock.workers.ports import GroupMember, InputOffset, Transaction, TransactionalWriter

__all__ = ["PlainCommitter", "TransactionalCommitter"]

WRITE_LIMIT_S: Final = 30.0
"""Longest wait for the acknowledgement of one batch of outputs."""


@final
class TransactionalCommitter:
    """Commits in one transaction."""

    def __init__(
        self,
        writer: TransactionalWriter,
        *,
        group: str,
        source: Partition,
        changelog: Partition,
        wall_ms: Callable[[], int],
    ) -> None:
        """Commit through this producer, for this input partition and its changelog."""
        self._writer = writer
        self._group = group
        self._source = source
        self._changelog = changelog
        self._wall_ms = wall_ms

    async def commit(self, work: Work) -> None:
        """Write outputs and state changes, then the offset, then commit."""
        outputs: dict[Partition, Sequence[NewRecord]] = dict(work.outputs)
        if work.state:
            now = self._wall_ms()
            outputs[self._changelog] = [
                NewRecord(key, value, [], now) for key, value in work.state.items()
            ]
        await self._writer.commit(
            Transaction(
                outputs=outputs,
                offset=InputOffset(
                    group=self._group,
                    source=self._source,
                    position=work.position,
                    metadata=metadata_of(work.position, work.finished),
                ),
            )
        )


@final
class PlainCommitter:
    """Writes, then commits the offset."""

    def __init__(self, writer: BatchWriter, member: GroupMember, source: Partition) -> None:
        """Write through this writer, commit as this member."""
        self._writer = writer
        self._member = member
        self._source = source

    async def commit(self, work: Work) -> None:
        """Write all outputs, wait for their acknowledgement, then commit the offset."""
        assert not work.state, "state needs a transaction"
        results = await asyncio.gather(
            *(self._write(partition, records) for partition, records in work.outputs.items()),
            return_exceptions=True,
        )
        for result in results:
            if result is not None:
                raise result
        await self._member.commit(
            self._source, work.position, metadata_of(work.position, work.finished)
        )

    async def _write(self, partition: Partition, records: Sequence[NewRecord]) -> None:
        batch = self._writer.new_batch()
        for record in records:
            if not batch.append(record):
                await self._writer.write(partition, batch, timeout_s=WRITE_LIMIT_S)
                batch = self._writer.new_batch()
                taken = batch.append(record)
                assert taken, "an empty batch takes a record of any size"
        await self._writer.write(partition, batch, timeout_s=WRITE_LIMIT_S)
