"""Requests that tests send, in versions that are easy to read."""

import time
from datetime import timedelta
from typing import Any

from penstock.infra.embedded.wire.api_key import ApiKey
from tests.infra.embedded.log.record_batches import client_batch
from tests.infra.embedded.server.raw_client import struct_of

PRODUCE, FETCH, METADATA = 7, 11, 5
"""The versions used here."""


def metadata(*topics: str) -> Any:
    """Ask for topics, and make them."""
    kind = struct_of(ApiKey.METADATA, METADATA, "MetadataRequest")
    topic = struct_of(ApiKey.METADATA, METADATA, "MetadataRequestTopic")
    return kind(topics=tuple(topic(name=name) for name in topics), allow_auto_topic_creation=True)


def batch(*values: bytes) -> bytes:
    """Make a batch of records of now."""
    now_ms = time.time_ns() // 1_000_000
    return client_batch([(None, value) for value in values], time_ms=now_ms)


def produce(topic: str, *values: bytes, acks: int = -1) -> Any:
    """Append records to partition 0."""
    kind = struct_of(ApiKey.PRODUCE, PRODUCE, "ProduceRequest")
    of_topic = struct_of(ApiKey.PRODUCE, PRODUCE, "TopicProduceData")
    of_partition = struct_of(ApiKey.PRODUCE, PRODUCE, "PartitionProduceData")
    partition = of_partition(index=0, records=batch(*values))
    return kind(
        transactional_id=None,
        acks=acks,
        timeout=timedelta(seconds=5),
        topic_data=(of_topic(name=topic, partition_data=(partition,)),),
    )


def fetch(topic: str, offset: int, *, wait_ms: int, least: int = 1, most: int = 2**25) -> Any:
    """Read partition 0."""
    kind = struct_of(ApiKey.FETCH, FETCH, "FetchRequest")
    of_topic = struct_of(ApiKey.FETCH, FETCH, "FetchTopic")
    of_partition = struct_of(ApiKey.FETCH, FETCH, "FetchPartition")
    partition = of_partition(
        partition=0, current_leader_epoch=-1, fetch_offset=offset, log_start_offset=-1,
        partition_max_bytes=most,
    )  # fmt: skip
    return kind(
        replica_id=-1, max_wait=timedelta(milliseconds=wait_ms), min_bytes=least, max_bytes=most,
        isolation_level=0, session_id=0, session_epoch=-1,
        topics=(of_topic(topic=topic, partitions=(partition,)),), forgotten_topics_data=(),
        rack_id="",
    )  # fmt: skip


def fetched(answer: Any) -> Any:
    """The only partition of a fetch's answer."""
    return answer.responses[0].partitions[0]
