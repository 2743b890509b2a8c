"""The configuration of a single Kafka server for tests, as Kafka's own names and values.

Pure: listeners and wishes go in, a dictionary comes out, and two renderings of it: the text of a
server.properties, and the environment of the `apache/kafka` image.

The server is broker and controller in one (KRaft, combined mode). Its listeners:
PLAINTEXT for clients; INTERNAL, advertised where the server itself can reach it, because Kafka 4
verifies transactional writes over the inter-broker listener and refuses them where it cannot
connect to itself (design.md §10); CONTROLLER; and optionally PROXIED, whose advertised port is
somebody else's, so that clients who come through a proxy are sent back to the proxy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = [
    "CLUSTER_ID",
    "FOR_TESTS",
    "NEVER_KILLED",
    "Listener",
    "as_environment",
    "as_text",
    "listeners",
    "properties",
]

CLUSTER_ID = "cGVuc3RvY2stdGVzdHMtMQ"
"""Every server is a cluster of its own; nothing ever compares these. 16 bytes in base64."""

_NODE_ID = 1

FOR_TESTS: Mapping[str, str] = {
    # One server: nothing can be replicated.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Down from 50: the first group and the first transaction wait until these exist.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    # A group's first assignment at once, instead of after 3 s.
    "group.initial.rebalance.delay.ms": "0",
    # Down from 6 s, so that a test may see a member expire.
    "group.min.session.timeout.ms": "1000",
    # Down from 10 s, so that a test may see a transaction time out.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # Down from 9 s: a killed server that comes back waits until its former self has expired, which
    # made 11.4 s of 3.5 s. Not less, because a busy machine that misses it loses its leaders.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    # A topic exists because somebody created it.
    "auto.create.topics.enable": "false",
    # Down from 128 MiB, which a small heap does not have.
    "log.cleaner.dedupe.buffer.size": "16777216",
}
"""What differs from Kafka's defaults, and why."""

NEVER_KILLED: Mapping[str, str] = {
    "broker.session.timeout.ms": "9000",
    "broker.heartbeat.interval.ms": "2000",
}
"""Kafka's own values again, for a server that nobody kills."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One listener of the server."""

    name: str
    """As it stands in the configuration: upper case."""
    bound: str
    """`host:port` that the server listens on."""
    advertised: str | None
    """`host:port` that clients are sent to; None for the controller's, which is not advertised."""


def listeners(
    *,
    host: str,
    client: tuple[int, str],
    internal: int,
    controller: int,
    proxied: tuple[int, str] | None,
) -> tuple[Listener, ...]:
    """Lay out the listeners of a server.

    Args:
        host: address that the listeners for clients are bound to.
        client: port to bind, and `host:port` to advertise for it.
        internal: port for the server's talk with itself.
        controller: port of the controller.
        proxied: port to bind and `host:port` of the proxy, or None where there is no proxy.

    Returns:
        PLAINTEXT, INTERNAL, CONTROLLER and, where asked for, PROXIED.
    """
    own = "127.0.0.1"
    found = [
        Listener(name="PLAINTEXT", bound=f"{host}:{client[0]}", advertised=client[1]),
        Listener(name="INTERNAL", bound=f"{own}:{internal}", advertised=f"{own}:{internal}"),
        Listener(name="CONTROLLER", bound=f"{own}:{controller}", advertised=None),
    ]
    if proxied is not None:
        port, address = proxied
        found.append(Listener(name="PROXIED", bound=f"{host}:{port}", advertised=address))
    return tuple(found)


def properties(
    laid_out: Sequence[Listener], *, log_folder: str, wishes: Mapping[str, str]
) -> dict[str, str]:
    """Build the whole configuration.

    Args:
        laid_out: the listeners, INTERNAL and CONTROLLER among them.
        log_folder: where the server keeps its data.
        wishes: entries by Kafka's own names; they prevail over everything else.

    Returns:
        The configuration by Kafka's own names.
    """
    bound = {listener.name: listener.bound for listener in laid_out}
    advertised = {entry.name: entry.advertised for entry in laid_out if entry.advertised}
    return {
        "process.roles": "broker,controller",
        "node.id": str(_NODE_ID),
        "controller.quorum.voters": f"{_NODE_ID}@{bound['CONTROLLER']}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "INTERNAL",
        "listeners": _joined(bound, "://"),
        "advertised.listeners": _joined(advertised, "://"),
        "listener.security.protocol.map": _joined(dict.fromkeys(bound, "PLAINTEXT"), ":"),
        "log.dirs": log_folder,
        **FOR_TESTS,
        **wishes,
    }


def as_text(entries: Mapping[str, str]) -> str:
    """Render a configuration as a Java properties file.

    Args:
        entries: the configuration; a value is one line.

    Returns:
        One `name=value` a line.
    """
    lines = []
    for name, value in entries.items():
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
        lines.append(f"{name}={escaped}\n")
    return "".join(lines)


def as_environment(entries: Mapping[str, str]) -> dict[str, str]:
    """Render a configuration as the environment of the `apache/kafka` image.

    The image turns `KAFKA_A_B` into `a.b`, `__` into an underscore and `___` into a dash.

    Args:
        entries: the configuration.

    Returns:
        Environment variables, the id of the cluster among them.
    """
    named = {_variable(name): value for name, value in entries.items()}
    return {"CLUSTER_ID": CLUSTER_ID, **named}


def _variable(name: str) -> str:
    return "KAFKA_" + name.replace("_", "__").replace("-", "___").replace(".", "_").upper()


def _joined(entries: Mapping[str, str], sign: str) -> str:
    return ",".join(f"{name}{sign}{value}" for name, value in entries.items())
