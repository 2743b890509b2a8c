"""A schema is known by a name, full or short, or a fingerprint; slips of the pen are understood."""

import pytest

from penstock.infra.published_schemas.choice import UnknownSchema, chosen_names, chosen_schema
from penstock.infra.published_schemas.versions import PublishedSchemas, PublishedVersion
from tests.infra.avro_texts import ORDER, field, schema

OLD = schema("shop.OrderPlaced", field("order_id"))
PUBLISHED = PublishedSchemas(
    place="the topic",
    versions={
        "shop.OrderPlaced": (PublishedVersion(schema=OLD), PublishedVersion(schema=ORDER)),
        "shop.Other": (PublishedVersion(schema=schema("shop.Other", field("n", "int"))),),
        "shop.Noted": (PublishedVersion(schema=schema("shop.Noted", field("n", "int"))),),
        "stock.Noted": (PublishedVersion(schema=schema("stock.Noted", field("n", "int"))),),
    },
    keeps_versions=True,
)


def test_a_name_is_its_newest_version() -> None:
    """Older ones have their fingerprints, in either case of letters."""
    assert chosen_schema("shop.OrderPlaced", PUBLISHED) is ORDER
    assert chosen_schema("OrderPlaced", PUBLISHED) is ORDER
    assert chosen_schema(OLD.fingerprint.hex(), PUBLISHED) is OLD
    assert chosen_schema(OLD.fingerprint.hex().upper(), PUBLISHED) is OLD


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("stock.OrderPlaced", "Did you mean shop.OrderPlaced?"),
        ("OrderPlacd", "Did you mean shop.OrderPlaced?"),
        ("Noted", "It is the short name of shop.Noted and stock.Noted."),
        ("shop.OrderPlacd", "Did you mean shop.OrderPlaced?"),
        (
            "0123456789abcdef",
            "It is none of shop.Noted, shop.OrderPlaced, shop.Other, stock.Noted.",
        ),
        ("", "It is none of shop.Noted, shop.OrderPlaced, shop.Other, stock.Noted."),
    ],
)
def test_what_is_not_there(wanted: str, hint: str) -> None:
    """The nearest name, or all that there are."""
    with pytest.raises(UnknownSchema) as refused:
        chosen_schema(wanted, PUBLISHED)
    assert refused.value.hint == hint
    assert refused.value.exit_code == 7


def test_names_that_were_given_are_there() -> None:
    """None given is all; one given twice is one; a fingerprint is no name of a type."""
    assert chosen_names((), PUBLISHED) == tuple(sorted(PUBLISHED.versions))
    assert chosen_names(("shop.Other", "Other"), PUBLISHED) == ("shop.Other",)
    with pytest.raises(UnknownSchema):
        chosen_names((OLD.fingerprint.hex(),), PUBLISHED)


def test_nothing_is_told_of_nothing() -> None:
    """An empty place says so."""
    with pytest.raises(UnknownSchema, match="No type is known"):
        chosen_schema("shop.X", PublishedSchemas(place="it", versions={}))
