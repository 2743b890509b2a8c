"""A path leads somewhere, for certain, whenever its place is reached; or it is told why not."""

import pytest

from penstock.sagas.definition import Literal, Path, Root
from tests.sagas.order_language import (
    ORDER,
    call_of,
    changed,
    checked,
    codes_of,
    defined,
    emit_of,
    told,
)

UNDO = "undo: {call: stock.ReleaseStock, with: {order_id: $.input.order_id}}"
OWN_UNDO = "{call: stock.ReleaseStock, with: {order_id: $.input.order_id, shelf: %s}}"


def confirm(value: str) -> str:
    """Return the order saga with another tracking number at its end, in line 27."""
    return changed(("$.steps.ship.tracking_no", value))


@pytest.mark.parametrize(
    ("path", "root", "fields"),
    [
        ("$.input.order_id", Root.INPUT, ("order_id",)),
        ("$.input.customer.name", Root.INPUT, ("customer", "name")),
        ("$.steps.reserve_stock.shelf", Root.STEPS, ("reserve_stock", "shelf")),
        ("$.saga.id", Root.SAGA, ("id",)),
        ("$.saga.key", Root.SAGA, ("key",)),
    ],
)
def test_a_path_is_root_and_names(path: str, root: Root, fields: tuple[str, ...]) -> None:
    """In quotes as without."""
    for written in (path, f'"{path}"', f"'{path}'"):
        template = emit_of(defined(confirm(written)), "confirm").template
        assert template.fields["tracking_no"] == Path(root=root, fields=fields)


def test_a_path_may_lead_to_a_whole_record() -> None:
    """To the input itself as well, if somebody takes it."""
    address = call_of(defined(ORDER), "ship").command.template.fields["address"]
    assert address == Path(root=Root.INPUT, fields=("customer", "address"))
    assert "shop.OrderPlaced; this takes string" in told(confirm("$.input"))


def test_two_dollars_make_a_text_of_it() -> None:
    """One `$` is taken off; so any text can be written."""
    for written, text in (("$$.input.x", "$.input.x"), ("$$$.x", "$$.x"), ("$5", "$5"), ("$", "$")):
        template = emit_of(defined(confirm(written)), "confirm").template
        assert template.fields["tracking_no"] == Literal(value=text)


@pytest.mark.parametrize(
    "path",
    [
        "$.",
        "$.input.",
        "$.input..x",
        "$.input.items[0]",
        "$.input.a-b",
        "$.Input .x",
        "$.input.größe",
    ],
)
def test_what_begins_so_and_is_no_path_is_refused(path: str) -> None:
    """It is neither taken for text nor guessed at."""
    assert codes_of(confirm(f'"{path}"')) == ["27 illegal-path"]


def test_a_path_begins_with_a_known_root() -> None:
    """With what was perhaps meant."""
    assert codes_of(confirm("$.inptu.order_id")) == ["27 illegal-path"]
    assert "Did you mean 'input'?" in told(confirm("$.inptu.order_id"))


@pytest.mark.parametrize("path", ["$.steps", "$.saga"])
def test_a_root_alone_is_no_value(path: str) -> None:
    """Except the input, which is a record."""
    assert codes_of(confirm(path)) == ["27 illegal-path"]


def test_a_field_that_is_not_there_is_told() -> None:
    """With the record that lacks it, and what was perhaps meant."""
    shown = told(confirm("$.input.customer.nmae"))
    assert "$.input.customer (shop.Customer) has no field 'nmae'. Did you mean 'name'?" in shown
    assert codes_of(confirm("$.saga.started")) == ["27 unknown-field"]
    assert "Did you mean 'started_at'?" in told(confirm("$.saga.started"))


def test_only_records_have_fields() -> None:
    """There are no indices and no keys: computing is a worker's business."""
    assert codes_of(confirm("$.input.items.sku")) == ["27 not-a-record"]
    assert codes_of(confirm("$.input.order_id.length")) == ["27 not-a-record"]


def test_a_path_does_not_go_on_behind_what_may_be_null() -> None:
    """It would sometimes lead nowhere."""
    assert codes_of(confirm("$.input.customer.address.city")) == ["27 nullable"]


# Steps


