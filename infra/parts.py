"""What every program of an app is made of, opened in the order of need.

    open_topics   administration alone
    open_parts    clock, ids, topics, writer, catalogue, publisher

Closing goes backwards, and each close is bounded.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from penstock.events.alarm import RaiseAlarm
from penstock.events.catalogue import SCHEMAS_PARTITION, SchemaCatalogue
from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.events.publisher import Publisher
from penstock.events.publisher_settings import PublisherSettings
from penstock.infra.clock import SystemClock, SystemEntropy
from penstock.infra.interpreter import refuse_optimized_python
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.reader import open_reader
from penstock.infra.kafka.registrar import KafkaRegistrar
from penstock.infra.kafka.topics import KafkaTopics
from penstock.infra.kafka.writer import KafkaWriter
from penstock.infra.logs import log_alarm, quieten_client
from penstock.infra.settings import Settings
from penstock.infra.topic_operations import check_topics
from penstock.workers.topics import schemas_topic

__all__ = ["Parts", "open_parts", "open_topics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What every program of an app is made of."""

    settings: Settings
    """As read from the environment."""
    connection: KafkaConnection
    """How to reach Kafka."""
    clock: Clock
    """The time."""
    entropy: Entropy
    """Ids and randomness."""
    alarm: RaiseAlarm
    """Where alarms go."""
    topics: KafkaTopics
    """Administration."""
    writer: KafkaWriter
    """Writing outside transactions."""
    catalogue: SchemaCatalogue
    """The schemas of the cluster."""
    publisher: Publisher
    """Publishing events."""


@asynccontextmanager
async def open_topics(settings: Settings) -> AsyncIterator[KafkaTopics]:
    """Open administration alone.

    Raises:
        KafkaUnreachable: no broker answered.
    """
    topics = KafkaTopics(settings.connection())
    await topics.start()
    try:
        yield topics
    finally:
        await topics.close()


@asynccontextmanager
async def open_parts(
    settings: Settings, *, source: str, clock: Clock | None = None
) -> AsyncIterator[Parts]:
    """Open what every program needs, and close it on every way out.

    Args:
        settings: As read from the environment.
        source: Who publishes: the app, or app and worker.
        clock: The time; the machine's if not given. Tests may give one that they move.

    Raises:
        PythonOptimized: assertions are switched off.
        KafkaUnreachable: no broker answered.
        TopicsNotAsDeclared: the topic of schemas is missing.
    """
    refuse_optimized_python()
    quieten_client()
    connection, entropy = settings.connection(), SystemEntropy()
    clock = clock or SystemClock()
    async with AsyncExitStack() as closing:
        topics = await closing.enter_async_context(open_topics(settings))
        await check_topics(topics, [schemas_topic()])
        reader = await open_reader(connection, [SCHEMAS_PARTITION])
        closing.push_async_callback(reader.close)
        registrar = KafkaRegistrar(connection)
        closing.callback(registrar.close)
        catalogue = SchemaCatalogue(reader, registrar, clock, entropy, raise_alarm=log_alarm)
        writer = KafkaWriter(connection)
        await writer.start()
        closing.push_async_callback(writer.close)
        publisher = Publisher(
            writer,
            catalogue,
            clock,
            entropy,
            source=source,
            raise_alarm=log_alarm,
            settings=PublisherSettings(record_bytes=settings.max_record_bytes),
        )
        closing.push_async_callback(publisher.close)
        yield Parts(
            settings=settings,
            connection=connection,
            clock=clock,
            entropy=entropy,
            alarm=log_alarm,
            topics=topics,
            writer=writer,
            catalogue=catalogue,
            publisher=publisher,
        )
