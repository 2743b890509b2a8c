"""Literals: values written in the file, strictly as their type demands.

| Avro | written | becomes |
|---|---|---|
| null | null, ~ | None |
| boolean | true, false | bool |
| int, long | 12, -7 | int |
| float, double | 1.5, 2, 1e9 | float |
| string | text; in quotes where YAML would take it for something else | str |
| enum | a symbol | str |
| decimal(p, s) | "19.99", in quotes | Decimal with s digits after the point |
| date | 2026-01-31 | date |
| time-millis, time-micros | 09:30:00, 09:30:00.250 | time |
| timestamp-… | 2026-01-31T09:30:00Z, or with +01:00 for Z (RFC 3339) | datetime, UTC |
| local-timestamp-… | 2026-01-31T09:30:00 | datetime without a zone |
| uuid | 36 characters | UUID |
| bytes, fixed | cannot be written; pass them on with a path | |

A decimal is quoted because 19.99 without quotes is a binary fraction to every YAML parser but
ours, editors included.

Laws:
1. A literal that passes is a value that `datum_encoder_of` writes.
2. Nothing is rounded, cut off or guessed.
"""

import math
import re
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from penstock.sagas.definition import Literal
from penstock.sagas.language.findings import Findings
from penstock.sagas.language.paths import unescaped
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.source_text import quoted
from penstock.sagas.language.value_types import NULL, is_nullable, shown
from penstock.sagas.language.yaml_nodes import ScalarKind, TextNode
from penstock.schemas.logical import Unfit, conversion_of, rescaler
from penstock.schemas.type_tree import (
    AvroType,
    EnumType,
    FixedType,
    Logical,
    PrimitiveType,
    UnionType,
    logical_of,
)

__all__ = ["literal_of"]

_MOST_DIGITS = 1_050
"""Characters of a number; what is longer than the widest decimal fits into no type."""
_BITS: Final = {"int": 32, "long": 64}
_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOATING = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class _NotLiteral(Exception):
    """A text is no literal of a type."""

    def __init__(self, problem: str, code: ProblemCode = ProblemCode.ILLEGAL_LITERAL) -> None:
        super().__init__(problem)
        self.problem = problem
        self.code = code


def literal_of(node: TextNode, target: AvroType, findings: Findings) -> Literal | None:
    """Return the value that a text stands for.

    Args:
        node: a text that is no path.
        target: the type that is to take it; of a union the first branch that can.
        findings: is told why it is none.
    """
    if node.kind is ScalarKind.NOTHING:
        message = f"Nothing is written here; this takes {_wanted(target)}."
        findings.error(ProblemCode.EMPTY_VALUE, node.mark, message)
        return None
    try:
        return Literal(value=_value(node, target))
    except _NotLiteral as refused:
        symbols = target.symbols if isinstance(target, EnumType) else ()
        findings.error(refused.code, node.mark, refused.problem, name=node.text, among=symbols)
        return None


def _value(node: TextNode, target: AvroType) -> Any:
    if node.kind is ScalarKind.NULL:
        if is_nullable(target):
            return None
        raise _NotLiteral(f"null is no {shown(target)}.", ProblemCode.NULLABLE)
    match target:
        case UnionType(branches=branches):
            return _of_union(node, target, [each for each in branches if each != NULL])
        case EnumType():
            return _symbol(node, target)
        case PrimitiveType() | FixedType():
            logical = logical_of(target)
            return _base(node, target) if logical is None else _logical(node, target, logical)
        case _:
            raise _mismatch(node, target)


def _of_union(node: TextNode, union: UnionType, branches: list[AvroType]) -> Any:
    refusals = []
    for branch in branches:
        try:
            return _value(node, branch)
        except _NotLiteral as refused:
            refusals.append(refused)
    raise refusals[0] if len(refusals) == 1 else _mismatch(node, union)


def _mismatch(node: TextNode, target: AvroType) -> _NotLiteral:
    found = f"{node.kind}, {quoted(node.text)}" if node.plain else f"the text {quoted(node.text)}"
    return _NotLiteral(f"This takes {_wanted(target)}, not {found}.", ProblemCode.TYPE_MISMATCH)


def _wanted(target: AvroType) -> str:
    """Return how a literal of a type is written, with the type."""
    logical = logical_of(target)
    name = logical.name if logical else target.name if isinstance(target, PrimitiveType) else ""
    form = _FORMS.get(name)
    return f"{shown(target)} (written {form})" if form else shown(target)


_FORMS: Final[Mapping[str, str]] = {
    "boolean": "true or false",
    "int": "12",
    "long": "12",
    "float": "1.5",
    "double": "1.5",
    "decimal": 'in quotes, "19.99"',
    "date": "2026-01-31",
    "time-millis": "09:30:00",
    "time-micros": "09:30:00",
    "timestamp-millis": "2026-01-31T09:30:00Z",
    "timestamp-micros": "2026-01-31T09:30:00Z",
    "local-timestamp-millis": "2026-01-31T09:30:00",
    "local-timestamp-micros": "2026-01-31T09:30:00",
    "uuid": "with 36 characters",
}


