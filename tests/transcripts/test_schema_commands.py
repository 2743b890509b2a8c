"""What `penstock schema ...` prints, as its users see it; golden.py says how to rewrite it.

A project in a repository: its schemas are exported and committed, then its classes change. The
commands are run as processes, one after the other.
"""

from pathlib import Path

import pytest

from tests.infra.cli.shop import Shop
from tests.infra.git_project import commit_all, repository
from tests.transcripts.golden import golden

FILE = Path(__file__).parent / "schema_commands.txt"

PROJECT = """
[tool.penstock]
app = "shop"
modules = ["users_shop.orders"]
schemas = ["schemas"]
"""
BEFORE = '''
from decimal import Decimal
from typing import Annotated

from penstock.events import Command, Event, Record, Reply, Topic, money

__namespace__ = "shop"

ORDERS = Topic("shop.orders", partitions=12, compatibility="FULL_TRANSITIVE")


class Item(Record):
    """One line of an order."""

    sku: str
    count: int = 1


class OrderPlaced(Event, topic=ORDERS, key="order_id"):
    """A customer placed an order."""

    order_id: str
    items: list[Item]
    total: Annotated[Decimal, money(12, 2)]


class OrderLost(Event, topic=ORDERS, key="order_id"):
    order_id: str


class StockReserved(Reply, namespace="stock"):
    shelf: str | None = None


class ReserveStock(Command, topic="stock.commands", key="order_id", reply=StockReserved):
    order_id: str


class ReleaseStock(Command, topic="stock.commands", key="order_id"):
    order_id: str
'''
AFTER = (
    BEFORE.replace("    count: int = 1\n", "    amount: int\n")
    .replace("money(12, 2)", "money(12, 4)")
    .replace('class OrderLost(Event, topic=ORDERS, key="order_id"):\n    order_id: str\n', "")
    .replace("    shelf: str | None = None", "    shelf: str | None = None\n    row: int = 0")
    .replace('topic="stock.commands", key="order_id"):', 'topic="stock.undo", key="order_id"):')
)
FOREIGN = """
{"type": "record", "name": "warehouse.Counted", "owner": "warehouse team",
 "topic": "warehouse.counts", "key": "sku", "compatibility": "FULL",
 "fields": [{"name": "sku", "type": "string"}, {"name": "count", "type": "int"}]}
"""


@pytest.mark.timeout(300)  # a dozen processes, one after the other, on whatever machine
def test_what_the_commands_print(shop: Shop) -> None:
    """Each command line, what it prints, and its exit code."""
    repository(shop.folder)
    shop.write("pyproject.toml", PROJECT)
    shop.write("users_shop/orders.py", BEFORE)
    shop.write("counted.avsc", FOREIGN)
    told = [
        told_by(shop, "check", "--against", "git:main"),
        told_by(shop, "check"),
        told_by(shop, "export", "schemas"),
    ]
    commit_all(shop.folder)
    told += [
        told_by(shop, "list"),
        told_by(shop, "show", "shop.OrderPlaced"),
        told_by(shop, "show", "ReserveStok"),
        told_by(shop, "check", "--against", "git:main"),
    ]
    shop.write("users_shop/orders.py", AFTER)
    told += [
        told_by(shop, "check", "--against", "git:main"),
        told_by(shop, "check", "stock.StockReserved", "--against", "git:main", "-o", "json"),
        told_by(shop, "diff", "shop.OrderPlaced", "--against", "git:main"),
        told_by(shop, "diff", "stock.ReleaseStock", "--against", "schemas"),
        told_by(shop, "generate", "counted.avsc", "--to", "made", "--package", "made"),
        told_by(shop, "generate", "counted.avsc", "--to", "users_shop", "--package", "made"),
    ]
    got = "\n".join(told)
    assert got == golden(FILE, got)


def told_by(shop: Shop, *arguments: str) -> str:
    """Run a command, and return what it prints."""
    done = shop.run("schema", *arguments)
    assert "Traceback" not in done.stderr
    command = " ".join(("penstock schema", *arguments))
    printed = (done.stdout + done.stderr).replace(str(shop.folder), "<folder>")
    return f"$ {command}\n{printed}[exits with {done.returncode}]\n"
