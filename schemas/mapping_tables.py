"""The mapping's tables: which Python type is which of Avro's, and what is refused with which words.

Containers, enums, unions and records are not here: they need more than a look into a table.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Flag
from typing import Any, Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, NaiveDatetime

from penstock.schemas.type_tree import Logical, PrimitiveType

__all__ = ["INSTEAD", "PLAIN", "REFUSED", "RULES", "WRITTEN"]

PLAIN: Final[Mapping[Any, PrimitiveType]] = {
    str: PrimitiveType(name="string"),
    bytes: PrimitiveType(name="bytes"),
    bool: PrimitiveType(name="boolean"),
    int: PrimitiveType(name="long"),
    float: PrimitiveType(name="double"),
    AwareDatetime: PrimitiveType(name="long", logical=Logical(name="timestamp-micros")),
    date: PrimitiveType(name="int", logical=Logical(name="date")),
    time: PrimitiveType(name="long", logical=Logical(name="time-micros")),
    UUID: PrimitiveType(name="string", logical=Logical(name="uuid")),
}
"""What a Python type is by itself."""
WRITTEN: Final[Mapping[tuple[Any, str], PrimitiveType]] = {
    (int, "int"): PrimitiveType(name="int"),
    (float, "float"): PrimitiveType(name="float"),
    (time, "time-millis"): PrimitiveType(name="int", logical=Logical(name="time-millis")),
    **{
        (kind, name): PrimitiveType(name="long", logical=Logical(name=name))
        for kind, name in (
            (AwareDatetime, "timestamp-millis"),
            (NaiveDatetime, "local-timestamp-millis"),
            (NaiveDatetime, "local-timestamp-micros"),
        )
    },
}
"""What a Python type is beside the word `written_as`."""
RULES: Final[Mapping[str, Any]] = {
    "frozen": True,
    "strict": True,
    "extra": "forbid",
    "use_enum_values": False,
    "validate_by_alias": True,
    "validate_by_name": True,
}
"""Settings of a record's model_config that must stay."""
REFUSED: Final[Sequence[tuple[Any, str, str]]] = (
    (datetime, "It may lack a time zone, and then names no instant", "pydantic.AwareDatetime"),
    (Decimal, "Avro needs to know its digits", "Annotated[Decimal, money(12, 2)]"),
    (
        NaiveDatetime,
        "Without a time zone it names no instant",
        'AwareDatetime, or Annotated[NaiveDatetime, written_as("local-timestamp-micros")]',
    ),
    (timedelta, "Avro has no faithful type for it", "int with the unit in its name (timeout_ms)"),
    (set, "Avro has no sets", "list[T], with a validator that refuses duplicates"),
    (frozenset, "Avro has no sets", "tuple[T, ...], with a validator that refuses duplicates"),
    (Flag, "A combination of flags has no symbol", "list of an Enum"),
    (dict, "It does not say what it holds", "dict[str, T]"),
    (tuple, "Avro's arrays hold one type, any number of times", "tuple[T, ...] or a nested Record"),
    (list, "It does not say what it holds", "list[T]"),
    (BaseModel, "It has no namespace and may change, coerce and hide values", "a Record"),
    (type(None), "It is always None", "T | None, or leave the field out"),
)
"""What is refused, why, and what to write instead; the first that fits."""
INSTEAD: Final = "str, bytes, bool, int, float, date, time, UUID, an Enum, or a nested Record"
"""What to write instead of anything else."""
