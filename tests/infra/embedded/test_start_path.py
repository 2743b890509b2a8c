"""What a broker imports on its way to the first record, and what waits until somebody wants it."""

import subprocess
import sys

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topics.topic_deletion import TopicReference
from tests.infra.embedded.broker_bench import NOW, BrokerBench

_START = """
import asyncio, sys
from penstock.infra.embedded.server.broker_process import main
from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.embedded.topics.topic_creation import NewTopic

async def start():
    async with EmbeddedBroker() as broker:
        broker.broker.create_topic(NewTopic(name="orders"), now_ms=0)
        broker.broker.settle(0)
        broker.broker.tick(0)

asyncio.run(start())
print(*sys.modules, sep="\\n")
"""
_LATER = (
    "penstock.infra.embedded.groups",
    "penstock.infra.embedded.transactions",
    "penstock.infra.embedded.storage",
    "penstock.infra.embedded.journal_entry",
    "pydantic",
    "aiokafka",
    "typer",
)


def test_a_broker_that_only_takes_records_imports_no_coordinator() -> None:
    """Each of these rooms takes its part of the 300 ms that the first record has."""
    ended = subprocess.run([sys.executable, "-c", _START], check=True, capture_output=True)
    imported = set(ended.stdout.decode().split())
    assert "penstock.infra.embedded.log.partition_log" in imported
    assert not imported & set(_LATER)


def test_a_topic_can_go_before_any_group_or_transaction_was_there() -> None:
    """Deleting takes a topic out of coordinators; where there is none, there is nothing to do."""
    bench = BrokerBench()
    created = bench.create("orders")
    reference = TopicReference(None, created.topic_id)
    (deleted,) = bench.broker.delete_topics([reference], now_ms=NOW)
    assert deleted.error is ErrorCode.none
    assert bench.broker.next_deadline_ms() is None
    assert bench.broker.take_answers() == []
