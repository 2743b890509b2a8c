"""`with` gives a record all that it needs, and nothing that it has not."""

from penstock.sagas.definition import ListTemplate, Literal, MappingTemplate, Path, Root
from tests.sagas.order_language import call_of, changed, checked, codes_of, defined, told

WITH = "with: {order_id: $.input.order_id, items: $.input.items}"
SHIP = "with: {order_id: $.input.order_id, address: $.input.customer.address}"


def reserve(values: str) -> str:
    """Return the order saga with another `with` in its first step, in line 9."""
    return changed((WITH, f"with: {values}"))


def ship(values: str) -> str:
    """Return the order saga with another `with` at its pivot, in line 22."""
    return changed((SHIP, f"with: {values}"))


def test_an_unknown_field_is_told() -> None:
    """With the record, and what was perhaps meant; what was meant is not told as missing too."""
    text = reserve("{ordr_id: $.input.order_id, items: $.input.items}")
    assert codes_of(text) == ["9 unknown-field"]
    assert "stock.ReserveStock has no field 'ordr_id'. Did you mean 'order_id'?" in told(text)


def test_a_missing_field_is_told() -> None:
    """With its type, at the word `with`."""
    text = reserve("{order_id: $.input.order_id}")
    (problem,) = checked(text).problems
    assert (problem.line, problem.column, problem.code) == (9, 5, "missing-field")
    assert "needs 'items' (array of shop.Item)" in problem.message


def test_without_with_all_required_fields_are_missing() -> None:
    """Told at the step."""
    text = changed((f"    {WITH}\n", ""))
    assert codes_of(text) == ["7 missing-field", "7 missing-field"]


def test_with_may_be_left_out_where_nothing_is_required() -> None:
    """saga-rules S25; an empty one says the same."""
    old = "undo: {call: stock.ReleaseStock, with: {order_id: $.input.order_id}}"
    for undo in ("{call: stock.SweepShelf}", "{call: stock.SweepShelf, with: {}}"):
        swept = call_of(defined(changed((old, f"undo: {undo}"))), "reserve_stock").undo
        assert swept is not None
        assert swept.command.template == MappingTemplate(fields={})
    assert codes_of(ship("{}")) == ["22 missing-field", "22 missing-field"]


def test_a_field_that_may_be_null_is_required_all_the_same() -> None:
    """Unless its schema has a default (S33)."""
    assert codes_of(ship("{order_id: $.input.order_id}")) == ["22 missing-field"]
    assert codes_of(ship("{order_id: $.input.order_id, address: null}")) == []


def test_fields_with_a_default_may_be_left_out() -> None:
    """Then the template does not mention them."""
    template = call_of(defined(ship("{order_id: x, address: null}")), "ship").command.template
    assert template.fields == {"order_id": Literal(value="x"), "address": Literal(value=None)}


def test_what_may_be_null_does_not_fit_what_may_not() -> None:
    """The message says so."""
    text = changed(("card: $.input.card", "card: $.input.note"))
    assert codes_of(text) == ["16 nullable"]
    assert "$.input.note may be null, and this takes string, never null." in told(text)


def test_what_is_never_null_fits_what_may_be() -> None:
    """But only of the same type."""
    assert codes_of(ship("{order_id: x, address: $.input.customer.address}")) == []
    assert codes_of(ship("{order_id: x, address: $.input.customer}")) == ["22 type-mismatch"]


def test_types_must_fit() -> None:
    """With both types and the reason."""
    text = changed(("amount: $.input.total", "amount: $.input.number"))
    assert codes_of(text) == ["16 type-mismatch"]
    assert (
        "$.input.number is long; this takes decimal(14, 2): a long is no decimal(14, 2)."
    ) in told(text)


def test_lists_and_mappings_are_filled_item_by_item() -> None:
    """Literals and paths side by side."""
    text = reserve("{order_id: x, items: [{sku: $.input.card, count: 2}, {sku: b, count: 1}]}")
    items = call_of(defined(text), "reserve_stock").command.template.fields["items"]
    first = MappingTemplate(
        fields={
            "sku": Path(root=Root.INPUT, fields=("card",)),
            "count": Literal(value=2),
        }
    )
    second = MappingTemplate(fields={"sku": Literal(value="b"), "count": Literal(value=1)})
    assert items == ListTemplate(items=(first, second))


def test_a_record_inside_is_checked_as_well() -> None:
    """At its own place."""
    text = reserve("\n      order_id: x\n      items:\n        - sku: 5\n          x: 1")
    assert codes_of(text) == ["12 missing-field", "12 type-mismatch", "13 unknown-field"]


def test_a_record_that_may_be_null_is_filled_by_a_mapping() -> None:
    """The one branch that takes it."""
    text = ship("{order_id: x, address: {street: s, city: c}}")
    address = call_of(defined(text), "ship").command.template.fields["address"]
    assert isinstance(address, MappingTemplate)


def test_a_map_takes_any_keys() -> None:
    """They are texts as they stand, and no paths."""
    text = ship("{order_id: x, address: null, tags: {'$.a': $.input.card, 'über b': c}}")
    tags = call_of(defined(text), "ship").command.template.fields["tags"]
    assert tags == MappingTemplate(
        fields={"$.a": Path(root=Root.INPUT, fields=("card",)), "über b": Literal(value="c")}
    )


def test_shapes_must_fit() -> None:
    """A list fills an array, a mapping a record or a map, and nothing else."""
    assert codes_of(reserve("{order_id: [x], items: {sku: a}}")) == [
        "9 type-mismatch",
        "9 type-mismatch",
    ]
    assert codes_of(reserve("{order_id: {a: b}, items: x}")) == [
        "9 type-mismatch",
        "9 type-mismatch",
    ]
    assert "This takes array of shop.Item, not a mapping." in told(
        reserve("{order_id: x, items: {sku: a}}")
    )
