"""Mutated payloads by the million: decoding ends in a value or a DecodeError.

Schemas of every kind are drawn from a seed, with values of them. Their payloads, in both framings,
are cut, spliced and overwritten, and read: as dictionaries, by an older and a newer schema, and as
objects of classes. Each payload may cost a number of steps (calls, as the interpreter counts them)
that grows with its bytes alone. `bombs` are the payloads that would cost most.

    python -m tests.schemas.mutation --payloads 1000000 --seed 1
    python -m tests.schemas.mutation --bombs

Both print what came out, and exit with 1 where something came that should not. The bombs are read
in 200 MB of address space above what the interpreter itself has taken.
"""

import argparse
import json
import random
import resource
import string
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AwareDatetime, Field

from penstock.schemas.avro_words import written_as
from penstock.schemas.canonical import document_of
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of, decoder_of, encoder_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.compatibility import incompatibilities
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.decimal_digits import money
from penstock.schemas.framing import frame_in
from penstock.schemas.record import Record
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import frame_of
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    EnumType,
    FieldOfRecord,
    FixedType,
    Logical,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
    base_name,
)

__all__ = [
    "BOMBS",
    "Subject",
    "bombs",
    "mutated",
    "read_mutated",
    "step_limit",
    "steps_of",
    "subjects",
]

__namespace__ = "shop"

_SCHEMAS: Final = 60
_SPACE_BYTES: Final = 200_000_000
_BOMB_CPU_S: Final = 2
_PIECES: Final = (
    b"\x00",
    b"\x01",
    b"\x02",
    b"\xff",
    b"\xff" * 9 + b"\x01",
    b"\xfe" + b"\xff" * 8 + b"\x01",
    b"\x80" * 30,
    b"\x01\x01",
    b"\xfe\xff\xff\xff\x0f",
    b"\x80\x80\x80\x80\x80\x40",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xc3\x01",
)


def step_limit(size: int) -> int:
    """Return the steps that a payload of so many bytes may cost."""
    return 500 + 20 * size


def steps_of(work: Callable[[], Any]) -> tuple[Any, int]:
    """Do work, and return its answer or its DecodeError, and the calls that it took."""
    steps = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal steps
        steps += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        answer = work()
    except DecodeError as error:
        answer = error
    finally:
        sys.setprofile(None)
    return answer, steps


# Schemas and values, from a seed


@dataclass(slots=True)
class _Drawing:
    """One schema on its way."""

    chance: random.Random
    count: int = 0

    def name(self) -> str:
        self.count += 1
        return f"shop.T{self.count}"

    def type(self, depth: int) -> AvroType:
        makers: list[Callable[[], AvroType]] = [self.plain, self.plain, self.meaning, self.named]
        if depth:
            makers += [
                lambda: ArrayType(items=self.weighty(depth - 1)),
                lambda: MapType(values=self.weighty(depth - 1)),
                lambda: self.union(depth - 1),
                lambda: self.record(depth - 1),
            ]
        return self.chance.choice(makers)()

    def plain(self) -> AvroType:
        names = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
        return PrimitiveType(name=self.chance.choice(names))

    def meaning(self) -> AvroType:
        base, name = self.chance.choice(
            [
                ("int", "date"),
                ("int", "time-millis"),
                ("long", "time-micros"),
                ("long", "timestamp-millis"),
                ("long", "timestamp-micros"),
                ("long", "local-timestamp-micros"),
                ("string", "uuid"),
                ("bytes", "decimal"),
            ]
        )
        digits = {"precision": 9, "scale": 2} if name == "decimal" else {}
        return PrimitiveType(name=base, logical=Logical(name=name, **digits))

    def named(self) -> AvroType:
        if self.chance.random() < 0.5:
            symbols = tuple("ABCDE"[: self.chance.randint(1, 5)])
            return EnumType(full_name=self.name(), symbols=symbols, default="A")
        return FixedType(full_name=self.name(), size=self.chance.randint(1, 20))

    def weighty(self, depth: int) -> AvroType:
        drawn = self.type(depth)
        hollow = drawn.extent.least_bytes == 0
        return PrimitiveType(name="long") if hollow else drawn

    def union(self, depth: int) -> AvroType:
        drawn = [PrimitiveType(name="null"), *(self.type(depth) for _ in range(2))]
        branches = {
            getattr(each, "full_name", base_name(each)): each
            for each in drawn
            if not isinstance(each, UnionType)
        }
        return UnionType(branches=tuple(branches.values()))

    def record(self, depth: int) -> RecordType:
        full_name = self.name()
        count = self.chance.randint(1, 4)
        fields = tuple(
            FieldOfRecord(name=f"f{number}", type=self.type(depth)) for number in range(count)
        )
        return RecordType(full_name=full_name, fields=fields)


