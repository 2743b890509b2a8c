"""The schemas topic as a place where schemas were published: read once, to its end.

What it says is put in order by topic_history.py.
"""

from penstock.events.catalogue import SCHEMAS_PARTITION, SchemaCatalogue
from penstock.events.log import TopicMissing
from penstock.infra.kafka.cluster import KafkaCluster
from penstock.infra.log_cluster import LogCluster
from penstock.infra.logs import log_alarm
from penstock.infra.published_schemas.topic_history import on_topic
from penstock.infra.published_schemas.versions import PublishedSchemas
from penstock.infra.schema_turn import SchemaTurn
from penstock.infra.settings import Settings

__all__ = ["published_on_topic"]


async def published_on_topic(
    settings: Settings, *, cluster: LogCluster | None = None
) -> PublishedSchemas:
    """Read the schemas topic to the end that it has now; nothing is written.

    Args:
        settings: as read from the environment.
        cluster: what to read from; the Kafka that the settings name, if not given.

    Raises:
        KafkaUnreachable: no broker answered.
        TopicMissing: there is no schemas topic.
        SchemasUnreadable: it could not be read to its end in time.
    """
    cluster = cluster or KafkaCluster(settings.connection())
    await _refuse_missing(cluster)
    reader = await cluster.reader(SCHEMAS_PARTITION)
    try:
        # A turn is only taken by who writes.
        turn = SchemaTurn(cluster.gate(), cluster.clock)
        catalogue = SchemaCatalogue(
            reader, turn, cluster.clock, cluster.entropy, raise_alarm=log_alarm
        )
        await catalogue.refresh()
        return on_topic(catalogue)
    finally:
        await reader.close()


async def _refuse_missing(cluster: LogCluster) -> None:
    """Refuse a cluster without the topic, before anybody asks for it by its name.

    A broker that makes topics when they are first asked for (Kafka's default) would make this one,
    not compacted, and `penstock topic apply` could not mend that.
    """
    topics = cluster.admin()
    await topics.start()
    try:
        names = await topics.names()
    finally:
        await topics.close()
    if SCHEMAS_PARTITION.topic not in names:
        raise TopicMissing(topics=SCHEMAS_PARTITION.topic)
