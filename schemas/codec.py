"""Codecs: framed payloads to objects and back, compiled once and called for every message.

A codec is compiled for one schema under one frame: a single object's if none is given, or an id's
(framing.py). There are four doors: with a class (`encoder_of`, `decoder_of`) and with a schema
alone (`datum_encoder_of`, `datum_decoder_of`). Compile a codec once and keep it; compiling costs as
much as some hundred messages.

Laws:
1. A decoder raises nothing but `DecodeError`s, whatever the payload; an encoder nothing but
   `EncodeError`s.
2. A payload is read by the schema that wrote it, to its last byte, or it is refused.
3. The class always has the last word: every decoded record passes through its validators.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from penstock.schemas.binary import Read, Write
from penstock.schemas.codec_errors import (
    DecodeError,
    ForeignFingerprint,
    ForeignFrame,
    RecordRejected,
    RecordTooLong,
    TrailingBytes,
    ValidatorRaised,
)
from penstock.schemas.fault import Fault
from penstock.schemas.framing import frame_in
from penstock.schemas.limits import MAX_RECORD_BYTES
from penstock.schemas.reader import reader_of
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import MARK, fingerprint_in, frame_of
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    MapType,
    RecordType,
    UnionType,
    base_name,
)
from penstock.schemas.writer import writer_of

__all__ = ["datum_decoder_of", "datum_encoder_of", "decoder_of", "encoder_of"]

_Kind = TypeVar("_Kind", bound=Record)
_SHOWN_PROBLEMS = 5


def encoder_of(record_type: type[_Kind], *, frame: bytes | None = None) -> Callable[[_Kind], bytes]:
    """Compile the encoder of a class.

    Args:
        record_type: a concrete record.
        frame: what its payloads begin with; a single object's frame if not given.

    Returns:
        A function from an object of exactly this class to a framed payload. It raises
        `EncodeError`.

    Raises:
        DeclarationError: the class has no schema.
    """
    declared = declaration_of(record_type)
    write = writer_of(declared.schema.root, declared.mapped.classes)
    return _encoder(declared.schema, write, frame)


def datum_encoder_of(
    schema: AvroSchema, *, frame: bytes | None = None
) -> Callable[[Mapping[str, Any]], bytes]:
    """Compile the encoder of a schema without a class.

    Args:
        schema: any schema.
        frame: what its payloads begin with; a single object's frame if not given.

    Returns:
        A function from a dictionary to a framed payload. Fields with a default may be absent,
        symbols are strings, logical types as in logical.py. It raises `EncodeError`.
    """
    return _encoder(schema, writer_of(schema.root, {}), frame)


def _encoder(schema: AvroSchema, write: Write, frame: bytes | None) -> Callable[[Any], bytes]:
    frame = frame_of(schema.fingerprint) if frame is None else frame
    full_name = schema.full_name

    def encode(value: Any) -> bytes:
        out = bytearray(frame)
        try:
            write(value, out)
        except Fault as fault:
            raise fault.error(full_name) from None
        return bytes(out)

    return encode


def decoder_of(
    writer: AvroSchema,
    reader: type[_Kind],
    *,
    limit_bytes: int = MAX_RECORD_BYTES,
    frame: bytes | None = None,
) -> Callable[[bytes], _Kind]:
    """Compile the decoder from a writer's schema to a class.

    Args:
        writer: the schema that the payloads carry.
        reader: a concrete record.
        limit_bytes: the size of a framed payload above which it is not looked at.
        frame: what the payloads begin with; a single object's frame if not given.

    Returns:
        A function from a framed payload to an object of the class. It raises `DecodeError`.

    Raises:
        DeclarationError: the class has no schema.
    """
    declared = declaration_of(reader)
    root, classes = declared.schema.root, declared.mapped.classes
    decode = _decoder(writer, reader_of(writer.root, root, classes), limit_bytes, frame)
    validate = reader.__pydantic_validator__.validate_python

    def decode_object(payload: bytes) -> _Kind:
        datum = decode(payload)
        try:
            # Not strict: the reader has made every value of its type, and a strict validator
            # would still refuse the list of an array that the class holds as a tuple.
            found: _Kind = validate(datum, strict=False)
        except ValidationError as error:
            raise _rejected(error, root) from None
        except Exception as error:
            # The user's own code ran, on bytes from anywhere: what it raises is this payload's
            # failure, and must not end the worker.
            raise ValidatorRaised(record=root.full_name, exception=type(error).__name__) from error
        return found

    return decode_object


def datum_decoder_of(
    writer: AvroSchema,
    reader: AvroSchema | None = None,
    *,
    limit_bytes: int = MAX_RECORD_BYTES,
    frame: bytes | None = None,
) -> Callable[[bytes], dict[str, Any]]:
    """Compile the decoder from a writer's schema to dictionaries.

    Args:
        writer: the schema that the payloads carry.
        reader: the schema that the dictionaries are to have; None takes the writer's.
        limit_bytes: the size of a framed payload above which it is not looked at.
        frame: what the payloads begin with; a single object's frame if not given.

    Returns:
        A function from a framed payload to a dictionary. It raises `DecodeError`.
    """
    read = reader_of(writer.root, (reader or writer).root, {})
    return _decoder(writer, read, limit_bytes, frame)


def _decoder(
    writer: AvroSchema, read: Read, limit_bytes: int, frame: bytes | None
) -> Callable[[bytes], Any]:
    frame = frame_of(writer.fingerprint) if frame is None else frame
    begin, full_name = len(frame), writer.full_name

    def decode(payload: bytes) -> Any:
        if not payload.startswith(frame):
            raise _misframed(payload, frame)
        size = len(payload)
        if size > limit_bytes:
            raise RecordTooLong(size=size, limit=limit_bytes)
        try:
            datum, end = read(payload, begin)
        except Fault as fault:
            raise fault.error(full_name) from None
        if end != size:
            raise TrailingBytes(place=full_name, offset=end, size=size)
        return datum

    return decode


def _misframed(payload: bytes, frame: bytes) -> DecodeError:
    if frame.startswith(MARK):
        found = fingerprint_in(payload)
        return ForeignFingerprint(expected=frame[len(MARK) :].hex(), found=found.hex())
    return ForeignFrame(expected=frame.hex(), found=frame_in(payload).hex())


def _rejected(error: ValidationError, root: RecordType) -> RecordRejected:
    # pydantic's own text quotes the values, and the path of a map's entry is a key of the payload.
    details = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [f"{_place(root, each['loc'])}: {each['type']}" for each in details[:_SHOWN_PROBLEMS]]
    return RecordRejected(record=root.full_name, problems="; ".join(shown))


def _place(root: RecordType, location: tuple[int | str, ...]) -> str:
    place = ""
    current: AvroType | None = root
    for part in location:
        if isinstance(current, UnionType):
            current = next((each for each in current.branches if base_name(each) != "null"), None)
        match current, part:
            case RecordType(fields=fields), str():
                current = next((each.type for each in fields if each.name == part), None)
                place += f".{part}" if current else ".?"
            case ArrayType(items=items), int():
                current, place = items, f"{place}[{part}]"
            case MapType(values=values), _:
                current, place = values, f"{place}{{}}"
            case _:
                place, current = f"{place}.?", None
    return place.lstrip(".") or "as a whole"
