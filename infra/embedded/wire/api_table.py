"""Which requests this broker has, in which versions, and which module answers them.

The versions are those that Apache Kafka 4.1 announces, as far as kio describes them. Each module
of `infra/embedded/apis` is named here by its text, and imported when a client first asks:

    def handle(node, call) -> entity | None | awaitable of either     None: no answer (acks=0)
    def refuse(call, error) -> entity     what Kafka answers when the whole request fails

Laws:
1. This table imports no API module and no message of kio.
2. What is announced is what is answered, but for `announced_lowest`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, final

from penstock.infra.embedded.wire.api_key import ApiKey

__all__ = ["API_TABLE", "Api"]


@final
class Api(NamedTuple):
    """One kind of request."""

    key: ApiKey
    lowest: int
    """The lowest version that is answered."""
    highest: int
    """The highest version that is answered, and announced."""
    announced_lowest: int
    """The lowest version that is announced; below `lowest` for Produce, as in Kafka (KAFKA-18659):
    librdkafka before 2.6 takes its compression codecs for missing otherwise."""

    @property
    def schema_name(self) -> str:
        """The package in `kio.schema`, and the module in `penstock.infra.embedded.apis`."""
        return self.key.name.lower()

    def has(self, version: int) -> bool:
        """Say whether a version is answered."""
        return self.lowest <= version <= self.highest


_VERSIONS: Final[Mapping[ApiKey, tuple[int, int]]] = {
    ApiKey.PRODUCE: (3, 13),
    ApiKey.FETCH: (4, 18),
    ApiKey.LIST_OFFSETS: (1, 10),
    ApiKey.METADATA: (0, 13),
    ApiKey.OFFSET_COMMIT: (2, 9),
    ApiKey.OFFSET_FETCH: (1, 9),
    ApiKey.FIND_COORDINATOR: (0, 6),
    ApiKey.JOIN_GROUP: (0, 9),
    ApiKey.HEARTBEAT: (0, 4),
    ApiKey.LEAVE_GROUP: (0, 5),
    ApiKey.SYNC_GROUP: (0, 5),
    ApiKey.DESCRIBE_GROUPS: (0, 6),
    ApiKey.LIST_GROUPS: (0, 5),
    ApiKey.SASL_HANDSHAKE: (0, 1),
    ApiKey.API_VERSIONS: (0, 4),
    ApiKey.CREATE_TOPICS: (2, 7),
    ApiKey.DELETE_TOPICS: (1, 6),
    ApiKey.DELETE_RECORDS: (0, 2),
    ApiKey.INIT_PRODUCER_ID: (0, 5),
    ApiKey.OFFSET_FOR_LEADER_EPOCH: (2, 4),
    ApiKey.ADD_PARTITIONS_TO_TXN: (0, 5),
    ApiKey.ADD_OFFSETS_TO_TXN: (0, 4),
    ApiKey.END_TXN: (0, 5),
    ApiKey.TXN_OFFSET_COMMIT: (0, 5),
    ApiKey.DESCRIBE_CONFIGS: (1, 4),
    ApiKey.ALTER_CONFIGS: (0, 2),
    ApiKey.DESCRIBE_LOG_DIRS: (1, 4),
    ApiKey.SASL_AUTHENTICATE: (0, 2),
    ApiKey.CREATE_PARTITIONS: (0, 3),
    ApiKey.DELETE_GROUPS: (0, 2),
    ApiKey.ELECT_LEADERS: (0, 2),
    ApiKey.INCREMENTAL_ALTER_CONFIGS: (0, 1),
    ApiKey.LIST_PARTITION_REASSIGNMENTS: (0, 0),
    ApiKey.OFFSET_DELETE: (0, 0),
    ApiKey.DESCRIBE_CLIENT_QUOTAS: (0, 1),
    ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS: (0, 0),
    ApiKey.DESCRIBE_CLUSTER: (0, 2),
    ApiKey.DESCRIBE_PRODUCERS: (0, 0),
    ApiKey.DESCRIBE_TRANSACTIONS: (0, 0),
    ApiKey.LIST_TRANSACTIONS: (0, 2),
    ApiKey.CONSUMER_GROUP_DESCRIBE: (0, 1),
    ApiKey.LIST_CONFIG_RESOURCES: (0, 1),
    ApiKey.DESCRIBE_TOPIC_PARTITIONS: (0, 0),
}
"""By key, the lowest and the highest version that are answered."""

API_TABLE: Final[Mapping[int, Api]] = MappingProxyType(
    {
        key: Api(
            key=key,
            lowest=lowest,
            highest=highest,
            announced_lowest=0 if key is ApiKey.PRODUCE else lowest,
        )
        for key, (lowest, highest) in _VERSIONS.items()
    }
)
"""Every request that this broker has, by its key, in the order of keys."""
