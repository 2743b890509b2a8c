"""A program: keys, inputs, replies and messages of one definition."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from penstock.events.saga_headers import Direction
from penstock.sagas.definition import CallStep, Definition, EmitStep, MappingTemplate, Path, Root
from penstock.sagas.engine.facts import Fact, FactKind, fold
from penstock.sagas.engine.program import (
    KEY_LIMIT_BYTES,
    BadSagaKey,
    MessageTooLarge,
    Program,
    UnfitReply,
    Unrenderable,
)
from penstock.sagas.engine.state import SagaState
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.schema import AvroSchema
from tests.sagas.shop import SCHEMAS, definition

ORDER = definition()
PROGRAM = Program(ORDER)
encode = datum_encoder_of(SCHEMAS["shop.OrderPlaced"])
INPUT = encode({"order_id": "o-1", "total": Decimal("2.50")})


def state(program: Program = PROGRAM, framed: bytes = INPUT) -> SagaState:
    """A saga that has just begun."""
    fact = Fact(kind=FactKind.STARTED, data=framed, count=len(program.names))
    found = fold(None, [fact], program.moment("o-1", 1_700_000_000_000))
    assert found is not None
    return found


def keyed(key_type: str) -> tuple[Program, AvroSchema]:
    """A saga whose key has this type."""
    schema = AvroSchema.parse(
        '{"type":"record","name":"shop.In","fields":[{"name":"inner","type":{"type":"record",'
        f'"name":"shop.Inner","fields":[{{"name":"id","type":{key_type}}}]}}}}]}}'
    )
    path = Path(root=Root.INPUT, fields=("inner", "id"))
    changed = replace(ORDER, input=schema, key=path, steps=ORDER.steps[:0])
    return Program(changed), schema


@pytest.mark.parametrize(
    ("key_type", "value", "text"),
    [
        ('"string"', "o-1", "o-1"),
        ('"int"', 12, "12"),
        ('"long"', -1, "-1"),
        (
            '{"type":"string","logicalType":"uuid"}',
            UUID(int=1),
            "00000000-0000-0000-0000-000000000001",
        ),
    ],
)
def test_a_key_is_text(key_type: str, value: Any, text: str) -> None:
    """S35: a string, an int, a long or a uuid; in text as Kafka's key has it."""
    program, schema = keyed(key_type)
    assert program.key_of(datum_encoder_of(schema)({"inner": {"id": value}})) == text


@pytest.mark.parametrize(
    ("key_type", "value", "problem"),
    [
        ('"string"', "", "is empty"),
        ('["null","string"]', None, "is null"),
        ('"boolean"', True, "is a bool"),
        ('"double"', 1.5, "is a float"),
        ('"string"', "é" * 513, f"has 1026 bytes, more than {KEY_LIMIT_BYTES}"),
    ],
)
def test_a_key_that_names_nobody_is_refused(key_type: str, value: Any, problem: str) -> None:
    """S35: non-null, non-empty, of a bounded size."""
    program, schema = keyed(key_type)
    with pytest.raises(BadSagaKey) as caught:
        program.key_of(datum_encoder_of(schema)({"inner": {"id": value}}))
    assert caught.value.problem == problem


def test_inputs_are_the_same_by_what_they_say() -> None:
    """S15: compared in canonical form."""
    one = encode({"order_id": "o", "total": Decimal("1.00"), "labels": {"a": "1", "b": "2"}})
    other = encode({"order_id": "o", "total": Decimal("1.00"), "labels": {"b": "2", "a": "1"}})
    assert one != other
    assert PROGRAM.same_input(one, other)
    assert not PROGRAM.same_input(one, INPUT)
    with pytest.raises(DecodeError):
        PROGRAM.same_input(one, b"x")


