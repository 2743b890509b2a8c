"""What can be wrong with bytes that are read, and with values that are to be written.

Messages name the record, the path of the field and the byte offset. They never show payload: not a
value, not a key of a map, only types, sizes and positions. In a path `[3]` is the fourth item of an
array and `{3}` the fourth entry of a map. Codes PEN-A40 to PEN-A69 and PEN-A80 to PEN-A84.
"""

from dataclasses import dataclass
from typing import ClassVar

from penstock.schemas.errors import CallerError, ExitCode, WorldError

__all__ = [
    "BranchRaised",
    "BranchRejected",
    "BrokenBytes",
    "DecodeError",
    "EncodeError",
    "FieldMissing",
    "FieldUnknown",
    "ForeignFingerprint",
    "ForeignFrame",
    "GuidFrame",
    "IllegalBlock",
    "IllegalLength",
    "IllegalText",
    "IllegalValue",
    "IndexOutOfRange",
    "IntegerTooWide",
    "NewerRecord",
    "NoBranchFits",
    "NotFramed",
    "RecordRejected",
    "RecordTooLong",
    "SchemaIdInHeader",
    "SchemaUnknown",
    "TooManyItems",
    "TooManyItemsGiven",
    "TooManyValues",
    "TooManyValuesGiven",
    "TrailingBytes",
    "Truncated",
    "UnfitValue",
    "UnknownFingerprint",
    "UnknownSchemaId",
    "Unresolvable",
    "ValidatorRaised",
    "VarintTooLong",
    "WrongType",
]


@dataclass(eq=False, kw_only=True)
class DecodeError(WorldError):
    """Bytes cannot be read as the record that they should be."""

    exit_code: ClassVar[ExitCode] = ExitCode.DATA


@dataclass(eq=False, kw_only=True)
class BrokenBytes(DecodeError):
    """The walk over the bytes met something that cannot be there."""

    place: str
    """The record and the path of the field."""
    offset: int
    """Where in the framed payload the value begins that is wrong, in bytes."""


@dataclass(eq=False, kw_only=True)
class NotFramed(DecodeError):
    """A payload does not begin with a frame."""

    size: int
    """Size of the payload in bytes."""

    code: ClassVar[str] = "PEN-A40"
    what: ClassVar[str] = (
        "A payload of {size} bytes begins neither with C3 01 and a fingerprint nor, where ids are "
        "read, with 00 and a schema id."
    )
    why: ClassVar[str] = "Without one of them nobody knows which schema wrote it."
    remedy: ClassVar[str] = (
        "Write it with penstock, with Avro's single-object encoding, or with a serializer of "
        "Confluent's."
    )


@dataclass(eq=False, kw_only=True)
class ForeignFingerprint(DecodeError):
    """A payload was written with another schema than this decoder reads."""

    expected: str
    """The fingerprint that this decoder reads, as hexadecimal digits in wire order."""
    found: str
    """The fingerprint in the payload."""

    code: ClassVar[str] = "PEN-A41"
    what: ClassVar[str] = "A payload carries the fingerprint {found}, not {expected}."
    why: ClassVar[str] = "Another schema wrote it, and its bytes would be read as something else."
    remedy: ClassVar[str] = "Look the schema up by the payload's fingerprint and read it with that."


@dataclass(eq=False, kw_only=True)
class SchemaUnknown(DecodeError):
    """Nobody knows (yet) which schema wrote a payload. Whoever can wait may look for it."""

    @property
    def frame(self) -> bytes:
        """The frame of the payload, by which the schema can be looked for."""
        raise NotImplementedError


@dataclass(eq=False, kw_only=True)
class UnknownFingerprint(SchemaUnknown):
    """No schema is known for the fingerprint of a payload."""

    fingerprint: str
    """The fingerprint, as hexadecimal digits in wire order."""

    code: ClassVar[str] = "PEN-A42"
    what: ClassVar[str] = "No schema with the fingerprint {fingerprint} is known."
    why: ClassVar[str] = "Without the schema that wrote it a payload cannot be read."
    remedy: ClassVar[str] = "Let its producer publish the schema, or register the schema's file."

    @property
    def frame(self) -> bytes:
        """The frame of a single object."""
        return b"\xc3\x01" + bytes.fromhex(self.fingerprint)


@dataclass(eq=False, kw_only=True)
class UnknownSchemaId(SchemaUnknown):
    """No schema is known for the schema id of a payload."""

    schema_id: int
    """The id."""

    code: ClassVar[str] = "PEN-A80"
    what: ClassVar[str] = "No schema with the id {schema_id} is known."
    why: ClassVar[str] = (
        "The payload begins with 00 and this id, and only the registry that handed the id out can "
        "say which schema wrote it."
    )
    remedy: ClassVar[str] = (
        "Set PENSTOCK_SCHEMA_REGISTRY to the registry that its producer uses, or register the "
        "schema there."
    )

    @property
    def frame(self) -> bytes:
        """Confluent's frame."""
        return b"\x00" + self.schema_id.to_bytes(4, "big")


