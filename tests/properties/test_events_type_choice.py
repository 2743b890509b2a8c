"""The choice of a shape, against a twin that knows fields and no schemas."""

import json
import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.decoder import EventDecoder
from penstock.events.type_choice import Reading, ShapeUndecided, TypeChoice, Unasked, Undecided
from penstock.events.upcasting import AnyUpcast, BadUpcast, Upcast, chains_of
from penstock.schemas.codec import datum_encoder_of
from penstock.schemas.codec_errors import DecodeError, Unresolvable
from penstock.schemas.record import Record
from penstock.schemas.schema import AvroSchema

KINDS: Mapping[str, tuple[type, object]] = {
    "long": (int, 7),
    "double": (float, 0.5),
    "string": (str, "x"),
}
"""Avro's name of a type, Python's, and a value of it."""


class Part(NamedTuple):
    """A field of a shape."""

    name: str
    kind: str
    has_default: bool = False


Parts = tuple[Part, ...]


@st.composite
def parts(draw: st.DrawFn) -> Parts:
    """Draw fields; a change of one version to the next is some of them."""
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True))
    kinds = st.sampled_from(list(KINDS))
    return tuple(Part(name, draw(kinds), draw(st.booleans())) for name in names)


def written(shape: Parts) -> tuple[tuple[str, str], ...]:
    """What a fingerprint sees of a shape."""
    return tuple((part.name, part.kind) for part in shape)


@cache
def class_of(shape: Parts, name: str = "Placed", number: int = 0) -> type[Record]:
    """Return a class of a shape; another number is another class of the same shape."""
    del number

    def fill(body: dict[str, Any]) -> None:
        body["__annotations__"] = {part.name: KINDS[part.kind][0] for part in shape}
        body |= {part.name: KINDS[part.kind][1] for part in shape if part.has_default}

    made: type[Record] = types.new_class(name, (Record,), {"namespace": "shop"}, fill)
    return made


def schema_of(shape: Parts, name: str = "Placed") -> AvroSchema:
    """Return the schema of a writer who has no class here."""
    fields = [{"name": part.name, "type": part.kind} for part in shape]
    document = {"type": "record", "name": name, "namespace": "shop", "fields": fields}
    return AvroSchema.parse(json.dumps(document))


def datum(shape: Parts) -> dict[str, Any]:
    """Return values of a shape."""
    return {part.name: KINDS[part.kind][1] for part in shape}


def step(old: type[Record], new: type[Record], number: int, trail: list[int]) -> AnyUpcast:
    """Return an upcast that notes that it ran."""

    def function(record: Record) -> Record:
        assert type(record) is old
        trail.append(number)
        values = {name: KINDS_OF[field.annotation] for name, field in new.model_fields.items()}
        return new(**values)

    return Upcast(old=old, new=new, function=function, name=f"step:{number}")


KINDS_OF: Mapping[Any, object] = dict(KINDS.values())


class Evolution(NamedTuple):
    """A class with its older shapes: the first is the class, each other leads to an earlier one."""

    shapes: Sequence[Parts]
    leads_to: Sequence[int]

    def distance(self, number: int) -> int:
        """How many upcasts lie between a shape and the class."""
        return len(self.path(number))

    def path(self, number: int) -> list[int]:
        """The upcasts from a shape on, by the number of the shape that they take."""
        return [number, *self.path(self.leads_to[number])] if number else []


@st.composite
def evolutions(draw: st.DrawFn) -> Evolution:
    """Draw a class and what it was before."""
    shapes = draw(st.lists(parts(), min_size=1, max_size=5, unique_by=written))
    leads_to = [draw(st.integers(0, max(0, number - 1))) for number in range(len(shapes))]
    return Evolution(shapes, leads_to)


@st.composite
def writers(draw: st.DrawFn, evolution: Evolution) -> Parts:
    """Draw what was written: a shape, something else, or a shape that has gained fields.

    The fields of several shapes together can often be read as each of them.
    """
    if draw(st.integers(0, 3)) == 0:
        return draw(parts())
    shapes = draw(st.lists(st.sampled_from(evolution.shapes), min_size=1, max_size=3))
    merged = {part.name: part for shape in reversed(shapes) for part in shape}
    if draw(st.booleans()):
        merged["extra"] = Part("extra", "string")
    return tuple(draw(st.permutations(list(merged.values()))))


def can_read(reader: Parts, writer: Parts) -> bool:
    """Tell whether all that a writer writes can be read: what schemas/compatibility.py says."""
    kinds = {part.name: part.kind for part in writer}
    wider = {"long": {"long", "double"}}
    return all(
        part.kind in wider.get(kinds[part.name], {kinds[part.name]})
        if part.name in kinds
        else part.has_default
        for part in reader
    )


def expected(evolution: Evolution, writer: Parts) -> set[int]:
    """Return the shapes that could be taken; one alone is."""
    numbers = range(len(evolution.shapes))
    exact = {each for each in numbers if written(evolution.shapes[each]) == written(writer)}
    if exact:
        return exact
    able = {each for each in numbers if can_read(evolution.shapes[each], writer)}
    fewest = min(evolution.distance(each) for each in able or numbers)
    return {each for each in able or numbers if evolution.distance(each) == fewest}


