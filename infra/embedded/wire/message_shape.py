"""What a message of kio is made of, in the order of its bytes.

kio describes each struct of Kafka's protocol as a dataclass; its annotations and field metadata say
how a field is written. This module turns them into plain facts for the reader and the writer.
"""

from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, final, get_args, get_origin

__all__ = ["FieldShape", "shape_of"]


@final
class FieldShape(NamedTuple):
    """One field of a struct."""

    name: str
    kind: str
    """kio's name of the type, such as "int32" or "string"; "struct" for a struct of its own."""
    struct: Any
    """The struct's class where the kind is one, else None."""
    is_array: bool
    """True for an array of the kind."""
    nullable: bool
    """True where the field itself may be null: the array, if it is one."""
    tag: int | None
    """The number of a tagged field (KIP-482); None for a field with a place of its own."""
    default: Any
    """What Kafka takes where the field is not given."""


_ZERO_VALUES: dict[str, Any] = {
    "bool": False,
    "bytes": b"",
    "float64": 0.0,
    "records": None,
    "string": "",
    "uuid": None,
}


@cache
def shape_of(struct: Any) -> tuple[FieldShape, ...]:
    """Say what a struct is made of.

    Args:
        struct: a dataclass of `kio.schema`.

    Returns:
        Its fields, in their order on the wire; tagged ones wherever they stand.
    """
    return tuple(_field_shape(field) for field in fields(struct))


def _field_shape(field: Field[Any]) -> FieldShape:
    declared, nullable = _without_none(field.type)
    is_array = get_origin(declared) is tuple
    element = get_args(declared)[0] if is_array else declared
    struct = element if is_dataclass(element) else None
    kind = "struct" if struct is not None else str(field.metadata["kafka_type"])
    return FieldShape(
        name=field.name,
        kind=kind,
        struct=struct,
        is_array=is_array,
        nullable=nullable,
        tag=field.metadata.get("tag"),
        default=_default(field, kind, struct, is_array=is_array, nullable=nullable),
    )


def _without_none(declared: Any) -> tuple[Any, bool]:
    if get_origin(declared) is not UnionType:
        return declared, False
    rest = [part for part in get_args(declared) if part is not NoneType]
    return rest[0], True


def _default(field: Field[Any], kind: str, struct: Any, *, is_array: bool, nullable: bool) -> Any:
    if field.default is not MISSING:
        return field.default
    if is_array:
        return ()
    if nullable:
        return None
    if struct is not None:
        return struct(**{part.name: part.default for part in shape_of(struct)})
    return _zero(kind)


def _zero(kind: str) -> Any:
    if kind == "error_code":
        from kio.schema.errors import ErrorCode  # noqa: PLC0415 - every message brings it along

        return ErrorCode.none
    return _ZERO_VALUES.get(kind, 0)
