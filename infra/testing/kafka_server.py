"""A Kafka server that a test owns: what it can do, whatever it is.

`local_kafka.LocalKafka`, `kafka_container.KafkaContainer` and, in Kafka's place,
`local_broker.LocalBroker` are the kinds. A test that is handed a `KafkaServer` may do all of this
to it; a test that is handed an address may not.
"""

from abc import abstractmethod

from penstock.infra.testing.owned_server import OwnedServer

__all__ = ["KafkaServer"]


class KafkaServer(OwnedServer):
    """One server, with its data and its ports, from `start` to `close`."""

    @property
    @abstractmethod
    def bootstrap(self) -> str:
        """`host:port` for clients."""

    @property
    @abstractmethod
    def proxied_upstream(self) -> str | None:
        """`host:port` that a proxy forwards to; None where none was announced."""
