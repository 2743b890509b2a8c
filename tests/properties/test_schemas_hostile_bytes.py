"""Hostile bytes and hostile schemas: an answer of the right kind, always, and soon."""

import json
import random
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.schemas.canonical import canonical_form
from penstock.schemas.codec import datum_decoder_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_errors import SchemaError
from penstock.schemas.type_tree import RecordType
from tests.schemas.generated import records


@given(records(), st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_random_bytes_give_decode_errors_or_values(record: RecordType, body: bytes) -> None:
    """For schemas of every kind."""
    schema = AvroSchema.of(record, {})
    decode = datum_decoder_of(schema)
    try:
        found = decode(b"\xc3\x01" + schema.fingerprint + body)
    except DecodeError:
        return
    assert found.keys() == {each.name for each in record.fields}


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["int", "null", "string", "record", "enum", "fixed", "array", "map"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "fields", "items", "values", "symbols", "size"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def places(node: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) of a document."""
    found = []
    if isinstance(node, dict | list):
        for key in node if isinstance(node, dict) else range(len(node)):
            found.append((node, key))
            found.extend(places(node[key]))
    return found


@given(records(), JUNK, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_broken_schemas_give_schema_errors_or_schemas(
    record: RecordType, junk: Any, chance: random.Random
) -> None:
    """What the lint lets pass, fastavro reads to the same canonical form."""
    document = json.loads(AvroSchema.of(record, {}).text)
    container, key = chance.choice(places(document))
    container[key] = junk
    try:
        schema = AvroSchema.parse(json.dumps(document))
    except SchemaError:
        return
    assert AvroSchema.parse(schema.text) == schema
    try:
        theirs = fastavro.schema.to_parsing_canonical_form(json.loads(schema.text))
    except (SchemaParseException, UnknownType):
        return  # stricter than the specification about defaults and misplaced decimals
    assert canonical_form(schema.root) == theirs
