"""What a client is told before it registers."""

import re
from dataclasses import dataclass

from penstock.infra.schema_registry.api_call import LATEST
from penstock.infra.schema_registry.compatibility_question import reasons_against
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.schema import AvroSchema
from tests.infra.schema_registry.texts import schema


@dataclass(frozen=True)
class Version:
    """As the catalogue has it."""

    version: int
    schema: AvroSchema
    subject: str = "shop.orders-value"
    id: int = 1


OLD = Version(2, schema(fields={"order_id": "string"}))
NEWER = Version(5, schema(fields={"order_id": "string", "note": ("string", "")}))
OTHER = Version(6, schema("Shipped", fields={"parcel": "string"}))
STRICTER = schema(fields={"order_id": "string", "note": "string"})
UNREADABLE = schema(fields={"order_id": "string", "sum": "long"})


def test_versions_are_named_as_the_subject_numbers_them() -> None:
    """Not by their place among those that were compared."""
    (line,) = [
        each
        for each in reasons_against(
            UNREADABLE, [OLD, NEWER, OTHER], Level.BACKWARD_TRANSITIVE, None
        )
        if each.startswith("The candidate")
    ]
    assert re.findall("[0-9]+", line) == ["2", "5"]


def test_other_types_of_the_topic_do_not_count() -> None:
    """Each type has a history of its own."""
    assert not reasons_against(schema("New"), [OLD, OTHER], Level.FULL_TRANSITIVE, None)
    assert not reasons_against(schema(), [OLD, OTHER], Level.FULL_TRANSITIVE, 6)


def test_latest_is_the_latest_of_the_same_type() -> None:
    """The newest version of the subject is another type, and would say yes to anything."""
    assert not reasons_against(STRICTER, [OLD, NEWER, OTHER], Level.BACKWARD, LATEST)
    assert reasons_against(UNREADABLE, [OLD, NEWER, OTHER], Level.BACKWARD, LATEST)


def test_one_version_alone() -> None:
    """As it was asked for, whatever the level says of others."""
    versions = [OLD, NEWER]
    assert reasons_against(STRICTER, versions, Level.BACKWARD, 2)
    assert not reasons_against(STRICTER, versions, Level.BACKWARD, 5)


def test_no_level_no_reasons() -> None:
    """NONE takes anything."""
    assert not reasons_against(UNREADABLE, [OLD, NEWER], Level.NONE, None)
