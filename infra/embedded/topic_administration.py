"""Making, deleting and growing topics.

Laws:
1. A change is kept in the journal before it counts, and before its logs are opened.
2. A deleted topic takes everything along: its offsets in all groups, its part in open
   transactions, its logs with their bytes; and only then its name is free.
3. A request's wishes are looked at one after the other: each sees what those before it did.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final, final
from uuid import UUID

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.broker_errors import BrokerDefect
from penstock.infra.embedded.config_administration import ConfigAdministration, topic_entry
from penstock.infra.embedded.configs.config_description import described_topic
from penstock.infra.embedded.configs.config_query import ConfigQuery
from penstock.infra.embedded.partition_logs import PartitionLogs
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.deletion_plan import plan_deletions
from penstock.infra.embedded.topics.partition_growth import PartitionGrowth, TopicGrown
from penstock.infra.embedded.topics.topic import Topic
from penstock.infra.embedded.topics.topic_creation import NO_TOPIC_ID, NewTopic, TopicCreated
from penstock.infra.embedded.topics.topic_deletion import TopicDeleted, TopicReference
from penstock.infra.embedded.topics.topic_entry import TopicEntry, TopicRemoved
from penstock.infra.embedded.topics.topic_name import name_fault
from penstock.infra.embedded.topics.topic_rules import (
    MOST_PARTITIONS_AT_ONCE,
    PlannedTopic,
    TopicRefusal,
    plan_growth,
    plan_topic,
)
from penstock.infra.embedded.topics.topic_table import TopicTable

__all__ = ["TopicAdministration"]

_DUPLICATE: Final = "Duplicate topic name."
_TOO_MANY_AT_ONCE: Final = "Excessively large number of partitions per request."
_ONE: Final = 1
"""Replicas of a partition."""
_RESERVED_IDS: Final = frozenset({NO_TOPIC_ID, UUID(int=1)})
"""Kafka gives these a meaning of their own: none, and its metadata log."""
_MOST_DRAWS: Final = 100


@final
class TopicAdministration:
    """Whoever makes, deletes and grows topics."""

    def __init__(
        self,
        *,
        topics: TopicTable,
        configs: ConfigAdministration,
        logs: PartitionLogs,
        forget_partitions: Callable[[Collection[TopicPartition]], None],
        keep: Callable[[TopicEntry], None],
        draw_uuid: Callable[[], UUID],
        most_partitions: int,
    ) -> None:
        """Put the parts together.

        Args:
            topics: the table.
            configs: the settings.
            logs: the logs of all partitions.
            forget_partitions: takes a deleted topic's offsets out of all groups.
            keep: appends to the journal.
            draw_uuid: gives an id that was never given before.
            most_partitions: of all topics together.
        """
        self._topics = topics
        self._configs = configs
        self._logs = logs
        self._forget_partitions = forget_partitions
        self._keep = keep
        self._draw_uuid = draw_uuid
        self._most_partitions = most_partitions

    def create(
        self, wishes: Sequence[NewTopic], *, validate_only: bool, now_ms: int
    ) -> tuple[TopicCreated, ...]:
        """Make topics.

        Args:
            wishes: the topics.
            validate_only: make nothing.
            now_ms: the broker's time.

        Returns:
            One answer for each name, in the order of their first mention.
        """
        counts = Counter(wish.name for wish in wishes)
        default = self._configs.config.integer("num.partitions")
        asked = sum(
            len(wish.assignments) or (default if wish.num_partitions == -1 else wish.num_partitions)
            for wish in wishes
            if wish.num_partitions >= -1
        )
        answers = {}
        for wish in wishes:
            if wish.name in answers:
                continue
            if counts[wish.name] > 1:
                refusal = TopicRefusal(error=ErrorCode.invalid_request, reason=_DUPLICATE)
                answers[wish.name] = _not_created(wish, refusal)
            elif asked > MOST_PARTITIONS_AT_ONCE:
                refusal = TopicRefusal(error=ErrorCode.policy_violation, reason=_TOO_MANY_AT_ONCE)
                answers[wish.name] = _not_created(wish, refusal)
            else:
                answers[wish.name] = self._create(wish, validate_only=validate_only, now_ms=now_ms)
        return tuple(answers.values())

    def ensure(self, name: str, *, now_ms: int) -> TopicCreated:
        """Make a topic that Metadata asks for and that is not there.

        Args:
            name: its name.
            now_ms: the broker's time.

        Returns:
            Without an error where it is there now. Otherwise Metadata's errors:
            INVALID_TOPIC_EXCEPTION for the name, else UNKNOWN_TOPIC_OR_PARTITION, whatever keeps it
            from being made.
        """
        topic = self._topics.get(name)
        if topic is not None:
            return TopicCreated(
                name=name,
                topic_id=topic.topic_id,
                num_partitions=topic.partition_count,
                replication_factor=_ONE,
            )
        if name_fault(name) is not None:
            return TopicCreated(
                name=name, error=ErrorCode.invalid_topic_exception, reason=name_fault(name)
            )
        if self._configs.config.flag("auto.create.topics.enable"):
            created = self._create(NewTopic(name=name), validate_only=False, now_ms=now_ms)
            if created.error is ErrorCode.none:
                return created
            return TopicCreated(
                name=name, error=ErrorCode.unknown_topic_or_partition, reason=created.reason
            )
        return TopicCreated(name=name, error=ErrorCode.unknown_topic_or_partition)

    def delete(self, references: Sequence[TopicReference]) -> tuple[TopicDeleted, ...]:
        """Delete topics.

        Args:
            references: each by its name or by its id.

        Returns:
            One answer for each name or id, in the order of their first mention; where topics may
            not be deleted, one for each reference.
        """
        if not self._configs.config.flag("delete.topic.enable"):
            error = ErrorCode.topic_deletion_disabled
            return tuple(
                TopicDeleted(name=name, topic_id=topic_id or NO_TOPIC_ID, error=error)
                for name, topic_id in references
            )
        return tuple(
            self._delete(each) if isinstance(each, Topic) else each
            for each in plan_deletions(references, self._topics)
        )

    def grow(
        self, wishes: Sequence[PartitionGrowth], *, validate_only: bool, now_ms: int
    ) -> tuple[TopicGrown, ...]:
        """Give topics more partitions.

        Args:
            wishes: topics and their new totals.
            validate_only: change nothing.
            now_ms: the broker's time.

        Returns:
            One answer for each name, in the order of their first mention.
        """
        counts = Counter(wish.name for wish in wishes)
        answers = {}
        for wish in wishes:
            if wish.name in answers:
                continue
            if counts[wish.name] > 1:
                refusal: TopicRefusal | None = TopicRefusal(
                    error=ErrorCode.invalid_request, reason=_DUPLICATE
                )
            else:
                refusal = self._grow(wish, validate_only=validate_only, now_ms=now_ms)
            answers[wish.name] = (
                TopicGrown(name=wish.name)
                if refusal is None
                else TopicGrown(name=wish.name, error=refusal.error, reason=refusal.reason)
            )
        return tuple(answers.values())

    def _create(self, wish: NewTopic, *, validate_only: bool, now_ms: int) -> TopicCreated:
        config = self._configs.config
        planned = plan_topic(wish, topics=self._topics, config=config)
        if isinstance(planned, PlannedTopic):
            refusal = self._too_many(planned.partition_count)
            if refusal is not None:
                planned = refusal
        if isinstance(planned, TopicRefusal):
            return _not_created(wish, planned)
        topic = Topic(
            name=wish.name,
            topic_id=self._new_id(),
            partition_count=planned.partition_count,
            configs=planned.configs,
        )
        if not validate_only:
            self._keep(topic_entry(topic))
            self._topics.put(topic)
            self._open(topic, topic.partitions, before=None, now_ms=now_ms)
        return TopicCreated(
            name=topic.name,
            topic_id=topic.topic_id,
            num_partitions=topic.partition_count,
            replication_factor=_ONE,
            configs=described_topic(config, topic.configs, ConfigQuery()),
        )

    def _open(self, topic: Topic, partitions: range, *, before: Topic | None, now_ms: int) -> None:
        """Open new logs, all or none: a topic that has only some of its logs is none.

        Args:
            topic: as it is with them.
            partitions: those that are new.
            before: the topic as it was; None: it was not there.
            now_ms: the broker's time.

        Raises:
            OSError: the store's; all is as it was before.
        """
        try:
            self._logs.open(topic, partitions, now_ms=now_ms)
        except OSError:
            self._logs.close(topic, partitions)
            if before is None:
                self._keep(TopicRemoved(topic_id=topic.topic_id))
                self._topics.remove(topic)
            else:
                self._keep(topic_entry(before))
                self._topics.put(before)
            raise

    def _new_id(self) -> UUID:
        for _ in range(_MOST_DRAWS):
            drawn = self._draw_uuid()
            if drawn not in _RESERVED_IDS and self._topics.by_id(drawn) is None:
                return drawn
        raise BrokerDefect(fact=f"{_MOST_DRAWS} ids were drawn for a topic, none of them new")

    def _too_many(self, added: int) -> TopicRefusal | None:
        if self._topics.partition_count + added <= self._most_partitions:
            return None
        reason = f"This broker can have {self._most_partitions} partitions (most_partitions)."
        return TopicRefusal(error=ErrorCode.policy_violation, reason=reason)

    def _delete(self, topic: Topic) -> TopicDeleted:
        partitions = [TopicPartition(topic.name, number) for number in topic.partitions]
        # One entry for the topic and its offsets: they go together, or not at all.
        self._keep(TopicRemoved(topic_id=topic.topic_id))
        self._forget_partitions(partitions)
        self._topics.remove(topic)
        self._logs.close(topic, topic.partitions)
        return TopicDeleted(name=topic.name, topic_id=topic.topic_id)

    def _grow(
        self, wish: PartitionGrowth, *, validate_only: bool, now_ms: int
    ) -> TopicRefusal | None:
        topic = self._topics.get(wish.name)
        if topic is None:
            return TopicRefusal(error=ErrorCode.unknown_topic_or_partition)
        added = wish.count - topic.partition_count
        refusal = plan_growth(wish, topic)
        if refusal is not None:
            return refusal
        if added > MOST_PARTITIONS_AT_ONCE:
            return TopicRefusal(error=ErrorCode.policy_violation, reason=_TOO_MANY_AT_ONCE)
        refusal = self._too_many(added)
        if refusal is not None or validate_only:
            return refusal
        grown = replace(topic, partition_count=wish.count)
        self._keep(topic_entry(grown))
        self._topics.put(grown)
        added_numbers = range(topic.partition_count, wish.count)
        self._open(grown, added_numbers, before=topic, now_ms=now_ms)
        return None


def _not_created(wish: NewTopic, refusal: TopicRefusal) -> TopicCreated:
    return TopicCreated(name=wish.name, error=refusal.error, reason=refusal.reason)
