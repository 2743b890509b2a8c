"""Source of event classes: the caller names the bases, and F5's attributes come back."""

import sys
from types import ModuleType

from pydantic import Field

from penstock.events.event import Command, Event, Reply, message_declaration_of
from penstock.schemas.class_source import (
    ClassBase,
    ClassNamed,
    ClassWish,
    FieldNamed,
    module_source,
)
from penstock.schemas.record import declaration_of

__namespace__ = "payments"


class CardCharged(Reply):
    """The card was charged."""

    charge: str


class ChargeCard(
    Command, topic="payments.commands", key="class_", reply=CardCharged, name="Charge"
):
    """Charge a card."""

    class_: str = Field(validation_alias="class")


class CardLost(Event, topic="bank.cards", key="card"):
    """A card is gone."""

    card: int


def test_topic_key_and_reply_come_back() -> None:
    """An event, a command and its reply have the schemas from which their source was made."""
    wishes = [
        ClassWish(
            schema=declaration_of(ChargeCard).schema,
            base=ClassBase(module="penstock.events", name="Command"),
            keywords={
                "topic": "payments.commands",
                "key": FieldNamed(name="class"),
                "reply": ClassNamed(full_name="payments.CardCharged"),
            },
        ),
        ClassWish(
            schema=declaration_of(CardCharged).schema,
            base=ClassBase(module="penstock.events", name="Reply"),
        ),
        ClassWish(
            schema=declaration_of(CardLost).schema,
            base=ClassBase(module="penstock.events", name="Event"),
            keywords={"topic": "bank.cards", "key": FieldNamed(name="card")},
        ),
    ]
    text = module_source(wishes)
    module = ModuleType("made_events")
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, module.__name__, "exec"), module.__dict__)  # noqa: S102 - the point
    finally:
        del sys.modules[module.__name__]
    for made, own in ((module.Charge, ChargeCard), (module.CardLost, CardLost)):
        assert declaration_of(made).schema.text == declaration_of(own).schema.text
    assert declaration_of(module.CardCharged).schema == declaration_of(CardCharged).schema
    assert message_declaration_of(module.Charge).reply is module.CardCharged


def test_the_schema_names_the_key_as_it_stands_on_the_wire() -> None:
    """The orchestrator knows no Python: it looks the key up among the schema's fields."""
    assert declaration_of(ChargeCard).schema.document["key"] == "class"
