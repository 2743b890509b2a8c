"""The sides of the saga benchmark: which processes run, and how a saga is started.

    bare        benchmarks/bare_sagas.py: JSON, nothing that is not needed
    penstock    `penstock run saga`, and `penstock run worker` with the participants

Both have one process that orchestrates and one that answers, of this Python, begun anew with topics
of their own, and one partition everywhere.
"""

import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.bare_sagas import BareTopics
from benchmarks.bare_sagas import start_value as bare_start_value
from benchmarks.rig import settings_for, topics
from benchmarks.saga_bench.messages import (
    DONE,
    CardCharged,
    ChargeCard,
    OrderPlaced,
    OrderShipped,
    ReserveStock,
    Ship,
    Shipped,
    StockReserved,
)
from benchmarks.saga_bench.participants import worker
from penstock.events.names import saga_inbox_topic
from penstock.events.saga_messages import InboxMessage, Start, encode_inbox_message
from penstock.events.topic import Topic
from penstock.infra.processes.owned_process import OwnedProcess
from penstock.infra.schema_files.export import export_schemas
from penstock.infra.topic_operations import topics_wanted
from penstock.sagas.definition import Definition
from penstock.sagas.language.check import load
from penstock.schemas.codec import encoder_of
from penstock.schemas.record import declaration_of
from penstock.workers.topics import schemas_topic

__all__ = ["BARE", "ORCHESTRATOR", "PARTICIPANTS", "PENSTOCK", "SIDES", "Side"]

BARE: Final = "bare"
PENSTOCK: Final = "penstock"
ORCHESTRATOR: Final = "orchestrator"
PARTICIPANTS: Final = "participants"

STOP_LIMIT_S: Final = 20.0
_FILE: Final = Path(__file__).parent / "saga_bench" / "bench.saga.yaml"
_WORKER: Final = "benchmarks.saga_bench.participants:worker"
_LOG_TAIL: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A side that runs."""

    inbox: Topic
    """Where its sagas are started."""
    done: str
    """Where they tell that they are complete."""
    start_value: Callable[[str], bytes]
    """Makes the inbox record that starts a saga, of its key."""
    processes: Mapping[str, OwnedProcess]
    """ORCHESTRATOR and PARTICIPANTS."""
    logs: Path
    """Folder of what they print."""

    def check(self) -> None:
        """Fail, with the last of what it printed, where a process has ended by itself."""
        for name, process in self.processes.items():
            if not process.running:
                tail = self.logs.joinpath(name).read_text(encoding="utf-8")[-_LOG_TAIL:]
                message = f"{name} has ended; it said:\n{tail}"
                raise RuntimeError(message)


@asynccontextmanager
async def _bare(bootstrap: str) -> AsyncIterator[Side]:
    named = BareTopics(run=uuid.uuid4().hex[:8], done=DONE.name)
    inbox = Topic(named.inbox, partitions=1)
    declared = [
        inbox,
        Topic(named.commands, partitions=1),
        Topic(named.state, partitions=1, cleanup="compact"),
        DONE,
    ]
    loop = [sys.executable, "-m", "benchmarks.bare_sagas"]
    arguments = [bootstrap, named.run, named.done]
    async with topics(settings_for(bootstrap), *declared):
        with TemporaryDirectory() as folder:
            commands = {role: [*loop, role, *arguments] for role in (ORCHESTRATOR, PARTICIPANTS)}
            with _processes(commands, Path(folder)) as processes:
                yield Side(
                    inbox=inbox,
                    done=named.done,
                    start_value=lambda key: bare_start_value(_order(key) | {"amount": "19.99"}),
                    processes=processes,
                    logs=Path(folder),
                )


@asynccontextmanager
async def _penstock(bootstrap: str) -> AsyncIterator[Side]:
    settings = settings_for(bootstrap)
    program = str(Path(sys.executable).parent / "penstock")
    command = ["env", f"PENSTOCK_APP={settings.app}", f"PENSTOCK_KAFKA={bootstrap}", program, "run"]
    definition = _definition()
    declared = _penstock_topics(settings.app, definition)
    with TemporaryDirectory() as text:
        folder = Path(text)
        export_schemas(_MESSAGES, folder / "schemas")
        saga = [str(_FILE), "--schemas", str(folder / "schemas")]
        commands = {
            ORCHESTRATOR: [*command, "saga", *saga],
            PARTICIPANTS: [*command, "worker", _WORKER],
        }
        async with topics(settings, *declared.values()):
            with _processes(commands, folder) as processes:
                yield Side(
                    inbox=declared[saga_inbox_topic(settings.app, definition.saga)],
                    done=DONE.name,
                    start_value=_penstock_start,
                    processes=processes,
                    logs=folder,
                )


_MESSAGES: Final = (
    CardCharged,
    ChargeCard,
    OrderPlaced,
    OrderShipped,
    ReserveStock,
    Ship,
    Shipped,
    StockReserved,
)
_encode_order: Final = encoder_of(OrderPlaced)


def _definition() -> Definition:
    schemas = [declaration_of(message).schema for message in _MESSAGES]
    return load(
        _FILE.read_text("utf-8"),
        file=_FILE.name,
        schemas={schema.full_name: schema for schema in schemas},
    )


def _penstock_start(key: str) -> bytes:
    order = OrderPlaced.model_validate(_order(key) | {"amount": Decimal("19.99")})
    return encode_inbox_message(InboxMessage(start=Start(input=_encode_order(order))))


def _order(key: str) -> dict[str, object]:
    return {"order_id": key, "sku": "lamp", "quantity": 2, "card": "card-4711"}


def _penstock_topics(app: str, definition: Definition) -> dict[str, Topic]:
    """What `penstock topic apply` would make, by name, with one partition everywhere."""
    wanted = topics_wanted(
        app, [OrderPlaced, OrderShipped], [worker], [definition], saga_partitions=1
    )
    own = schemas_topic().name  # `topics` makes it where it is missing, and leaves it
    return {name: topic for name, topic in wanted.declared.items() if name != own}


@contextmanager
def _processes(
    commands: Mapping[str, list[str]], logs: Path
) -> Iterator[Mapping[str, OwnedProcess]]:
    """Run commands, each with its output in a file of its name; all are ended at the end."""
    with ExitStack() as stack:
        processes = {}
        for name, command in commands.items():
            processes[name] = process = OwnedProcess(command, output=logs / name)
            stack.callback(process.stop, timeout_s=STOP_LIMIT_S)
        yield processes


SIDES: Final[Mapping[str, Callable[[str], AbstractAsyncContextManager[Side]]]] = {
    PENSTOCK: _penstock,
    BARE: _bare,
}
"""How to open each side on a Kafka."""
