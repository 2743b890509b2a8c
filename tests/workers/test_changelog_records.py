"""The product's own records: their schemas as files, and bytes of each version that shipped."""

from importlib.resources import files
from uuid import UUID

import pytest

from penstock.infra.schema_files.export import file_text
from penstock.schemas.codec import decoder_of
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.changelog import BarrierRecord, barrier_value

RECORDS: list[type[Record]] = [BarrierRecord]

GOLDEN_BARRIER = bytes.fromhex(
    "c301c99dcdb72d187023"
    "4830303030303030302d303030302d303030302d303030302d303030303030303030303037"
    "0654"
)
"""A barrier as version 0.1.0 wrote it: never to be changed, only added to."""


@pytest.mark.parametrize("record", RECORDS)
def test_the_schema_file_is_the_schema_of_the_class(record: type[Record]) -> None:
    """A change of such a record shows as a change of its file, and is thought about."""
    schema = declaration_of(record).schema
    file = files("penstock.schemas").joinpath(f"avsc/{schema.full_name}.avsc")
    assert file.read_text(encoding="utf-8") == file_text(schema)


def test_an_old_barrier_can_still_be_read() -> None:
    """Changelogs outlive versions."""
    text = files("penstock.schemas").joinpath("avsc/penstock.BarrierRecord.avsc").read_text("utf-8")
    barrier = decoder_of(AvroSchema.parse(text), BarrierRecord)(GOLDEN_BARRIER)
    assert barrier == BarrierRecord(nonce=UUID(int=7), epoch=3, position=42)


def test_a_barrier_is_written_as_ever() -> None:
    """The golden bytes are what this version writes, too."""
    assert barrier_value(UUID(int=7), 3, 42) == GOLDEN_BARRIER
