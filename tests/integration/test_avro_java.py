"""Avro for Java, which most services on a Kafka read and write with, and penstock.

Each question goes to one JVM (avro_java/Peer.java): it reads single objects that we wrote, with its
own resolution and its own logical types, says what it found, and writes that again for us to read.
Where Java is known to be wrong (shared/avro-facts, row 11) no question is asked.

It needs a JDK and Maven, which nothing else of the house does, and fetches its jars at the first
run.
"""

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import IO, Annotated, Any, Final
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, Field, NaiveDatetime

from penstock.schemas.avro_words import aliases, enum_words, fixed, written_as
from penstock.schemas.canonical import canonical_form
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of, decoder_of, encoder_of
from penstock.schemas.compatibility import incompatibilities
from penstock.schemas.decimal_digits import money
from penstock.schemas.record import Record
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import frame_of
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    EnumType,
    FixedType,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
    base_name,
    logical_of,
)
from tests.properties.effort import LONG_PLAYS
from tests.schemas.evolved import evolutions
from tests.schemas.generated import records, values_of
from tests.schemas.resolution_twin import bytes_of, data_of, mentioned

__namespace__ = "shop"

pytestmark = pytest.mark.timeout(400)

_FOLDER: Final = Path(__file__).parent / "avro_java"
_FETCH_LIMIT_S: Final = 250.0
_COMPILE_LIMIT_S: Final = 60.0
_QUESTIONS: Final = settings(
    max_examples=min(LONG_PLAYS, 2_000), suppress_health_check=[HealthCheck.too_slow]
)
_FEW: Final = settings(_QUESTIONS, max_examples=min(LONG_PLAYS, 2_000) // 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Java:
    """The JVM."""

    questions: IO[str]
    answers: IO[str]

    def ask(self, *parts: str) -> list[str]:
        """Ask, and return the parts of the answer."""
        self.questions.write("\t".join(parts) + "\n")
        self.questions.flush()
        return self.answers.readline().rstrip("\n").split("\t")

    def read(
        self, writer: AvroSchema, reader: AvroSchema, payload: bytes
    ) -> tuple[str, bytes, bytes]:
        """Let it read a payload: what it found, and the same as it writes it, twice."""
        shown, *again = self.ask("read", writer.text, reader.text, payload.hex())
        assert shown != "error", again
        single, blocks = map(bytes.fromhex, again)
        return shown, single, frame_of(reader.fingerprint) + blocks


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Java]:
    """The program, compiled and running."""
    tools = {name: shutil.which(name) for name in ("mvn", "javac", "java")}
    if missing := [name for name, path in tools.items() if path is None]:
        pytest.skip(f"Avro for Java is tried where {', '.join(missing)} is on the PATH")
    jars = tmp_path_factory.mktemp("avro_java")
    command = [str(tools["mvn"]), "-q", "-B", "-f", str(_FOLDER / "pom.xml")]
    command += ["dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
    _run(command, _FETCH_LIMIT_S)
    source = str(_FOLDER / "Peer.java")
    _run([str(tools["javac"]), "-d", str(jars), "-cp", f"{jars}/*", source], _COMPILE_LIMIT_S)
    running = [
        str(tools["java"]),
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-cp",
        f"{jars}:{jars}/*",
        "Peer",
    ]
    with subprocess.Popen(
        running, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Java(questions=process.stdin, answers=process.stdout)
        process.stdin.close()
        assert process.wait(timeout=_COMPILE_LIMIT_S) == 0


def _run(command: list[str], limit_s: float) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# What Java says it found


def shown(avro_type: AvroType, value: Any) -> str:
    """Return a value as Peer.java shows it."""
    match avro_type:
        case RecordType(fields=fields):
            inner = (f"{each.name}={shown(each.type, value[each.name])}" for each in fields)
            return f"({','.join(inner)})"
        case MapType(values=values):
            entries = {key.encode().hex(): shown(values, each) for key, each in value.items()}
            return "{" + ",".join(f"{key}={entries[key]}" for key in sorted(entries)) + "}"
        case ArrayType(items=items):
            return f"[{','.join(shown(items, each) for each in value)}]"
        case UnionType(branches=branches):
            other = next((each for each in branches if base_name(each) != "null"), branches[0])
            return "null" if value is None else shown(other, value)
        case EnumType():
            return f"symbol:{value}"
        case _:
            return _meaning_shown(value) if logical_of(avro_type) else _base_shown(avro_type, value)


def _base_shown(avro_type: PrimitiveType | FixedType, value: Any) -> str:
    match base_name(avro_type):
        case "null" | "boolean":
            return {None: "null", True: "true", False: "false"}[value]
        case "int" | "long":
            return f"number:{value}"
        case "float":
            return f"float:{struct.pack('>f', value).hex()}"
        case "double":
            return f"double:{struct.pack('>d', value).hex()}"
        case "string":
            return f"text:{value.encode().hex()}"
        case _:
            return f"bytes:{value.hex()}"


def _meaning_shown(value: Any) -> str:
    match value:
        case Decimal():
            return f"decimal:{value:f}"
        case datetime(tzinfo=None):
            return f"local:{value.date()}+{_nanos(value.time())}"
        case datetime():
            since = value - datetime(1970, 1, 1, tzinfo=UTC)
            return f"instant:{since.days * 86_400 + since.seconds}+{since.microseconds * 1000}"
        case time():
            return f"time:{_nanos(value)}"
        case _:
            return str(value)


def _nanos(moment: time) -> int:
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return (seconds * 1_000_000 + moment.microsecond) * 1000


# Any schema, any value


@given(record=records())
@_QUESTIONS
def test_fingerprints_and_canonical_forms_are_those_of_java(java: Java, record: RecordType) -> None:
    """Two implementations of the same page of the specification."""
    schema = AvroSchema.of(record, {"topic": "shop.orders"})
    assert java.ask("fingerprint", schema.text) == [
        schema.fingerprint.hex(),
        canonical_form(schema.root),
    ]


@given(record=records(), data=st.data())
@_QUESTIONS
def test_java_reads_what_we_write_and_we_read_what_java_writes(
    java: Java, record: RecordType, data: st.DataObject
) -> None:
    """To the same value, after its conversions and ours; its arrays in blocks with sizes, too."""
    schema = AvroSchema.of(record, {})
    value = data.draw(values_of(record))
    found, *again = java.read(schema, schema, datum_encoder_of(schema)(value))
    assert found == shown(record, value)
    for payload in again:
        assert datum_decoder_of(schema)(payload) == value


@given(pair=evolutions(tangled=False))
@_QUESTIONS
def test_java_reads_what_we_call_compatible(
    java: Java, pair: tuple[RecordType, RecordType]
) -> None:
    """Two schemas of which one was made of the other.

    It must read every value, though not to the same one: in a reader's union it looks for the very
    type before it promotes.
    """
    writer, reader = (AvroSchema.of(each, {}) for each in pair)
    if incompatibilities(reader.root, writer.root):
        return
    for datum in mentioned(writer.root):
        payload = frame_of(writer.fingerprint) + bytes_of(writer.root, datum)
        answer = java.ask("read", writer.text, reader.text, payload.hex())
        assert answer[0] != "error" or _beyond_java(answer[1]), answer


def _beyond_java(problem: str) -> bool:
    """Whether Java fails at what a value means, which the two schemas do not show."""
    return "java.time" in problem or "NumberFormat" in problem or "DateTime" in problem


# A class with everything, in two versions


@enum_words(default="LOW")
class Tone(Enum):
    """Symbols that are not its values."""

    HIGH = 1
    LOW = 2


class Item(Record):
    """A nested record."""

    sku: str
    price: Annotated[Decimal, money(9, 2)] = Decimal("1.28")


class Old(Record, name="Order"):
    """What was written last year."""

    id: UUID
    small: Annotated[int, written_as("int")]
    number: int
    half: Annotated[float, written_as("float")]
    text: str
    raw: bytes
    dropped: dict[str, list[Item]]
    maybe: str | None
    item: Item


class New(Record, name="Order"):
    """What reads it: promoted, renamed, reordered, and with a default of every kind."""

    item: Item | None
    raw: str
    text: bytes
    half: float
    number: float
    amount: Annotated[int, aliases("small")]
    id: UUID
    maybe: str | None
    price: Annotated[Decimal, money(9, 2)] = Decimal("-1.28")
    tight: Annotated[Decimal, fixed("shop.Tight", 8), money(9, 2)] = Decimal("19.99")
    at: AwareDatetime = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    at_millis: Annotated[AwareDatetime, written_as("timestamp-millis")] = datetime(
        2026, 1, 2, tzinfo=UTC
    )
    local: Annotated[NaiveDatetime, written_as("local-timestamp-micros")] = datetime(  # noqa: DTZ001 - local by definition
        2026, 1, 2, 3, 4
    )
    day: date = date(1, 1, 1)
    hour: time = time(23, 59, 59, 999_999)
    hour_millis: Annotated[time, written_as("time-millis")] = time(1)
    key: Annotated[UUID, fixed("shop.Key", 16)] = UUID(int=7)
    tone: Tone = Tone.LOW
    flag: bool = True
    some: bytes = b"\x00\xff"
    tags: list[str] = Field(default_factory=list)
    prices: dict[str, Item] = Field(default_factory=dict)
    last: int | None = None
    first: str | None = "ü"


def test_java_and_we_resolve_a_class_and_its_defaults_alike(java: Java) -> None:
    """Promotions, aliases, dropped fields, and defaults of every kind with their meaning."""
    old = Old(
        id=UUID(int=1),
        small=-5,
        number=2**40,
        half=0.5,
        text="Grüße",
        raw=b"raw",
        dropped={"a": [Item(sku="x"), Item(sku="y")]},
        maybe=None,
        item=Item(sku="s", price=Decimal("0.01")),
    )
    writer, reader = Old.__penstock__.schema, New.__penstock__.schema
    payload = encoder_of(Old)(old)
    assert incompatibilities(reader.root, writer.root) == ()
    found, *again = java.read(writer, reader, payload)
    assert found == shown(reader.root, datum_decoder_of(writer, reader)(payload))
    ours = decoder_of(writer, New)(payload)
    assert (ours.price, ours.first, ours.amount) == (Decimal("-1.28"), "ü", -5)
    for each in again:
        assert decoder_of(reader, New)(each) == ours


RESOLVED: list[tuple[str, Any, Any]] = [
    ("int to long", "int", "long"),
    ("int to float", "int", "float"),
    ("int to double", "int", "double"),
    ("long to float", "long", "float"),
    ("long to double", "long", "double"),
    ("float to double", "float", "double"),
    ("string to bytes", "string", "bytes"),
    ("out of a union", ["null", "int"], ["null", "long"]),
    ("into a union", "int", ["null", "int"]),
    ("a union reordered", ["null", "int", "string"], ["string", "null", "int"]),
    ("items", {"type": "array", "items": "int"}, {"type": "array", "items": "double"}),
    ("values", {"type": "map", "values": "int"}, {"type": "map", "values": ["null", "int"]}),
    (
        "symbols by name, and the default",
        {"type": "enum", "name": "E", "symbols": ["A", "B", "C"]},
        {"type": "enum", "name": "E", "symbols": ["C", "A"], "default": "A"},
    ),
    (
        "a record by an alias",
        {"type": "record", "name": "shop.A", "fields": [{"name": "a", "type": "int"}]},
        {
            "type": "record",
            "name": "shop.B",
            "aliases": ["A"],
            "fields": [{"name": "b", "aliases": ["a"], "type": "long"}],
        },
    ),
    (
        "a timestamp as a number",
        {"type": "long", "logicalType": "timestamp-micros"},
        "long",
    ),
    (
        "a number as a date",
        "int",
        {"type": "int", "logicalType": "date"},
    ),
]


@pytest.mark.parametrize(
    ("theirs", "ours"), [pytest.param(*rest, id=name) for name, *rest in RESOLVED]
)
@given(data=st.data())
@_FEW
def test_java_and_we_resolve_alike(java: Java, theirs: Any, ours: Any, data: st.DataObject) -> None:
    """Each rule of the specification by itself."""
    writer, reader = (
        AvroSchema.parse(
            json.dumps({"type": "record", "name": "R", "fields": [{"name": "x", "type": each}]})
        )
        for each in (theirs, ours)
    )
    assert java.ask("check", reader.text, writer.text) == ["COMPATIBLE"]
    datum = data.draw(data_of(writer.root))
    payload = frame_of(writer.fingerprint) + bytes_of(writer.root, datum)
    if ours == RESOLVED[-1][2] and not -719_162 <= datum["x"] <= 2_932_896:
        return  # Java's calendar goes beyond the year 9999
    found, *again = java.read(writer, reader, payload)
    value = datum_decoder_of(writer, reader)(payload)
    if not _several(reader.root):
        assert found == shown(reader.root, value)
    for each in again:
        assert datum_decoder_of(reader)(each) == value


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        pytest.param("string", "long", id="another type"),
        pytest.param("long", "int", id="a narrower type"),
        pytest.param(["null", "int"], "int", id="null for an int"),
        pytest.param(
            {"type": "enum", "name": "E", "symbols": ["A", "B"]},
            {"type": "enum", "name": "E", "symbols": ["A"]},
            id="a missing symbol",
        ),
        pytest.param(
            {"type": "fixed", "name": "F", "size": 2},
            {"type": "fixed", "name": "F", "size": 3},
            id="another size",
        ),
        pytest.param(
            {"type": "record", "name": "A", "fields": []},
            {"type": "record", "name": "A", "fields": [{"name": "a", "type": "int"}]},
            id="a field without default",
        ),
        pytest.param(
            {"type": "record", "name": "A", "fields": []},
            {"type": "record", "name": "B", "fields": []},
            id="a renamed record",
        ),
    ],
)
def test_java_and_we_call_the_same_incompatible(java: Java, theirs: Any, ours: Any) -> None:
    """Each rule by itself."""
    writer, reader = (
        AvroSchema.parse(
            json.dumps({"type": "record", "name": "R", "fields": [{"name": "x", "type": each}]})
        )
        for each in (theirs, ours)
    )
    assert java.ask("check", reader.text, writer.text) == ["INCOMPATIBLE"]
    assert incompatibilities(reader.root, writer.root)


def _several(record: RecordType) -> bool:
    """Whether `shown` could not tell which branch of a union a value is of."""
    return any(
        isinstance(each.type, UnionType) and len(each.type.branches) > 2 for each in record.fields
    )
