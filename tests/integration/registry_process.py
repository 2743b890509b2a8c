"""`penstock registry serve` as a process, in a user's project on a Kafka."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["RegistryProcess", "ShopProject"]

PENSTOCK: Final = str(Path(sys.executable).parent / "penstock")
LIMIT_S: Final = 60.0
READY: Final = "penstock-schema-registry ready "

MODULE: Final = '''
from decimal import Decimal
from typing import Annotated

from penstock.events import Event, Topic, money

__namespace__ = "shop"

ORDERS = Topic("{orders}", partitions=1)


class Placed(Event, topic=ORDERS, key="order_id"):
    """A customer placed an order."""

    order_id: str
    total: Annotated[Decimal, money(12, 2)]
    note: str | None = None
'''


@dataclass(frozen=True, slots=True)
class RegistryProcess:
    """One that says that it listens."""

    process: "subprocess.Popen[str]"
    """The process."""
    url: str
    """Where it listens."""

    def stop(self) -> tuple[int, str]:
        """End it as a container's platform does; return exit code and standard error."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, errors


class ShopProject:
    """A user's folder with an event, and commands run in it."""

    def __init__(self, folder: Path, kafka: str, unique: Callable[[str], str]) -> None:
        """Write the folder, and make the topics."""
        self.folder = folder
        self.kafka = kafka
        self.app = unique("app")
        self.orders = f"shop.{unique('orders')}"
        self.module = unique("shop").replace("-", "_")
        (folder / f"{self.module}.py").write_text(MODULE.format(orders=self.orders), "utf-8")
        (folder / "pyproject.toml").write_text(
            f'[tool.penstock]\napp = "{self.app}"\nmodules = ["{self.module}"]\n', "utf-8"
        )
        made = self.run("topic", "apply")
        assert made.returncode == 0, made.stderr

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Nothing of ours but what is given here."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_")}
        return {**kept, "PENSTOCK_KAFKA": self.kafka, **more}

    def run(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """One command to its end."""
        return subprocess.run(
            [PENSTOCK, *words],
            cwd=self.folder,
            env=self.environment(variables),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    @contextmanager
    def serving(self, *words: str) -> Iterator[RegistryProcess]:
        """Serve the registry; ended with the block, if not before."""
        process = subprocess.Popen(
            [PENSTOCK, "registry", "serve", "--port", "0", *words],
            cwd=self.folder,
            env=self.environment({"PENSTOCK_LOG_LEVEL": "warning"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(READY), process.communicate(timeout=LIMIT_S)
            yield RegistryProcess(process, line.removeprefix(READY).strip())
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate(timeout=LIMIT_S)
