"""A small library: what the scenarios over a cluster in memory are about."""

from pathlib import Path
from typing import Final

from penstock.events import Command, Event, Reply, Topic
from penstock.infra.memory.scenario import saga_of
from penstock.infra.settings import Settings
from penstock.workers import Counters, Delivery, Refused, Worker

__all__ = [
    "LENT",
    "LOAN",
    "SETTINGS",
    "TYPES",
    "VISITS",
    "Asked",
    "Fetch",
    "Find",
    "Found",
    "Lent",
    "PutBack",
    "TurnedBack",
    "clerk",
    "desk",
]

__namespace__ = "library"

SETTINGS: Final = Settings(app="library", drain_s=5.0, saga_partitions=2)
LENT: Final = Counters("lent")
VISITS: Final = Counters("visits")


class Asked(Event, topic=Topic("library.asked", partitions=2), key="loan"):
    loan: str
    title: str


class Lent(Event, topic=Topic("library.lent", partitions=2), key="loan"):
    loan: str
    shelf: str


class TurnedBack(Event, topic=Topic("library.back", partitions=1), key="loan"):
    loan: str
    code: str


class Found(Reply):
    shelf: str


class Find(Command, topic=Topic("library.commands", partitions=2), key="loan", reply=Found):
    loan: str
    title: str


class PutBack(Command, topic=Topic("library.commands", partitions=2), key="loan"):
    loan: str


class Fetch(Command, topic=Topic("cellar.commands", partitions=1), key="loan", namespace="cellar"):
    loan: str


TYPES: Final = (Asked, Lent, TurnedBack, Found, Find, PutBack, Fetch)

LOAN: Final = saga_of(Path(__file__).with_name("loan.saga.yaml"), TYPES)
"""Nobody runs the cellar: two answers do not come in time, and the book is put back."""


def clerk() -> Worker:
    """Lend whatever is asked for, and count it."""
    worker = Worker("clerk")

    @worker.on(Asked, exactly_once=True, counters=LENT)
    async def lend(asked: Asked, delivery: Delivery) -> Lent:
        delivery.counters(LENT).increment(asked.title)
        return Lent(loan=asked.loan, shelf=asked.title[0])

    return worker


def desk(put_back: list[str]) -> Worker:
    """Find books, and put them back.

    Args:
        put_back: Takes the loan of each book that was put back.
    """
    worker = Worker("desk")

    @worker.command(Find)
    async def find(command: Find, _delivery: Delivery) -> Found:
        if command.title == "Necronomicon":
            raise Refused("not_lent")
        return Found(shelf=command.title[0])

    @worker.command(PutBack, undoes=Find)
    async def put(command: PutBack, _delivery: Delivery) -> None:
        put_back.append(command.loan)

    return worker
