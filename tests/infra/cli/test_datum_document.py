"""A decoded record becomes JSON, and that JSON the same record again."""

import json
import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from penstock.infra.cli.datum_document import json_document
from penstock.infra.cli.datum_json import framed_from
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.schema import AvroSchema
from tests.schemas.generated import records, values_of

SHOWN: list[tuple[Any, Any]] = [
    (None, None),
    (True, True),
    (2**62, 2**62),
    (1.5, 1.5),
    (math.nan, "NaN"),
    (math.inf, "Infinity"),
    (-math.inf, "-Infinity"),
    ("ä", "ä"),
    (b"\x00\xff", "AP8="),
    (Decimal("19.90"), "19.90"),
    (Decimal("1E-20"), "0.00000000000000000001"),
    (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "2026-01-31T09:30:00Z"),
    (datetime(2026, 1, 31, 9, 30, 0, 1), "2026-01-31T09:30:00.000001"),  # noqa: DTZ001 - local
    (date(2026, 1, 31), "2026-01-31"),
    (time(9, 30), "09:30:00"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ([b"", None], ["", None]),
    ({"a": {"b": Decimal(1)}}, {"a": {"b": "1"}}),
]


@pytest.mark.parametrize(("value", "shown"), SHOWN)
def test_each_value_has_its_form(value: Any, shown: Any) -> None:
    """As the table of the module says."""
    assert json_document({"field": value}) == {"field": shown}


@st.composite
def schemas_and_values(draw: st.DrawFn) -> tuple[AvroSchema, Any]:
    """Draw a schema and a value of it."""
    record = draw(records())
    return AvroSchema.of(record, {}), draw(values_of(record))


@given(schemas_and_values())
def test_what_is_shown_can_be_published(drawn: tuple[AvroSchema, Any]) -> None:
    """Nothing is lost on the way to JSON: the twin makes the same record of it."""
    schema, value = drawn
    text = json.dumps(json_document(datum_decoder_of(schema)(datum_encoder_of(schema)(value))))
    assume("Infinity" not in text)
    assert datum_decoder_of(schema)(framed_from(text, schema, place="The text")) == value
