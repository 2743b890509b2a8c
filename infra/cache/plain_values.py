"""Values that are kept without being told their type: a closed set, each with a form of its own.

    None, bool, int, float, str        as JSON has them
    list, dict with text as keys       as JSON has them, of such values
    bytes, Decimal, datetime, UUID     {"$bytes": "..."}, {"$decimal": "..."}, and so on

A key of a dict that begins with `$` gets one more, so nobody can write a dict that is taken for a
value. The forms can be read with redis-cli.

Laws:
1. A type stays what it is: exactly these classes are written, no class that derives from them, and
   no tuple, which would come back as a list.
2. Each value of the four has one text, and no other text is read: "1_0" is no Decimal here.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from penstock.infra.cache.value_format import ValueFormat

__all__ = ["plain_format"]

_MARK: Final = b"plain\0\0\1"
_CURE: Final = (
    "Keep None, bool, int, float, str, bytes, Decimal, datetime, UUID, lists and dicts of them, or "
    "cache a function that says what it returns, with @cache.cached"
)
_SIGN: Final = "$"
_DEPTH: Final = 64
"""Lists and dicts within each other, at most; Python can descend into far more."""

_AS_JSON: Final = frozenset({type(None), bool, int, float, str})
_TEXTS: Final[dict[type, tuple[str, Callable[[Any], str]]]] = {
    bytes: ("$bytes", lambda value: b64encode(value).decode()),
    Decimal: ("$decimal", str),
    datetime: ("$datetime", datetime.isoformat),
    UUID: ("$uuid", str),
}
_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "$bytes": lambda text: b64decode(text, validate=True),
    "$decimal": Decimal,
    "$datetime": datetime.fromisoformat,
    "$uuid": UUID,
}


def plain_format(cache: str, *, limit_bytes: int) -> ValueFormat:
    """Return the format of values whose type nobody has declared.

    Args:
        cache: name, for errors.
        limit_bytes: longest value.
    """
    return ValueFormat(
        cache=cache, mark=_MARK, dump=_dump, load=_load, cure=_CURE, limit_bytes=limit_bytes
    )


def _dump(value: Any) -> bytes:
    return json.dumps(
        _told(value, _DEPTH), ensure_ascii=False, separators=(",", ":"), check_circular=False
    ).encode()


def _load(body: bytes) -> Any:
    # What is nested too deep for Python ends in a RecursionError, as json descends in C.
    return json.loads(body.decode(), object_pairs_hook=_untold)


def _told(value: Any, depth: int) -> Any:
    """Return a value as JSON has it."""
    kind = type(value)
    if kind in _AS_JSON:
        return value
    if kind in _TEXTS:
        name, text = _TEXTS[kind]
        return {name: text(value)}
    if not depth:
        raise ValueError(_DEPTH)
    if kind is list:
        return [_told(each, depth - 1) for each in value]
    if kind is dict:
        return {_told_name(name): _told(each, depth - 1) for name, each in value.items()}
    raise TypeError(kind)


def _told_name(name: Any) -> str:
    if type(name) is not str:
        raise TypeError(name)
    return _SIGN + name if name.startswith(_SIGN) else name


def _untold(pairs: Iterable[tuple[str, Any]]) -> Any:
    """Return what a JSON object stands for."""
    told = list(pairs)
    if len(told) == 1 and told[0][0] in _READERS:
        return _untold_text(*told[0])
    made = {_untold_name(name): value for name, value in told}
    if len(made) != len(told):
        raise ValueError(len(told))  # a name occurs twice
    return made


def _untold_text(name: str, text: Any) -> Any:
    value = _READERS[name](text)
    if _TEXTS[type(value)][1](value) != text:
        raise ValueError(name)  # another way to write it, such as "1_0" for ten
    return value


def _untold_name(name: str) -> str:
    if not name.startswith(_SIGN):
        return name
    if not name.startswith(_SIGN * 2):
        raise ValueError(name)  # a kind of value that is not known
    return name[1:]
