"""Declaring events, commands and replies: what is known about a class, and what is refused."""

import json
import types
from decimal import Decimal
from typing import Annotated, Any, NewType
from uuid import UUID

import pytest
from typing_extensions import TypeAliasType

from penstock.events.event import (
    BadKey,
    BadMessageClass,
    Command,
    Event,
    MessageDeclaration,
    Reply,
    key_bytes,
    key_reader,
    message_declaration_of,
)
from penstock.events.names import IllegalName
from penstock.events.topic import Topic
from penstock.schemas.decimal_digits import money
from penstock.schemas.declaration_errors import AbstractRecord, NamespaceMissing, UnknownKeyword
from penstock.schemas.errors import ExitCode

OrderId = NewType("OrderId", str)


class OrderPlaced(Event, topic="shop.orders", key="order_id"):
    """A customer placed an order."""

    order_id: str
    total: Annotated[Decimal, money(12, 2)]


class StockReserved(Reply, namespace="stock"):
    """Stock is held."""

    reservation: UUID


class ReserveStock(Command, topic="stock.commands", key="order_id", reply=StockReserved):
    """Hold stock for an order."""

    order_id: str


class Audited(Event, abstract=True):
    """A base: what audited events have in common."""

    author: str


class PriceChanged(Audited, topic=Topic("shop.prices", cleanup="compact"), key="sku"):
    """Derives its fields from an abstract base."""

    sku: OrderId
    topic: str
    key: int


def declared(annotation: Any) -> type[Event]:
    """A class whose key has this annotation."""
    body = {"__annotations__": {"k": annotation}, "__module__": __name__}
    made: type[Event] = types.new_class(
        "Keyed", (Event,), {"topic": "shop.orders", "key": "k"}, lambda names: names.update(body)
    )
    return made


def attributes(message_type: type[Event] | type[Command]) -> dict[str, Any]:
    """The attributes of a schema beside Avro's own."""
    document: dict[str, Any] = json.loads(message_declaration_of(message_type).schema.text)
    return {name: document.get(name) for name in ("topic", "key", "reply")}


def test_a_schema_says_where_its_messages_travel() -> None:
    """F5: whoever has the schema needs no Python."""
    assert attributes(OrderPlaced) == {"topic": "shop.orders", "key": "order_id", "reply": None}
    assert attributes(ReserveStock) == {
        "topic": "stock.commands",
        "key": "order_id",
        "reply": "stock.StockReserved",
    }


def test_the_topic_names_the_namespace_unless_the_class_does() -> None:
    """F2, in this order: namespace=, the topic's first segment, the module's."""
    assert message_declaration_of(OrderPlaced).full_name == "shop.OrderPlaced"

    class Moved(Event, topic="shop.orders", namespace="depot"):
        n: int

    assert message_declaration_of(Moved).full_name == "depot.Moved"


def test_a_reply_has_no_topic_to_take_a_namespace_from() -> None:
    """So it says one, or its module does."""
    with pytest.raises(NamespaceMissing):

        class Homeless(Reply):
            n: int


def test_fields_may_be_called_topic_and_key() -> None:
    """F8: what is known about a class is no public attribute of it."""
    changed = PriceChanged(author="a", sku=OrderId("s"), topic="t", key=1)
    assert (changed.topic, changed.key) == ("t", 1)
    declaration = message_declaration_of(PriceChanged)
    assert (declaration.topic.name, declaration.key) == ("shop.prices", "sku")


def test_a_base_has_neither_topic_nor_schema() -> None:
    """It says so itself, and cannot be published."""
    with pytest.raises(AbstractRecord):
        message_declaration_of(Audited)


def test_a_concrete_class_is_final() -> None:
    """Event, command or reply: a reader that asks for it must get it and nothing else."""
    with pytest.raises(BadMessageClass, match="final"):

        class Extended(OrderPlaced, topic="shop.orders"):
            more: int

    with pytest.raises(BadMessageClass, match="final"):

        class ExtendedReply(StockReserved, namespace="stock"):
            more: int


def test_a_topic_must_be_declared() -> None:
    """Or the class must say that it is a base."""
    with pytest.raises(BadMessageClass, match="abstract=True"):

        class Lost(Event):
            n: int

    with pytest.raises(IllegalName):

        class Domainless(Event, topic="orders"):
            n: int


