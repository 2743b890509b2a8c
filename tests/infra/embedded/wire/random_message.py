"""Random messages of kio, for tests."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.wire.message_shape import FieldShape, shape_of

_BITS = {
    "int8": (7, True), "int16": (15, True), "int32": (31, True), "int64": (63, True),
    "uint8": (8, False), "uint16": (16, False), "uint32": (32, False), "uint64": (64, False),
}  # fmt: skip


class RandomMessages:
    """Arbitrary values that Kafka's protocol can carry."""

    def __init__(self, seed: int, **likely: tuple[Any, ...]) -> None:
        """Begin.

        Args:
            seed: of the randomness.
            likely: by the kind of a field, values that most fields of that kind shall have.
        """
        self._source = random.Random(seed)
        self._likely = likely
        self._makers: dict[str, Callable[[], Any]] = {
            "string": self._text,
            "bytes": self._bytes,
            "records": self._bytes,
            "bool": lambda: self._source.random() < 0.5,
            "uuid": lambda: UUID(int=self._source.getrandbits(128) | 1),
            "error_code": lambda: self._source.choice(list(ErrorCode)),
            "float64": lambda: self._source.uniform(-1e9, 1e9),
            "timedelta_i32": partial(self._duration, -(2**31), 2**31),
            "timedelta_i64": partial(self._duration, 0, 2**40),
            "datetime_i64": self._time,
        }

    def make(self, struct: Any) -> Any:
        """Make a struct."""
        return struct(**{field.name: self._value(field) for field in shape_of(struct)})

    def _value(self, field: FieldShape) -> Any:
        if field.tag is not None and self._source.random() < 0.4:
            return field.default
        if field.nullable and self._source.random() < 0.2:
            return None
        if field.is_array:
            counts = (0, 1, 3) if field.kind == "struct" or self._likely else (0, 1, 130)
            return tuple(self._element(field) for _ in range(self._source.choice(counts)))
        return self._element(field)

    def _element(self, field: FieldShape) -> Any:
        if field.kind == "struct":
            return self.make(field.struct)
        likely = self._likely.get("number" if field.kind in _BITS else field.kind)
        if likely and self._source.random() < 0.8:
            return self._source.choice(likely)
        if field.kind in self._makers:
            return self._makers[field.kind]()
        bits, signed = _BITS[field.kind]
        return self._source.randrange(-(2**bits) if signed else 0, 2**bits)

    def _text(self) -> str:
        return "".join(self._source.choices("abc-Äß√😀", k=self._source.choice((0, 1, 7, 200))))

    def _bytes(self) -> bytes:
        return self._source.randbytes(self._source.choice((0, 1, 7, 200)))

    def _duration(self, least: int, most: int) -> timedelta:
        return timedelta(milliseconds=self._source.randrange(least, most))

    def _time(self) -> datetime:
        seconds = self._source.randrange(0, 2**33)
        return datetime.fromtimestamp(seconds, tz=UTC) + timedelta(milliseconds=7)