def _value(avro_type: AvroType, chance: random.Random) -> Any:
    match avro_type:
        case RecordType(fields=fields):
            return {each.name: _value(each.type, chance) for each in fields}
        case ArrayType(items=items):
            return [_value(items, chance) for _ in range(chance.randint(0, 3))]
        case MapType(values=values):
            return {_text(chance): _value(values, chance) for _ in range(chance.randint(0, 3))}
        case UnionType(branches=branches):
            return _value(chance.choice(branches), chance)
        case EnumType(symbols=symbols):
            return chance.choice(symbols)
        case _:
            return _leaf_value(avro_type, chance)


def _leaf_value(avro_type: PrimitiveType | FixedType, chance: random.Random) -> Any:
    if isinstance(avro_type, FixedType):
        return chance.randbytes(avro_type.size)
    if avro_type.logical is None:
        return _PLAIN_VALUES[avro_type.name](chance)
    return _MEANT_VALUES[avro_type.logical.name](chance)


def _text(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_letters + "üß€😀", k=chance.randint(0, 12)))


def _moment(chance: random.Random) -> datetime:
    start = datetime(1, 1, 2, tzinfo=UTC)
    return start + timedelta(seconds=chance.randrange(300_000_000_000))


_PLAIN_VALUES: Final[dict[str, Callable[[random.Random], Any]]] = {
    "null": lambda _: None,
    "boolean": lambda chance: chance.random() < 0.5,
    "int": lambda chance: chance.randint(-(2**31), 2**31 - 1) >> chance.randint(0, 31),
    "long": lambda chance: chance.randint(-(2**63), 2**63 - 1) >> chance.randint(0, 63),
    "float": lambda chance: float(chance.randint(-1000, 1000)),
    "double": lambda chance: chance.random(),
    "bytes": lambda chance: chance.randbytes(chance.randint(0, 20)),
    "string": _text,
}
_MEANT_VALUES: Final[dict[str, Callable[[random.Random], Any]]] = {
    "date": lambda chance: date.fromordinal(chance.randint(1, date.max.toordinal())),
    "time-millis": lambda chance: time_of_day(chance.randint(0, 23), 59, 59, 999_000),
    "time-micros": lambda chance: time_of_day(chance.randint(0, 23), 59, 59, 999_999),
    "timestamp-millis": _moment,
    "timestamp-micros": _moment,
    "local-timestamp-micros": lambda chance: _moment(chance).replace(tzinfo=None),
    "uuid": lambda chance: UUID(int=chance.getrandbits(128)),
    "decimal": lambda chance: Decimal(chance.randint(-(10**9) + 1, 10**9 - 1)).scaleb(-2),
}


# What is read, and how


class Colour(Enum):
    """An enum."""

    RED = 1
    BLUE = 2


class Part(Record):
    """A nested record."""

    sku: str
    price: Annotated[Decimal, money(9, 2)]
    note: str | None = None


class Card(Record):
    """One way to pay."""

    number: str


class Cash(Record):
    """Another."""

    given: int


class Whole(Record):
    """Something of everything."""

    id: UUID
    at: AwareDatetime
    day: date
    colour: Colour
    count: Annotated[int, written_as("int")]
    paid: bool
    parts: list[Part]
    rates: dict[str, float]
    raw: bytes
    way: Card | Cash | None
    rows: tuple[tuple[int, ...], ...]


class Newer(Record, name="Whole"):
    """The same a year later."""

    parts: list[Part]
    id: UUID
    count: int
    more: list[str] = ["x"]  # noqa: RUF012 - pydantic copies it
    way: Card | Cash | None


