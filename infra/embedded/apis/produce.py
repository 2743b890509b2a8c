"""Produce: record batches from producers, appended to their partitions.

What concerns a version of the request is checked here (topic ids, which codecs it may carry, which
errors it knows); what concerns the records is checked by the log.

With acks=0 there is no answer; an error closes the connection instead, as in Apache Kafka, so that
the producer learns that something is wrong.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Any, Final
from uuid import UUID

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.log.log_answers import Appended
from penstock.infra.embedded.log.record_batch import HEADER_BYTES
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_ZSTD_SINCE: Final = 7
_RECORD_ERRORS_SINCE: Final = 8
_ABORTABLE_SINCE: Final = 11
_IDS_SINCE: Final = 13
_NO_ANSWER: Final = 0
_KNOWN_ACKS: Final = (-1, 0, 1)

# The few bytes of a batch's header that the request as a whole is judged by; see record_batch.py.
_PREFIX: Final = Struct(">qi")
_LEAST_SIZE: Final = 14
_MAGIC_AT: Final = 16
_MAGIC: Final = 2
_ATTRIBUTES_LOW_AT: Final = 22
_CODEC_BITS: Final = 0x07
_ZSTD_CODEC: Final = 4
_TRANSACTIONAL_BIT: Final = 0x10
_PRODUCER_AT: Final = 43
_PRODUCER: Final = Struct(">qh")

_Topic = str | UUID | None
_Records = bytes | memoryview | None
_Wishes = Mapping[_Topic, Mapping[int, _Records]]

_MIXED_PRODUCERS: Final = "Transactional records contained more than one producer ID"
_NOT_IN_TRANSACTION: Final = "Partition was not added to the transaction"


def handle(node: Node, call: Call) -> Any:
    """Append what a producer sends.

    Args:
        node: where the logs are.
        call: the request.

    Returns:
        The answer; None with acks=0.
    """
    request = call.request
    wishes = _wishes(call)
    damage = _damage(wishes)
    if damage is not None:
        return _refuse(call, ErrorCode.corrupt_message, damage)
    if _has_transactional(wishes):
        if request.transactional_id is None:
            return refuse(call, ErrorCode.transactional_id_authorization_failed)
        if len(_producers(wishes)) > 1:
            return _refuse(call, ErrorCode.invalid_producer_id_mapping, _MIXED_PRODUCERS)
    now_ms = node.now_ms()
    outcomes = {
        topic: _produce(node.broker, call, topic, partitions, now_ms)
        for topic, partitions in wishes.items()
    }
    return _answer(call, outcomes)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Answer that the whole request fails.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer; None with acks=0, and then the connection ends.
    """
    return _refuse(call, error, None)


def _refuse(call: Call, error: ErrorCode, message: str | None) -> Any:
    if call.request.acks == _NO_ANSWER:  # also where no partition is named that could say it
        call.connection.ends = True
    refused = Appended(error=error, message=message)
    return _answer(
        call,
        {topic: dict.fromkeys(partitions, refused) for topic, partitions in _wishes(call).items()},
    )


def _wishes(call: Call) -> _Wishes:
    """A partition that is named twice counts once, with what is said last, as in Kafka."""
    by_id = call.version >= _IDS_SINCE
    wishes: dict[_Topic, dict[int, _Records]] = {}
    for topic in call.request.topic_data:
        partitions = wishes.setdefault(topic.topic_id if by_id else topic.name, {})
        for data in topic.partition_data:
            partitions[data.index] = data.records
    return wishes


def _damage(wishes: _Wishes) -> str | None:
    """Say what keeps Kafka from reading batches at all; it fails the request, in these words."""
    for partitions in wishes.values():
        for records in partitions.values():
            if records is None or len(records) < _PREFIX.size:
                continue
            _, size = _PREFIX.unpack_from(records)
            if size < _LEAST_SIZE:
                return (
                    f"Record size {size} is less than the minimum record overhead ({_LEAST_SIZE})"
                )
            if len(records) > _MAGIC_AT and records[_MAGIC_AT] > _MAGIC:
                # As a signed byte, which Java's are.
                return f"Invalid magic found in record: {(records[_MAGIC_AT] ^ 0x80) - 0x80}"
    return None


