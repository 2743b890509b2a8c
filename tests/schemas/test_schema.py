"""A schema that was judged: its name, fingerprint and text."""

import json
import subprocess
import sys

import pytest

from penstock.schemas.limits import MAX_SCHEMA_LENGTH
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_errors import (
    DuplicateName,
    NotASchema,
    SchemaError,
    SchemaTooDeep,
    SchemaTooLarge,
)

ORDER = '{"type": "record", "name": "Order", "namespace": "shop", "fields": []}'


def test_parse_gives_name_fingerprint_and_text() -> None:
    """The text is compact and keeps the order of its parts."""
    schema = AvroSchema.parse(ORDER)
    assert schema.full_name == "shop.Order"
    assert len(schema.fingerprint) == 8
    assert schema.text == '{"type":"record","name":"Order","namespace":"shop","fields":[]}'
    assert schema.document == json.loads(ORDER)


def test_parsing_the_text_gives_the_same_schema() -> None:
    """What is written to the schemas topic is read back as equal."""
    schema = AvroSchema.parse(ORDER)
    assert AvroSchema.parse(schema.text) == schema
    assert hash(AvroSchema.parse(schema.text)) == hash(schema)


def test_docs_change_the_text_and_not_the_fingerprint() -> None:
    """The fingerprint is that of the canonical form, which drops docs."""
    documented = AvroSchema.parse(ORDER.replace('"fields"', '"doc": "Grüße", "fields"'))
    plain = AvroSchema.parse(ORDER)
    assert documented.fingerprint == plain.fingerprint
    assert documented != plain
    assert "Grüße" in documented.text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", NotASchema),
        ("{", NotASchema),
        ('"string"', NotASchema),
        ("[" * 100_000, SchemaTooDeep),
        (ORDER + " " * MAX_SCHEMA_LENGTH, SchemaTooLarge),
        (ORDER.replace("[]", "NaN"), NotASchema),
        (ORDER.replace("[]", "9" * 5_000), NotASchema),
        (ORDER.replace("[]", '[], "doc": "\\ud800"'), NotASchema),
        (ORDER.replace("[]", '[], "scale": 1e999'), NotASchema),
        (ORDER.replace("[]", '[], "fields": []'), DuplicateName),
    ],
    ids=[
        "nothing",
        "half",
        "no record",
        "B19 nesting",
        "too long",
        "NaN",
        "B31 digits",
        "half a character",
        "a number that is read as infinity and cannot be written",
        "attribute twice",
    ],
)
def test_text_that_is_no_schema_is_refused(text: str, kind: type[SchemaError]) -> None:
    """Whatever the text is, the outcome is a schema or a SchemaError."""
    with pytest.raises(kind):
        AvroSchema.parse(text)


@pytest.mark.parametrize("depth", [257, 990, 993, 994, 2_000])
def test_depth_is_limited_in_attributes_too(depth: int) -> None:
    """What is no part of the schema is kept in its text, and others parse that."""
    nested = "[" * depth + "]" * depth
    with pytest.raises(SchemaTooDeep):
        AvroSchema.parse(ORDER.replace("[]", f'[], "x": {nested}'))


def test_deep_json_does_not_crash_the_process() -> None:
    """B19: hundreds of thousands of brackets end in an error, not in a signal."""
    program = (
        "from penstock.schemas.schema import AvroSchema\n"
        "from penstock.schemas.schema_errors import SchemaError\n"
        "for text in ('[' * 400_000, '{\"a\":' * 100_000):\n"
        "    try:\n"
        "        AvroSchema.parse(text)\n"
        "    except SchemaError as error:\n"
        "        print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["PEN-A9", "PEN-A9"]