def test_a_path_names_a_step_that_is_there() -> None:
    """With what was perhaps meant."""
    assert codes_of(confirm("$.steps.shipp.tracking_no")) == ["27 unknown-step"]
    assert "Did you mean 'ship'?" in told(confirm("$.steps.shipp.tracking_no"))


def test_a_path_names_an_earlier_step() -> None:
    """Neither a later one nor the step itself."""
    text = changed(("card: $.input.card", "card: $.steps.ship.tracking_no"))
    assert codes_of(text) == ["16 later-step"]
    text = changed(("card: $.input.card", "card: $.steps.charge_card.x"))
    assert codes_of(text) == ["16 later-step"]


def test_a_path_names_a_step_with_a_reply() -> None:
    """One that is answered without data has none, and nobody answers an event."""
    assert codes_of(confirm("$.steps.charge_card.id")) == ["27 no-reply"]
    tell = "  - {name: tell, emit: shop.Note, with: {text: $.steps.confirm.order_id}}\n"
    assert codes_of(ORDER + tell) == ["28 no-reply"]


def test_a_broken_step_is_not_blamed_twice() -> None:
    """Nothing is known of its reply, so nothing is said of paths to it."""
    text = changed(("call: shipping.CreateShipment", "call: shipping.CreateShipmnt"))
    assert codes_of(text) == ["21 unknown-type"]
    text = changed(("  - name: ship\n", "  - name: Ship\n"))
    assert codes_of(text) == ["20 illegal-name"]


# Undo


def test_failure_is_known_in_undo_only() -> None:
    """saga-rules S32: before, nothing has failed."""
    text = changed((UNDO, UNDO.replace("with: {", "with: {reason: $.failure.code, ")))
    undo = call_of(defined(text), "reserve_stock").undo
    assert undo is not None
    reason = undo.command.template.fields["reason"]
    assert reason == Path(root=Root.FAILURE, fields=("code",))
    assert codes_of(confirm("$.failure.step")) == ["27 illegal-path"]


def test_an_undo_may_read_what_the_step_could() -> None:
    """Input, saga and earlier replies; not later ones."""
    old = "undo: {call: payments.RefundCharge, with: {order_id: $.input.order_id}}"
    earlier = changed((old, old.replace("$.input.order_id", "$.steps.reserve_stock.shelf")))
    assert codes_of(earlier) == []
    later = changed((old, old.replace("$.input.order_id", "$.steps.ship.tracking_no")))
    assert codes_of(later) == ["17 later-step"]


def test_an_unknown_outcome_has_no_reply() -> None:
    """So an undo that reads its own step's reply needs `undo_unknown: skip` (S21)."""
    own = OWN_UNDO % "$.steps.reserve_stock.shelf"
    assert codes_of(changed((UNDO, f"undo: {own}"))) == ["10 own-reply-unknown"]
    text = changed((UNDO, f"undo: {own}\n    undo_unknown: skip"))
    step = call_of(defined(text), "reserve_stock")
    assert not step.undo_unknown
    assert step.undo is not None
    shelf = step.undo.command.template.fields["shelf"]
    assert shelf == Path(root=Root.STEPS, fields=("reserve_stock", "shelf"))


@pytest.mark.parametrize(
    "undo", ["none", OWN_UNDO % "$.input.note", OWN_UNDO % "$.steps.reserve_stockx"]
)
def test_skip_is_refused_where_it_is_not_needed(undo: str) -> None:
    """It would leave an effect behind that could be undone (S21)."""
    text = changed((UNDO, f"undo: {undo}\n    undo_unknown: skip"))
    assert "11 undo-unknown-needless" in codes_of(text)


def test_skip_without_a_reply_is_told_once() -> None:
    """The path is wrong then, and not the word."""
    old = "undo: {call: payments.RefundCharge, with: {order_id: $.input.order_id}}"
    own = old.replace("$.input.order_id", "$.steps.charge_card.id")
    assert codes_of(changed((old, f"{own}\n    undo_unknown: skip"))) == ["17 no-reply"]


def test_a_path_is_found_in_lists_and_mappings() -> None:
    """However deep it stands."""
    text = changed(("items: $.input.items", "items: [{sku: $.input.card, count: $.input.nr}]"))
    assert codes_of(text) == ["9 unknown-field"]
    assert "Did you mean" not in told(text)
    assert checked(text).definition is None