def test_replies_are_judged() -> None:
    """S11: data fit the reply that the command declares; a command without one has none."""
    reserve, _, _, mail, _ = ORDER.steps
    assert isinstance(reserve, CallStep)
    assert isinstance(mail, CallStep)
    data = datum_encoder_of(SCHEMAS["stock.StockReserved"])({"reservation": "r"})
    assert PROGRAM.judge_reply(reserve, data) == data
    assert PROGRAM.judge_reply(mail, None) is None
    for step, bad in ((reserve, None), (reserve, data[:-1]), (mail, data)):
        with pytest.raises(UnfitReply):
            PROGRAM.judge_reply(step, bad)


def test_a_command_is_framed_by_its_schema() -> None:
    """A service reads it without knowing any saga."""
    _, charge, *_ = ORDER.steps
    assert isinstance(charge, CallStep)
    framed = PROGRAM.command(charge, Direction.DO, state())
    assert datum_decoder_of(charge.command.schema)(framed) == {
        "order_id": "o-1",
        "amount": Decimal("2.50"),
    }


def test_a_command_that_lacks_a_reply_names_the_path() -> None:
    """F18: the message names types and paths, never values."""
    ship = ORDER.steps[2]
    assert isinstance(ship, CallStep)
    with pytest.raises(Unrenderable) as caught:
        PROGRAM.command(ship, Direction.DO, state())
    assert "$.steps.reserve_stock.reservation leads to nothing" in str(caught.value)
    assert caught.value.type_name == "shipping.CreateShipment"


def test_a_command_of_a_damaged_input_is_unrenderable() -> None:
    """Whatever a state holds, the end is a reason and not another exception."""
    reserve = ORDER.steps[0]
    assert isinstance(reserve, CallStep)
    with pytest.raises(Unrenderable, match="PEN-A4"):
        PROGRAM.command(reserve, Direction.DO, state(framed=b"damaged"))


def test_a_message_has_a_limit() -> None:
    """F18: what no broker takes is not sent."""
    reserve = ORDER.steps[0]
    assert isinstance(reserve, CallStep)
    with pytest.raises(MessageTooLarge) as caught:
        Program(ORDER, limit_bytes=10).command(reserve, Direction.DO, state())
    assert caught.value.size_bytes > caught.value.limit_bytes == 10


def emitting(key_type: str, template: MappingTemplate) -> tuple[Program, EmitStep]:
    """A saga of one event that is keyed by `id`."""
    field = f'{{"name":"id","type":{key_type}}}'
    text = f'{{"type":"record","name":"shop.Said","fields":[{field}]}}'
    schema = AvroSchema.parse(text)
    step = EmitStep(name="say", event=schema, topic="shop.said", key="id", template=template)
    return Program(replace(ORDER, steps=(step,))), step


def test_an_event_is_keyed_by_its_field() -> None:
    """An event has the key that its schema names, also where its value is a default."""
    given = MappingTemplate(fields={"id": Path(root=Root.INPUT, fields=("order_id",))})
    program, step = emitting('"string"', given)
    assert program.event(step, state(program))[0] == b"o-1"
    program, step = emitting('"long","default":12', MappingTemplate(fields={}))
    assert program.event(step, state(program))[0] == b"12"


def test_an_event_whose_key_is_none_is_unrenderable() -> None:
    """A key that no broker could use is a reason to park, not to publish anywhere."""
    program, step = emitting('["null","string"],"default":null', MappingTemplate(fields={}))
    with pytest.raises(Unrenderable, match="PEN-E17"):
        program.event(step, state(program))


def test_an_event_without_a_key_has_none() -> None:
    """Without a key an event goes to any partition."""
    program, step = emitting('"long","default":12', MappingTemplate(fields={}))
    bare = replace(step, key=None)
    program = Program(replace(ORDER, steps=(bare,)))
    assert program.event(bare, state(program))[0] is None


def test_places_and_pivot_are_known() -> None:
    """Names lead to places, and the pivot's is remembered."""
    assert PROGRAM.names == ("reserve_stock", "charge_card", "ship", "mail", "confirm")
    assert (PROGRAM.place("ship"), PROGRAM.pivot, PROGRAM.place("nobody")) == (2, 2, None)
    assert PROGRAM.step("nobody") is None
    nobody: Definition = replace(ORDER, steps=ORDER.steps[:2])
    assert Program(nobody).pivot is None