def _whole(chance: random.Random) -> Whole:
    def part() -> Part:
        price = Decimal(chance.randint(-(10**8), 10**8)).scaleb(-2)
        return Part(sku=_text(chance), price=price, note=chance.choice([None, "canary"]))

    return Whole(
        id=UUID(int=chance.getrandbits(128)),
        at=_moment(chance),
        day=date(2026, 1, 2),
        colour=chance.choice(list(Colour)),
        count=chance.randint(-5, 5),
        paid=chance.random() < 0.5,
        parts=[part() for _ in range(chance.randint(0, 3))],
        rates={_text(chance): chance.random() for _ in range(chance.randint(0, 3))},
        raw=chance.randbytes(5),
        way=chance.choice([None, Card(number="canary"), Cash(given=chance.randint(0, 9))]),
        rows=tuple(tuple(range(chance.randint(0, 3))) for _ in range(chance.randint(0, 3))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Payloads of one schema, and a way to read them."""

    name: str
    """For messages."""
    payloads: tuple[bytes, ...]
    """Valid ones."""
    decode: Callable[[bytes], Any]
    """Reads one."""
    encode: Callable[[Any], bytes] | None = None
    """Writes what was read, where that is possible."""


def subjects(chance: random.Random) -> list[Subject]:
    """Draw what is going to be read."""
    found = [each for number in range(_SCHEMAS) for each in _drawn_subjects(chance, number)]
    whole = Whole.__penstock__.schema
    frame = frame_of_id(77)
    for name, writer_frame in (("single object", None), ("id", frame)):
        encode = encoder_of(Whole, frame=writer_frame)
        payloads = tuple(encode(_whole(chance)) for _ in range(20))
        decode = decoder_of(whole, Whole, frame=writer_frame)
        newer = decoder_of(whole, Newer, frame=writer_frame)
        found += [
            Subject(name=f"class, {name}", payloads=payloads, decode=decode, encode=encode),
            Subject(name=f"newer class, {name}", payloads=payloads, decode=newer),
        ]
    return found


def _drawn_subjects(chance: random.Random, number: int) -> Iterator[Subject]:
    record = _Drawing(chance).record(3)
    schema = AvroSchema.of(record, {})
    frame = chance.choice([frame_of(schema.fingerprint), frame_of_id(number)])
    encode = datum_encoder_of(schema, frame=frame)
    payloads = tuple(encode(_value(record, chance)) for _ in range(10))
    decode = datum_decoder_of(schema, frame=frame)
    yield Subject(name=schema.text, payloads=payloads, decode=decode, encode=encode)
    dropped = replace(record, fields=record.fields[1:])
    added = FieldOfRecord(name="added", type=PrimitiveType(name="long"), default=5)
    for fields in (dropped.fields, (*record.fields, added)):
        reader = AvroSchema.parse(json.dumps(document_of(replace(record, fields=fields), {})))
        assert not incompatibilities(reader.root, schema.root)
        decode = datum_decoder_of(schema, reader, frame=frame)
        yield Subject(name=f"{schema.text} as {reader.text}", payloads=payloads, decode=decode)


def mutated(payloads: tuple[bytes, ...], chance: random.Random) -> bytes:
    """Return one of the payloads with a few things done to it."""
    data = bytearray(chance.choice(payloads))
    start = len(frame_in(bytes(data))) if chance.random() < 0.97 else 0
    for _ in range(chance.randint(1, 3)):
        at = chance.randint(min(start, len(data)), len(data))
        match chance.randrange(7):
            case 0:
                del data[at:]
            case 1:
                data[at:at] = chance.choice(_PIECES)
            case 2:
                del data[at : at + chance.randint(1, 4)]
            case 3:
                data[at : at + 1] = chance.randbytes(1)
            case 4:
                data[at:at] = data[at : at + chance.randint(1, 9)]
            case 5:
                data[at:] = chance.choice(payloads)[at:]
            case _:
                data[at : at + chance.randint(1, 9)] = chance.choice(_PIECES)
    return bytes(data)


def read_mutated(payloads: int, seed: int) -> tuple[Counter[str], float]:
    """Read mutated payloads.

    Args:
        payloads: how many.
        seed: of all that is drawn.

    Returns:
        How often each thing came out, and the most steps per step that is allowed.

    Raises:
        AssertionError: something came out that should not: see its message.
    """
    chance = random.Random(seed)
    drawn = subjects(chance)
    found: Counter[str] = Counter()
    worst = 0.0
    for number in range(payloads):
        subject = drawn[number % len(drawn)]
        payload = mutated(subject.payloads, chance)
        about = f"payload {number} of seed {seed}: {payload.hex()} as {subject.name}"
        try:
            answer, steps = steps_of(lambda: subject.decode(payload))  # noqa: B023 - called at once
        except Exception as error:
            raise AssertionError(about) from error
        worst = max(worst, steps / step_limit(len(payload)))
        assert worst <= 1, f"{steps} steps for {about}"
        if isinstance(answer, DecodeError):
            found[type(answer).__name__] += 1
            assert "canary" not in str(answer), about
            continue
        found["a value"] += 1
        if subject.encode is not None:
            # By its bytes: NaN does not equal itself.
            again = subject.encode(answer)
            assert subject.encode(subject.decode(again)) == again, about
    return found, worst


# Bombs


class Flag(Record):
    """One byte on the wire."""

    x: bool


class Flags(Record):
    """A million of them in a megabyte."""

    rows: list[list[Flag]]


class Blanks(Record):
    """Ten bytes on the wire, and a kilobyte as an object."""

    a: bool | None
    b: bool | None
    c: bool | None
    d: bool | None
    e: bool | None
    f: bool | None
    g: bool | None
    h: bool | None
    i: bool | None
    j: bool | None


class ManyBlanks(Record):
    """A hundred thousand of them in a megabyte."""

    rows: list[list[Blanks]]


class Positive(Record):
    """Refuses what is written most easily."""

    a: Annotated[int, Field(gt=0)]
    b: Annotated[int, Field(gt=0)]
    c: Annotated[int, Field(gt=0)]


class Positives(Record):
    """A problem for every byte."""

    rows: list[list[Positive]]


class Deep(Record):
    """Lists in lists."""

    x: list[list[list[list[int | None]]]]


class Amounts(Record):
    """Decimals and moments."""

    amounts: list[Annotated[Decimal, money(38, 2)]]
    moments: dict[str, AwareDatetime]


def _long(number: int) -> bytes:
    number = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _rows(count: int, size: int, item: bytes) -> bytes:
    row = _long(size) + item * size + b"\0"
    return _long(count) + row * count + b"\0"


_MEGABYTE: Final = 1_048_000
BOMBS: Final[dict[str, tuple[type[Record], bytes]]] = {
    "a million objects": (Flags, _rows(100, 10_000, b"\x01")),
    "as many objects as are let through": (Flags, _rows(10, 9_990, b"\x01")),
    "a hundred thousand wide objects": (ManyBlanks, _rows(100, 1_000, b"\x00" * 10)),
    "as many wide objects as are let through": (ManyBlanks, _rows(35, 1_000, b"\x00" * 10)),
    "objects that are refused": (Positives, _rows(70, 1_000, b"\x00" * 3)),
    "a million empty lists": (Flags, _long(100_000) + b"\x00" * 100_000 + b"\x00"),
    "zeros": (Deep, b"\x00" * _MEGABYTE),
    "ones": (Deep, b"\x01" * _MEGABYTE),
    "twos": (Deep, b"\x02" * _MEGABYTE),
    "all bits": (Deep, b"\xff" * _MEGABYTE),
    "blocks of one": (Deep, b"\x02\x02\x02" + b"\x02\x02\x02" * (_MEGABYTE // 3)),
    "sized blocks": (Deep, b"\x01\x80\x80\x08" * (_MEGABYTE // 4)),
    "two billion items": (Deep, b"\xfe\xff\xff\xff\x0f"),
    "a decimal of a megabyte": (Amounts, b"\x02" + _long(_MEGABYTE) + b"\x7f" * _MEGABYTE),
    "decimals of all digits": (
        Amounts,
        _long(58_000) + (b"\x22" + b"\x00" + b"\x3f" * 16) * 58_000 + b"\x00\x00",
    ),
    "moments": (
        Amounts,
        b"\x00"
        + _long(90_000)
        + b"".join(b"\x0a%05d\x02" % number for number in range(90_000))
        + b"\0",
    ),
    "text of a megabyte": (Part, _long(_MEGABYTE) + b"x" * _MEGABYTE + b"\x02\x01\x00"),
    "text of half a megabyte that is none": (Part, _long(_MEGABYTE) + b"\xff" * _MEGABYTE),
}
"""Classes, and bodies that would cost most."""


def bombs() -> Iterator[tuple[str, Callable[[], Any], int]]:
    """Yield each bomb: its name, what reads it, its size in bytes."""
    for name, (kind, body) in BOMBS.items():
        schema = kind.__penstock__.schema
        payload = frame_of(schema.fingerprint) + body
        decode = decoder_of(schema, kind)
        yield name, lambda decode=decode, payload=payload: decode(payload), len(payload)  # type: ignore[misc]  # the defaults hold this bomb


def _read_bombs() -> int:
    taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    space = taken * resource.getpagesize() + _SPACE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CPU, (_BOMB_CPU_S * len(BOMBS) + 10,) * 2)
    wrong = 0
    for name, read, size in bombs():
        began = time.process_time()
        try:
            answer = type(read()).__name__
        except DecodeError as error:
            answer = type(error).__name__
        except BaseException as error:  # noqa: BLE001 - a MemoryError is what is looked for
            answer, wrong = f"WRONG: {type(error).__name__}", 1
        spent = time.process_time() - began
        sys.stdout.write(f"{name}: {size} bytes, {spent:.2f} s, {answer}\n")
    return wrong


def main(arguments: list[str]) -> int:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m tests.schemas.mutation")
    parser.add_argument("--payloads", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bombs", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.bombs:
        return _read_bombs()
    found, worst = read_mutated(asked.payloads, asked.seed)
    for name, count in found.most_common():
        sys.stdout.write(f"{count:>9} {name}\n")
    sys.stdout.write(f"{worst:.0%} of the steps that are allowed, at most\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