# Values without a logical type


def _base(node: TextNode, target: PrimitiveType | FixedType) -> Any:
    name = target.name if isinstance(target, PrimitiveType) else "fixed"
    match name, node.kind:
        case "string", ScalarKind.TEXT:
            return _text(node)
        case "string", _:
            message = f"This takes text; YAML takes {quoted(node.text)} for {node.kind}."
            raise _NotLiteral(f"{message} Put it in quotes.", ProblemCode.TYPE_MISMATCH)
        case "boolean", ScalarKind.BOOLEAN:
            return node.text.lower() == "true"
        case (("int" | "long"), ScalarKind.INTEGER):
            return _integer(node, _BITS[name])
        case (("float" | "double"), (ScalarKind.INTEGER | ScalarKind.NUMBER)):
            return _floating(node, name)
        case (("bytes" | "fixed"), _):
            message = f"Bytes cannot be written in a saga; pass {shown(target)} on with a path."
            raise _NotLiteral(message)
        case _:
            raise _mismatch(node, target)


def _text(node: TextNode) -> str:
    text = unescaped(node.text)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _NotLiteral("The text holds half a character (a lone surrogate).") from None
    return text


def _integer(node: TextNode, bits: int) -> int:
    if _WHOLE.fullmatch(node.text) is None:
        raise _NotLiteral("A whole number is written in decimal, without + and leading zeros.")
    # Turning digits into a number costs their square, and Python refuses beyond 4300.
    number = int(node.text) if len(node.text) <= _BITS["long"] else 1 << bits
    if not -(1 << bits - 1) <= number < 1 << bits - 1:
        raise _NotLiteral(f"{quoted(node.text)} does not fit into {bits} bits.")
    return number


def _floating(node: TextNode, name: str) -> float:
    if _FLOATING.fullmatch(node.text) is None or len(node.text) > _MOST_DIGITS:
        raise _NotLiteral("A number is written as 1.5 or 1e9, without + and leading zeros.")
    number = float(node.text)
    try:
        struct.pack("<f" if name == "float" else "<d", number)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise _NotLiteral(f"{quoted(node.text)} is beyond the range of {name}.")
    return number


def _symbol(node: TextNode, enum: EnumType) -> str:
    if node.kind is not ScalarKind.TEXT:
        message = f"This takes a symbol of {enum.full_name}; YAML takes this for {node.kind}."
        raise _NotLiteral(f"{message} Put it in quotes.", ProblemCode.TYPE_MISMATCH)
    if node.text not in enum.symbols:
        raise _NotLiteral(f"{enum.full_name} has no symbol {quoted(node.text)}.")
    return node.text


# Values with a logical type


def _logical(node: TextNode, target: PrimitiveType | FixedType, logical: Logical) -> Any:
    if node.kind is not ScalarKind.TEXT:
        raise _mismatch(node, target)
    try:
        value = _READERS[logical.name](node.text, logical)
        conversion = conversion_of(target)
        assert conversion is not None
        conversion.dump(value)  # has the last word: range, scale, resolution
    except Unfit as unfit:
        raise _NotLiteral(f"{quoted(node.text)} {unfit.problem}.") from None
    except ValueError:
        raise _mismatch(node, target) from None
    return value


def _decimal(text: str, logical: Logical) -> Decimal:
    if _DECIMAL.fullmatch(text) is None or len(text) > _MOST_DIGITS:
        raise ValueError
    return rescaler(logical.precision, logical.scale)(Decimal(text))


def _iso(form: str, parse: Callable[[str], Any]) -> Callable[[str, Logical], Any]:
    pattern = re.compile(form)

    def read(text: str, _logical: Logical) -> Any:
        # fromisoformat alone would also take weeks, commas and times without seconds.
        if pattern.fullmatch(text) is None:
            raise ValueError
        return parse(text)

    return read


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:  # 9999-12-31T23:00:00-12:00
        raise Unfit("is a time outside the years 1 to 9999") from None


def _uuid(text: str, _logical: Logical) -> UUID:
    if _UUID.fullmatch(text) is None:
        raise ValueError
    return UUID(text)


_INSTANT: Final = _iso(rf"{_DATE}T{_TIME}(Z|[-+][0-9]{{2}}:[0-9]{{2}})", _instant)
_LOCAL: Final = _iso(rf"{_DATE}T{_TIME}", datetime.fromisoformat)
_OF_DAY: Final = _iso(_TIME, time.fromisoformat)
_READERS: Final[Mapping[str, Callable[[str, Logical], Any]]] = {
    "decimal": _decimal,
    "date": _iso(_DATE, date.fromisoformat),
    "time-millis": _OF_DAY,
    "time-micros": _OF_DAY,
    "timestamp-millis": _INSTANT,
    "timestamp-micros": _INSTANT,
    "local-timestamp-millis": _LOCAL,
    "local-timestamp-micros": _LOCAL,
    "uuid": _uuid,
}
