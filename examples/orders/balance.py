"""Whether the ledgers are balanced: every saga's effects happened once, or were undone.

    balance = balance_of(read_ledgers(folder), {"o-000001": End.COMPLETED, ...})

The ledgers know nothing of sagas, and the sagas nothing of ledgers. That the two agree, whatever
was killed in between, is what penstock promises.

Laws, by how an order's saga ended:
1. Completed: each service has done its part once, and undone nothing.
2. Compensated: whatever was done is undone. An undo without anything to undo is well: nobody knew
   whether there was something.
3. Parked: it stands in the middle, so only what happened twice is wrong.
4. Every row belongs to an order whose saga is known.

Pure: rows and ends go in, sentences come out.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from penstock.examples.orders.ledger import Entry
from penstock.examples.orders.outcomes import End

__all__ = ["SERVICES", "Balance", "balance_of"]

SERVICES = ("stock", "payments", "shipping")
"""Each has a part in every order that completes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What was found."""

    effects: int
    """Rows that say that something was done."""
    undos: int
    """Rows that say that something was undone."""
    problems: tuple[str, ...]
    """Everything that is unbalanced, a sentence each; empty where nothing is."""

    @property
    def balanced(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def balance_of(entries: Iterable[Entry], ends: Mapping[str, End]) -> Balance:
    """Hold the ledgers against what became of the sagas.

    Args:
        entries: the rows of all services.
        ends: how the saga of each order ended, by the order's id.
    """
    entries = tuple(entries)
    by_order: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_order[entry.order_id].append(entry)
    problems = [
        problem
        for order_id in sorted(ends.keys() | by_order.keys())
        for problem in _problems(order_id, ends.get(order_id), by_order.get(order_id, []))
    ]
    undos = sum(entry.undoes is not None for entry in entries)
    return Balance(effects=len(entries) - undos, undos=undos, problems=tuple(problems))


def _problems(order_id: str, end: End | None, entries: list[Entry]) -> Iterator[str]:
    if end is None:
        yield f"{order_id} is in the ledger of {entries[0].service}, and nobody knows its saga."
        return
    for service in SERVICES:
        own = [entry for entry in entries if entry.service == service]
        done = [entry for entry in own if entry.undoes is None]
        undone = {entry.undoes for entry in own if entry.undoes is not None}
        if len(done) > 1:
            yield f"{order_id} was done {len(done)} times by {service}."
        if end is End.COMPLETED:
            if not done:
                yield f"{order_id} is completed, and {service} has done nothing for it."
            if undone:
                yield f"{order_id} is completed, and {service} has undone something of it."
        if end is End.COMPENSATED:
            for entry in done:
                if entry.key not in undone:
                    yield (
                        f"{order_id} is compensated, and what {service} did for it was not "
                        f"undone: {entry.effect}."
                    )
