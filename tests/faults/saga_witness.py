"""The independent witness of sagas: what became of each, read with aiokafka and fastavro alone.

Nothing of penstock is used here except names. What lies on the topic of the sagas' records is what
became of them; what the services did stands in their ledgers, which know nothing of sagas.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.order_ledger import decoded, read_committed

__all__ = ["SagaEnd", "confirmations", "ends_of"]

_KEY_PREFIX = b"s/penstock.SagaRecord/"


@dataclass(frozen=True, kw_only=True)
class SagaEnd:
    """Where one saga stands."""

    phase: str
    """RUNNING, COMPLETED, ..."""
    failure: str
    """Why it turned round, `step: code`; empty where it did not."""
    parked: str
    """Why it waits for an operator; empty where it does not."""
    attempts: int
    """Commands that it has sent, in both directions."""

    @property
    def still(self) -> bool:
        """Whether nothing moves it any more but an operator."""
        return self.phase in {"COMPLETED", "COMPENSATED", "PARKED"}


async def ends_of(bootstrap: str, topic: str) -> Mapping[str, SagaEnd]:
    """The latest record of each saga.

    Args:
        bootstrap: Where Kafka is.
        topic: Of the sagas' records.
    """
    schemas = await read_committed(bootstrap, "_penstock.schemas")
    records = [
        record
        for record in await read_committed(bootstrap, topic)
        if record.key.startswith(_KEY_PREFIX)
    ]
    latest = {record.key.removeprefix(_KEY_PREFIX).decode(): record for record in records}
    alive = {key: record for key, record in latest.items() if record.value is not None}
    contents = [content for _, content in decoded(alive.values(), schemas)]
    return {key: _end(content) for key, content in zip(alive, contents, strict=True)}


def _end(content: Mapping[str, object]) -> SagaEnd:
    failure, parked, steps = content["failure"], content["parked"], content["steps"]
    assert isinstance(steps, list)
    return SagaEnd(
        phase=str(content["phase"]),
        failure=f"{failure['step']}: {failure['code']}" if isinstance(failure, dict) else "",
        parked=f"{parked['step']}: {parked['code']}" if isinstance(parked, dict) else "",
        attempts=sum(step["attempt"] + step["undo_attempt"] for step in steps),
    )


async def confirmations(bootstrap: str, topic: str) -> list[str]:
    """The orders of all events that readers of committed records see there, repeats included."""
    schemas = await read_committed(bootstrap, "_penstock.schemas")
    records = await read_committed(bootstrap, topic)
    return [str(content["order_id"]) for _, content in decoded(records, schemas)]
