import pytest

from penstock.infra.embedded.server.broker_options import (
    BrokerOptions,
    FurtherListener,
    OptionRefused,
)
from penstock.infra.embedded.server.process_options import read_arguments
from penstock.infra.embedded.wire.call import ListenerAddress


def test_nothing_said_is_memory_and_any_port_of_this_machine_alone() -> None:
    """Nobody else reaches it, and nothing of it stays."""
    options = read_arguments([])
    broker = options.broker
    assert (broker.host, broker.port, broker.remote) == ("127.0.0.1", 0, False)
    assert (options.data, options.fsync, options.leash) == (None, False, None)
    assert broker.log_memory_bytes is None


def test_values_stand_behind_a_space_or_an_equals_sign() -> None:
    """A value may hold an equals sign itself; an address of IPv6 stands in brackets."""
    options = read_arguments(
        ["--port", "9092", "--config=num.partitions=3", "--config", "a=b=c", "--data", "d",
         "--fsync", "--leash=5", "--remote", "--host", "::", "--advertise", "[::1]:7"]
    )  # fmt: skip
    assert options.broker.config == {"num.partitions": "3", "a": "b=c"}
    assert (options.broker.port, options.broker.host, options.data) == (9092, "::", "d")
    assert (options.fsync, options.leash, options.broker.remote) == (True, 5, True)
    assert options.broker.advertised == ListenerAddress("::1", 7)


def test_memory_is_said_in_mebibytes_and_is_all_logs_together() -> None:
    """Half a mebibyte is not worth a unit of its own."""
    assert read_arguments(["--memory", "64"]).broker.log_memory_bytes == 64 * 1024 * 1024
    assert read_arguments(["--memory=2048"]).broker.log_memory_bytes == 2 << 30


def test_a_limit_of_memory_is_refused_where_records_are_on_the_disk() -> None:
    """It would be taken for what the process may use, and not for what the folder may hold."""
    with pytest.raises(OptionRefused, match="--data"):
        read_arguments(["--memory", "64", "--data", "d"])


def test_further_listeners_tell_their_clients_another_address() -> None:
    """They are held to the same rule: this machine, unless told."""
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
     ["--leash", "-1"], ["--memory", "0"], ["--memory", "1GiB"], ["--memory", "1048577"],
     ["--advertise", "9092"], ["--listener", "127.0.0.1:1"],
     ["--listener", "127.0.0.1=127.0.0.1:1"]],
    ids=" ".join,
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_name(arguments: list[str]) -> None:
    """The refusal repeats what was typed."""
    with pytest.raises(OptionRefused) as refused:
        read_arguments(arguments)
    assert arguments[-1] in str(refused.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "", "example.org"])  # noqa: S104 - refused
def test_an_address_that_other_machines_reach_must_be_asked_for(host: str) -> None:
    """By --remote: nothing is encrypted, and nobody asked who is there."""
    with pytest.raises(OptionRefused, match="other machines"):
        BrokerOptions(host=host).check()


def test_all_addresses_of_a_machine_cannot_be_told_to_clients() -> None:
    """They could not connect to 0.0.0.0; another address must be told."""
    with pytest.raises(OptionRefused, match="cannot be told"):
        BrokerOptions(host="0.0.0.0", remote=True).check()  # noqa: S104 - refused
    BrokerOptions(host="::", remote=True, advertised=ListenerAddress("box", 9092)).check()


def test_a_password_is_not_shown() -> None:
    """Options are logged and stand in tracebacks."""
    assert "secret" not in repr(BrokerOptions(users={"alice": "secret"}))
