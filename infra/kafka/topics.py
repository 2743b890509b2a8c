"""Looking at topics and changing them; fulfils events.log.TopicAdmin.

Also reads the one broker setting that workers must know before they commit anything: how long an
offset's metadata may be.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar, final

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from penstock.events.log import TopicState
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.error_codes import describe, describe_code
from penstock.infra.kafka.own_client import adapt
from penstock.schemas.errors import ExitCode, WorldError

__all__ = ["KafkaTopics", "TopicChangeRefused"]

CALL_LIMIT_S: Final = 10.0
"""Longest wait for one administrative call."""
_DEFAULT_METADATA_BYTES: Final = 4096

_ResultT = TypeVar("_ResultT")


@dataclass(eq=False, kw_only=True)
class TopicChangeRefused(WorldError):
    """The cluster refused to create or change a topic."""

    topic: str
    """Its name."""
    reason: str
    """The cluster's error and words."""

    code: ClassVar[str] = "PEN-I21"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIGURATION
    what: ClassVar[str] = "The cluster refused to change the topic {topic}: {reason}."
    why: ClassVar[str] = "The cluster's policy or the given settings forbid it."
    remedy: ClassVar[str] = "Mend the topic's declaration, or ask those who run the cluster."


@final
class KafkaTopics:
    """A connection for administration."""

    def __init__(self, connection: KafkaConnection) -> None:
        """Make it; `start` connects."""
        self._connection = connection
        self._admin = AIOKafkaAdminClient(**connection.arguments())
        adapt(self._admin._client)  # noqa: SLF001 - it has no other door

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        await self._bounded(self._admin.start())

    async def close(self) -> None:
        """Close the connections, in bounded time."""
        try:
            async with asyncio.timeout(CALL_LIMIT_S):
                await self._admin.close()
        except (TimeoutError, KafkaError) as error:
            raise KafkaUnreachable(
                bootstrap=self._connection.bootstrap, reason=describe(error)
            ) from error

    async def _bounded(self, call: Awaitable[_ResultT]) -> _ResultT:
        try:
            async with asyncio.timeout(CALL_LIMIT_S):
                return await call
        except (TimeoutError, KafkaError, OSError) as error:
            raise KafkaUnreachable(
                bootstrap=self._connection.bootstrap, reason=describe(error)
            ) from error

    async def names(self) -> list[str]:
        """The names of all topics."""
        return await self._bounded(self._admin.list_topics())

    async def describe(self, names: Sequence[str]) -> dict[str, TopicState]:
        """The state of each topic that exists."""
        if not names:
            return {}
        described = await self._bounded(self._admin.describe_topics(list(names)))
        found = {topic["topic"]: topic for topic in described if topic["error_code"] == 0}
        configs = await self._configs(ConfigResourceType.TOPIC, sorted(found))
        return {
            name: TopicState(
                name=name,
                partitions=len(topic["partitions"]),
                replication=min(len(part["replicas"]) for part in topic["partitions"]),
                config=configs[name],
            )
            for name, topic in found.items()
        }

    async def _configs(self, kind: Any, names: Sequence[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        resources = [ConfigResource(kind, name) for name in names]
        configs: dict[str, dict[str, str]] = {name: {} for name in names}
        for response in await self._bounded(self._admin.describe_configs(resources)):
            for _code, _message, _kind, name, entries in response.resources:
                configs[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
        return configs

    async def offset_metadata_bytes(self) -> int:
        """The broker's limit on the metadata of an offset, in bytes."""
        cluster = await self._bounded(self._admin.describe_cluster())
        nodes = [str(broker["node_id"]) for broker in cluster["brokers"]]
        configs = await self._configs(ConfigResourceType.BROKER, nodes)
        limits = [
            int(config.get("offset.metadata.max.bytes", _DEFAULT_METADATA_BYTES))
            for config in configs.values()
        ]
        return min(limits, default=_DEFAULT_METADATA_BYTES)

    async def create(
        self, name: str, *, partitions: int, replication: int, config: Mapping[str, str]
    ) -> None:
        """Create a topic.

        Raises:
            TopicChangeRefused: the cluster said no.
        """
        topic = NewTopic(name, partitions, replication, topic_configs=dict(config))
        response = await self._bounded(self._admin.create_topics([topic]))
        _raise_refusals(response.topic_errors)

    async def add_partitions(self, name: str, total: int) -> None:
        """Raise the number of partitions.

        Raises:
            TopicChangeRefused: the cluster said no.
        """
        response = await self._bounded(
            self._admin.create_partitions({name: NewPartitions(total_count=total)})
        )
        _raise_refusals(response.topic_errors)

    async def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Set these configuration entries and leave the others as they are.

        Raises:
            TopicChangeRefused: the cluster said no.
        """
        # The old AlterConfigs call, the only one that aiokafka has, replaces ALL entries that were
        # set on the topic; so those are read first and sent along.
        set_already = await self._set_on_topic(name)
        resource = ConfigResource(ConfigResourceType.TOPIC, name, configs={**set_already, **config})
        for response in await self._bounded(self._admin.alter_configs([resource])):
            for code, message, *_ in response.resources:
                if code:
                    reason = f"{describe_code(code)} {message or ''}".strip()
                    raise TopicChangeRefused(topic=name, reason=reason)

    async def _set_on_topic(self, name: str) -> dict[str, str]:
        resource = ConfigResource(ConfigResourceType.TOPIC, name)
        dynamic_topic_config = 1  # ConfigSource of DescribeConfigs v1 and later
        return {
            entry[0]: entry[1]
            for response in await self._bounded(self._admin.describe_configs([resource]))
            for *_, entries in response.resources
            for entry in entries
            if entry[3] == dynamic_topic_config and entry[1] is not None
        }


def _raise_refusals(topic_errors: Sequence[Sequence[Any]]) -> None:
    for topic, code, *words in topic_errors:
        if code:
            message = words[0] if words and words[0] else ""
            raise TopicChangeRefused(topic=topic, reason=f"{describe_code(code)} {message}".strip())
