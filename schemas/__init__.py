"""Schemas: what a message looks like, and how it becomes bytes and back.

A class derived from `Record` is the source of its Avro schema. `encoder_of` and `decoder_of` turn
its objects into framed payloads and back; `datum_encoder_of` and `datum_decoder_of` do the same for
those who have only a schema. `AvroSchema.parse` judges schemas from outside. Every payload begins
with the fingerprint of the schema that wrote it; `SchemaLookup` finds that schema.

Laws:
1. Whatever the bytes are, reading them ends in a validated value or a `DecodeError`, in bounded
   time and memory.
2. Nothing is changed silently on the way out, and nothing is guessed on the way in.
3. This room does no I/O, reads no clock, and knows no topics, no Kafka and no events.
4. Names are imported when they are asked for: who wants `penstock.schemas.errors` alone does not
   load pydantic.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.schemas.avro_words import aliases, branches, enum_words, fixed, written_as
    from penstock.schemas.codec import datum_decoder_of, datum_encoder_of, decoder_of, encoder_of
    from penstock.schemas.codec_errors import DecodeError, EncodeError, UnknownFingerprint
    from penstock.schemas.decimal_digits import money
    from penstock.schemas.declaration_errors import DeclarationError
    from penstock.schemas.errors import (
        CallerError,
        ExitCode,
        InternalError,
        PenstockError,
        WorldError,
    )
    from penstock.schemas.identity import logical_conflict
    from penstock.schemas.limits import MAX_RECORD_BYTES
    from penstock.schemas.lookup import SchemaLookup, found_in
    from penstock.schemas.mapping import schema_of
    from penstock.schemas.record import Declaration, Record, declaration_of, declared_bases
    from penstock.schemas.schema import AvroSchema
    from penstock.schemas.schema_errors import SchemaError
    from penstock.schemas.single_object import fingerprint_in

__all__ = [
    "MAX_RECORD_BYTES",
    "AvroSchema",
    "CallerError",
    "Declaration",
    "DeclarationError",
    "DecodeError",
    "EncodeError",
    "ExitCode",
    "InternalError",
    "PenstockError",
    "Record",
    "SchemaError",
    "SchemaLookup",
    "UnknownFingerprint",
    "WorldError",
    "aliases",
    "branches",
    "datum_decoder_of",
    "datum_encoder_of",
    "declaration_of",
    "declared_bases",
    "decoder_of",
    "encoder_of",
    "enum_words",
    "fingerprint_in",
    "fixed",
    "found_in",
    "logical_conflict",
    "money",
    "schema_of",
    "written_as",
]

_HOMES = {
    "AvroSchema": "penstock.schemas.schema",
    "CallerError": "penstock.schemas.errors",
    "Declaration": "penstock.schemas.record",
    "DeclarationError": "penstock.schemas.declaration_errors",
    "DecodeError": "penstock.schemas.codec_errors",
    "EncodeError": "penstock.schemas.codec_errors",
    "ExitCode": "penstock.schemas.errors",
    "InternalError": "penstock.schemas.errors",
    "MAX_RECORD_BYTES": "penstock.schemas.limits",
    "PenstockError": "penstock.schemas.errors",
    "Record": "penstock.schemas.record",
    "SchemaError": "penstock.schemas.schema_errors",
    "SchemaLookup": "penstock.schemas.lookup",
    "UnknownFingerprint": "penstock.schemas.codec_errors",
    "WorldError": "penstock.schemas.errors",
    "aliases": "penstock.schemas.avro_words",
    "branches": "penstock.schemas.avro_words",
    "datum_decoder_of": "penstock.schemas.codec",
    "datum_encoder_of": "penstock.schemas.codec",
    "declaration_of": "penstock.schemas.record",
    "declared_bases": "penstock.schemas.record",
    "decoder_of": "penstock.schemas.codec",
    "encoder_of": "penstock.schemas.codec",
    "enum_words": "penstock.schemas.avro_words",
    "fingerprint_in": "penstock.schemas.single_object",
    "fixed": "penstock.schemas.avro_words",
    "found_in": "penstock.schemas.lookup",
    "logical_conflict": "penstock.schemas.identity",
    "money": "penstock.schemas.decimal_digits",
    "schema_of": "penstock.schemas.mapping",
    "written_as": "penstock.schemas.avro_words",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module  # noqa: PLC0415 - this module imports nothing by itself

    return getattr(import_module(home), name)
