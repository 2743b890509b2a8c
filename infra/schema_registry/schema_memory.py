"""What a client remembers of a registry: schemas by id, ids by subject and schema, ids not there.

Laws:
1. An id never changes its schema, so what was found stays found, and what cannot be used stays so;
   the oldest is forgotten only where there is no room.
2. That an id was not found is believed for a while and no longer: a registry may be behind.
3. Nothing grows beyond its limit, whatever ids the frames hold. Time is an argument.
"""

from typing import TypeVar, final

from penstock.schemas.schema import AvroSchema

__all__ = ["SchemaMemory"]

_KeyT = TypeVar("_KeyT")
_ValueT = TypeVar("_ValueT")


@final
class SchemaMemory:
    """The memory of one client."""

    def __init__(self, *, schemas: int, missing: int, missing_s: float) -> None:
        """Begin with nothing.

        Args:
            schemas: most schemas, and most pairs of subject and schema.
            missing: most ids that are known to be missing, and most whose schemas cannot be used.
            missing_s: seconds for which that is believed.
        """
        self._schemas_limit, self._missing_limit, self._missing_s = schemas, missing, missing_s
        self._schemas: dict[int, AvroSchema] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self._missing_until_s: dict[int, float] = {}
        self._unusable: dict[int, str] = {}

    @property
    def known(self) -> int:
        """How many schemas are remembered."""
        return len(self._schemas)

    @property
    def missing(self) -> int:
        """How many ids are remembered as missing, whether still believed or not."""
        return len(self._missing_until_s)

    def schema(self, schema_id: int) -> AvroSchema | None:
        """Return the schema with this id, if it has been found."""
        return self._schemas.get(schema_id)

    def id_of(self, subject: str, schema: AvroSchema) -> int | None:
        """Return the id of this very text under this subject, if it has been registered."""
        return self._ids.get((subject, schema.text))

    def is_missing(self, schema_id: int, now_s: float) -> bool:
        """Tell whether it was looked for in vain a short while ago."""
        return now_s < self._missing_until_s.get(schema_id, float("-inf"))

    def problem_of(self, schema_id: int) -> str | None:
        """Return why the schema with this id cannot be used, if it was found and cannot."""
        return self._unusable.get(schema_id)

    def unusable(self, schema_id: int, problem: str) -> None:
        """Remember that there is a schema, and why it cannot be used."""
        _put(self._unusable, schema_id, problem, self._missing_limit)

    def found(self, schema_id: int, schema: AvroSchema) -> None:
        """Remember a schema."""
        self._missing_until_s.pop(schema_id, None)
        if schema_id not in self._schemas:
            _put(self._schemas, schema_id, schema, self._schemas_limit)

    def registered(self, subject: str, schema: AvroSchema, schema_id: int) -> None:
        """Remember an id, and the schema that it stands for."""
        self.found(schema_id, schema)
        _put(self._ids, (subject, schema.text), schema_id, self._schemas_limit)

    def not_found(self, schema_id: int, now_s: float) -> None:
        """Remember that there is none."""
        self._missing_until_s.pop(schema_id, None)  # the newest stands at the end
        _put(self._missing_until_s, schema_id, now_s + self._missing_s, self._missing_limit)


def _put(
    entries: dict[_KeyT, _ValueT],
    key: _KeyT,
    value: _ValueT,
    limit: int,
) -> None:
    while len(entries) >= limit and key not in entries:
        del entries[next(iter(entries))]
    entries[key] = value
