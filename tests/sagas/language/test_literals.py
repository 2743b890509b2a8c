"""A literal is written as its type demands, and becomes the value that the encoder wants."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from penstock.sagas.language.findings import Findings
from penstock.sagas.language.literals import literal_of
from penstock.sagas.language.yaml_nodes import MappingNode, TextNode
from penstock.sagas.language.yaml_tree import tree_of
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    EnumType,
    FixedType,
    Logical,
    PrimitiveType,
    UnionType,
)

NULL = PrimitiveType(name="null")
TEXT = PrimitiveType(name="string")
INT, LONG = PrimitiveType(name="int"), PrimitiveType(name="long")
FLOAT, DOUBLE = PrimitiveType(name="float"), PrimitiveType(name="double")
BOOLEAN = PrimitiveType(name="boolean")
BYTES = PrimitiveType(name="bytes")
SPEED = EnumType(full_name="shop.Speed", symbols=("SLOW", "FAST", "NULL"))
AMOUNT = PrimitiveType(name="bytes", logical=Logical(name="decimal", precision=5, scale=2))
HASH = FixedType(full_name="shop.Hash", size=4)
UUID_BYTES = FixedType(full_name="shop.Id", size=16, logical=Logical(name="uuid"))


def logical(base: str, name: str) -> PrimitiveType:
    """Return a base type with a meaning."""
    return PrimitiveType(name=base, logical=Logical(name=name))


DATE = logical("int", "date")
MILLI_TIME, MICRO_TIME = logical("int", "time-millis"), logical("long", "time-micros")
MILLIS, MICROS = logical("long", "timestamp-millis"), logical("long", "timestamp-micros")
LOCAL = logical("long", "local-timestamp-micros")
UUID_TEXT = logical("string", "uuid")
ID = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def optional(inner: AvroType) -> UnionType:
    """Return a type or null."""
    return UnionType(branches=(NULL, inner))


def read(written: str, target: AvroType) -> tuple[Any, str]:
    """Return the value of a literal, and the word and message of what is wrong with it."""
    text = f"a: {written}"
    findings = Findings(text, "a.yaml")
    root = tree_of(text, findings)
    assert isinstance(root, MappingNode), findings.problems
    node = root.entries[0].value
    assert isinstance(node, TextNode)
    found = literal_of(node, target, findings)
    problems = " ".join(f"{each.code}: {each.message}" for each in findings.problems)
    assert (found is None) == bool(problems)
    return (None if found is None else found.value), problems


@pytest.mark.parametrize(
    ("written", "target", "value"),
    [
        ("null", NULL, None),
        ("~", optional(TEXT), None),
        ("true", BOOLEAN, True),
        ("False", BOOLEAN, False),
        ("0", INT, 0),
        ("-2147483648", INT, -(2**31)),
        ("9223372036854775807", LONG, 2**63 - 1),
        ("2", DOUBLE, 2.0),
        ("-1.50", FLOAT, -1.5),
        ("1e9", DOUBLE, 1e9),
        ("text", TEXT, "text"),
        ("yes", TEXT, "yes"),
        ("'5'", TEXT, "5"),
        ('""', TEXT, ""),
        ('"a\\nb"', TEXT, "a\nb"),
        ("$$.x", TEXT, "$.x"),
        ("FAST", SPEED, "FAST"),
        ("'NULL'", SPEED, "NULL"),
        ("'19.99'", AMOUNT, Decimal("19.99")),
        ("'-7'", AMOUNT, Decimal("-7.00")),
        ("2026-01-31", DATE, date(2026, 1, 31)),
        ("'2026-01-31'", DATE, date(2026, 1, 31)),
        ("09:30:00.250", MILLI_TIME, time(9, 30, 0, 250_000)),
        ("'23:59:59.999999'", MICRO_TIME, time.max),
        ("2026-01-31T09:30:00Z", MICROS, datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30:00.5+02:00", MILLIS, datetime(2026, 1, 31, 7, 30, 0, 500_000, UTC)),
        ("2026-01-31T09:30:00", LOCAL, datetime(2026, 1, 31, 9, 30)),  # noqa: DTZ001 - local
        (str(ID), UUID_TEXT, ID),
        (str(ID).upper(), UUID_BYTES, ID),
        ("5", optional(LONG), 5),
        ("5", UnionType(branches=(TEXT, LONG)), 5),
        ("'5'", UnionType(branches=(LONG, TEXT)), "5"),
    ],
)
def test_a_literal_is_the_value_of_its_type(written: str, target: AvroType, value: Any) -> None:
    """As schemas/logical.py says what Avro's types are in Python."""
    found, problems = read(written, target)
    assert not problems
    assert found == value
    assert type(found) is type(value)


def test_a_decimal_has_the_digits_of_its_scale() -> None:
    """So that it is written as it will be read."""
    assert str(read("'7'", AMOUNT)[0]) == "7.00"


