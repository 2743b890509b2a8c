"""What penstock patches or reaches into stands here with a fingerprint of its source.

infra/kafka replaces parts of aiokafka's sender and reads some of its private state. When aiokafka
changes one of them, the test below fails and names it: read the change, mend the adapter where it
matters, run the fault tests, and only then write the new fingerprint down (run this file as a
program, and it prints them).
"""

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import aiokafka
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.consumer.group_coordinator import GroupCoordinator, NoGroupCoordinator
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator, MessageBatch
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.protocol.metadata import MetadataRequest

from penstock.infra.kafka.empty_batches import SurvivingRecords

PATCHED: dict[str, tuple[Any, str]] = {
    # Replaced or overridden by infra/kafka/transactions.py.
    "BaseHandler.do": (sender.BaseHandler.do, "1106439a38fe7943"),
    "AddPartitionsToTxnHandler": (sender.AddPartitionsToTxnHandler, "112129b2ac04fe8e"),
    "AddOffsetsToTxnHandler": (sender.AddOffsetsToTxnHandler, "320ed303271e07ec"),
    "TxnOffsetCommitHandler": (sender.TxnOffsetCommitHandler, "7f296a144356cb01"),
    "EndTxnHandler": (sender.EndTxnHandler, "47656efcfc994fbe"),
    "SendProduceReqHandler": (sender.SendProduceReqHandler, "708c9da866caf440"),
    "InitPIDHandler": (sender.InitPIDHandler, "4f466dcfc4b1f233"),
    "Sender": (sender.Sender, "46ef144176b79ef8"),
    "TransactionManager": (TransactionManager, "d0932794d69a6780"),
    "AIOKafkaProducer.__init__": (AIOKafkaProducer.__init__, "fd6f2966fb3dc883"),
    "AIOKafkaProducer.commit_transaction": (
        AIOKafkaProducer.commit_transaction,
        "c7f9677c89413f97",
    ),
    # Relied on by batch.py and writer.py.
    "BatchBuilder.append": (BatchBuilder.append, "657d76f55157d9ca"),
    "MessageBatch": (MessageBatch, "36a7b1dac89d2910"),
    # And by naming_sender.py.
    "MessageAccumulator": (MessageAccumulator, "562530971ca9bd19"),
    # Closed from outside by abandoned.py.
    "AIOKafkaClient.close": (AIOKafkaClient.close, "02119d4d618ae493"),
    "AIOKafkaClient.send": (AIOKafkaClient.send, "246b277687d7b687"),
    # Wrapped by own_client.py.
    "AIOKafkaClient.bootstrap": (AIOKafkaClient.bootstrap, "198943b004e55849"),
    "AIOKafkaClient._get_conn": (AIOKafkaClient._get_conn, "68ce5d8391719d33"),
    "MetadataRequest": (MetadataRequest, "0a2584162e6d4244"),
    "AIOKafkaConnection.close": (AIOKafkaConnection.close, "28f164aa1e4f0bbc"),
    "AIOKafkaConnection.send": (AIOKafkaConnection.send, "5909ea32f4efca49"),
    "NoGroupCoordinator": (NoGroupCoordinator, "72ec15ee0975620c"),
    # Asked by known_topics.py.
    "AIOKafkaClient.set_topics": (AIOKafkaClient.set_topics, "9f9b55d6d8997834"),
    "AIOKafkaClient.force_metadata_update": (
        AIOKafkaClient.force_metadata_update,
        "cb7befef21c8f3f9",
    ),
    "ClusterMetadata.partitions_for_topic": (
        ClusterMetadata.partitions_for_topic,
        "5a3e84a15bc0a900",
    ),
    # Replaced by empty_batches.py.
    "PartitionRecords": (SurvivingRecords.__bases__[0], "94aa0da0dbec8d1b"),
    "Fetcher._proc_fetch_request": (Fetcher._proc_fetch_request, "59bf948fff47eed5"),
    # Relied on by bounded_records.py.
    "FetchResult": (FetchResult, "d7db13f06de8248c"),
    "Fetcher.fetched_records": (Fetcher.fetched_records, "be4348896b9b66af"),
    # Asked past its public face by group.py.
    "GroupCoordinator._on_join_complete": (GroupCoordinator._on_join_complete, "0b0b3d204b408f3c"),
    "GroupCoordinator._on_join_prepare": (GroupCoordinator._on_join_prepare, "4d9524afc0ee2c2f"),
    "GroupCoordinator.ensure_coordinator_known": (
        GroupCoordinator.ensure_coordinator_known,
        "4dfb9ccd877aba5d",
    ),
    "GroupCoordinator.coordinator_dead": (GroupCoordinator.coordinator_dead, "ba1eda0254af8dfe"),
    "AIOKafkaConsumer.start": (AIOKafkaConsumer.start, "2f1ba70443327538"),
}


def fingerprint_of(part: Callable[..., Any]) -> str:
    """A short hash of the source of a class or function."""
    return hashlib.sha256(inspect.getsource(part).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", PATCHED)
def test_what_we_patch_is_as_we_know_it(name: str) -> None:
    """A changed part must be read by a person before this adapter is trusted again."""
    part, known = PATCHED[name]
    assert fingerprint_of(part) == known, f"aiokafka {aiokafka.__version__} changed {name}"


def test_the_version_is_one_that_was_read() -> None:
    """Unpatched parts matter too: a new minor version is read before it is used."""
    assert aiokafka.__version__ == "0.14.0"


if __name__ == "__main__":
    for each, (part, _) in PATCHED.items():
        print(f"{each}: {fingerprint_of(part)}")  # noqa: T201 - the program of this file