@given(evolution=evolutions(), data=st.data())
def test_every_writer_is_read_as_the_shape_that_loses_least(
    evolution: Evolution, data: st.DataObject
) -> None:
    """And goes through all upcasts from there, in order, to an object of the class."""
    trail: list[int] = []
    classes = [class_of(shape) for shape in evolution.shapes]
    steps = [
        step(classes[number], classes[evolution.leads_to[number]], number, trail)
        for number in range(1, len(classes))
    ]
    writer = data.draw(writers(evolution))
    schema = schema_of(writer)
    upcasts = data.draw(st.permutations(steps))
    choice = TypeChoice([classes[0]], upcasts).choose(schema)
    found = expected(evolution, writer)
    decoder = EventDecoder([classes[0]], Known(schema), upcasts=upcasts)
    payload = datum_encoder_of(schema)(datum(writer))
    if len(found) > 1:
        assert isinstance(choice, Undecided)
        for _ in range(2):
            with pytest.raises(ShapeUndecided):
                decoder.decode(payload)
        return
    (number,) = found
    assert isinstance(choice, Reading)
    assert choice.shape is classes[number]
    assert [each.name for each in choice.upcasts] == [
        f"step:{each}" for each in evolution.path(number)
    ]
    if can_read(evolution.shapes[number], writer):
        assert type(decoder.decode(payload)) is classes[0]
        assert trail == evolution.path(number)
    else:
        with pytest.raises(Unresolvable):
            decoder.decode(payload)
        assert not trail


class Known:
    """One schema."""

    def __init__(self, schema: AvroSchema) -> None:
        """Know it."""
        self.schema = schema

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """As the port promises."""
        return self.schema if self.schema.fingerprint == fingerprint else None


@given(
    edges=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=6),
    present=st.sets(st.integers(0, 5), min_size=1, max_size=2),
)
def test_what_contradicts_itself_is_refused_where_it_is_declared(
    edges: list[tuple[int, int]], present: set[int]
) -> None:
    """Whatever the graph: one way on from each shape, none from a class, none round, all arrive."""
    classes = [class_of((Part("a", "long"),), f"Shape{number}") for number in range(6)]
    steps = [step(classes[old], classes[new], old, []) for old, new in edges]
    ways = dict(edges)

    def arrives(old: int) -> bool:
        seen: set[int] = set()
        while old in ways and old not in seen:
            seen.add(old)
            old = ways[old]
        return old in present and old not in seen

    legal = (
        len(ways) == len(edges) and not present & ways.keys() and all(arrives(old) for old in ways)
    )
    readers = [classes[number] for number in sorted(present)]
    if legal:
        choice = TypeChoice(readers, steps)
        assert choice.names.keys() == {f"shop.Shape{number}" for number in present | ways.keys()}
    else:
        with pytest.raises(BadUpcast):
            TypeChoice(readers, steps)


@given(length=st.integers(1, 5), start=st.integers(0, 4), data=st.data())
def test_a_circle_is_told_with_its_shapes(length: int, start: int, data: st.DataObject) -> None:
    """Also where a tail leads into it."""
    classes = [class_of((Part("a", "long"),), f"Shape{number}") for number in range(start + length)]
    circle = range(start, start + length)
    ends = [number + 1 for number in range(start + length - 1)] + [start]
    steps = [step(classes[old], classes[new], old, []) for old, new in enumerate(ends)]
    with pytest.raises(BadUpcast, match="go round: ") as refused:
        chains_of(data.draw(st.permutations(steps)))
    for number in circle:
        assert f"Shape{number}" in refused.value.problem
    assert all(f"Shape{number} " not in refused.value.problem for number in range(start))


@given(writer=parts(), name=st.sampled_from(["Placed", "Paid", "Other"]))
def test_a_type_that_nobody_reads_is_nobodys(writer: Parts, name: str) -> None:
    """Whatever its shape is; and it is told whether it is left out on purpose."""
    paid = class_of((Part("a", "long"),), "Paid")
    choice = TypeChoice([class_of((Part("a", "long"),))], ignores=[paid])
    found = choice.choose(schema_of(writer, name))
    if name == "Placed":
        assert isinstance(found, Reading)
    else:
        assert found == Unasked(full_name=f"shop.{name}", ignored=name == "Paid")


class Broken(Exception):
    """What an upcast may raise."""


@given(
    outcome=st.sampled_from(
        [Broken("secret"), ValueError("secret"), RecursionError(), AssertionError(), None, "secret"]
    ),
    at=st.integers(1, 3),
)
def test_whatever_an_upcast_does_is_a_decode_error_of_that_record(outcome: Any, at: int) -> None:
    """In any link of a chain; the next record goes on; and no value is told."""
    shapes: list[Any] = [class_of((Part("a", "long"),), f"Shape{number}") for number in range(4)]
    broken = True

    def link(number: int) -> AnyUpcast:
        def function(record: Any) -> Any:
            if broken and number == at:
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome
            return shapes[number - 1](a=record.a)

        old, new = shapes[number], shapes[number - 1]
        return Upcast(old=old, new=new, function=function, name=f"step:{number}")

    schema = schema_of((Part("a", "long"),), "Shape3")
    decoder = EventDecoder(
        shapes[:1], Known(schema), upcasts=[link(number) for number in (1, 2, 3)]
    )
    payload = datum_encoder_of(schema)({"a": 1})
    with pytest.raises(DecodeError) as refused:
        decoder.decode(payload)
    assert f"step:{at} " in str(refused.value)
    assert "secret" not in str(refused.value)
    broken = False
    assert decoder.decode(payload) == shapes[0](a=1)
