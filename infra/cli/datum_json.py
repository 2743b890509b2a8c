"""JSON by a schema: what a person types becomes a framed record, where there is no Python class.

The twin of event_json.py for those who have a schema only. What JSON does not have is written as a
string:

| Avro | in JSON |
|---|---|
| decimal | "19.99", or 19.99, taken as written |
| timestamp-… | RFC 3339, "2026-01-31T09:30:00Z"; a local one without the zone |
| date, time-… | "2026-01-31", "09:30:00.25" |
| uuid | its 36 characters |
| bytes, fixed | base64, with or without the URL's alphabet |
| enum | its symbol |
| union | the value itself; the first branch that takes it |

Laws:
1. All that is wrong is told at once, by field and rule; values are not repeated.
2. Nothing is rounded, cut off or guessed; a key that stands twice is refused.
3. Fields with a default may be absent, others not; what the schema does not have is refused.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Final, final

from penstock.events.problems import Problems
from penstock.infra.plain_text import excerpt
from penstock.sagas.language.did_you_mean import did_you_mean
from penstock.schemas.codec import datum_encoder_of
from penstock.schemas.codec_errors import EncodeError
from penstock.schemas.errors import CallerError, ExitCode
from penstock.schemas.logical import Unfit, conversion_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.type_tree import (
    NO_DEFAULT,
    ArrayType,
    AvroType,
    EnumType,
    FixedType,
    Logical,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
    described,
)

__all__ = ["BadData", "framed_from"]

_SHOWN: Final = 20
"""Problems in a message at most."""
_MOST_DIGITS: Final = 1_050
"""Characters of a number; what is longer than the widest decimal fits into no type."""
_NULL: Final = PrimitiveType(name="null")
_BITS: Final = {"int": 32, "long": 64}
_TOO_FINE: Final = re.compile(r"[.,][0-9]{7}")
"""`fromisoformat` cuts off what is finer than a microsecond."""
_UUID_TYPE: Final = PrimitiveType(name="string", logical=Logical(name="uuid"))


@dataclass(eq=False, kw_only=True)
class BadData(CallerError):
    """Some JSON is no record of the type that is wanted."""

    type_name: str
    """The type."""
    place: str
    """Where the JSON stands."""
    problems: Problems
    """A sentence for each problem, with the field's path."""

    code: ClassVar[str] = "PEN-I58"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "{place} is no {type_name}."
    why: ClassVar[str] = "{problems}"
    remedy: ClassVar[str] = "Mend it and try again."


