"""Compatibility, compiled readers and the specification say the same of any two schemas.

Three answers are compared: what `compatibility` says of two schemas, what the reader that is
compiled for them does with bytes, and what a dumb twin, written from the specification alone, says
of the value. fastavro is a fourth witness where it is right: without logical types, whose meaning
it takes from the writer, and where names are not tangled. It looks at aliases of fields before
their names, and takes an enum for a fixed type whose name differs in the namespace alone. The
checker of the package `avro` is none of our dependencies; what avro-facts 10 holds against it has
tests of its own in tests/schemas/test_compatibility.py.
"""

import io
import re
from typing import Any

import fastavro
from fastavro.read import SchemaResolutionError
from hypothesis import event, given, settings
from hypothesis import strategies as st

from penstock.schemas.canonical import document_of
from penstock.schemas.codec_errors import IllegalText, IllegalValue, Unresolvable
from penstock.schemas.compatibility import MAX_INCOMPATIBILITIES, incompatibilities
from penstock.schemas.fault import Fault
from penstock.schemas.reader import reader_of
from penstock.schemas.reading import Reading
from penstock.schemas.schema_changes import changes
from penstock.schemas.type_tree import RecordType
from tests.schemas.evolved import evolutions, strangers
from tests.schemas.resolution_twin import Twin, bytes_of, data_of, mentioned

MANY = max(300, settings().max_examples)
PAIRS = st.one_of(evolutions(), evolutions(), strangers())


def read(writer: RecordType, reader: RecordType, datum: Any) -> Any:
    """What the compiled reader makes of it: the value, or the fault."""
    data = bytes_of(writer, datum)
    try:
        value, end = reader_of(writer, reader, {})(data, 0)
    except Fault as fault:
        return fault
    assert end == len(data)
    return value


def place(fault: Fault) -> str:
    """The path of a fault as verdicts write it."""
    return re.sub(r"([\[{])\d+", r"\1", "".join(reversed(fault.path))).lstrip(".")


def bare(path: str) -> str:
    """The path of a verdict without its marks of branches, which faults have not."""
    return re.sub(r"<[^>]*>", "", path)


@given(PAIRS, st.data())
@settings(max_examples=MANY)
def test_what_is_called_compatible_is_read_as_the_specification_says(
    pair: tuple[RecordType, RecordType], data: st.DataObject
) -> None:
    """Every value; and what is refused then is a value that is none of the reader's type."""
    writer, reader = pair
    found = incompatibilities(reader, writer)
    for rule in {each.rule.value for each in found} or {"compatible"}:
        event(rule)
    drawn = data.draw(st.lists(data_of(writer), max_size=3))
    for datum in [*mentioned(writer), *drawn]:
        twin = Twin()
        expected, got = twin.resolved(writer, reader, datum), read(writer, reader, datum)
        assert twin.never <= {bare(each.path) for each in found}
        if twin.never or twin.not_this:
            assert isinstance(got, Fault)
            assert place(got) in twin.never | twin.not_this
            assert got.leaf in {Unresolvable, IllegalValue, IllegalText}
            assert got.leaf is not Unresolvable or place(got) in twin.never
        else:
            assert not isinstance(got, Fault), got.facts
            # By text too, for to Python 1 is 1.0 is True.
            assert got == expected
            assert sorted(repr(got)) == sorted(repr(expected))


@given(PAIRS)
@settings(max_examples=MANY)
def test_what_is_called_incompatible_has_a_value_that_cannot_be_read(
    pair: tuple[RecordType, RecordType],
) -> None:
    """At each place that the verdict names, and at no other."""
    writer, reader = pair
    found = incompatibilities(reader, writer)
    assert len(found) < MAX_INCOMPATIBILITIES
    twin = Twin()
    for datum in mentioned(writer):
        twin.resolved(writer, reader, datum)
    assert {bare(each.path) for each in found} == twin.never
    if found:
        faults = [read(writer, reader, datum) for datum in mentioned(writer)]
        assert any(isinstance(each, Fault) for each in faults)


@given(evolutions(logical=False, tangled=False))
@settings(max_examples=MANY)
def test_fastavro_reads_what_is_called_compatible_and_nothing_else(
    pair: tuple[RecordType, RecordType],
) -> None:
    """It refuses a value by its schema if and only if there is an incompatibility."""
    writer, reader = pair
    theirs, ours = (fastavro.parse_schema(document_of(each, {})) for each in pair)
    refused = False
    for datum in mentioned(writer):
        try:
            fastavro.schemaless_reader(io.BytesIO(bytes_of(writer, datum)), theirs, ours)
        except SchemaResolutionError:
            refused = True
    assert refused is bool(incompatibilities(reader, writer))


@given(PAIRS)
@settings(max_examples=MANY)
def test_changes_and_verdict_agree(pair: tuple[RecordType, RecordType]) -> None:
    """Readers of a side mind some change if and only if they cannot read the other side."""
    before, after = pair
    found = changes(before, after)
    new = any(each.new_readers is Reading.NOT_ALL for each in found)
    old = any(each.old_readers is Reading.NOT_ALL for each in found)
    assert new is bool(incompatibilities(after, before)), [str(each) for each in found]
    assert old is bool(incompatibilities(before, after)), [str(each) for each in found]


@given(PAIRS)
def test_nothing_changed_is_no_change(pair: tuple[RecordType, RecordType]) -> None:
    """A schema reads what it wrote, and has nothing to tell of itself."""
    schema, _ = pair
    assert incompatibilities(schema, schema) == ()
    assert changes(schema, schema) == ()


@given(PAIRS)
def test_what_differs_is_told(pair: tuple[RecordType, RecordType]) -> None:
    """Two schemas without a change between them are the same."""
    before, after = pair
    if not changes(before, after):
        assert before == after
