"""What schemas say beside their shape, believed only where it can be."""

from penstock.infra.schema_files.roles import SchemaKind, roles_of
from penstock.schemas.compatibility_levels import Level
from tests.infra.avro_texts import ORDER, field, schema

ASK = schema("stock.Ask", topic="stock.commands", reply="stock.Told", compatibility="FULL")
TOLD = schema("stock.Told", field("shelf"))
STATE = schema("stock.State", field("count", "int"))


def test_kinds() -> None:
    """A reply is one because a command names it."""
    known = {each.full_name: each for each in (ORDER, ASK, TOLD, STATE)}
    roles = roles_of(known)
    assert {name: role.kind for name, role in roles.items()} == {
        "shop.OrderPlaced": SchemaKind.EVENT,
        "stock.Ask": SchemaKind.COMMAND,
        "stock.Told": SchemaKind.REPLY,
        "stock.State": SchemaKind.RECORD,
    }
    assert roles["shop.OrderPlaced"].key == "order_id"
    del known["stock.Ask"]
    assert roles_of(known)["stock.Told"].kind is SchemaKind.RECORD


def test_a_command_without_a_reply_is_one_for_those_who_know_its_class() -> None:
    """Its schema is that of an event."""
    assert roles_of({"a": ORDER}, ["a"])["a"].kind is SchemaKind.COMMAND


def test_levels() -> None:
    """What is not declared is the default, and is known not to be declared."""
    roles = roles_of({"order": ORDER, "ask": ASK})
    assert (roles["order"].declared, roles["order"].level) == (None, Level.BACKWARD_TRANSITIVE)
    assert (roles["ask"].declared, roles["ask"].level) == (Level.FULL, Level.FULL)


def test_what_is_wrong_is_told_and_not_believed() -> None:
    """A foreign schema may say anything in attributes that Avro does not know."""
    foreign = schema("a.B", topic=["x"], key=7, compatibility="SIDE\x1bWAYS")
    role = roles_of({"a.B": foreign})["a.B"]
    assert (role.kind, role.topic, role.key, role.declared) == (SchemaKind.RECORD, None, None, None)
    assert role.problems[:2] == ('Its "topic" is no text.', 'Its "key" is no text.')
    assert "BACKWARD_TRANSITIVE" in role.problems[2]
    assert "\x1b" not in role.problems[2]