class _Refused(Exception):
    """Some JSON is no record; holds the sentences that say why."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__()
        self.problems = tuple(problems)


def framed_from(text: str, schema: AvroSchema, *, place: str) -> bytes:
    """Make a framed record of JSON.

    Args:
        text: a JSON object.
        schema: what it is to be.
        place: where the text stands, for the error: `The argument`.

    Raises:
        BadData: with all that is wrong with it.
    """
    try:
        return _framed(text, schema)
    except _Refused as refused:
        more = ["And more."] if len(refused.problems) > _SHOWN else []
        problems = Problems([*refused.problems[:_SHOWN], *more])
        raise BadData(type_name=schema.full_name, place=place, problems=problems) from None


def _framed(text: str, schema: AvroSchema) -> bytes:
    reading = _Reading()
    datum = reading.value(_parsed(text), schema.root, "")
    if reading.problems:
        raise _Refused(reading.problems)
    try:
        return datum_encoder_of(schema)(datum)
    except EncodeError as error:
        raise _Refused([error.message]) from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_float=_number,
            parse_int=lambda digits: int(digits) if len(digits) <= _MOST_DIGITS else _no_number(""),
        )
    except json.JSONDecodeError as error:
        problem = f"it is no JSON: {excerpt(error.msg)} at character {error.pos + 1}."
        raise _Refused([problem]) from None
    except RecursionError:
        raise _Refused(["it is nested too deep."]) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Refused([f"{excerpt(name)} stands twice in one object."])
        found[name] = value
    return found


def _number(text: str) -> Decimal:
    return Decimal(text) if len(text) <= _MOST_DIGITS else _no_number(text)


def _no_number(text: str) -> Any:
    del text
    raise _Refused(["it holds a number that no type takes."])


@final
class _Reading:
    """One reading of a value; collects what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def value(self, given: Any, wanted: AvroType, path: str) -> Any:  # noqa: PLR0911 - one for each kind of type
        """Return what a type takes for a value of JSON; None beside a problem where there is none.

        Args:
            given: as JSON's reader gives it, numbers with a point as Decimal.
            wanted: the type.
            path: of the field.
        """
        match wanted:
            case RecordType():
                return self._record(given, wanted, path)
            case ArrayType(items=items):
                return self._array(given, items, path)
            case MapType(values=values):
                return self._map(given, values, path)
            case UnionType():
                return self._union(given, wanted, path)
            case EnumType():
                return self._enum(given, wanted, path)
            case _ if wanted.logical is not None:
                return self._logical(given, wanted, wanted.logical, path)
            case _:
                return self._base(given, wanted, path)

    def _tell(self, path: str, problem: str) -> None:
        self.problems.append(f"{path}: {problem}." if path else f"{problem}.")

    def _mismatch(self, given: Any, wanted: AvroType, path: str) -> None:
        self._tell(path, f"here stands {_kind(given)}, not {_wanted(wanted)}")

    def _record(self, given: Any, wanted: RecordType, path: str) -> Any:
        if not isinstance(given, dict):
            return self._mismatch(given, wanted, path)
        names = [field.name for field in wanted.fields]
        for name in given:
            if name not in names:
                meant = did_you_mean(name, names)
                hint = f"; did you mean {meant}?" if meant else ""
                self._tell(_inside(path, name), f"{wanted.full_name} has no such field{hint}")
        for field in wanted.fields:
            if field.name not in given and field.default is NO_DEFAULT:
                self._tell(_inside(path, field.name), "it is missing")
        return {
            field.name: self.value(given[field.name], field.type, _inside(path, field.name))
            for field in wanted.fields
            if field.name in given
        }

    def _array(self, given: Any, items: AvroType, path: str) -> Any:
        if not isinstance(given, list):
            return self._mismatch(given, ArrayType(items=items), path)
        return [self.value(each, items, f"{path}[{place}]") for place, each in enumerate(given)]

    def _map(self, given: Any, values: AvroType, path: str) -> Any:
        if not isinstance(given, dict):
            return self._mismatch(given, MapType(values=values), path)
        return {
            self._text(name, path): self.value(each, values, f"{path}{{{excerpt(name)}}}")
            for name, each in given.items()
        }

    def _union(self, given: Any, wanted: UnionType, path: str) -> Any:
        if given is None and _NULL in wanted.branches:
            return None
        branches = [branch for branch in wanted.branches if branch != _NULL]
        if len(branches) == 1:
            return self.value(given, branches[0], path)
        for branch in branches:
            attempt = _Reading()
            found = attempt.value(given, branch, path)
            if not attempt.problems:
                return found
        return self._mismatch(given, wanted, path)

    def _enum(self, given: Any, wanted: EnumType, path: str) -> Any:
        if not isinstance(given, str):
            return self._mismatch(given, wanted, path)
        if given not in wanted.symbols:
            meant = did_you_mean(given, wanted.symbols)
            hint = f"; did you mean {meant}?" if meant else ""
            self._tell(path, f"{wanted.full_name} has no such symbol{hint}")
        return given

    def _base(  # noqa: PLR0911 - one for each kind of value
        self, given: Any, wanted: PrimitiveType | FixedType, path: str
    ) -> Any:
        name = wanted.name if isinstance(wanted, PrimitiveType) else "fixed"
        match name, given:
            case "null", None:
                return None
            case "boolean", bool():
                return given
            case (("int" | "long" | "float" | "double"), bool()):
                return self._mismatch(given, wanted, path)
            case (("int" | "long"), int()):
                return self._integer(given, _BITS[name], path)
            case (("float" | "double"), (int() | Decimal())):
                return self._float(given, path)
            case "string", str():
                return self._text(given, path)
            case (("bytes" | "fixed"), str()):
                return self._bytes(given, wanted, path)
            case _:
                return self._mismatch(given, wanted, path)

    def _integer(self, given: int, bits: int, path: str) -> int:
        if not -(1 << bits - 1) <= given < 1 << bits - 1:
            self._tell(path, f"it does not fit into {bits} bits")
        return given

    def _float(self, given: int | Decimal, path: str) -> float:
        try:
            found = float(given)
        except OverflowError:
            found = float("inf")
        if abs(found) == float("inf"):
            self._tell(path, "it is beyond the range of the type")
        return found

    def _text(self, given: str, path: str) -> str:
        try:
            given.encode()
        except UnicodeEncodeError:
            self._tell(path, "it holds half a character (a lone surrogate)")
        return given

    def _bytes(self, given: str, wanted: PrimitiveType | FixedType, path: str) -> bytes:
        try:
            found = b64decode(given.replace("-", "+").replace("_", "/"), validate=True)
        except ValueError:  # what is not ASCII raises no narrower one
            self._tell(path, "it is no base64")
            return b""
        if isinstance(wanted, FixedType) and len(found) != wanted.size:
            self._tell(path, f"it has {len(found)} bytes, not {wanted.size}")
        return found

    def _logical(
        self, given: Any, wanted: PrimitiveType | FixedType, logical: Logical, path: str
    ) -> Any:
        numeric = logical.name == "decimal" and isinstance(given, int | Decimal)
        if isinstance(given, bool) or not (isinstance(given, str) or numeric):
            return self._mismatch(given, wanted, path)
        conversion = conversion_of(wanted)
        assert conversion is not None
        try:
            found = _FROM_TEXT[logical.name](str(given))
            conversion.dump(found)  # has the last word: range, scale, zone, resolution
        except Unfit as unfit:
            return self._tell(path, f"it {unfit.problem}")
        except (ValueError, InvalidOperation):
            return self._mismatch(given, wanted, path)
        return found


