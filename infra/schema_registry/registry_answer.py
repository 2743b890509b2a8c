"""What a registry answers to our calls, read leniently: what we do not need is not looked at.

Laws:
1. An answer gives what was asked for, or `UnusableAnswer` with what is wrong with it.
2. Ids and versions are whole numbers from 1 to 2^31 - 1: an id has to fit into a frame, and the
   clients in Java take no more.
"""

from dataclasses import dataclass
from typing import Any, Final

from penstock.infra.schema_registry.registry_json import NotJson, read_json
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.confluent import MAX_ID

__all__ = [
    "HIGHEST_ID",
    "MAX_NAMES",
    "FoundSchema",
    "UnusableAnswer",
    "id_in",
    "level_in",
    "names_in",
    "numbers_in",
    "schema_in",
    "version_in",
]

HIGHEST_ID: Final = MAX_ID
"""The highest id and the highest version."""
MAX_NAMES: Final = 100_000
"""Entries of a list at most."""


class UnusableAnswer(ValueError):
    """An answer is not what the call promises; its text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSchema:
    """A schema as the registry has it, not yet judged."""

    text: str
    """Its text."""
    kind: str
    """AVRO, PROTOBUF, JSON, or what else a registry knows."""
    references: tuple[str, ...]
    """Names of types that are defined in other subjects."""


def schema_in(body: bytes) -> FoundSchema:
    """Read the answer to `schema_by_id`."""
    return _schema(_object(body))


def version_in(body: bytes) -> tuple[int, FoundSchema]:
    """Read the answer to `schema_by_version`: the id and the schema."""
    fields = _object(body)
    return _number(fields, "id"), _schema(fields)


def id_in(body: bytes) -> int:
    """Read the answer to `register` or `look_up`."""
    return _number(_object(body), "id")


def names_in(body: bytes) -> tuple[str, ...]:
    """Read the answer to `subject_names`."""
    return tuple(each for each in _list(body) if isinstance(each, str))


def numbers_in(body: bytes) -> tuple[int, ...]:
    """Read the answer to `version_numbers`, the lowest first."""
    return tuple(sorted(each for each in _list(body) if _is_id(each)))


def level_in(body: bytes) -> Level:
    """Read the answer to `level_of_subject` or `global_level`."""
    fields = _object(body)
    found = fields.get("compatibilityLevel", fields.get("compatibility"))
    try:
        return Level(found.upper() if isinstance(found, str) else "")
    except ValueError:
        message = "it has no level of compatibility that is known here"
        raise UnusableAnswer(message) from None


def _schema(fields: dict[str, Any]) -> FoundSchema:
    text, kind = fields.get("schema"), fields.get("schemaType")
    if not isinstance(text, str):
        message = 'it has no text called "schema"'
        raise UnusableAnswer(message)
    references = fields.get("references")
    return FoundSchema(
        text=text,
        kind=kind if isinstance(kind, str) else "AVRO",
        references=tuple(
            str(each.get("name")) if isinstance(each, dict) else "?"
            for each in (references if isinstance(references, list) else [])
        ),
    )


def _number(fields: dict[str, Any], name: str) -> int:
    found = fields.get(name)
    if not isinstance(found, int) or not _is_id(found):
        message = f'it has no whole number from 1 to {HIGHEST_ID} called "{name}"'
        raise UnusableAnswer(message)
    return found


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= HIGHEST_ID


def _object(body: bytes) -> dict[str, Any]:
    found = _read(body)
    if not isinstance(found, dict):
        message = "it is no JSON object"
        raise UnusableAnswer(message)
    return found


def _list(body: bytes) -> list[Any]:
    found = _read(body)
    if not isinstance(found, list):
        message = "it is no JSON array"
        raise UnusableAnswer(message)
    if len(found) > MAX_NAMES:
        message = f"it has more than {MAX_NAMES} entries"
        raise UnusableAnswer(message)
    return found


def _read(body: bytes) -> Any:
    try:
        return read_json(body)
    except NotJson as error:
        raise UnusableAnswer(str(error)) from None
