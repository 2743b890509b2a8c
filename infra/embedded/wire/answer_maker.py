"""Answers made by name: one handler serves all versions of its API.

A handler gives every field that it knows of; those that the version at hand lacks are dropped, and
what is missing takes Kafka's default. So that a misspelt field does not vanish without a trace,
what is dropped is noted once, and `misspelt_fields` tells which of it no version has.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from penstock.infra.embedded.wire.api_table import API_TABLE
from penstock.infra.embedded.wire.message_shape import shape_of
from penstock.infra.embedded.wire.message_types import answer_module
from penstock.infra.embedded.wire.wire_errors import AnswerUnknown

__all__ = ["make_answer", "misspelt_fields"]

_dropped: set[tuple[int, str, str]] = set()
"""API key, struct and field. Bounded: handlers' texts name the fields."""


def make_answer(api_key: int, version: int, name: str, fields: dict[str, Any]) -> Any:
    """Make a struct of an answer.

    Args:
        api_key: of the request.
        version: of the request.
        name: of the struct, by Kafka.
        fields: by kio's names; those that this version lacks are dropped.

    Returns:
        The entity.

    Raises:
        AnswerUnknown: this version has no such struct.
    """
    return _maker(api_key, version, name)(fields)


@cache  # one for each struct of the versions in use
def _maker(api_key: int, version: int, name: str) -> Callable[[dict[str, Any]], Any]:
    entity = getattr(answer_module(api_key, version), name, None)
    if entity is None:
        raise AnswerUnknown(api_key=api_key, version=version, name=name)
    defaults = {field.name: field.default for field in shape_of(entity)}
    count = len(defaults)

    def make(fields: dict[str, Any]) -> Any:
        merged = {**defaults, **fields}
        if len(merged) > count:
            for field in fields.keys() - defaults.keys():
                del merged[field]
                _dropped.add((api_key, name, field))
        return entity(**merged)

    return make


def misspelt_fields() -> set[tuple[int, str, str]]:
    """Say which dropped fields no version of their answer has. For tests: it imports all versions.

    Returns:
        API key, struct and field of each.
    """
    return {dropped for dropped in _dropped if not _exists(*dropped)}


def _exists(api_key: int, name: str, field: str) -> bool:
    api = API_TABLE[api_key]
    structs = (
        getattr(answer_module(api_key, version), name, None)
        for version in range(api.lowest, api.highest + 1)
    )
    return any(field in {f.name for f in shape_of(s)} for s in structs if s is not None)