def _has_transactional(wishes: _Wishes) -> bool:
    return any(
        _is_transactional(records)
        for partitions in wishes.values()
        for records in partitions.values()
    )


def _is_transactional(records: _Records) -> bool:
    if records is None or len(records) < HEADER_BYTES:
        return False
    return records[_ATTRIBUTES_LOW_AT] & _TRANSACTIONAL_BIT != 0


def _producers(wishes: _Wishes) -> set[tuple[int, int]]:
    return {
        _PRODUCER.unpack_from(records, _PRODUCER_AT)
        for partitions in wishes.values()
        for records in partitions.values()
        if records is not None and _is_transactional(records)
    }


def _produce(
    broker: Broker,
    call: Call,
    topic: _Topic,
    partitions: Mapping[int, _Records],
    now_ms: int,
) -> dict[int, Appended]:
    name = _name(broker, topic)
    if name is None:
        return dict.fromkeys(partitions, Appended(error=ErrorCode.unknown_topic_id))
    return {
        index: _append(broker, call, TopicPartition(name, index), records, now_ms)
        for index, records in partitions.items()
    }


def _name(broker: Broker, topic: _Topic) -> str | None:
    if not isinstance(topic, UUID):
        return topic
    known = broker.topics.by_id(topic)
    return None if known is None else known.name


def _append(
    broker: Broker, call: Call, partition: TopicPartition, records: _Records, now_ms: int
) -> Appended:
    if broker.log(partition.topic, partition.partition) is None:
        return Appended(error=ErrorCode.unknown_topic_or_partition)
    if call.version < _ZSTD_SINCE and (error := _codec_fault(records)) is not ErrorCode.none:
        return Appended(error=error)
    request = call.request
    if request.acks not in _KNOWN_ACKS:
        return Appended(error=ErrorCode.invalid_required_acks)
    appended = broker.produce(
        partition,
        records,
        transactional_id=request.transactional_id,
        acks=request.acks,
        now_ms=now_ms,
    )
    if appended.error is ErrorCode.transaction_abortable and call.version < _ABORTABLE_SINCE:
        return Appended(error=ErrorCode.invalid_txn_state, message=_NOT_IN_TRANSACTION)
    return appended


def _codec_fault(records: _Records) -> ErrorCode:
    """Say what is wrong with a codec in a request that is older than zstd."""
    codec = 0
    if records is not None and len(records) >= HEADER_BYTES:
        codec = records[_ATTRIBUTES_LOW_AT] & _CODEC_BITS
    if codec < _ZSTD_CODEC:
        return ErrorCode.none
    if codec == _ZSTD_CODEC:
        return ErrorCode.unsupported_compression_type
    return ErrorCode.unknown_server_error


def _answer(call: Call, outcomes: Mapping[_Topic, Mapping[int, Appended]]) -> Any:
    if call.request.acks == _NO_ANSWER:
        call.connection.ends = call.connection.ends or any(
            appended.error is not ErrorCode.none
            for partitions in outcomes.values()
            for appended in partitions.values()
        )
        return None
    return call.make(
        "ProduceResponse",
        responses=tuple(
            call.make(
                "TopicProduceResponse",
                name=topic,
                topic_id=topic,
                partition_responses=tuple(
                    _partition(call, index, appended) for index, appended in partitions.items()
                ),
            )
            for topic, partitions in outcomes.items()
        ),
    )


def _partition(call: Call, index: int, appended: Appended) -> Any:
    return call.make(
        "PartitionProduceResponse",
        index=index,
        error_code=appended.error,
        base_offset=appended.base_offset,
        log_append_time=appended.append_time_ms,
        log_start_offset=appended.start_offset,
        record_errors=tuple(
            call.make(
                "BatchIndexAndErrorMessage",
                batch_index=record.index,
                batch_index_error_message=record.message,
            )
            for record in appended.record_errors
        )
        if call.version >= _RECORD_ERRORS_SINCE
        else (),
        error_message=appended.message,
    )
