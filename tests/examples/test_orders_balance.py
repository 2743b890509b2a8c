"""Whether ledgers are balanced: the laws of examples/orders/balance.py."""

from datetime import UTC, datetime
from uuid import UUID

from penstock.examples.orders.balance import balance_of
from penstock.examples.orders.ledger import Entry
from penstock.examples.orders.outcomes import End

STEPS = {"stock": "reserve_stock", "payments": "charge_card", "shipping": "ship"}


def done(service: str, order_id: str = "o-1", *, saga: str = "order") -> Entry:
    """A row that says that a service did its part."""
    return _entry(service, f"{saga}/do/{STEPS[service]}:{order_id}", None)


def undone(service: str, order_id: str = "o-1") -> Entry:
    """A row that says that a service undid its part."""
    step = STEPS[service]
    return _entry(service, f"order/undo/{step}:{order_id}", f"order/do/{step}:{order_id}")


def _entry(service: str, key: str, undoes: str | None) -> Entry:
    return Entry(
        service=service,
        key=key,
        undoes=undoes,
        effect="something",
        reference=UUID(int=1),
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )


ALL = (done("stock"), done("payments"), done("shipping"))


def problems(end: End, *entries: Entry) -> tuple[str, ...]:
    """What is wrong with one order's rows."""
    return balance_of(entries, {"o-1": end}).problems


def test_a_completed_saga_has_each_effect_once() -> None:
    """One row for each service, and no undo."""
    balance = balance_of(ALL, {"o-1": End.COMPLETED})
    assert balance.balanced
    assert (balance.effects, balance.undos) == (3, 0)


def test_a_completed_saga_lacks_nothing() -> None:
    """A step that the saga believes done, and that no service remembers, is a loss."""
    assert problems(End.COMPLETED, *ALL[:2]) == (
        "o-1 is completed, and shipping has done nothing for it.",
    )
    assert len(problems(End.COMPLETED)) == 3


def test_a_completed_saga_has_undone_nothing() -> None:
    """Or the customer has the parcel and the money."""
    assert problems(End.COMPLETED, *ALL, undone("payments")) == (
        "o-1 is completed, and payments has undone something of it.",
    )


def test_nothing_is_done_twice() -> None:
    """Under two keys, that is: a ledger has no key twice."""
    for end in (End.COMPLETED, End.PARKED):
        assert problems(end, *ALL, done("payments", saga="another")) == (
            "o-1 was done 2 times by payments.",
        )


def test_a_compensated_saga_has_undone_what_it_did() -> None:
    """Each effect stands beside its undo."""
    rows = (done("stock"), undone("stock"), done("payments"), undone("payments"))
    balance = balance_of(rows, {"o-1": End.COMPENSATED})
    assert balance.balanced
    assert (balance.effects, balance.undos) == (2, 2)


def test_a_compensated_saga_may_have_done_nothing() -> None:
    """Refused by the first step."""
    assert problems(End.COMPENSATED) == ()


def test_an_undo_without_its_effect_is_well() -> None:
    """Nobody knew whether there was one."""
    assert problems(End.COMPENSATED, undone("payments")) == ()


def test_an_effect_without_its_undo_is_not() -> None:
    """Money was taken and not given back; a parcel cannot even be undone."""
    assert problems(End.COMPENSATED, done("payments"), undone("stock")) == (
        "o-1 is compensated, and what payments did for it was not undone: something.",
    )
    assert problems(End.COMPENSATED, done("shipping")) == (
        "o-1 is compensated, and what shipping did for it was not undone: something.",
    )


def test_another_orders_undo_does_not_count() -> None:
    """Rows are held against each other by order and key."""
    rows = (done("stock", "o-1"), undone("stock", "o-2"))
    found = balance_of(rows, {"o-1": End.COMPENSATED, "o-2": End.COMPENSATED}).problems
    assert [problem.partition(" ")[0] for problem in found] == ["o-1"]


def test_a_parked_saga_stands_in_the_middle() -> None:
    """What is missing there is a person's business."""
    assert problems(End.PARKED, *ALL[:2], undone("payments")) == ()


def test_a_row_that_belongs_to_no_saga_is_a_problem() -> None:
    """An effect that nobody asked for is no balance."""
    balance = balance_of([done("stock", "o-7")], {})
    assert balance.problems == ("o-7 is in the ledger of stock, and nobody knows its saga.",)


def test_a_saga_key_may_hold_anything() -> None:
    """It stands last in the idempotency key, behind the first colon."""
    assert done("stock", "a/b:c").order_id == "a/b:c"
