"""A record of a topic as people and programs are shown it.

    text    one line: time, partition and offset, key, type, and the value as JSON
    json    one JSON object a line, with the value decoded
    raw     one JSON object a line: key, value and headers as base64, nothing decoded

Laws:
1. Whatever stands in a record, a line of text is one line without a character that a terminal
   obeys; JSON is plain ASCII.
2. What cannot be decoded is shown as such, with the reason; a record without a value is a
   tombstone, and shown as one.
3. Only text is cut, and says so; JSON holds all.
4. This file knows no log and no catalogue.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.events.log import Headers, LogRecord
from penstock.infra.cli.datum_document import json_document
from penstock.infra.cli.saga_views import time_text
from penstock.infra.plain_text import escaped, excerpt

__all__ = ["RecordFilter", "SeenRecord", "json_line", "raw_line", "text_lines", "type_header"]

_TEXT_LIMIT: Final = 4_000
"""Characters of a value in a line of text at most."""
_KEY_LIMIT: Final = 200
_HEADER_LIMIT: Final = 500
_TYPE_LIMIT: Final = 512
"""Characters; no full name of a type is longer than a topic's name twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFilter:
    """Which records are wanted."""

    types: frozenset[str] = frozenset()
    """Full names, or last segments of such; empty takes all. A record of an unknown type is never
    left out for it: it may be one of them."""
    key: bytes | None = None
    """The key; None takes all."""

    def takes_key(self, key: bytes | None) -> bool:
        """Whether records with this key are wanted."""
        return self.key is None or self.key == key

    def takes_type(self, name: str | None) -> bool:
        """Whether records of this type are wanted."""
        return (
            not self.types
            or name is None
            or name in self.types
            or name.rpartition(".")[2] in self.types
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRecord:
    """A record, and what could be made of it."""

    record: LogRecord
    """As it was read."""
    type_name: str | None = None
    """Full name of its type: of its schema, else as its headers say."""
    datum: Mapping[str, Any] | None = None
    """Its value, decoded."""
    problem: str | None = None
    """Why it could not be decoded."""


def type_header(headers: Headers) -> str | None:
    """Return the type that headers name, whoever wrote them; None where they name none."""
    for name, value in reversed(headers):
        if name == "ce_type" and value is not None:
            text = value[: 4 * _TYPE_LIMIT].decode(errors="replace")
            return text[:_TYPE_LIMIT]
    return None


def text_lines(seen: SeenRecord, *, headers: bool) -> str:
    """Return a record as text.

    Args:
        seen: the record.
        headers: whether its headers follow, each in a line of its own.
    """
    record = seen.record
    place = f"{record.topic}/{record.partition}@{record.offset}"
    words = (
        time_text(_shown_ms(record.timestamp)) or "-",
        escaped(place),
        _shown_bytes(record.key, _KEY_LIMIT),
        "-" if seen.type_name is None else excerpt(seen.type_name, _TYPE_LIMIT),
        _value_text(seen),
    )
    lines = ["  ".join(words)]
    if headers:
        lines += [
            f"    {excerpt(name, 64)}: {_shown_bytes(value, _HEADER_LIMIT)}"
            for name, value in record.headers
        ]
    return "\n".join(lines)


def json_line(seen: SeenRecord, *, headers: bool) -> str:
    """Return a record as a JSON object: `value` is null for a tombstone, and beside a `problem`.

    Args:
        seen: the record.
        headers: whether its headers are in it.
    """
    record = seen.record
    document: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "time": time_text(_shown_ms(record.timestamp)),
        **_named("key", record.key),
        "type": seen.type_name,
        "value": None if seen.datum is None else json_document(seen.datum),
        "tombstone": record.value is None,
    }
    if seen.problem is not None:
        document["problem"] = seen.problem
    if headers:
        document["headers"] = [
            {"name": name, **_named("value", value)} for name, value in record.headers
        ]
    return _line(document)


def raw_line(record: LogRecord) -> str:
    """Return a record as a JSON object without looking into it; bytes are base64, or null."""
    return _line(
        {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp_ms": record.timestamp,
            "key": _base64(record.key),
            "value": _base64(record.value),
            "headers": [{"name": name, "value": _base64(value)} for name, value in record.headers],
        }
    )


def _line(document: Mapping[str, Any]) -> str:
    # ASCII's last character is the only control that JSON leaves as it is.
    return json.dumps(document).replace("\x7f", "\\u007f")


def _shown_ms(timestamp_ms: int) -> int | None:
    """Return a time that calendars have; a broker keeps -1 and what else a writer may say."""
    return timestamp_ms if 0 <= timestamp_ms < _LAST_MS else None


_LAST_MS: Final = 253_402_300_800_000
"""The end of the year 9999."""


def _value_text(seen: SeenRecord) -> str:
    value = seen.record.value
    if value is None:
        return "(tombstone)"
    if seen.datum is None:
        return f"(cannot be decoded, {len(value)} bytes: {escaped(seen.problem or 'unknown')})"
    text = json.dumps(json_document(seen.datum), ensure_ascii=False)
    more = "" if len(text) <= _TEXT_LIMIT else f"... ({len(text)} characters)"
    return escaped(text[:_TEXT_LIMIT]) + more


def _shown_bytes(value: bytes | None, limit: int) -> str:
    """Return the beginning of bytes: as text where they are text, else as base64."""
    if value is None:
        return "-"
    text = _text(value)
    if text is not None:
        return excerpt(text, limit)
    return f"base64:{_base64(value[:limit])}" + ("..." if len(value) > limit else "")


def _named(name: str, value: bytes | None) -> dict[str, str | None]:
    """Return bytes as text where they are text, and as base64 under another name where not."""
    if value is None:
        return {name: None}
    text = _text(value)
    return {f"{name}_base64": _base64(value)} if text is None else {name: text}


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()