def test_an_instant_is_in_utc() -> None:
    """Whatever zone it was written in."""
    assert read("2026-01-31T09:30:00-05:00", MICROS)[0].utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    ("written", "target", "code", "part"),
    [
        # Another kind of scalar
        ("5", TEXT, "type-mismatch", "Put it in quotes"),
        ("true", TEXT, "type-mismatch", "a boolean"),
        ("1.10", TEXT, "type-mismatch", "a number"),
        ("'5'", LONG, "type-mismatch", "not the text '5'"),
        ("1.0", LONG, "type-mismatch", "not a number"),
        ("yes", BOOLEAN, "type-mismatch", "true or false"),
        ("1", BOOLEAN, "type-mismatch", "true or false"),
        ("19.99", AMOUNT, "type-mismatch", 'in quotes, "19.99"'),
        ("5", UUID_TEXT, "type-mismatch", "36 characters"),
        ("1700000000", MICROS, "type-mismatch", "2026-01-31T09:30:00Z"),
        ("text", ArrayType(items=TEXT), "type-mismatch", "array of string"),
        # Null
        ("null", TEXT, "nullable", "null is no string"),
        ("~", AMOUNT, "nullable", "null is no decimal(5, 2)"),
        ("", TEXT, "empty-value", "Nothing is written"),
        ("", optional(TEXT), "empty-value", "string or null"),
        # Numbers
        ("2147483648", INT, "illegal-literal", "32 bits"),
        ("-9223372036854775809", LONG, "illegal-literal", "64 bits"),
        ("9" * 100_000, LONG, "illegal-literal", "64 bits"),
        ("010", LONG, "illegal-literal", "leading zeros"),
        ("+1", LONG, "illegal-literal", "without +"),
        ("0x10", LONG, "illegal-literal", "decimal"),
        ("0o10", LONG, "illegal-literal", "decimal"),
        ("1e39", FLOAT, "illegal-literal", "range of float"),
        ("1e999", DOUBLE, "illegal-literal", "range of double"),
        (".inf", DOUBLE, "illegal-literal", "1.5 or 1e9"),
        (".nan", DOUBLE, "illegal-literal", "1.5 or 1e9"),
        ("9" * 100_000, DOUBLE, "illegal-literal", "1.5 or 1e9"),
        # Decimals
        ("'1.999'", AMOUNT, "illegal-literal", "more than 2 digits after the point"),
        ("'1000'", AMOUNT, "illegal-literal", "more than 3 digits before the point"),
        ("'1e2'", AMOUNT, "type-mismatch", "decimal(5, 2)"),
        ("'NaN'", AMOUNT, "type-mismatch", "decimal(5, 2)"),
        ("'1,50'", AMOUNT, "type-mismatch", "decimal(5, 2)"),
        ("'٣'", AMOUNT, "type-mismatch", "decimal(5, 2)"),
        ("'" + "9" * 100_000 + "'", AMOUNT, "type-mismatch", "decimal(5, 2)"),
        # Symbols
        ("FST", SPEED, "illegal-literal", "Did you mean 'FAST'?"),
        ("NULL", SPEED, "nullable", "null is no shop.Speed"),
        ("1", SPEED, "type-mismatch", "Put it in quotes"),
        # Times
        ("2026-02-30", DATE, "type-mismatch", "2026-01-31"),
        ("20260131", DATE, "type-mismatch", "2026-01-31"),
        ("2026-W05-6", DATE, "type-mismatch", "2026-01-31"),
        ("09:30", MICRO_TIME, "type-mismatch", "09:30:00"),
        ("24:00:00", MICRO_TIME, "type-mismatch", "09:30:00"),
        ("09:30:00.0001", MILLI_TIME, "illegal-literal", "finer than a millisecond"),
        ("2026-01-31T09:30:00", MICROS, "type-mismatch", "2026-01-31T09:30:00Z"),
        ("2026-01-31 09:30:00Z", MICROS, "type-mismatch", "2026-01-31T09:30:00Z"),
        ("2026-01-31T09:30:00Z", LOCAL, "type-mismatch", "2026-01-31T09:30:00"),
        ("2026-01-31T09:30:00.0001Z", MILLIS, "illegal-literal", "finer than a millisecond"),
        ("9999-12-31T23:00:00-12:00", MICROS, "illegal-literal", "years 1 to 9999"),
        ("0001-01-01T00:00:00+12:00", MICROS, "illegal-literal", "years 1 to 9999"),
        ("2026-01-31T09:30:00+25:00", MICROS, "type-mismatch", "2026-01-31T09:30:00Z"),
        # Others
        ("6ba7b810-9dad-11d1-80b4", UUID_TEXT, "type-mismatch", "36 characters"),
        ("'{6ba7b810-9dad-11d1-80b4-00c04fd430c8}'", UUID_TEXT, "type-mismatch", "36 characters"),
        ("AAAA", BYTES, "illegal-literal", "pass bytes on with a path"),
        ("'abcd'", HASH, "illegal-literal", "pass shop.Hash on with a path"),
        ('"\\uD800"', TEXT, "illegal-literal", "half a character"),
        ("x", UnionType(branches=(NULL, LONG, BOOLEAN)), "type-mismatch", "long, boolean or null"),
    ],
)
def test_a_literal_that_is_none_of_its_type_is_told(
    written: str, target: AvroType, code: str, part: str
) -> None:
    """With what should stand there; nothing is converted, rounded or guessed."""
    found, problems = read(written, target)
    assert found is None
    assert problems.startswith(f"{code}: ")
    assert part in problems
    assert len(problems) < 300
