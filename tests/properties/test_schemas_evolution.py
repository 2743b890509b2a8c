"""Two versions of a schema, both ways, through whole codecs and in both framings.

The old reads what the new one wrote and the new what the old one wrote, as long as services of both
versions run. What compatibility calls legal is decoded; each reason why it is not has a witness: a
payload that is refused. (That the value is the right one is said in test_schemas_compatibility.py.)
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from penstock.schemas.canonical import document_of
from penstock.schemas.codec import datum_decoder_of
from penstock.schemas.codec_errors import DecodeError, IllegalText, IllegalValue, Unresolvable
from penstock.schemas.compatibility import field_targets, incompatibilities
from penstock.schemas.compatibility_levels import Level, check
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.incompatibility import Incompatibility
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import frame_of
from penstock.schemas.type_tree import RecordType
from tests.schemas.evolved import evolutions
from tests.schemas.resolution_twin import bytes_of, data_of, mentioned

MANY = max(200, settings().max_examples)


def both_ways(pair: tuple[RecordType, RecordType]) -> Iterator[tuple[AvroSchema, AvroSchema]]:
    """Yield writer and reader, then the other way round."""
    old, new = (AvroSchema.of(each, {}) for each in pair)
    yield old, new
    yield new, old


def outcome(writer: AvroSchema, reader: AvroSchema, payload: bytes, frame: bytes) -> object:
    """Decode, or return the error."""
    try:
        return datum_decoder_of(writer, reader, frame=frame)(payload)
    except DecodeError as error:
        return error


@given(evolutions(), st.data())
@settings(max_examples=MANY)
def test_what_is_called_legal_is_decoded_in_both_directions_and_framings(
    pair: tuple[RecordType, RecordType], data: st.DataObject
) -> None:
    """Or is refused for what the value is, never for what the schemas are."""
    for writer, reader in both_ways(pair):
        legal = not incompatibilities(reader.root, writer.root)
        event("legal" if legal else "illegal")
        if not legal:
            continue
        drawn = data.draw(st.lists(data_of(writer.root), max_size=2))
        for datum in [*mentioned(writer.root), *drawn]:
            body = bytes_of(writer.root, datum)
            found = [
                outcome(writer, reader, frame + body, frame)
                for frame in (frame_of(writer.fingerprint), frame_of_id(7))
            ]
            assert type(found[0]) is type(found[1])
            if isinstance(found[0], DecodeError):
                assert isinstance(found[0], IllegalValue | IllegalText)
            else:
                assert repr(found[0]) == repr(found[1])


@given(evolutions())
@settings(max_examples=MANY)
def test_each_reason_has_a_payload_that_is_refused(pair: tuple[RecordType, RecordType]) -> None:
    """In the field that it names, with all other fields taken away."""
    for writer, reader in both_ways(pair):
        for reason in incompatibilities(reader.root, writer.root):
            event(reason.rule.value)
            ours, theirs = around(reason, writer.root, reader.root)
            frame = frame_of(ours.fingerprint)
            found = [
                outcome(ours, theirs, frame + bytes_of(ours.root, datum), frame)
                for datum in mentioned(ours.root)
            ]
            assert any(isinstance(each, Unresolvable | IllegalValue) for each in found), str(reason)


def around(
    reason: Incompatibility, writer: RecordType, reader: RecordType
) -> tuple[AvroSchema, AvroSchema]:
    """Return both schemas with nothing but the field in which a reason lies."""
    name = re.split(r"[.\[{<]", reason.path)[0]
    targets = field_targets(writer, reader)
    target = targets[name].name if name in targets else name
    written = tuple(each for each in writer.fields if each.name == name)
    wanted = tuple(each for each in reader.fields if each.name == target)
    pair = replace(writer, fields=written), replace(reader, fields=wanted)
    ours, theirs = (AvroSchema.of(each, {}) for each in pair)
    assert document_of(pair[0], {}) == document_of(ours.root, {})
    return ours, theirs


@pytest.mark.parametrize("level", [Level.BACKWARD, Level.FORWARD, Level.FULL])
@given(pair=evolutions())
def test_a_level_promises_what_it_says(level: Level, pair: tuple[RecordType, RecordType]) -> None:
    """What passes a level is read in the directions that the level names."""
    old, new = (AvroSchema.of(each, {}) for each in pair)
    if check(new.root, [old.root], level):
        return
    backward, forward = level is not Level.FORWARD, level is not Level.BACKWARD
    for wanted, (writer, reader) in zip((backward, forward), both_ways(pair), strict=True):
        for datum in mentioned(writer.root) if wanted else ():
            frame = frame_of(writer.fingerprint)
            found = outcome(writer, reader, frame + bytes_of(writer.root, datum), frame)
            assert not isinstance(found, Unresolvable)
