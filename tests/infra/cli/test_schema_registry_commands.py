"""`penstock registry serve` where it cannot serve."""

import pytest

from penstock.infra.schema_registry.registry_server import listening
from tests.infra.cli.shop import Shop


def test_while_kafka_is_away(shop: Shop) -> None:
    """It says where it was looked for, and exits with 5; nobody is told that it listens."""
    done = shop.run("registry", "serve", "--port", "0")
    assert done.returncode == 5
    assert done.stdout == ""
    assert shop.kafka in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken(shop: Shop) -> None:
    """Told at once, before Kafka is asked, and by the flag that cures it."""
    with listening("127.0.0.1", 0) as taken:
        done = shop.run("registry", "serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 3
    assert done.stderr.startswith("penstock: PEN-I169 The schema registry cannot listen on")
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert "--port" in done.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "", "a\x1b[31mb"])
def test_addresses_that_are_none_of_this_machine(shop: Shop, host: str) -> None:
    """One line, with nothing in it that a terminal obeys."""
    done = shop.run("registry", "serve", "--host", host, "--port", "0")
    assert done.returncode == 3
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("words", [("--port", "65536"), ("--port", "-1"), ("more",)])
def test_wrong_usage(shop: Shop, words: tuple[str, ...]) -> None:
    """Typer's own words, and 2."""
    assert shop.run("registry", "serve", *words).returncode == 2


def test_help_tells_the_two_registries_apart(shop: Shop) -> None:
    """Services are listed and watched; schemas are served."""
    group = shop.run("registry", "--help").stdout
    assert "schemas" in group
    assert "which processes are there" in " ".join(group.split())
    assert "Not the instances" in shop.run("registry", "serve", "--help").stdout