@dataclass(eq=False, kw_only=True)
class ForeignFrame(DecodeError):
    """A payload was framed in another way, or by another id, than this decoder reads."""

    expected: str
    """The frame that this decoder reads, as hexadecimal digits."""
    found: str
    """The frame of the payload."""

    code: ClassVar[str] = "PEN-A81"
    what: ClassVar[str] = "A payload begins with the frame {found}, not {expected}."
    why: ClassVar[str] = "Another schema may have written it."
    remedy: ClassVar[str] = "Look the schema up by the payload's frame and read it with that."


@dataclass(eq=False, kw_only=True)
class GuidFrame(DecodeError):
    """A payload carries a frame of Confluent's version 1."""

    size: int
    """Size of the payload in bytes."""

    code: ClassVar[str] = "PEN-A82"
    what: ClassVar[str] = (
        "A payload of {size} bytes begins with 01, as Confluent's frames with a GUID do."
    )
    why: ClassVar[str] = "Schemas are found by fingerprint or by id, and a GUID is neither."
    remedy: ClassVar[str] = (
        "Let its producer write the id into the payload: Confluent's serializers do so by default "
        "(schema.id.serializer, prefix)."
    )


@dataclass(eq=False, kw_only=True)
class SchemaIdInHeader(DecodeError):
    """A record names its schema in a header, so its payload has no frame."""

    header: str
    """The header's name."""

    code: ClassVar[str] = "PEN-A83"
    what: ClassVar[str] = "A record names its schema in the header {header}."
    why: ClassVar[str] = (
        "Its payload has no frame then, and whatever its first bytes are, they are no id."
    )
    remedy: ClassVar[str] = (
        "Let its producer write the id into the payload: Confluent's serializers do so by default "
        "(schema.id.serializer, prefix)."
    )


@dataclass(eq=False, kw_only=True)
class RecordTooLong(DecodeError):
    """A payload is larger than the limit."""

    size: int
    """Its size in bytes."""
    limit: int
    """The limit in bytes."""

    code: ClassVar[str] = "PEN-A43"
    what: ClassVar[str] = "A payload has {size} bytes."
    why: ClassVar[str] = "The limit is {limit}."
    remedy: ClassVar[str] = "Send less, or raise PENSTOCK_MAX_RECORD_BYTES."


@dataclass(eq=False, kw_only=True)
class Truncated(BrokenBytes):
    """The payload ends inside a value."""

    claimed: int
    """Bytes that the value needs, at least."""
    left: int
    """Bytes that are left."""

    code: ClassVar[str] = "PEN-A44"
    what: ClassVar[str] = (
        "{place} at byte {offset} claims {claimed} bytes, and {left} are left in the payload."
    )
    why: ClassVar[str] = "The message was cut, or another schema wrote it."
    remedy: ClassVar[str] = "Compare the producer's schema with the registered one."


@dataclass(eq=False, kw_only=True)
class TrailingBytes(BrokenBytes):
    """The payload goes on after the record."""

    size: int
    """Size of the payload in bytes."""

    code: ClassVar[str] = "PEN-A45"
    what: ClassVar[str] = "{place} ends at byte {offset} of {size}."
    why: ClassVar[str] = "Bytes that nobody reads mean that another schema wrote them."
    remedy: ClassVar[str] = "Compare the producer's schema with the registered one."


@dataclass(eq=False, kw_only=True)
class VarintTooLong(BrokenBytes):
    """A number takes more bytes than 64 bits can fill."""

    code: ClassVar[str] = "PEN-A46"
    what: ClassVar[str] = "{place} at byte {offset} is a number of more than ten bytes."
    why: ClassVar[str] = "Avro's numbers have at most 64 bits, which ten bytes hold."
    remedy: ClassVar[str] = "Compare the producer's schema with the registered one."


@dataclass(eq=False, kw_only=True)
class IntegerTooWide(BrokenBytes):
    """A number has more bits than its type."""

    bits: int
    """Bits of the type."""

    code: ClassVar[str] = "PEN-A47"
    what: ClassVar[str] = "{place} at byte {offset} does not fit into {bits} bits."
    why: ClassVar[str] = "The schema that wrote it promises that it does."
    remedy: ClassVar[str] = "Mend the producer, or let its schema say long."


@dataclass(eq=False, kw_only=True)
class IndexOutOfRange(BrokenBytes):
    """The number of an enum's symbol or of a union's branch does not exist."""

    index: int
    """The number."""
    count: int
    """How many there are."""
    kind: str
    """Symbols or branches."""

    code: ClassVar[str] = "PEN-A48"
    what: ClassVar[str] = "{place} at byte {offset} chooses number {index} of {count} {kind}."
    why: ClassVar[str] = "They are counted from 0, and there is none with that number."
    remedy: ClassVar[str] = "Compare the producer's schema with the registered one."


