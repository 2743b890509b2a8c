"""Any text gives problems or a definition; what passes the checks can be encoded and passed on."""

import random
import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from penstock.sagas.language.check import definition_from
from penstock.sagas.language.findings import Findings
from penstock.sagas.language.literals import literal_of
from penstock.sagas.language.problem import render
from penstock.sagas.language.source_text import Mark, harmless
from penstock.sagas.language.value_types import misfit
from penstock.sagas.language.yaml_nodes import TextNode
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.type_tree import AvroType, FieldOfRecord, RecordType, UnionType
from tests.properties.test_schemas_resolution import evolved
from tests.sagas.order_language import COMPENSATED, ORDER, checked
from tests.schemas.generated import Drawing, values_of

WHOLE = ORDER + COMPENSATED
LINES = WHOLE.splitlines(keepends=True)
PIECES = (
    *("\n", " ", "  ", "\t", ":", ": ", "- ", "[", "]", "{", "}", ",", "'", '"', "#", "&a ", "*a"),
    *(
        "|\n",
        ">\n",
        "? ",
        "!!int ",
        "%",
        "@",
        "`",
        "<<: ",
        "---\n",
        "...\n",
        "\\",
        "\x00",
        "\u202e",
    ),
    *(
        "null",
        "true",
        "0",
        "-1",
        "1e999",
        "9" * 50,
        "$.",
        "$$.",
        "$.input",
        "$.steps.",
        "$.failure.x",
    ),
    *(
        "undo: none\n",
        "pivot: true\n",
        "emit: ",
        "call: ",
        "with: ",
        "name: ",
        "undo_unknown: skip\n",
        "compensated: ",
    ),
    *(
        "shop.Note",
        "items",
        "reserve_stock",
        "retry: {}\n",
        "defaults: {}\n",
        "10s",
        "\ud800",
        "漢",
    ),
)
WORD = re.compile(r"[$\w.]+")
VALUES = ("null", "[]", "{}", "[a]", "{a: b}", "5", "-1", "true", "1.5", "''", "$.steps.ship", "~")


def mutated(chance: random.Random) -> str:
    """Return the order saga with a few things done to it."""
    text = WHOLE
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(10):
            case 0:
                text = text[:at]
            case 1:
                text = text[:at] + chance.choice(PIECES) + text[at:]
            case 2:
                text = text[:at] + text[at + chance.randint(1, 20) :]
            case 3:
                text = text[:at] + chance.choice(LINES) + text[at:]
            case 4:
                lines = text.splitlines(keepends=True) or [""]
                chance.shuffle(lines)
                text = "".join(lines)
            case 5:
                text = text[:at] + chance.choice(PIECES) + text[at + 1 :]
            case _:  # it stays YAML, mostly
                words = list(WORD.finditer(text)) or list(WORD.finditer(WHOLE))
                old = chance.choice(words)
                new = chance.choice([*(word[0] for word in words), *VALUES])
                text = text[: old.start()] + new + text[old.end() :]
    return text


@pytest.mark.parametrize("seed", range(4))
def test_bent_sagas_give_problems_or_definitions(seed: int) -> None:
    """Whatever is done to a file; and what is told can be shown, each at a place that is there."""
    chance = random.Random(seed)
    refused = 0
    for _ in range(100):
        text = mutated(chance)
        found = checked(text)
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert all(1 <= each.line <= len(lines) for each in found.problems)
        assert all(1 <= each.column <= len(lines[each.line - 1]) + 1 for each in found.problems)
        shown = render(found.problems).replace("\n", "")
        assert shown == harmless(shown)
        if found.definition is None:
            refused += 1
            assert any(each.is_error for each in found.problems)
        else:
            definition = found.definition
            assert definition_from(definition.text, definition.schemas) == definition
    assert refused > 50


@given(st.text(max_size=200))
@settings(max_examples=100)
def test_any_text_gives_problems(text: str) -> None:
    """No saga is made by chance."""
    found = checked(text)
    assert found.definition is None
    assert found.problems


@given(st.binary(max_size=200))
@settings(max_examples=50)
def test_any_bytes_give_problems(content: bytes) -> None:
    """Read as characters of one byte, which has all controls in it."""
    assert checked(content.decode("latin-1")).problems


def field_of(value_type: AvroType) -> AvroSchema:
    """Return the schema of a record with one field."""
    field = FieldOfRecord(name="value", type=value_type)
    return AvroSchema.of(RecordType(full_name="test.Holder", fields=(field,)), {})


@st.composite
def passings(draw: st.DrawFn) -> tuple[AvroType, AvroType, Any]:
    """Draw the type of a value, a type that may take it, and the value."""
    source = Drawing(draw, logical=True).type(2)
    target = draw(
        st.sampled_from([source, evolved(draw, source), Drawing(draw, logical=True).type(2)])
    )
    return source, target, draw(values_of(source))


@given(passings())
@settings(max_examples=300)
def test_what_fits_can_be_written_by_the_one_and_read_by_the_other(
    drawn: tuple[AvroType, AvroType, Any],
) -> None:
    """Value by value: a saga never stops at a path that passed the checks."""
    source, target, value = drawn
    assume(misfit(source, target) is None)
    if isinstance(target, UnionType) and source in target.branches:
        datum_encoder_of(field_of(target))({"value": value})
        return
    writer, reader = field_of(source), field_of(target)
    payload = datum_encoder_of(writer)({"value": value})
    passed = datum_decoder_of(writer, reader)(payload)
    datum_encoder_of(reader)(passed)


@st.composite
def types(draw: st.DrawFn) -> AvroType:
    """Draw a type."""
    return Drawing(draw, logical=True).type(1)


@given(
    types(),
    st.one_of(
        st.text(max_size=12),
        st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,8})?(e[0-9]{1,3})?", fullmatch=True),
        st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?", fullmatch=True),
        st.sampled_from(["null", "true", "A", "B", "~", "", "09:30:00", ".inf"]),
    ),
    st.booleans(),
)
@settings(max_examples=300)
def test_a_literal_that_passes_is_written_by_the_encoder(
    target: AvroType, text: str, plain: bool
) -> None:
    """For types of every kind, and texts of every kind."""
    findings = Findings(text, "a.yaml")
    node = TextNode(mark=Mark(line=1, column=1), text=text, plain=plain)
    found = literal_of(node, target, findings)
    assert (found is None) == findings.failed
    if found is not None:
        datum_encoder_of(field_of(target))({"value": found.value})


def test_two_hundred_full_steps_are_checked() -> None:
    """A saga at the limit: each step reads all that the ones before have answered."""
    head = ORDER[: ORDER.index("steps:")].replace("deadline: 15m", "deadline: 365d")
    steps = []
    for number in range(200):
        earlier = f"$.steps.s{number - 1}.shelf" if number else "$.input.order_id"
        steps.append(
            f"  - name: s{number}\n    call: stock.ReserveStock\n"
            f"    with: {{order_id: {earlier}, items: [{{sku: a, count: {number}}}]}}\n"
            f"    undo: {{call: stock.ReleaseStock, with: {{order_id: {earlier}}}}}\n"
            "    timeout: 1s\n    retry: {attempts: 1000, max_delay: 1m}\n"
        )
    definition = checked(head + "steps:\n" + "".join(steps)).definition
    assert definition is not None
    assert len(definition.steps) == 200
