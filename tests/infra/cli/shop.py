"""A user's project, and the command line run in it as users run it: as a process."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["ORDERS", "Shop"]

TIMEOUT_S: Final = 60

ORDERS: Final = '''
from decimal import Decimal
from typing import Annotated

from pydantic import field_validator

from penstock.events import Command, Event, Reply, money
from penstock.workers import Delivery, Worker


class OrderPlaced(Event, topic="shop.orders", key="order_id"):
    """A customer placed an order."""

    order_id: str
    total: Annotated[Decimal, money(12, 2)]


class Trap(Event, topic="shop.traps", key="name"):
    """An event whose author made a mistake."""

    name: str

    @field_validator("name")
    @classmethod
    def divide(cls, name: str) -> str:
        return name[: 1 // len(name)]


class StockReserved(Reply, namespace="stock"):
    """The answer."""

    shelf: str


class ReserveStock(Command, topic="stock.commands", key="order_id", reply=StockReserved):
    """Take from the shelf."""

    order_id: str


worker = Worker("totals")
number = 3


@worker.on(OrderPlaced)
async def add(order: OrderPlaced, delivery: Delivery) -> None:
    """Do nothing."""
'''

PROJECT: Final = '[tool.penstock]\napp = "shop"\nmodules = ["users_shop.orders"]\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A folder with a project in it."""

    folder: Path
    """Where pyproject.toml is, and the working directory of commands."""
    kafka: str
    """The address that PENSTOCK_KAFKA holds."""

    @classmethod
    def made_in(cls, folder: Path, kafka: str) -> "Shop":
        """Write the project's files."""
        package = folder / "users_shop"
        package.mkdir()
        (folder / "pyproject.toml").write_text(PROJECT, "utf-8")
        (package / "__init__.py").touch()
        (package / "orders.py").write_text(ORDERS, "utf-8")
        return cls(folder=folder, kafka=kafka)

    def environment(self, variables: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a command: nothing of ours but what is given here."""
        machine = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith(("PENSTOCK_", "PYTHON", "COVERAGE_"))
        }
        own = {"PENSTOCK_KAFKA": self.kafka, "XDG_RUNTIME_DIR": str(self.folder)}
        return {**machine, **own, **(variables or {})}

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        python: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end.

        Args:
            arguments: behind `penstock`.
            stdin: what stands in its standard input, a pipe.
            python: further switches of Python.
            variables: of its environment.
        """
        done = subprocess.run(
            self.command(*arguments, python=python),
            cwd=self.folder,
            env=self.environment(variables),
            input=stdin,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    @staticmethod
    def command(*arguments: str, python: tuple[str, ...] = ()) -> list[str]:
        """Return the command line: a warning of ours would end it."""
        return [sys.executable, *python, "-W", "error", "-m", "penstock.infra.cli", *arguments]

    def write(self, name: str, content: str | bytes) -> str:
        """Write a file into the folder and return its name."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name
