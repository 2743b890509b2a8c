"""`penstock registry` where there is no registry, or not the right words."""

import pytest

from penstock.infra.processes.loopback_port import LoopbackPort
from tests.infra.cli.shop import Shop

COMMANDS = pytest.mark.parametrize(
    "words", [("list",), ("list", "orders"), ("list", "-o", "json"), ("watch", "orders")]
)


@COMMANDS
def test_without_the_setting(shop: Shop, words: tuple[str, ...]) -> None:
    """It says which one is missing, and exits with 3."""
    done = shop.run("registry", *words)
    assert done.returncode == 3
    assert done.stderr.startswith("penstock: PEN-I83 There is no registry of shop: PENSTOCK_REDIS")
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)


@COMMANDS
def test_while_redis_is_away(shop: Shop, words: tuple[str, ...]) -> None:
    """It says where it was looked for, and exits with 5; Kafka is not asked for."""
    with LoopbackPort() as port:
        variables = {"PENSTOCK_REDIS": f"redis://{port.address}", "PENSTOCK_KAFKA": ""}
        done = shop.run("registry", *words, variables=variables)
    assert done.returncode == 5
    assert done.stderr.startswith(f"penstock: PEN-I72 Redis at {port.address} gave no answer")
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)


@pytest.mark.parametrize("words", [("list", "a:b"), ("watch", "*"), ("watch",)])
def test_names_that_no_service_has(shop: Shop, words: tuple[str, ...]) -> None:
    """They are wrong usage, whether there is a registry or not."""
    assert shop.run("registry", *words).returncode == 2
