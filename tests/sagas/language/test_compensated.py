"""`compensated`: what a saga says when everything is undone, checked as any event that it emits."""

from dataclasses import replace

import pytest

from penstock.sagas.definition import Literal, Path, Root
from penstock.sagas.language.check import definition_from
from tests.sagas.order_language import COMPENSATED, ORDER, SCHEMAS, checked, codes_of, defined, told

SAYS_SO = ORDER + COMPENSATED
LINE = ORDER.count("\n") + 2
"""Of the word itself; `emit` stands on the next, the fields from the third behind it."""


def saying(*replacements: tuple[str, str]) -> str:
    """The order saga with its last words replaced; each must be there."""
    text = COMPENSATED
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new, 1)
    return ORDER + text


def test_it_becomes_part_of_the_definition() -> None:
    """With its topic and its key, found by the schema alone, and a template of paths."""
    said = defined(SAYS_SO).compensated
    assert said is not None
    assert said.schema is SCHEMAS["shop.OrderTurnedBack"]
    assert (said.topic, said.key) == ("shop.turned", "order_id")
    assert said.template.fields["step"] == Path(root=Root.FAILURE, fields=("step",))
    assert said.template.fields["total"] == Path(root=Root.INPUT, fields=("total",))


def test_without_it_a_definition_is_as_it_was() -> None:
    """No warning, no other step, no other schema; only text and digest differ with it."""
    without, with_it = defined(ORDER), defined(SAYS_SO)
    assert without.compensated is None
    assert not checked(SAYS_SO).problems
    assert with_it.digest != without.digest
    assert set(with_it.schemas) - set(without.schemas) == {SCHEMAS["shop.OrderTurnedBack"].text}
    assert without == replace(
        with_it,
        compensated=None,
        digest=without.digest,
        text=without.text,
        schemas=without.schemas,
    )


@pytest.mark.parametrize("text", [ORDER, SAYS_SO])
def test_a_pinned_definition_is_the_same_again(text: str) -> None:
    """What was deployed without the word loads as before, and what says it says it again."""
    definition = defined(text)
    assert definition_from(definition.text, definition.schemas) == definition


def test_it_may_stand_anywhere_at_the_top() -> None:
    """As every word of the saga."""
    head, steps = ORDER.split("steps:")
    early = defined(f"{head}{COMPENSATED}steps:{steps}").compensated
    assert early == defined(SAYS_SO).compensated


def test_it_may_say_literals_and_what_the_saga_is_called() -> None:
    """Whatever is known without any answer."""
    said = saying(("$.input.note", "never mind"), ("$.failure.step", "$.saga.id"))
    found = defined(said).compensated
    assert found is not None
    assert found.template.fields["note"] == Literal(value="never mind")
    assert found.template.fields["step"] == Path(root=Root.SAGA, fields=("id",))


def test_with_is_needed_only_where_the_event_needs_a_field() -> None:
    """S25."""
    assert codes_of(f"{ORDER}compensated: {{emit: shop.Note}}\n") == ["28 missing-field"]
    assert codes_of(f"{ORDER}compensated: {{emit: shop.Note, with: {{text: a}}}}\n") == []


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ("shop.OrderTurnedBack", "shop.OrderTurndBack", 1, "unknown-type"),
        ("shop.OrderTurnedBack", "stock.ReserveStock", 1, "not-an-event"),
        ("shop.OrderTurnedBack", "shop.Customer", 1, "no-topic"),
        ("    code: $.failure.code\n", "", 2, "missing-field"),
        ("    note:", "    nota:", 7, "unknown-field"),
        ("$.failure.step", "$.failure.stop", 5, "unknown-field"),
        ("$.failure.step", "$.failure", 5, "illegal-path"),
        ("total: $.input.total", "total: $.input.number", 4, "type-mismatch"),
        ("code: $.failure.code", "code: $.input.note", 6, "nullable"),
        ("code: $.failure.code", "code: 5", 6, "type-mismatch"),
        ("step: $.failure.step", "step: $.inptu.card", 5, "illegal-path"),
        ("step: $.failure.step", "step: $.steps.reserve_stock.shelf", 5, "illegal-path"),
        ("step: $.failure.step", "step: $.steps.nobody.shelf", 5, "illegal-path"),
        ("emit:", "call:", 1, "misplaced-word"),
        ("emit: shop.OrderTurnedBack", "emit: [a]", 1, "wrong-shape"),
        ("  with:", "  timeout: 5s\n  with:", 2, "misplaced-word"),
        ("  with:", "  name: last\n  with:", 2, "misplaced-word"),
        ("  with:", "  width:", 2, "unknown-word"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(old: str, new: str, line: int, word: str) -> None:
    """The rules of emit steps, and no reply of any step."""
    assert f"{LINE + line} {word}" in codes_of(saying((old, new)))


def test_no_reply_can_be_read_and_the_message_says_why() -> None:
    """Whether a step was answered depends on where the saga turned round."""
    text = told(saying(("step: $.failure.step", "step: $.steps.ship.tracking_no")))
    assert "No step's reply is known in 'compensated'" in text
    assert "      step: $.steps.ship.tracking_no\n            ^\n" in text


@pytest.mark.parametrize("value", ["none", "[]", "", "5", "true"])
def test_anything_but_a_mapping_is_no_event(value: str) -> None:
    """Nor does an empty word switch it off in silence."""
    assert codes_of(f"{ORDER}compensated: {value}\n") == ["28 wrong-shape"]


def test_it_cannot_be_left_without_its_event() -> None:
    """What a saga says, it names."""
    assert codes_of(f"{ORDER}compensated: {{}}\n") == ["28 missing-word"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    timeout: 10s", "    compensated: {emit: shop.Note}"),
        ("undo: {call: stock.ReleaseStock,", "undo: {compensated: a, call: stock.ReleaseStock,"),
        ("deadline: 15m", "defaults: {compensated: a}"),
    ],
)
def test_it_stands_at_the_top_only(old: str, new: str) -> None:
    """Elsewhere the message says where it belongs."""
    text = told(ORDER.replace(old, new, 1))
    assert "error[misplaced-word]: 'compensated' stands at the top of the saga" in text


@pytest.mark.parametrize("word", ["compensate", "Compensated", "compensted"])
def test_a_slip_of_the_pen_is_asked_about(word: str) -> None:
    """It must not switch the event off."""
    text = told(ORDER + COMPENSATED.replace("compensated", word))
    assert "Did you mean 'compensated'?" in text


def test_it_counts_for_no_rule_between_steps() -> None:
    """No pivot, no budget of time, no warning of an early event."""
    bare = ORDER.replace("    pivot: true\n", "    undo: none\n")
    assert checked(bare + COMPENSATED).problems == checked(bare).problems
