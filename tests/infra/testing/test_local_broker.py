import pytest

from penstock.infra.embedded.configs.broker_configs import BROKER_CONFIGS
from penstock.infra.processes.server_errors import WrongServerState
from penstock.infra.testing.kafka_properties import NEVER_KILLED
from penstock.infra.testing.local_broker import LocalBroker


@pytest.mark.parametrize("call", ["kill", "pause", "resume"])
def test_what_does_not_run(call: str) -> None:
    """Killing, pausing and resuming what does not run is the caller's mistake; closing is not."""
    server = LocalBroker()
    with pytest.raises(WrongServerState):
        getattr(server, call)()
    server.stop()
    server.close()
    server.close()


def test_addresses() -> None:
    """There is a second one only where a proxy is."""
    plain, proxied = LocalBroker(), LocalBroker(proxy="127.0.0.1:7777")
    assert plain.proxied_upstream is None
    assert proxied.proxied_upstream not in {None, proxied.bootstrap, "127.0.0.1:7777"}
    plain.close()
    proxied.close()


def test_what_is_set_for_every_kafka_of_a_test_is_set_here() -> None:
    """The broker knows all of it, or it would not start; a test's own wishes prevail."""
    server = LocalBroker(config={**NEVER_KILLED, "auto.create.topics.enable": "true"})
    wished = server._process._wishes.config
    server.close()
    assert wished["group.initial.rebalance.delay.ms"] == "0"
    assert wished["auto.create.topics.enable"] == "true"
    assert wished["broker.session.timeout.ms"] == "9000"
    assert not wished.keys() - BROKER_CONFIGS.keys()


def test_statistics_before_the_first_start() -> None:
    """A server that was never started has not run."""
    server = LocalBroker()
    statistics = server.statistics()
    server.close()
    assert (statistics.running, statistics.starts, statistics.last_start_s) == (False, 0, 0.0)
