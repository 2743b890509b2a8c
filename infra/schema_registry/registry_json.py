"""JSON from a stranger, read within limits.

Laws:
1. Whatever the bytes are, the outcome is a value or `NotJson`: too deep, too long a number, half a
   character, a name given twice, NaN.
2. Size is limited by whoever reads the bytes; work here grows with it and no faster.
"""

import json
from typing import Any, Final, NoReturn

__all__ = ["MAX_JSON_LEVELS", "NotJson", "read_json", "write_json"]

MAX_JSON_LEVELS: Final = 64
"""Levels of brackets. Messages of this API have four; schemas travel in them as text."""


class NotJson(ValueError):
    """The bytes are no JSON that is read here; its text says why."""


def read_json(body: bytes) -> Any:
    """Read a document.

    Args:
        body: in UTF-8.

    Raises:
        NotJson: it is none.
    """
    try:
        found = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_refuse)
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    except UnicodeDecodeError:
        raise NotJson("it is not written in UTF-8") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"it is no JSON ({error.msg}, at character {error.pos})") from None
    except ValueError as error:
        # Ours, or a number of thousands of digits, of which Python makes none.
        raise NotJson(
            str(error) if isinstance(error, NotJson) else "a number is too long"
        ) from None
    _check_levels(found)
    return found


_TOO_DEEP: Final = f"it nests deeper than {MAX_JSON_LEVELS} levels"


def write_json(value: Any) -> bytes:
    """Write a document: ASCII, so that no text can break it."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("an object has a name twice")
    return found


def _refuse(name: str) -> NoReturn:
    raise NotJson(f"{name} is no number of JSON")


def _check_levels(document: object) -> None:
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > MAX_JSON_LEVELS:
            raise NotJson(_TOO_DEEP)
        level = [inner for node in level for inner in _inner(node)]


def _inner(node: object) -> list[object]:
    if isinstance(node, dict):
        return list(node.values())
    return list(node) if isinstance(node, list) else []
