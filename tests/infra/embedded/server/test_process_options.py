import pytest

from penstock.infra.embedded.server.broker_options import (
    BrokerOptions,
    FurtherListener,
    OptionRefused,
)
from penstock.infra.embedded.server.process_options import read_arguments
from penstock.infra.embedded.wire.call import ListenerAddress


def test_nothing_said_is_memory_and_any_port_of_this_machine_alone() -> None:
    """Nothing said is memory and any port of this machine alone."""
    options = read_arguments([])
    broker = options.broker
    assert (broker.host, broker.port, broker.remote) == ("127.0.0.1", 0, False)
    assert (options.data, options.fsync, options.leash) == (None, False, None)


def test_values_stand_behind_a_space_or_an_equals_sign() -> None:
    """Values stand behind a space or an equals sign."""
    options = read_arguments(
        ["--port", "9092", "--config=num.partitions=3", "--config", "a=b=c", "--data", "d",
         "--fsync", "--leash=5", "--remote", "--host", "::", "--advertise", "[::1]:7"]
    )  # fmt: skip
    assert options.broker.config == {"num.partitions": "3", "a": "b=c"}
    assert (options.broker.port, options.broker.host, options.data) == (9092, "::", "d")
    assert (options.fsync, options.leash, options.broker.remote) == (True, 5, True)
    assert options.broker.advertised == ListenerAddress("::1", 7)


def test_further_listeners_tell_their_clients_another_address() -> None:
    """Further listeners tell their clients another address."""
    options = read_arguments(["--listener", "127.0.0.1:7=proxy:8", "--listener=[::1]:0=a:1"])
    assert options.broker.further == (
        FurtherListener(ListenerAddress("127.0.0.1", 7), ListenerAddress("proxy", 8)),
        FurtherListener(ListenerAddress("::1", 0), ListenerAddress("a", 1)),
    )
    with pytest.raises(OptionRefused, match="other machines"):
        read_arguments(["--listener", "192.0.2.1:7=proxy:8"]).broker.check()


@pytest.mark.parametrize(
    "arguments",
    [["--prot", "1"], ["--port"], ["--port", "x"], ["--port", "65536"], ["--config", "a"], ["rest"],
     ["--leash", "-1"], ["--advertise", "9092"], ["--listener", "127.0.0.1:1"],
     ["--listener", "127.0.0.1=127.0.0.1:1"]],
    ids=" ".join,
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_name(arguments: list[str]) -> None:
    """What is not understood is refused by name."""
    with pytest.raises(OptionRefused) as refused:
        read_arguments(arguments)
    assert arguments[-1] in str(refused.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "", "example.org"])  # noqa: S104 - refused
def test_an_address_that_other_machines_reach_must_be_asked_for(host: str) -> None:
    """An address that other machines reach must be asked for."""
    with pytest.raises(OptionRefused, match="other machines"):
        BrokerOptions(host=host).check()


def test_all_addresses_of_a_machine_cannot_be_told_to_clients() -> None:
    """All addresses of a machine cannot be told to clients."""
    with pytest.raises(OptionRefused, match="cannot be told"):
        BrokerOptions(host="0.0.0.0", remote=True).check()  # noqa: S104 - refused
    BrokerOptions(host="::", remote=True, advertised=ListenerAddress("box", 9092)).check()


def test_a_password_is_not_shown() -> None:
    """A password is not shown."""
    assert "secret" not in repr(BrokerOptions(users={"alice": "secret"}))
