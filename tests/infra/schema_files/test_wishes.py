"""What is made of which schema, and that the classes can be defined and have these schemas."""

from pathlib import Path
from typing import Any

import pytest

from penstock.events.event import Command, Event, Reply, message_declaration_of
from penstock.events.topic import Topic
from penstock.infra.schema_files.roles import ATTRIBUTES
from penstock.infra.schema_files.wishes import UnusableRoles, wishes_for
from penstock.schemas.class_source import class_source
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from tests.infra.avro_texts import ORDER, field, schema
from tests.schemas.executed import imported, next_package

UUID = {"type": "string", "logicalType": "uuid"}
HASH = {"type": "fixed", "name": "Hash", "size": 4}
ASK = schema(
    "stock.Ask", field("class", UUID), topic="stock.commands", key="class", reply="stock.Told"
)
UNDO = schema("stock.Undo", field("n", "int"), topic="stock.commands", key="n")
TOLD = schema("stock.Told", field("shelf"))
FULL = schema(
    "shop.Paid", field("h", HASH), topic="shop.paid", key="h", compatibility="FULL", owner="us"
)
STATE = schema("stock.State", field("count", "int"))


def known(*schemas: AvroSchema) -> dict[str, AvroSchema]:
    """Return schemas by full name."""
    return {each.full_name: each for each in schemas}


def test_classes_have_the_schemas_of_which_they_were_made(tmp_path: Path) -> None:
    """Each derives from what it is, with topic, key, reply and compatibility."""
    given = known(ORDER, ASK, UNDO, TOLD, FULL, STATE)
    package = next_package()
    source = class_source(wishes_for(given, ["stock.Undo"]), package=package)
    assert source.left_out == {"shop.Paid": ("/owner",)}
    bases = {"shop.OrderPlaced": Event, "stock.Ask": Command, "stock.Undo": Command}
    bases |= {"shop.Paid": Event}
    with imported(source.files, package, tmp_path) as modules:
        for name, (module, local) in source.homes.items():
            if name == "shop.Hash":
                continue
            made: Any = getattr(modules[module], local)
            own = declaration_of(made).schema
            assert own.root == given[name].root
            assert [own.document.get(each) for each in ATTRIBUTES] == [
                given[name].document.get(each) for each in ATTRIBUTES
            ]
            if name in bases:
                assert issubclass(made, bases[name])
                assert message_declaration_of(made).topic.name == given[name].document["topic"]
            assert issubclass(made, Reply) == (name == "stock.Told")
        paid: Any = modules[source.homes["shop.Paid"][0]].Paid
        assert message_declaration_of(paid).topic == Topic("shop.paid", compatibility="FULL")


@pytest.mark.parametrize(
    ("schemas", "commands", "problem"),
    [
        ([ASK], [], "stock.Ask: Its reply stock.Told is not among the schemas"),
        ([schema("a.B", topic="nodot")], [], "a.B: The topic name 'nodot' cannot be used."),
        ([schema("a.B", topic="a.b", key="x")], [], "It has no field 'x', which its key names."),
        (
            [schema("a.B", field("x", ["null", "string"]), topic="a.b", key="x")],
            [],
            "Its field x cannot be the key",
        ),
        (
            [
                schema(
                    "a.B", field("x", {"type": "int", "logicalType": "date"}), topic="a.b", key="x"
                )
            ],
            [],
            "Its field x cannot be the key",
        ),
        ([schema("a.B", key="x")], [], 'It has a "key", and no "topic".'),
        ([schema("a.B", reply="x")], [], 'It has a "reply", and no "topic".'),
        ([schema("a.B", topic="a.b", reply="a.B")], [], 'a.B has a "topic", so it is no reply.'),
        ([schema("a.B", topic="a.b", compatibility="X")], [], "none of NONE, BACKWARD"),
        (
            [schema("a.B", topic="a.b", compatibility="FULL"), schema("a.C", topic="a.b")],
            [],
            "a.C: The topic a.b is BACKWARD_TRANSITIVE here and FULL in a.B.",
        ),
        ([TOLD], ["stock.Told"], 'said to be a command, and its schema has no "topic"'),
        ([TOLD], ["no.No"], "said to be a command, and there is no schema of that name"),
    ],
    ids=range(12),
)
def test_what_no_class_can_say_is_refused(schemas: Any, commands: Any, problem: str) -> None:
    """With the type and the reason, before anything is written."""
    with pytest.raises(UnusableRoles) as refused:
        wishes_for(known(*schemas), commands)
    assert problem in refused.value.message
    assert refused.value.exit_code == 4


def test_all_problems_are_told_and_their_number_is_bounded() -> None:
    """A folder of foreign schemas may be wrong throughout."""
    schemas = known(*(schema(f"a.B{number:02}", topic="nodot") for number in range(30)))
    with pytest.raises(UnusableRoles) as refused:
        wishes_for(schemas)
    assert len(refused.value.problems) == 21
    assert refused.value.problems[-1] == "And 10 more."
