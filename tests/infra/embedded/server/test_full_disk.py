"""A disk that takes nothing more: what each request is told, in Kafka's words."""

import asyncio
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.first_step import Finished
from penstock.infra.embedded.server.requests import Requests
from tests.infra.embedded.apis.node_stand import NodeStand
from tests.infra.embedded.server.in_loop import in_loop, turns, until
from tests.infra.embedded.server.slow_disk import SlowDisk


class _FullDisk(SlowDisk):
    """A storage that keeps nothing any more, once it is full."""

    is_full = False

    def keep(self, entry: object) -> None:
        """Refuse."""
        del entry
        if self.is_full:
            raise OSError(28, "No space left on device")


def _told(api: str, version: int, fields: dict[str, Any]) -> Any:
    disk = _FullDisk()
    stand = NodeStand(storage=disk)
    stand.create_topic("t")
    disk.is_full = True
    finished = Requests(stand.node).handle(stand.call(api, version, **fields))
    assert isinstance(finished, Finished)
    return finished.value


_JOIN = {
    "group_id": "g",
    "session_timeout": 10_000,
    "rebalance_timeout": 10_000,
    "protocol_type": "consumer",
    "protocols": [{"name": "range", "metadata": b""}],
}
_COMMIT = {
    "group_id": "g",
    "topics": [
        {"name": "t", "partitions": [{"partition_index": 0, "committed_offset": 1}]},
    ],
}


@in_loop
async def test_what_a_coordinator_cannot_keep_is_asked_for_again() -> None:
    """Kafka says NOT_COORDINATOR, and every client goes on asking; the log's error would end it."""
    wish = {"transactional_id": "x", "transaction_timeout": 1_000}
    assert _told("init_producer_id", 4, wish).error_code is ErrorCode.not_coordinator
    assert _told("join_group", 5, _JOIN).error_code is ErrorCode.not_coordinator
    answer = _told("offset_commit", 7, _COMMIT)
    assert answer.topics[0].partitions[0].error_code is ErrorCode.not_coordinator


def test_who_has_no_coordinator_is_told_of_the_storage() -> None:
    """A producer without transactions, and whoever makes a topic."""
    answer = _told("init_producer_id", 4, {"transactional_id": None, "transaction_timeout": 0})
    assert answer.error_code is ErrorCode.kafka_storage_error
    wish = {"name": "u", "num_partitions": 1, "replication_factor": 1}
    answer = _told("create_topics", 5, {"topics": [wish], "timeout": 1_000})
    assert answer.topics[0].error_code is ErrorCode.kafka_storage_error


@in_loop
async def test_what_is_due_and_cannot_be_kept_holds_up_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A group goes on while a transaction cannot be aborted; it is said once, and tried again."""
    disk = _FullDisk()
    disk.written.set()
    stand = NodeStand(storage=disk)
    stand.create_topic("t")
    begun = stand.ask("init_producer_id", 2, transactional_id="x", transaction_timeout=1_000)
    who = {"producer_id": begun.producer_id, "producer_epoch": begun.producer_epoch}
    stand.ask(
        "add_partitions_to_txn",
        3,
        v3_and_below_transactional_id="x",
        **{f"v3_and_below_{name}": value for name, value in who.items()},
        v3_and_below_topics=[{"name": "t", "partitions": [0]}],
    )
    joining = asyncio.ensure_future(stand.ask_later("join_group", 3, **_JOIN))
    await turns()
    disk.is_full = True
    for milliseconds in (5_000, 1, 1):
        stand.move(milliseconds)
        await turns()
    assert joining.done()
    assert joining.result().generation_id == 1
    transactions = stand.node.broker.transactions
    assert (transactions.statistics().ongoing, caplog.text.count("No space left")) == (1, 1)
    disk.is_full = False
    stand.move(1)
    await until(lambda: transactions.describe("x").state == "CompleteAbort")
    stand.node.close()