@dataclass(eq=False, kw_only=True)
class IllegalBlock(BrokenBytes):
    """A block of an array or map claims what cannot be."""

    problem: str
    """What it claims."""

    code: ClassVar[str] = "PEN-A49"
    what: ClassVar[str] = "{place} has an impossible block at byte {offset}: {problem}."
    why: ClassVar[str] = "Believed, it would cost memory without measure."
    remedy: ClassVar[str] = "Compare the producer's schema with the registered one."


@dataclass(eq=False, kw_only=True)
class TooManyItems(BrokenBytes):
    """An array or map has more items than the limit."""

    limit: int
    """The limit."""

    code: ClassVar[str] = "PEN-A50"
    what: ClassVar[str] = "{place} has more than {limit} items at byte {offset}."
    why: ClassVar[str] = "One message must not take all memory."
    remedy: ClassVar[str] = "Send the items in several events."


@dataclass(eq=False, kw_only=True)
class TooManyValues(BrokenBytes):
    """The items of all arrays and maps together become more values than the limit."""

    limit: int
    """The limit."""

    code: ClassVar[str] = "PEN-A85"
    what: ClassVar[str] = (
        "{place} at byte {offset} makes the items of all arrays and maps more than {limit} values."
    )
    why: ClassVar[str] = "One message must not take all memory."
    remedy: ClassVar[str] = "Send the items in several events."


@dataclass(eq=False, kw_only=True)
class IllegalText(BrokenBytes):
    """A string is not UTF-8."""

    code: ClassVar[str] = "PEN-A51"
    what: ClassVar[str] = "{place} is not UTF-8 at byte {offset}."
    why: ClassVar[str] = "Avro's strings are UTF-8."
    remedy: ClassVar[str] = "Mend the producer, or let its schema say bytes."


@dataclass(eq=False, kw_only=True)
class IllegalLength(BrokenBytes):
    """A string or bytes claims a negative length."""

    code: ClassVar[str] = "PEN-A52"
    what: ClassVar[str] = "{place} claims a negative length at byte {offset}."
    why: ClassVar[str] = "A length is zero or more."
    remedy: ClassVar[str] = "Compare the producer's schema with the registered one."


@dataclass(eq=False, kw_only=True)
class IllegalValue(BrokenBytes):
    """A value is none of its type, though its bytes are well formed."""

    kind: str
    """The type."""
    problem: str
    """Why it is none."""

    code: ClassVar[str] = "PEN-A53"
    what: ClassVar[str] = "{place} at byte {offset} is no {kind}: it {problem}."
    why: ClassVar[str] = "A near value would be a wrong one."
    remedy: ClassVar[str] = "Mend the producer."


@dataclass(eq=False, kw_only=True)
class Unresolvable(BrokenBytes):
    """What the writer wrote cannot become what the reader expects."""

    writer: str
    """What the writer's schema has there."""
    reader: str
    """What the reader's schema has there."""
    problem: str
    """The rule of Avro's schema resolution that is broken."""

    code: ClassVar[str] = "PEN-A54"
    what: ClassVar[str] = "{place} was written as {writer} and is read as {reader}: {problem}."
    why: ClassVar[str] = "The two schemas are not compatible."
    remedy: ClassVar[str] = (
        "Change one of them so that both can be read; penstock schema check finds such pairs early."
    )


@dataclass(eq=False, kw_only=True)
class RecordRejected(DecodeError):
    """The class's own validation refused what was read."""

    record: str
    """The record."""
    problems: str
    """Place and pydantic's error type of each problem, the first few."""

    code: ClassVar[str] = "PEN-A55"
    what: ClassVar[str] = "A {record} was read and refused by its class: {problems}."
    why: ClassVar[str] = "The class's validators say that such a record must not exist."
    remedy: ClassVar[str] = "Mend the producer, or widen the validators to what was published."


@dataclass(eq=False, kw_only=True)
class ValidatorRaised(DecodeError):
    """A validator of the class failed instead of answering."""

    record: str
    """The record."""
    exception: str
    """The type of what it raised."""

    code: ClassVar[str] = "PEN-A56"
    what: ClassVar[str] = "A validator of {record} raised {exception}."
    why: ClassVar[str] = (
        "Validators answer by ValueError or AssertionError; this is a defect of one."
    )
    remedy: ClassVar[str] = "See the exception that caused this one, and mend the validator."


