"""What tests ask a broker all the time, in one line each: topics, records, offsets.

A question here uses one usual version of its API unless it is told another one, and returns the
part of the answer that belongs to the one partition or topic that was asked for.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, final
from uuid import UUID

from kio.schema.errors import ErrorCode

from tests.conformance.patience import until
from tests.conformance.raw_client import RawClient, only
from tests.conformance.record_batches import Batch, Record, Stored, batches_in, records_in

__all__ = ["EARLIEST", "LATEST", "MAX_TIMESTAMP", "Conversation"]

LATEST: Final = -1
EARLIEST: Final = -2
MAX_TIMESTAMP: Final = -3
TOPIC: Final = 2
BROKER: Final = 4
_BY_ID: Final = 13
"""From this version on produce and fetch know topics by their ids."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


@final
class Conversation:
    """Questions over one connection."""

    def __init__(self, client: RawClient) -> None:
        """Ask through this client."""
        self.client = client
        self.ask = client.ask

    # Topics

    def create_topic(
        self, name: str, *, partitions: int = 1, config: Mapping[str, str] = _NOTHING
    ) -> str:
        """Create a topic and wait until it can be written and read.

        Returns:
            Its name.
        """
        answer = self.try_create_topic(name, partitions=partitions, config=config)
        assert not answer.error_code, answer
        # By its id: a former topic of that name may be served for a moment after it was deleted.
        until(lambda: self.topic_id(name) == answer.topic_id, what=f"{name} to be told of")
        self.wait_until_served(name, partitions=partitions)
        return name

    def wait_until_served(self, name: str, *, partitions: int = 1) -> None:
        """Wait until each partition of a topic answers."""
        for number in range(partitions):
            until(
                lambda number=number: not self.offset_of(name, LATEST, partition=number).error_code,  # type: ignore[misc] # mypy knows no such lambda
                what=f"a leader of {name}/{number}",
            )

    def try_create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        replication: int = 1,
        config: Mapping[str, str | None] = _NOTHING,
        validate_only: bool = False,
        version: int = 7,
        **fields: Any,
    ) -> Any:
        """Ask for a topic; returns the answer for it."""
        wanted = {
            "name": name,
            "num_partitions": partitions,
            "replication_factor": replication,
            "configs": [{"name": key, "value": value} for key, value in config.items()],
            **fields,
        }
        answer = self.ask(
            "create_topics", version, topics=[wanted], timeout=10_000, validate_only=validate_only
        )
        return only(answer.topics)

    def delete_topic(self, name: str) -> Any:
        """Delete a topic; returns the answer for it."""
        answer = self.ask("delete_topics", 6, topics=[{"name": name}], timeout=10_000)
        return only(answer.responses)

    def topic(self, name: str, *, version: int = 12, auto_create: bool = False) -> Any:
        """A topic as Metadata tells it."""
        answer = self.ask(
            "metadata", version, topics=[{"name": name}], allow_auto_topic_creation=auto_create
        )
        return only(answer.topics)

    def topic_id(self, name: str) -> UUID:
        """The id of a topic."""
        found: UUID = self.topic(name).topic_id
        return found

    def config(self, name: str, *keys: str, resource: int = TOPIC) -> dict[str, Any]:
        """Entries of a topic's configuration by name; all where none is named."""
        answer = self.ask(
            "describe_configs",
            4,
            resources=[
                {
                    "resource_type": resource,
                    "resource_name": name,
                    "configuration_keys": keys or None,
                }
            ],
            include_synonyms=True,
        )
        result = only(answer.results)
        assert not result.error_code, result
        return {entry.name: entry for entry in result.configs}

    # Records

    def produce(
        self,
        topic: str,
        *sent: Batch | bytes,
        partition: int = 0,
        acks: int = -1,
        transactional_id: str | None = None,
        version: int = 9,
    ) -> Any:
        """Write batches of one partition; returns the answer for it."""
        answer = self.ask(
            "produce",
            version,
            **self.produce_fields(topic, *sent, partition=partition, acks=acks, version=version),
            transactional_id=transactional_id,
        )
        return only(only(answer.responses).partition_responses)

    def produce_fields(
        self,
        topic: str,
        *sent: Batch | bytes,
        partition: int = 0,
        acks: int = -1,
        version: int = 9,
    ) -> dict[str, Any]:
        """The fields of such a request."""
        records = b"".join(each.encoded() if isinstance(each, Batch) else each for each in sent)
        name = self._name(topic, version, "name")
        return {
            "acks": acks,
            "timeout": 10_000,
            "topic_data": [{**name, "partition_data": [{"index": partition, "records": records}]}],
        }

    def write(self, topic: str, *values: bytes, partition: int = 0) -> int:
        """Write a batch of these values; returns the offset of the first one."""
        batch = Batch(records=[Record(value=value) for value in values])
        answer = self.produce(topic, batch, partition=partition)
        assert not answer.error_code, answer
        offset: int = answer.base_offset
        return offset

    def fetch(
        self,
        topic: str,
        offset: int = 0,
        *,
        partition: int = 0,
        committed: bool = False,
        partition_max_bytes: int = 1 << 20,
        version: int = 11,
        **fields: Any,
    ) -> Any:
        """Read one partition without a session; returns the answer for it."""
        answer = self.ask(
            "fetch",
            version,
            **{
                "max_wait": 0,
                "isolation_level": int(committed),
                "topics": [
                    {
                        **self._name(topic, version, "topic"),
                        "partitions": [
                            {
                                "partition": partition,
                                "fetch_offset": offset,
                                "partition_max_bytes": partition_max_bytes,
                            }
                        ],
                    }
                ],
                **fields,
            },
        )
        return only(only(answer.responses).partitions)

    def _name(self, topic: str, version: int, field: str) -> dict[str, Any]:
        return {"topic_id": self.topic_id(topic)} if version >= _BY_ID else {field: topic}

    def records(self, topic: str, *, partition: int = 0) -> list[Stored]:
        """All records of a partition that are not markers, those of aborted transactions too."""
        found: list[Stored] = []
        offset = self.offset_of(topic, EARLIEST, partition=partition).offset
        end = self.offset_of(topic, LATEST, partition=partition).offset
        while offset < end:
            batches = batches_in(self.fetch(topic, offset, partition=partition).records)
            assert batches, f"nothing at {offset} before the end {end}"
            found += records_in(batch for batch in batches if not batch.is_control)
            offset = batches[-1].last_offset + 1
        return found

    def values(self, topic: str, *, partition: int = 0) -> list[bytes | None]:
        """The values of those records."""
        return [record.value for record in self.records(topic, partition=partition)]

    # Offsets

    def offset_of(
        self,
        topic: str,
        timestamp: int,
        *,
        partition: int = 0,
        committed: bool = False,
        version: int = 7,
    ) -> Any:
        """What ListOffsets answers for one partition and time."""
        isolation = {"isolation_level": int(committed)} if version > 1 else {}
        answer = self.ask(
            "list_offsets",
            version,
            replica_id=-1,
            **isolation,
            topics=[
                {
                    "name": topic,
                    "partitions": [{"partition_index": partition, "timestamp": timestamp}],
                }
            ],
        )
        return only(only(answer.topics).partitions)

    def end(self, topic: str, *, partition: int = 0, committed: bool = False) -> int:
        """The end of a partition."""
        found: int = self.offset_of(topic, LATEST, partition=partition, committed=committed).offset
        return found

    def delete_records(self, topic: str, offset: int, *, partition: int = 0) -> Any:
        """Delete the records before an offset; returns the answer for the partition."""
        answer = self.ask(
            "delete_records",
            2,
            topics=[
                {"name": topic, "partitions": [{"partition_index": partition, "offset": offset}]}
            ],
            timeout=10_000,
        )
        return only(only(answer.topics).partitions)

    # Offsets of groups

    def commit(
        self,
        group: str,
        topic: str,
        offset: int,
        *,
        metadata: str | None = "",
        partition: int = 0,
        version: int = 7,
        **fields: Any,
    ) -> ErrorCode:
        """Commit one offset of a group; without a generation, as a tool does."""
        place = {
            "partition_index": partition,
            "committed_offset": offset,
            "committed_metadata": metadata,
        }
        generation = "generation_id_or_member_epoch"
        answer = self.ask(
            "offset_commit",
            version,
            **{
                "group_id": group,
                generation: -1,
                "topics": [{"name": topic, "partitions": [place]}],
                **fields,
            },
        )
        code: ErrorCode = only(only(answer.topics).partitions).error_code
        return code

    def committed(
        self, group: str, topic: str, *, partition: int = 0, require_stable: bool = False
    ) -> Any:
        """What OffsetFetch answers for one partition."""
        answer = self.ask(
            "offset_fetch",
            7,
            group_id=group,
            topics=[{"name": topic, "partition_indexes": [partition]}],
            require_stable=require_stable,
        )
        assert not answer.error_code, answer
        return only(only(answer.topics).partitions)

    def state_of(self, group: str) -> str:
        """The state of a group."""
        answer = self.ask("describe_groups", 5, groups=[group])
        found: str = only(answer.groups).group_state
        return found

    # Producers

    def init_producer(
        self,
        transactional_id: str | None = None,
        *,
        timeout_ms: int = 60_000,
        version: int = 4,
        **fields: Any,
    ) -> Any:
        """Ask for a producer id."""
        return self.ask(
            "init_producer_id",
            version,
            transactional_id=transactional_id,
            transaction_timeout=timeout_ms,
            **fields,
        )

    def idempotent(self, *, records: Sequence[Record] = (Record(),)) -> Batch:
        """The first batch of a new idempotent producer."""
        answer = self.init_producer()
        assert not answer.error_code, answer
        return Batch(
            producer_id=answer.producer_id,
            producer_epoch=answer.producer_epoch,
            sequence=0,
            records=records,
        )
