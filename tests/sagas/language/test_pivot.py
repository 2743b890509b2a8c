"""What the pivot means for the steps before and behind it."""

from tests.sagas.order_language import ORDER, call_of, changed, checked, codes_of, defined

UNDO = "    undo: {call: payments.RefundCharge, with: {order_id: $.input.order_id}}\n"
NOTE = "  - {name: tell, emit: shop.Note, with: {text: $.input.order_id}}\n"


def test_steps_from_the_pivot_on_go_forward() -> None:
    """The pivot itself too; those before it can be turned back."""
    text = ORDER + (
        "  - name: again\n    call: shipping.CreateShipment\n"
        "    with: {order_id: $.input.order_id, address: null}\n"
    )
    order = defined(text)
    shapes = [
        (step.pivot, step.forward)
        for step in (call_of(order, name) for name in ("charge_card", "ship", "again"))
    ]
    assert shapes == [(False, False), (True, True), (False, True)]


def test_there_is_one_pivot_at_most() -> None:
    """The second one is told where the first is."""
    text = changed(("    timeout: 30s\n", "    timeout: 30s\n    pivot: true\n"), (UNDO, ""))
    (problem,) = checked(text).problems
    assert (problem.line, problem.code) == (23, "second-pivot")
    assert "'charge_card', in line 14" in problem.message


def test_a_call_before_the_pivot_says_how_it_is_undone() -> None:
    """Also if nothing has to be."""
    assert codes_of(changed((UNDO, ""))) == ["14 missing-undo"]
    charge = call_of(defined(changed((UNDO, "    undo: none\n"))), "charge_card")
    assert charge.undo is None
    assert charge.undo_unknown


def test_without_a_pivot_every_call_does() -> None:
    """saga-rules S29."""
    text = changed(("    pivot: true\n", ""))
    assert codes_of(text) == ["20 missing-undo"]


def test_nothing_is_undone_from_the_pivot_on() -> None:
    """Not even `undo: none` may be said: it would look as though there were a choice."""
    for undo in ("undo: none", "undo: {call: shipping.CreateShipment}"):
        text = changed(("    pivot: true", f"    pivot: true\n    {undo}"))
        assert codes_of(text) == ["24 undo-after-pivot"]
    text = changed(("    pivot: true", "    pivot: true\n    undo_unknown: skip"))
    assert codes_of(text) == ["24 undo-after-pivot"]


def test_an_event_before_the_pivot_is_a_warning() -> None:
    """saga-rules S25: nothing calls it back."""
    found = checked(changed(("  - name: charge_card\n", NOTE + "  - name: charge_card\n")))
    assert found.definition is not None
    (problem,) = found.problems
    assert (problem.line, problem.severity, problem.code) == (14, "warning", "emit-before-pivot")


def test_an_event_behind_the_last_call_is_none() -> None:
    """With a pivot or without: no step can fail any more that would turn the saga back."""
    assert not checked(ORDER + NOTE).problems
    no_pivot = changed(("    pivot: true\n", "    undo: none\n"))
    assert not checked(no_pivot + NOTE).problems


def test_an_event_between_pivot_and_later_calls_is_none() -> None:
    """Those go forward."""
    text = ORDER + (
        "  - name: again\n    call: shipping.CreateShipment\n"
        "    with: {order_id: $.input.order_id, address: null}\n"
    )
    assert not checked(text).problems
