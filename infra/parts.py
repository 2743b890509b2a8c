"""What every program of an app is made of, opened in the order of need.

    open_topics   administration alone
    open_parts    clock, ids, topics, writer, catalogue, registry, publisher

All of it stands over one cluster (log_cluster.py): the one that is given, else the Kafka that the
settings name. Closing goes backwards, and each close is bounded.
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
from penstock.events.registry_schemas import RegistrySchemas
from penstock.events.schema_ids import FrameSchemas
from penstock.events.writer_frames import WriterFrames
from penstock.events.written_schemas import WrittenSchemas
from penstock.infra.interpreter import refuse_optimized_python
from penstock.infra.kafka.cluster import KafkaCluster
from penstock.infra.log_cluster import Administration, LogCluster, OpenWriter
from penstock.infra.logs import log_alarm, quieten_client
from penstock.infra.schema_registry.opening import open_schema_registry
from penstock.infra.schema_turn import SchemaTurn
from penstock.infra.settings import Settings
from penstock.infra.topic_operations import check_topics
from penstock.workers.topics import schemas_topic

__all__ = ["Parts", "open_parts", "open_topics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What every program of an app is made of."""

    settings: Settings
    """As read from the environment."""
    cluster: LogCluster
    """What it stands over."""
    clock: Clock
    """The time."""
    entropy: Entropy
    """Ids and randomness."""
    alarm: RaiseAlarm
    """Where alarms go."""
    topics: Administration
    """Administration."""
    writer: OpenWriter
    """Writing outside transactions."""
    catalogue: SchemaCatalogue
    """The schemas of the cluster."""
    schemas: FrameSchemas
    """The schemas behind the frames of events that are read."""
    frames: WriterFrames
    """The frames of messages that are written."""
    written: WrittenSchemas
    """Makes schemas known that messages are about to be written with."""
    publisher: Publisher
    """Publishing events."""


@asynccontextmanager
async def open_topics(
    settings: Settings, *, cluster: LogCluster | None = None
) -> AsyncIterator[Administration]:
    """Open administration alone.

    Args:
        settings: As read from the environment.
        cluster: As for `open_parts`.

    Raises:
        BadSettings: no cluster is given, and the settings name none.
        KafkaUnreachable: no broker answered.
    """
    topics = (cluster or KafkaCluster(settings.connection())).admin()
    await topics.start()
    try:
        yield topics
    finally:
        await topics.close()


@asynccontextmanager
async def open_parts(
    settings: Settings,
    *,
    source: str,
    cluster: LogCluster | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Parts]:
    """Open what every program needs, and close it on every way out.

    Args:
        settings: As read from the environment.
        source: Who publishes: the app, or app and worker.
        cluster: What to stand over; the Kafka that the settings name, if not given. Tests and
            simulations may give a MemoryCluster.
        clock: The time of a program on that Kafka. Tests may give one that they move. A cluster
            that is given has its own.

    Raises:
        ValueError: a cluster is given, and a clock beside it.
        PythonOptimized: assertions are switched off.
        BadSettings: no cluster is given, and the settings name none.
        BadRegistrySettings: a file for the schema registry cannot be used.
        KafkaUnreachable: no broker answered.
        TopicsNotAsDeclared: the topic of schemas is missing.
    """
    refuse_optimized_python()
    if cluster is not None and clock is not None:
        message = "a cluster has a clock of its own: give a clock only where you give no cluster"
        raise ValueError(message)
    quieten_client()
    cluster = cluster or KafkaCluster(settings.connection())
    clock, entropy = clock or cluster.clock, cluster.entropy
    async with AsyncExitStack() as closing:
        topics = await closing.enter_async_context(open_topics(settings, cluster=cluster))
        await check_topics(topics, [schemas_topic()])
        reader = await cluster.reader(SCHEMAS_PARTITION)
        closing.push_async_callback(reader.close)
        turn = SchemaTurn(cluster.gate(), clock)
        closing.callback(turn.close)
        catalogue = SchemaCatalogue(reader, turn, clock, entropy, raise_alarm=log_alarm)
        registry = open_schema_registry(settings, clock, entropy)
        if registry is not None:
            closing.push_async_callback(registry.close)
        frames = WriterFrames(settings.written_framing)
        written = WrittenSchemas(catalogue, frames, registry or catalogue)
        writer = cluster.writer()
        await writer.start()
        closing.push_async_callback(writer.close)
        publisher = Publisher(
            writer,
            written,
            clock,
            entropy,
            source=source,
            raise_alarm=log_alarm,
            settings=_publisher_settings(settings),
            frames=frames,
        )
        closing.push_async_callback(publisher.close)
        yield Parts(
            settings=settings,
            cluster=cluster,
            clock=clock,
            entropy=entropy,
            alarm=log_alarm,
            topics=topics,
            writer=writer,
            catalogue=catalogue,
            schemas=(
                catalogue if registry is None else RegistrySchemas(catalogue, registry, clock)
            ),
            frames=frames,
            written=written,
            publisher=publisher,
        )


def _publisher_settings(settings: Settings) -> PublisherSettings:
    own = PublisherSettings()
    return PublisherSettings(
        record_bytes=settings.max_record_bytes,
        linger_s=settings.linger_s,
        bulk_linger_s=max(own.bulk_linger_s, settings.linger_s),
    )