@dataclass(eq=False, kw_only=True)
class BranchRejected(DecodeError):
    """A record inside a union was refused by its class."""

    place: str
    """The record and the path of the field."""
    record: str
    """The record of the union."""
    problems: str
    """pydantic's error type of each problem, the first few."""

    code: ClassVar[str] = "PEN-A72"
    what: ClassVar[str] = "{place} was read as a {record} and refused by its class: {problems}."
    why: ClassVar[str] = "The class's validators say that such a record must not exist."
    remedy: ClassVar[str] = "Mend the producer, or widen the validators to what was published."


@dataclass(eq=False, kw_only=True)
class BranchRaised(DecodeError):
    """A validator of a record inside a union failed instead of answering."""

    place: str
    """The record and the path of the field."""
    record: str
    """The record of the union."""
    exception: str
    """The type of what it raised."""

    code: ClassVar[str] = "PEN-A73"
    what: ClassVar[str] = "{place} was read as a {record}, whose validator raised {exception}."
    why: ClassVar[str] = (
        "Validators answer by ValueError or AssertionError; this is a defect of one."
    )
    remedy: ClassVar[str] = "Mend the validator."


@dataclass(eq=False, kw_only=True)
class NewerRecord(DecodeError):
    """A record of penstock's own was written by a newer version, which says more in it."""

    record: str
    """The record."""
    part: str
    """A field or a symbol that is not known here."""

    code: ClassVar[str] = "PEN-A57"
    what: ClassVar[str] = "A {record} was written by a newer penstock: it has {part}."
    why: ClassVar[str] = "What this version does not know it would lose, and decide without."
    remedy: ClassVar[str] = "Run the version that wrote it, or a newer one."


@dataclass(eq=False, kw_only=True)
class EncodeError(CallerError):
    """A value cannot be written as its schema says."""

    place: str
    """The record and the path of the field."""

    exit_code: ClassVar[ExitCode] = ExitCode.DATA


@dataclass(eq=False, kw_only=True)
class WrongType(EncodeError):
    """A value has another type than its field."""

    expected: str
    """The type of the field."""
    found: str
    """The Python type of the value."""

    code: ClassVar[str] = "PEN-A60"
    what: ClassVar[str] = "{place} is a {found}, not a {expected}."
    why: ClassVar[str] = "Nothing is converted silently when it is written."
    remedy: ClassVar[str] = "Give a value of that type itself, not of a class derived from it."


@dataclass(eq=False, kw_only=True)
class UnfitValue(EncodeError):
    """A value has the right type and does not fit into it."""

    kind: str
    """The type of the field."""
    problem: str
    """Why it does not fit."""

    code: ClassVar[str] = "PEN-A61"
    what: ClassVar[str] = "{place} is no {kind}: it {problem}."
    why: ClassVar[str] = "Written, it would be read as another value."
    remedy: ClassVar[str] = "Round or convert it where you know how."


@dataclass(eq=False, kw_only=True)
class FieldMissing(EncodeError):
    """A field has no value and no default."""

    code: ClassVar[str] = "PEN-A62"
    what: ClassVar[str] = "{place} has no value."
    why: ClassVar[str] = "The schema gives it no default."
    remedy: ClassVar[str] = "Give it a value."


@dataclass(eq=False, kw_only=True)
class FieldUnknown(EncodeError):
    """A value has a field that the schema has not."""

    code: ClassVar[str] = "PEN-A63"
    what: ClassVar[str] = "{place} is no field of the schema."
    why: ClassVar[str] = "Its value would be lost."
    remedy: ClassVar[str] = "Remove it, or correct its name."


@dataclass(eq=False, kw_only=True)
class NoBranchFits(EncodeError):
    """A value fits none of the types of a union."""

    found: str
    """The Python type of the value."""
    expected: str
    """The types of the union."""

    code: ClassVar[str] = "PEN-A64"
    what: ClassVar[str] = "{place} is a {found}, which fits no branch of {expected}."
    why: ClassVar[str] = "A value of a union is written as one of its branches."
    remedy: ClassVar[str] = "Give a value that one of them takes."


@dataclass(eq=False, kw_only=True)
class TooManyItemsGiven(EncodeError):
    """A list or dictionary has more items than readers take."""

    size: int
    """Its items."""
    limit: int
    """The limit."""

    code: ClassVar[str] = "PEN-A65"
    what: ClassVar[str] = "{place} has {size} items."
    why: ClassVar[str] = "Readers take at most {limit}."
    remedy: ClassVar[str] = "Send the items in several events."


@dataclass(eq=False, kw_only=True)
class TooManyValuesGiven(EncodeError):
    """The items of all lists and dictionaries together are more values than readers take."""

    limit: int
    """The limit."""

    code: ClassVar[str] = "PEN-A86"
    what: ClassVar[str] = "In {place} the items of all lists are more than {limit} values."
    why: ClassVar[str] = "No reader takes more, so that one message cannot take all memory."
    remedy: ClassVar[str] = "Send the items in several events."
