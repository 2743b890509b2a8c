"""`penstock event types`, `show` and `asyncapi`: what needs no broker, run as users run it."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.infra.asyncapi.judge import complaints, lost_references
from tests.infra.cli.shop import Shop

ALONE = {"PENSTOCK_KAFKA": ""}


def test_types_are_listed_without_settings(shop: Shop) -> None:
    """For people, and for programs."""
    done = shop.run("event", "types", variables=ALONE)
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["TYPE", "KIND", "TOPIC", "KEY", "FIELDS", "DOC"]
    assert [line.split()[:4] for line in lines] == [
        ["shop.OrderPlaced", "event", "shop.orders", "order_id"],
        ["shop.Trap", "event", "shop.traps", "name"],
        ["stock.ReserveStock", "command", "stock.commands", "order_id"],
        ["stock.StockReserved", "reply", "-", "-"],
    ]
    rows = json.loads(shop.run("event", "types", "-o", "json", variables=ALONE).stdout)
    assert rows[0] == {
        "type": "shop.OrderPlaced",
        "kind": "event",
        "topic": "shop.orders",
        "key": "order_id",
        "fields": 2,
        "doc": "A customer placed an order.",
    }


def test_no_types_are_said_so(shop: Shop) -> None:
    """An empty module is no mistake."""
    shop.write("users_shop/orders.py", "")
    done = shop.run("event", "types", variables=ALONE)
    assert (done.stdout, done.returncode) == (
        "The project's modules define no event, command or reply.\n",
        0,
    )
    done = shop.run("event", "types", "-o", "json", variables=ALONE)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("name", ["shop.OrderPlaced", "OrderPlaced"])
def test_a_type_is_shown_with_a_command_that_publishes_it(shop: Shop, name: str) -> None:
    """The last line can be pasted; what it would publish is an event of the type."""
    done = shop.run("event", "show", name, variables=ALONE)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "shop.OrderPlaced is an event"
    assert "  handled by  totals" in lines
    assert any(line.split()[:3] == ["total", "Decimal", "decimal(12,"] for line in lines)
    program, *arguments = shlex.split(lines[-1])
    assert program == "penstock"
    tried = shop.run(*arguments)
    assert tried.returncode == 5, "the event was taken; only the broker is away"
    assert "PEN-I20" in tried.stderr


def test_a_type_in_json_has_its_schema(shop: Shop) -> None:
    """One object."""
    done = shop.run("event", "show", "ReserveStock", "-o", "json", variables=ALONE)
    shown = json.loads(done.stdout)
    assert shown["reply"] == "stock.StockReserved"
    assert shown["schema"]["name"] == "ReserveStock"
    assert shown["example"] == {"order_id": "order_id-1"}


def asyncapi(shop: Shop, *arguments: str) -> Any:
    """The document that a command prints."""
    done = shop.run("event", "asyncapi", *arguments, variables=ALONE)
    assert done.returncode == 0, done.stderr
    return YAML(typ="safe", pure=True).load(done.stdout)


def test_a_project_is_an_asyncapi_document(shop: Shop) -> None:
    """Valid, as YAML and as JSON, the same each time; app and version are the project's."""
    shop.write(
        "pyproject.toml",
        (shop.folder / "pyproject.toml").read_text() + '[project]\nversion = "7"\n',
    )
    document = asyncapi(shop)
    assert complaints(document) == []
    assert lost_references(document) == []
    assert document["info"]["title"] == "shop"
    assert document["info"]["version"] == "7"
    assert "totals.handle.shop.orders" in document["operations"]
    again = shop.run("event", "asyncapi", "-o", "json", variables=ALONE)
    assert json.loads(again.stdout) == document


def test_versions_and_servers_are_the_callers(shop: Shop) -> None:
    """Nothing about servers is guessed from the environment."""
    document = asyncapi(
        shop,
        *("--version", "3.1.0", "--app-version", "1.2.3"),
        *("--server", "production=kafka-secure://a.example.com:9093,b.example.com:9093"),
        *("--server", "local=127.0.0.1:9092"),
    )
    assert complaints(document) == []
    assert document["asyncapi"] == "3.1.0"
    assert document["info"]["version"] == "1.2.3"
    assert {
        name: (each["protocol"], each["host"]) for name, each in document["servers"].items()
    } == {
        "local": ("kafka", "127.0.0.1:9092"),
        "production": ("kafka-secure", "a.example.com:9093,b.example.com:9093"),
    }
    assert "servers" not in asyncapi(shop)


def test_framing_and_registry_are_those_of_the_settings(shop: Shop) -> None:
    """What is written is what is described."""
    variables = {
        "PENSTOCK_KAFKA": "",
        "PENSTOCK_SCHEMA_REGISTRY": "https://a.example.com:8081,https://b.example.com:8081",
        "PENSTOCK_SUBJECT_NAMES": "record",
        "PENSTOCK_TOPIC_REPLICATION": "3",
    }
    arguments = ("event", "asyncapi", "-o", "json", "--server", "local=127.0.0.1:9092")
    done = shop.run(*arguments, variables=variables)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert complaints(document) == []
    server = document["servers"]["local"]["bindings"]["kafka"]
    assert server["schemaRegistryUrl"] == "https://a.example.com:8081"
    message = document["components"]["messages"]["shop.OrderPlaced"]
    assert message["bindings"]["kafka"]["schemaLookupStrategy"] == "RecordNameStrategy"
    assert document["channels"]["shop.orders"]["bindings"]["kafka"]["replicas"] == 3


def test_a_file_is_written_whole_or_not_at_all(shop: Shop) -> None:
    """And nothing else is left beside it."""
    before = {path.name for path in shop.folder.iterdir()}
    done = shop.run("event", "asyncapi", "--out", "asyncapi.yaml", variables=ALONE)
    assert (done.stdout, done.returncode) == ("Wrote asyncapi.yaml.\n", 0)
    text = (shop.folder / "asyncapi.yaml").read_text("utf-8")
    assert text == shop.run("event", "asyncapi", variables=ALONE).stdout
    for name in ("none/asyncapi.yaml", "users_shop", "pyproject.toml/x"):
        done = shop.run("event", "asyncapi", "--out", name, variables=ALONE)
        assert done.returncode == 3
        assert "PEN-I195" in done.stderr
    left = {path.name for path in shop.folder.iterdir()} - before
    assert left - {"__pycache__"} == {"asyncapi.yaml"}
    assert not list(Path(shop.folder / "users_shop").glob(".*"))


def test_what_is_no_file_is_written_into_and_never_replaced(shop: Shop) -> None:
    """Root could once put a file in the place of /dev/null; a link became a file of its own."""
    shop.write("real.yaml", "old")
    link = shop.folder / "link.yaml"
    link.symlink_to("real.yaml")
    null = shop.folder / "null"
    null.symlink_to("/dev/null")
    for name in ("link.yaml", "null"):
        done = shop.run("event", "asyncapi", "--out", name, variables=ALONE)
        assert done.returncode == 0, done.stderr
    assert link.is_symlink()
    assert (shop.folder / "real.yaml").read_text("utf-8").startswith("asyncapi:")
    assert null.is_symlink()
    assert Path("/dev/null").is_char_device()
