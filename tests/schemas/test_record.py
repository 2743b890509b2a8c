"""`Record`: frozen, strict, closed, and declared in one place."""

import pickle
import sys
from dataclasses import dataclass
from types import ModuleType, new_class
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.schemas.declaration_errors import (
    AbstractRecord,
    IllegalRecordName,
    NamespaceMissing,
    UnknownKeyword,
    UnmappableField,
    UnresolvedAnnotation,
)
from penstock.schemas.record import Declaration, Record, declaration_of, declared_bases

__namespace__ = "shop"


def class_statement(name: str, *, module: str = __name__, **keywords: Any) -> None:
    """Run a class statement with these keywords."""
    new_class(name, (Record,), keywords, lambda body: body.update(__module__=module))


class Order(Record):
    """A record of this module."""

    order_id: str
    count: int = 1


class Early(Record):
    """Mentions a class that stands below."""

    late: "Late"


class Late(Record):
    """Stands below."""

    x: int


def test_records_are_frozen_strict_and_closed() -> None:
    """Nothing is coerced, added or changed."""
    order = Order(order_id="o-1")
    with pytest.raises(ValidationError):
        order.count = 2  # type: ignore[misc]  # on purpose
    with pytest.raises(ValidationError):
        Order(order_id="o-1", count="2")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ValidationError):
        Order(order_id="o-1", colour="red")  # type: ignore[call-arg]  # on purpose
    with pytest.raises(ValidationError):
        Order(order_id="o-1", count=True)
    assert hash(order) == hash(Order(order_id="o-1"))
    assert pickle.loads(pickle.dumps(order)) == order  # noqa: S301 - our own bytes


def test_the_namespace_of_the_class_comes_before_that_of_the_module() -> None:
    """F2: namespace= on the class, else `__namespace__` in its module."""

    class Elsewhere(Record, namespace="far.away"):
        x: int

    assert Elsewhere.__penstock__.full_name == "far.away.Elsewhere"
    assert Order.__penstock__.full_name == "shop.Order"


def test_no_namespace_is_an_error_at_the_class_statement() -> None:
    """Its name would not be unique among services."""
    module = ModuleType("nameless")
    sys.modules["nameless"] = module
    try:
        with pytest.raises(NamespaceMissing):
            class_statement("Order", module="nameless")
    finally:
        del sys.modules["nameless"]


@pytest.mark.parametrize(
    ("name", "namespace"), [("Order", "a-b"), ("Order", "a..b"), ("Größe", "shop")]
)
def test_names_must_be_legal_in_avro(name: str, namespace: str) -> None:
    """A topic's first segment may be a name that Avro forbids."""
    with pytest.raises(IllegalRecordName):
        class_statement(name, namespace=namespace)


def test_fields_may_be_called_topic_key_and_schema() -> None:
    """A record adds no public names of its own to pydantic's."""

    class Free(Record):
        topic: str
        key: str
        declaration: str
        namespace: str

    assert Free(topic="t", key="k", declaration="d", namespace="n").key == "k"
    assert Free.__penstock__.schema.root.fields[3].name == "namespace"


def test_unknown_keywords_are_refused() -> None:
    """`topic=` on a plain record is a mistake, not a comment."""
    with pytest.raises(UnknownKeyword, match="topic"):
        class_statement("X", topic="shop.orders")


def test_a_class_may_mention_one_that_stands_below() -> None:
    """The schema is computed when it is first needed."""
    assert Early.__penstock__.schema.root.fields[0].name == "late"
    assert Early(late=Late(x=1)).late.x == 1


def test_a_name_that_stays_unknown_is_an_error_at_the_first_use() -> None:
    """Not at the class statement: the name may still come."""

    class Hopeful(Record):
        x: "NeverDefined"  # type: ignore[name-defined]  # noqa: F821 - on purpose

    with pytest.raises(UnresolvedAnnotation, match="NeverDefined"):
        _ = Hopeful.__penstock__.schema


def test_local_classes_may_mention_each_other() -> None:
    """Names beside the class statement are found, though a metaclass stands in between."""

    class Inner(Record):
        x: int

    class Outer(Record):
        inner: "Inner"

    assert Outer.__penstock__.schema.root.fields[0].name == "inner"


def test_a_class_is_judged_when_its_last_name_becomes_known() -> None:
    """Where pydantic cannot see a name, its own remedy works, and the class is judged then."""

    class Outer(Record):
        inner: "Inner"

    class Wrong(Record):
        inner: "Inner"
        bad: set[int]

    class Inner(Record):
        x: int

    with pytest.raises(UnresolvedAnnotation):
        _ = Outer.__penstock__.schema
    Outer.model_rebuild()
    assert Outer.__penstock__.schema.root.fields[0].name == "inner"
    with pytest.raises(UnmappableField):
        Wrong.model_rebuild()


def test_abstract_bases_have_no_schema() -> None:
    """They pass their fields on, and cannot be used themselves."""

    class Base(Record, abstract=True):
        at: int

    class Concrete(Base):
        x: int

    with pytest.raises(AbstractRecord):
        declaration_of(Base)
    assert [field.name for field in Concrete.__penstock__.schema.root.fields] == ["at", "x"]
    assert declared_bases(Concrete) == ()


def test_a_subclass_has_a_declaration_of_its_own() -> None:
    """It inherits the fields, not the name; its concrete bases are known to whoever cares."""

    class Special(Order):
        extra: int

    assert Special.__penstock__.full_name == "shop.Special"
    assert Order.__penstock__.full_name == "shop.Order"
    assert declared_bases(Special) == (Order,)


@dataclass(frozen=True, kw_only=True)
class TopicDeclaration(Declaration):
    """What another room might add."""

    topic: str


class Message(Record, abstract=True):
    """A base with a keyword of its own."""

    @classmethod
    def __penstock_declare__(
        cls, *, namespace: str | None, topic: str = "", **keywords: Any
    ) -> Declaration:
        """Take out `topic=`, and let its first part be the namespace."""
        declared = super().__penstock_declare__(
            namespace=namespace or topic.partition(".")[0], **keywords
        )
        return TopicDeclaration(
            record_type=declared.record_type,
            full_name=declared.full_name,
            attributes={"topic": topic},
            topic=topic,
        )


def test_other_bases_extend_the_declaration() -> None:
    """A room above adds keywords, attributes and facts without touching this one."""

    class Placed(Message, topic="sales.orders"):
        topic: str

    declared = Placed.__penstock__
    assert isinstance(declared, TopicDeclaration)
    assert declared.topic == "sales.orders"
    assert declared.full_name == "sales.Placed"
    assert declared.schema.document["topic"] == "sales.orders"


def test_a_bad_field_makes_the_class_statement_raise() -> None:
    """Not the first message of the night."""
    with pytest.raises(UnmappableField):

        class Wrong(Record):
            x: set[int]
