"""Looking at topics and changing them; fulfils events.log.TopicAdmin."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar, final

from kio.schema.errors import ErrorCode

from penstock.events.clock import Clock
from penstock.events.log import TopicState
from penstock.infra.embedded.configs.config_change import ConfigChange, ConfigOperation
from penstock.infra.embedded.configs.config_resource import ConfigResource, ResourceKind
from penstock.infra.embedded.topics.partition_growth import PartitionGrowth
from penstock.infra.embedded.topics.topic_creation import NewTopic
from penstock.infra.kafka.topics import TopicChangeRefused
from penstock.infra.memory.link import Link, NeverSent, NoAnswer
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.request_kind import RequestKind
from penstock.infra.memory.unreachable import described, unreachable

__all__ = ["MemoryTopics"]

CALL_LIMIT_S: Final = 10.0
"""Longest wait for one call; as infra/kafka."""
_ONLY_REPLICA: Final = 1

_AnswerT = TypeVar("_AnswerT")
_Refusal = tuple[ErrorCode, str | None]


@final
class MemoryTopics:
    """Administration of topics."""

    def __init__(self, broker: MemoryBroker, clock: Clock, link: Link) -> None:
        """Stand ready."""
        self._broker = broker
        self._clock = clock
        self._link = link

    async def start(self) -> None:
        """See that the broker answers.

        Raises:
            KafkaUnreachable: it does not.
        """
        await self.names()

    async def close(self) -> None:
        """Nothing is open."""

    async def names(self) -> list[str]:
        """The names of all topics."""
        return await self._ask(lambda _: self._broker.core.topics.names())

    async def describe(self, names: Sequence[str]) -> dict[str, TopicState]:
        """The state of each topic that exists."""
        if not names:
            return {}

        def take(_now_ms: int) -> dict[str, TopicState]:
            topics = self._broker.core.topics
            found = [topic for name in names if (topic := topics.get(name)) is not None]
            return {
                topic.name: TopicState(
                    name=topic.name,
                    partitions=topic.partition_count,
                    replication=_ONLY_REPLICA,
                    config=self._config(topic.name),
                )
                for topic in found
            }

        return await self._ask(take)

    async def offset_metadata_bytes(self) -> int:
        """The broker's limit on the metadata of an offset, in bytes."""
        return await self._ask(
            lambda _: self._broker.core.config.integer("offset.metadata.max.bytes")
        )

    async def create(
        self, name: str, *, partitions: int, replication: int, config: Mapping[str, str]
    ) -> None:
        """Create a topic.

        Raises:
            TopicChangeRefused: the broker said no.
        """
        wish = NewTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=replication,
            configs=tuple(config.items()),
        )

        def take(now_ms: int) -> _Refusal:
            created = self._broker.core.create_topic(wish, now_ms=now_ms)
            return created.error, created.reason

        await self._change(name, take)

    async def add_partitions(self, name: str, total: int) -> None:
        """Raise the number of partitions.

        Raises:
            TopicChangeRefused: the broker said no.
        """

        def take(now_ms: int) -> _Refusal:
            wish = PartitionGrowth(name=name, count=total)
            (grown,) = self._broker.core.create_partitions([wish], now_ms=now_ms)
            return grown.error, grown.reason

        await self._change(name, take)

    async def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Set these configuration entries and leave the others as they are.

        Raises:
            TopicChangeRefused: the broker said no.
        """
        resource = ConfigResource(ResourceKind.TOPIC, name)
        changes = [ConfigChange(key, ConfigOperation.SET, value) for key, value in config.items()]

        def take(_now_ms: int) -> _Refusal:
            (altered,) = self._broker.core.incremental_alter_configs([(resource, changes)])
            return altered.error, altered.reason

        await self._change(name, take)

    def _config(self, name: str) -> dict[str, str]:
        found = self._broker.core.describe_configs(ConfigResource(ResourceKind.TOPIC, name))
        return {each.name: each.value for each in found.entries if each.value is not None}

    async def _change(self, topic: str, take: Callable[[int], _Refusal]) -> None:
        # A fault's error is what the broker says no with.
        error, reason = await self._sent(take, lambda code: (code, None))
        if error is not ErrorCode.none:
            said = f"{described(error)} {reason or ''}".strip()
            raise TopicChangeRefused(topic=topic, reason=said)

    async def _ask(self, take: Callable[[int], _AnswerT]) -> _AnswerT:
        def answer(now_ms: int) -> _AnswerT | ErrorCode:
            return take(now_ms)

        found = await self._sent(answer, lambda code: code)
        if isinstance(found, ErrorCode):
            raise unreachable(described(found))
        return found

    async def _sent(
        self, take: Callable[[int], _AnswerT], refuse: Callable[[ErrorCode], _AnswerT]
    ) -> _AnswerT:
        until_s = self._clock.monotonic() + CALL_LIMIT_S
        try:
            return await self._link.ask(RequestKind.ADMINISTER, take, refuse, until_s=until_s)
        except (NeverSent, NoAnswer) as error:
            raise unreachable(error) from error