@pytest.mark.parametrize("annotation", [str | None, float, bool, list[str], Decimal])
def test_keys_are_plain_and_never_optional(annotation: Any) -> None:
    """A float has no one text, None has no partition."""
    metadata = money(9, 2) if annotation is Decimal else None
    with pytest.raises(BadMessageClass, match="never optional"):
        declared(Annotated[annotation, metadata])


def test_a_key_is_a_field() -> None:
    """A slip of the pen is told at the class."""
    with pytest.raises(BadMessageClass, match="no field 'order'"):

        class Slipped(Event, topic="shop.orders", key="order"):
            order_id: str


def test_a_compacted_topic_needs_a_key() -> None:
    """Kafka keeps no record without one there, and says so only when it is written."""
    with pytest.raises(BadMessageClass, match="compacted"):

        class Keyless(Event, topic=Topic("shop.prices", cleanup="compact")):
            sku: str


def test_a_reply_must_be_a_concrete_reply() -> None:
    """It is decoded by whoever asked."""

    class SomeReply(Reply, abstract=True):
        pass

    for reply in (OrderPlaced, "StockReserved", SomeReply):
        with pytest.raises(BadMessageClass):

            class Asked(Command, topic="stock.commands", reply=reply):
                n: int


def test_a_command_need_not_be_answered() -> None:
    """Then its schema names no reply."""

    class Forget(Command, topic="stock.commands"):
        order_id: str

    assert message_declaration_of(Forget).reply is None
    assert attributes(Forget)["reply"] is None


def test_only_commands_have_replies() -> None:
    """An event is not answered."""
    with pytest.raises(UnknownKeyword, match="reply"):

        class Answered(Event, topic="shop.orders", reply=StockReserved):
            n: int


def test_all_problems_of_a_class_are_told_at_once() -> None:
    """One look at the class statement mends it."""
    with pytest.raises(BadMessageClass) as refused:

        class Wrong(OrderPlaced, topic="shop.orders", key="none"):
            pass

    assert len(refused.value.problems) == 2
    assert refused.value.exit_code is ExitCode.SCHEMA


@pytest.mark.parametrize(
    ("annotation", "value", "raw"),
    [
        (str, "größe", "größe".encode()),
        (int, -42, b"-42"),
        (UUID, UUID(int=7), b"00000000-0000-0000-0000-000000000007"),
        (bytes, b"\x00\xff", b"\x00\xff"),
        (OrderId, "o-1", b"o-1"),
        (Annotated[int, "a count"], 3, b"3"),
        (TypeAliasType("Sku", Annotated[str, "a code"]), "s-1", b"s-1"),
    ],
)
def test_a_key_has_one_text(annotation: Any, value: Any, raw: bytes) -> None:
    """What other tools and languages see as the record's key."""
    made = declared(annotation)
    assert key_reader(made)(made.model_validate({"k": value})) == raw


def test_without_a_key_there_is_none() -> None:
    """The record goes to any partition."""

    class Keyless(Event, topic="shop.orders"):
        n: int

    assert key_reader(Keyless)(Keyless(n=1)) is None


@pytest.mark.parametrize("key", [True, 1.5, None, ["a"], "\ud800"])
def test_a_key_given_by_hand_is_checked(key: Any) -> None:
    """The type checker is not always asked."""
    with pytest.raises(BadKey):
        key_bytes(key, "shop.orders")


def test_a_declaration_knows_the_reply_class() -> None:
    """Request and answer are decoded without a search."""
    declaration = message_declaration_of(ReserveStock)
    assert isinstance(declaration, MessageDeclaration)
    assert declaration.reply is StockReserved


def test_the_schema_says_the_compatibility_of_its_topic_where_it_is_not_the_default() -> None:
    """So that whoever registers it needs no class; a fingerprint does not see it."""

    def made(topic: Topic | str) -> Any:
        kind: Any = types.new_class(
            "Made",
            (Event,),
            {"topic": topic},
            lambda body: body.update(__annotations__={"n": int}, __module__=__name__),
        )
        return kind.__penstock__.schema

    plain, full = made("shop.orders"), made(Topic("shop.orders", compatibility="FULL_TRANSITIVE"))
    assert "compatibility" not in plain.document
    assert made(Topic("shop.orders", compatibility="BACKWARD_TRANSITIVE")) == plain
    assert full.document["compatibility"] == "FULL_TRANSITIVE"
    assert full.fingerprint == plain.fingerprint