def _decimal(text: str) -> Decimal:
    if len(text) > _MOST_DIGITS:
        raise ValueError
    return Decimal(text)


def _moment(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if _TOO_FINE.search(text):
            raise Unfit("is finer than a microsecond")
        return parse(text)

    return read


def _uuid(text: str) -> Any:
    conversion = conversion_of(_UUID_TYPE)
    assert conversion is not None
    return conversion.load(text)


_INSTANT: Final = _moment(datetime.fromisoformat)
_OF_DAY: Final = _moment(time.fromisoformat)
_FROM_TEXT: Final[Mapping[str, Callable[[str], Any]]] = {
    "decimal": _decimal,
    "date": date.fromisoformat,
    "time-millis": _OF_DAY,
    "time-micros": _OF_DAY,
    "timestamp-millis": _INSTANT,
    "timestamp-micros": _INSTANT,
    "local-timestamp-millis": _INSTANT,
    "local-timestamp-micros": _INSTANT,
    "uuid": _uuid,
}


def _inside(path: str, name: str) -> str:
    return f"{path}.{excerpt(name)}" if path else excerpt(name)


def _kind(given: Any) -> str:
    match given:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | Decimal():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def _wanted(wanted: AvroType) -> str:
    """Return a type as JSON shows it."""
    match wanted:
        case PrimitiveType(logical=None, name="bytes") | FixedType(logical=None):
            return f"{described(wanted)} as base64"
        case PrimitiveType(logical=Logical()) | FixedType(logical=Logical()):
            return f"{described(wanted)} as text"
        case _:
            return described(wanted)
