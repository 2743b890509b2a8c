"""What a schema from outside may cost before the first record is read: counted, not timed.

A schema of the size that is still allowed is parsed, judged and compiled once by everybody who
meets its fingerprint. Steps are calls, as the interpreter counts them.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.compatibility import incompatibilities
from penstock.schemas.defaults import value_of
from penstock.schemas.limits import MAX_NODES
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_changes import changes
from penstock.schemas.schema_errors import SchemaTooLarge
from penstock.schemas.type_tree import EnumType
from tests.schemas.mutation import steps_of


def record(*fields: Any) -> str:
    """Return a record's schema; its fields are types, or types with defaults."""
    named = [
        {
            "name": f"f{number}",
            **(each if isinstance(each, dict) and "default" in each else {"type": each}),
        }
        for number, each in enumerate(fields)
    ]
    return json.dumps({"type": "record", "name": "shop.R", "fields": named})


def empty(name: str, *fields: Any) -> dict[str, Any]:
    """Return the schema of a nested record."""
    return {"type": "record", "name": name, "fields": list(fields)}


def symbols(count: int) -> dict[str, Any]:
    """Return an enum."""
    return {"type": "enum", "name": "E", "symbols": [f"s{number}" for number in range(count)]}


def chained(count: int) -> str:
    """A record whose every field mentions the one before, so that types unfold."""
    first = empty("T0", *({"name": f"a{number}", "type": "long"} for number in range(10)))
    return record(first, *["shop.T0"] * count)


SHAPES: dict[str, Callable[[int], str]] = {
    "fields": lambda count: record(*["long"] * count),
    "fields with defaults": lambda count: record(*[{"type": "long", "default": 1}] * count),
    "lists by default": lambda count: record(
        *[{"type": {"type": "array", "items": "long"}, "default": [1] * 9}] * count
    ),
    "branches that are enums": lambda count: record(
        [{"type": "enum", "name": f"E{number}", "symbols": ["A"]} for number in range(count)]
    ),
    "branches that are records": lambda count: record([empty(f"T{each}") for each in range(count)]),
    "branches of one name": lambda count: record([empty(f"n{each}.T") for each in range(count)]),
    "symbols": lambda count: record(symbols(count)),
    "mentions of an enum": lambda count: record(symbols(count), *["shop.E"] * 10),
    "mentions of a record": chained,
    "optional fields": lambda count: record(*[["null", "string"]] * count),
}


def parse(text: str) -> None:
    """Judge it."""
    AvroSchema.parse(text)


def decode(text: str) -> None:
    """Compile its decoder, for a reader that has a copy of it."""
    datum_decoder_of(AvroSchema.parse(text), AvroSchema.parse(text))


def drop(text: str) -> None:
    """Compile what passes it over."""
    reader = AvroSchema.parse(record({"type": "int", "default": 1}).replace("f0", "other"))
    datum_decoder_of(AvroSchema.parse(text), reader)


def encode(text: str) -> None:
    """Compile its encoder."""
    datum_encoder_of(AvroSchema.parse(text))


def compare(text: str) -> None:
    """Judge it against a copy of itself, and tell what changed."""
    ours, theirs = AvroSchema.parse(text), AvroSchema.parse(text)
    incompatibilities(ours.root, theirs.root)
    changes(ours.root, theirs.root)


@pytest.mark.parametrize("work", [parse, decode, drop, encode, compare])
@pytest.mark.parametrize("shape", SHAPES)
def test_twice_the_schema_costs_twice_the_steps(shape: str, work: Callable[[str], None]) -> None:
    """At most, for schemas of every shape, whoever looks at them."""
    texts = [SHAPES[shape](count) for count in (100, 200)]
    work(texts[0])
    small, large = (steps_of(lambda text=text: work(text))[1] for text in texts)  # type: ignore[misc]  # the default holds this text
    assert large <= 2.4 * small


@pytest.mark.parametrize("work", [decode, compare])
def test_a_schema_of_the_largest_size_costs_a_bounded_number_of_steps(
    work: Callable[[str], None],
) -> None:
    """Some hundreds for each of its types, whatever is done with it."""
    text = SHAPES["branches of one name"](MAX_NODES - 1_000)
    _, steps = steps_of(lambda: work(text))
    assert steps <= 500 * MAX_NODES


def test_every_mention_of_an_enum_counts_its_symbols() -> None:
    """Else half a megabyte of schema made a hundred million entries of tables."""
    AvroSchema.parse(record(symbols(10_000), *["shop.E"] * 50))
    with pytest.raises(SchemaTooLarge):
        AvroSchema.parse(record(symbols(10_000), *["shop.E"] * 150))


def test_a_default_is_looked_up_and_not_searched() -> None:
    """A hundred thousand defaults of an enum with as many symbols were searched one by one."""

    class Looked(tuple[Any, ...]):  # noqa: SLOT001 - a tuple has no slots beside its items
        looks = 0

        def __contains__(self, wanted: object) -> bool:
            self.looks += 1
            return super().__contains__(wanted)

        def __iter__(self) -> Iterator[Any]:
            self.looks += 1
            return super().__iter__()

    known = Looked(f"s{number}" for number in range(100))
    enum = EnumType(full_name="shop.E", symbols=known)
    known.looks = 0
    assert value_of(enum, "s99", {}) == "s99"
    assert known.looks == 0
