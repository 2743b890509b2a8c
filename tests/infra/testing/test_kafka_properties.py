from penstock.infra.testing.kafka_properties import (
    FOR_TESTS,
    NEVER_KILLED,
    as_environment,
    as_text,
    listeners,
    properties,
)

PLAIN = listeners(
    host="127.0.0.1", client=(1, "127.0.0.1:1"), internal=2, controller=3, proxied=None
)
PROXIED = listeners(
    host="0.0.0.0",  # noqa: S104 nobody listens here
    client=(1, "127.0.0.1:11"),
    internal=2,
    controller=3,
    proxied=(4, "127.0.0.1:44"),
)


def test_a_single_server() -> None:
    """It is broker and controller; brokers talk over INTERNAL; the controller is not advertised."""
    entries = properties(PLAIN, log_folder="/data", wishes={})
    assert entries["process.roles"] == "broker,controller"
    assert entries["inter.broker.listener.name"] == "INTERNAL"
    assert entries["controller.quorum.voters"] == "1@127.0.0.1:3"
    assert entries["listeners"] == (
        "PLAINTEXT://127.0.0.1:1,INTERNAL://127.0.0.1:2,CONTROLLER://127.0.0.1:3"
    )
    assert entries["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1,INTERNAL://127.0.0.1:2"
    assert entries["listener.security.protocol.map"] == (
        "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
    )
    assert entries["log.dirs"] == "/data"


def test_behind_a_proxy() -> None:
    """The PROXIED listener is bound here and advertised as the proxy's address."""
    entries = properties(PROXIED, log_folder="/data", wishes={})
    assert entries["listeners"].endswith("PROXIED://0.0.0.0:4")
    assert entries["advertised.listeners"] == (
        "PLAINTEXT://127.0.0.1:11,INTERNAL://127.0.0.1:2,PROXIED://127.0.0.1:44"
    )


def test_nothing_is_replicated() -> None:
    """A single server asks for one replica of everything: with more it would never be ready."""
    replicas = {n: v for n, v in FOR_TESTS.items() if n.endswith(("replication.factor", "min.isr"))}
    assert len(replicas) == 6
    assert set(replicas.values()) == {"1"}


def test_wishes_prevail() -> None:
    """A wish by Kafka's own name prevails over everything."""
    entries = properties(PLAIN, log_folder="/data", wishes={"log.dirs": "/x", **NEVER_KILLED})
    assert entries["log.dirs"] == "/x"
    assert entries["broker.session.timeout.ms"] == "9000"


def test_text() -> None:
    """A properties file has a line an entry; a backslash stays one."""
    assert as_text({"a.b": "c", "log.dirs": "C:\\kafka"}) == "a.b=c\nlog.dirs=C:\\\\kafka\n"


def test_environment() -> None:
    """The image's rule: a dot is _, an underscore __, a dash ___, all in capitals."""
    environment = as_environment({"log.dirs": "/data", "a_b-c.d": "x"})
    assert environment.pop("CLUSTER_ID")
    assert environment == {"KAFKA_LOG_DIRS": "/data", "KAFKA_A__B___C_D": "x"}
