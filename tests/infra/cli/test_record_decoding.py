"""Decoding whatever a topic holds: nothing in it ends a reading."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.cli.record_decoding import RecordDecoding
from penstock.infra.cli.record_view import RecordFilter, SeenRecord
from penstock.infra.memory.memory_record import MemoryRecord
from penstock.schemas.codec import datum_encoder_of
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.framing import find_behind
from penstock.schemas.schema import AvroSchema


def schema(name: str) -> AvroSchema:
    """A type with one field."""
    fields = [{"name": "text", "type": "string"}]
    document = {"type": "record", "name": name, "namespace": "shop", "fields": fields}
    return AvroSchema.parse(json.dumps(document))


PLACED, NOTED = schema("OrderPlaced"), schema("Noted")
PLACED_ID = 7


@dataclass
class Written:
    """Schemas that come to be known when they are looked for; fulfils FrameSchemas."""

    known: dict[bytes, AvroSchema] = field(default_factory=dict)
    ids: dict[int, AvroSchema] = field(default_factory=dict)
    to_come: tuple[AvroSchema, ...] = ()
    looks: int = 0

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Return what is known."""
        return self.known.get(fingerprint)

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """Return what is known."""
        return self.ids.get(schema_id)

    async def look_up(self, frame: bytes) -> AvroSchema | None:
        """Let what is to come have come."""
        self.looks += 1
        self.known |= {each.fingerprint: each for each in self.to_come}
        return find_behind(frame, self, self)


def a_record(value: bytes | None, **more: Any) -> MemoryRecord:
    """A record of a topic."""
    given: dict[str, Any] = {"key": b"o-1", "headers": ()}
    return MemoryRecord(
        topic="shop.orders", partition=0, offset=0, timestamp=0, value=value, **{**given, **more}
    )


def see(
    *records: MemoryRecord, wanted: RecordFilter | None = None, schemas: Written | None = None
) -> list[SeenRecord | None]:
    """What is made of records, one after the other."""
    decoding = RecordDecoding(schemas or Written(to_come=(PLACED, NOTED)), wanted or RecordFilter())

    async def seen() -> list[SeenRecord | None]:
        return [await decoding.seen(record) for record in records]

    return asyncio.run(seen())


def test_both_frames_are_decoded_by_the_schemas_of_their_writers() -> None:
    """And a schema is looked for once."""
    schemas = Written(to_come=(PLACED,), ids={PLACED_ID: PLACED})
    single = a_record(datum_encoder_of(PLACED)({"text": "a"}))
    by_id = a_record(datum_encoder_of(PLACED, frame=frame_of_id(PLACED_ID))({"text": "b"}))
    found = see(single, by_id, single, schemas=schemas)
    assert [each and (each.type_name, each.datum) for each in found] == [
        ("shop.OrderPlaced", {"text": "a"}),
        ("shop.OrderPlaced", {"text": "b"}),
        ("shop.OrderPlaced", {"text": "a"}),
    ]
    assert schemas.looks == 1


def test_what_cannot_be_decoded_is_told_with_its_code() -> None:
    """Whichever way: no frame, an unknown schema, an id in a header, a record cut short."""
    whole = datum_encoder_of(PLACED)({"text": "abc"})
    found = see(
        a_record(b'{"json": 1}'),
        a_record(frame_of_id(9) + b"\x00"),
        a_record(b"\x00abcdef", headers=(("__value_schema_id", b"x"),)),
        a_record(whole[:-1]),
        a_record(whole + b"\x00"),
        a_record(b""),
    )
    problems = [each.problem for each in found if each is not None and each.problem]
    assert len(problems) == len(found)
    assert all(problem.startswith("PEN-A") for problem in problems)
    assert len({problem.split()[0] for problem in problems}) == 5


def test_types_and_keys_are_chosen_by_the_schema_before_the_headers() -> None:
    """A header that lies hides nothing; where nothing is decoded, headers are all there is."""
    wanted = RecordFilter(types=frozenset({"OrderPlaced"}), key=b"o-1")
    placed = datum_encoder_of(PLACED)({"text": "a"})
    noted = datum_encoder_of(NOTED)({"text": "a"})
    says_noted = (("ce_type", b"shop.Noted"),)
    found = see(
        a_record(placed, headers=says_noted),
        a_record(noted, headers=(("ce_type", b"shop.OrderPlaced"),)),
        a_record(placed, key=b"o-2"),
        a_record(None),
        a_record(None, headers=says_noted),
        a_record(b"garbage"),
        a_record(b"garbage", headers=says_noted),
        wanted=wanted,
    )
    assert [each is not None for each in found] == [True, False, False, True, False, True, False]


def test_without_values_nothing_is_looked_for_unless_types_are_chosen() -> None:
    """As raw output needs it: garbage is no problem there, and waits for no schema."""
    schemas = Written(to_come=(PLACED,))
    placed = a_record(datum_encoder_of(PLACED)({"text": "a"}))

    def raw(wanted: RecordFilter) -> SeenRecord | None:
        return asyncio.run(RecordDecoding(schemas, wanted, values=False).seen(placed))

    found = raw(RecordFilter())
    assert found is not None
    assert (found.datum, found.problem, schemas.looks) == (None, None, 0)
    assert raw(RecordFilter(types=frozenset({"Noted"}))) is None
    assert schemas.looks == 1


@given(st.binary(max_size=60) | st.binary(max_size=30).map(b"\xc3\x01".__add__))
def test_no_bytes_end_a_reading(value: bytes) -> None:
    """Each record is shown, decoded or with its problem."""
    (found,) = see(a_record(value))
    assert found is not None
    assert (found.datum is None) is (found.problem is not None)


def test_decoders_are_kept_in_bounded_number() -> None:
    """A thousand types on one topic are read, and the latest are remembered."""
    many = tuple(schema(f"Type{number}") for number in range(1_000))
    schemas = Written(known={each.fingerprint: each for each in many})
    decoding = RecordDecoding(schemas, RecordFilter())

    async def read_all() -> None:
        for each in many:
            seen = await decoding.seen(a_record(datum_encoder_of(each)({"text": "a"})))
            assert seen is not None
            assert seen.type_name == each.full_name

    asyncio.run(read_all())
    assert len(decoding._compiled) == 500
