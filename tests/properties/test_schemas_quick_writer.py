"""The quick way to write a record is exact: the same bytes as the closures, or the same refusal."""

from enum import Enum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.schemas.fault import Fault
from penstock.schemas.lint import tree_of
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.type_tree import RecordType
from penstock.schemas.writer import exact_writer_of, writer_of
from tests.schemas.generated import records, values_of

__namespace__ = "shop"

strange = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(), max_size=100)
    | st.binary(max_size=100)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)


class Tone(StrEnum):
    """Members that are texts, too."""

    HIGH = "HIGH"
    LOW = "LOW"


class Mark(Enum):
    """Members that are none."""

    ONE = 1


class Note(Record):
    """Each kind of field that is written quickly, and some that are not."""

    tone: Tone
    mark: Mark | None
    text: str
    number: int
    flag: bool
    raw: bytes
    maybe: str | None
    half: float


def outcome(write: Any, value: Any) -> tuple[bytes, str]:
    """What was written, or what was refused; what lies before stays in both cases."""
    out = bytearray(b"before")
    try:
        write(value, out)
    except Fault as fault:
        return b"", f"{type(fault.error('x')).__name__} {fault.error('x')}"
    assert out.startswith(b"before")
    return bytes(out), ""


@given(st.data())
def test_what_fits_is_written_alike(data: st.DataObject) -> None:
    """Any schema, any value of it, as dictionaries."""
    record: RecordType = data.draw(records())
    value = data.draw(values_of(record))
    quick, exact = writer_of(record, {}), exact_writer_of(record, {})
    assert outcome(quick, value) == outcome(exact, value)


@given(st.data())
def test_what_does_not_fit_is_refused_alike(data: st.DataObject) -> None:
    """Any schema, a value of it with one field that is anything, one too many, or one too few."""
    record: RecordType = data.draw(records())
    value = dict(data.draw(values_of(record)))
    names = [each.name for each in record.fields] + ["strange"]
    name = data.draw(st.sampled_from(names))
    if data.draw(st.booleans()):
        value[name] = data.draw(strange)
    else:
        value.pop(name, None)
    quick, exact = writer_of(record, {}), exact_writer_of(record, {})
    assert outcome(quick, value) == outcome(exact, value)


@given(
    st.sampled_from(["tone", "mark", "text", "number", "flag", "raw", "maybe", "half"]),
    strange | st.sampled_from(Tone) | st.sampled_from(Mark) | st.sampled_from(["HIGH", "ONE"]),
)
def test_objects_are_written_or_refused_alike(name: str, value: Any) -> None:
    """Also where an object was made past its own checks."""
    fields = {
        "tone": Tone.LOW,
        "mark": None,
        "text": "t",
        "number": 7,
        "flag": True,
        "raw": b"r",
        "maybe": None,
        "half": 0.5,
    }
    note = Note.model_construct(**{**fields, name: value})
    mapped = declaration_of(Note).mapped
    quick = writer_of(mapped.schema.root, mapped.classes)
    exact = exact_writer_of(mapped.schema.root, mapped.classes)
    assert outcome(quick, note) == outcome(exact, note)


@pytest.mark.parametrize("text", ["", "x" * 63, "x" * 64, "é" * 31, "é" * 32, "\ud800"])
def test_texts_at_the_border_of_one_byte(text: str) -> None:
    """The length counts bytes, not characters; half a character is refused."""
    record = tree_of(
        {"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}
    )
    value = {"text": text}
    assert outcome(writer_of(record, {}), value) == outcome(exact_writer_of(record, {}), value)
