"""One run of a handler: the record, what the handler is told of it, and what shall come of it.

    begun -> the handler runs -> counted -> its effects, or nothing

What a handler changes is written into the effects while it runs; what it wants to count is added
when it has returned. An attempt that fails is thrown away with all of it.

Pure: pipeline.py and command_pipeline.py run the handler and decide.
"""

from collections.abc import Mapping
from typing import NamedTuple

from penstock.events.log import LogRecord
from penstock.events.saga_headers import CommandHeaders
from penstock.schemas.record import Record
from penstock.workers.delivery import Delivery
from penstock.workers.group_commit import Effects
from penstock.workers.handler import AnyHandler
from penstock.workers.increments import Increments
from penstock.workers.state import PartitionState
from penstock.workers.state_table import TableMaker
from penstock.workers.tally import Tally

__all__ = ["Attempt", "begun"]


class Attempt(NamedTuple):
    """One run of a handler. A tuple, for one is made for every record."""

    record: LogRecord
    """What is handled."""
    state: PartitionState
    """Of its partition."""
    delivery: Delivery
    """What the handler is told."""
    effects: Effects
    """What shall come of it."""
    increments: Increments | None
    """What it wants to count; None where it declares no counters."""

    def count_with(self, tally: Tally | None, now_ms: int) -> None:
        """Add what the handler wants to count to the effects, once it has returned.

        No await may follow until the effects count (tally.py, law 1).

        Args:
            tally: Counts; given where any handler declares counters.
            now_ms: Wall clock, milliseconds since 1970.

        Raises:
            CounterOverflow: a counter cannot count on.
            StateUnreadable: what was counted before cannot be read.
        """
        if self.increments is not None and (asked := self.increments.take()):
            assert tally is not None, "whoever declares counters counts"
            tally.count(asked, self.record, self.state, now_ms=now_ms, effects=self.effects)


def begun(
    record: LogRecord,
    state: PartitionState,
    handler: AnyHandler,
    tables: Mapping[type[Record], TableMaker],
    *,
    number: int,
    asked: CommandHeaders | None = None,
) -> Attempt:
    """Make ready for one run of a handler.

    Args:
        record: What is to be handled.
        state: Of its partition.
        handler: The handler.
        tables: Typed tables by record type, of the state that it declared.
        number: Which attempt it is, from 1.
        asked: Which step of which saga asks, where one does.
    """
    effects = Effects()
    increments = Increments(handler.name, handler.counters) if handler.counters else None
    delivery = Delivery(
        record,
        handler=handler.name,
        attempt=number,
        state=state,
        effects=effects,
        tables=tables,
        asked=asked,
        increments=increments,
    )
    return Attempt(record, state, delivery, effects, increments)
