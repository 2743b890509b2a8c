"""A Kafka server that a test owns: what it can do, whatever it is.

`local_kafka.LocalKafka`, `kafka_container.KafkaContainer` and, in Kafka's place,
`local_broker.LocalBroker` are the kinds. A test that is handed a `KafkaServer` may do all of this
to it; a test that is handed an address may not.
"""

from penstock.infra.testing.owned_server import OwnedServer, Vessel

__all__ = ["KafkaServer"]


class KafkaServer(OwnedServer):
    """One server, with its data and its ports, from `start` to `close`."""

    def __init__(self, vessel: Vessel, *, bootstrap: str, proxied_upstream: str | None) -> None:
        """Run nothing yet.

        Args:
            vessel: what it runs in.
            bootstrap: `host:port` for clients.
            proxied_upstream: `host:port` of the listener that sends clients back to a proxy; None
                for no such listener.
        """
        super().__init__(vessel)
        self._bootstrap = bootstrap
        self._proxied_upstream = proxied_upstream

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients."""
        return self._bootstrap

    @property
    def proxied_upstream(self) -> str | None:
        """`host:port` that a proxy forwards to; None where none was announced."""
        return self._proxied_upstream
