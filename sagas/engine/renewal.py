"""`dataclasses.replace` for frozen slotted classes, compiled once per class and twice as quick.

Each fact about a saga makes a state out of another, several times in each transition; nothing else
in `decide` takes so long. The slots are read in one call and set one by one, past the frozen
`__setattr__`, on an object that nobody has seen yet.

Law: what is returned equals what `dataclasses.replace` returns, for classes without
`__post_init__`.
"""

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar

__all__ = ["renewer_of"]

_Value = TypeVar("_Value")


def renewer_of(kind: type[_Value]) -> Callable[..., _Value]:
    """Compile the replacing of fields of a class.

    Args:
        kind: a frozen, slotted dataclass of more than one field.

    Returns:
        A function of an object and of fields by name, which returns the object with those fields.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type] # a dataclass
    read = attrgetter(*names)
    setters = [getattr(kind, name).__set__ for name in names]
    setter_of = dict(zip(names, setters, strict=True))
    new: Callable[[type[_Value]], _Value] = kind.__new__

    def renewed(value: _Value, **changes: Any) -> _Value:
        made = new(kind)
        for put, held in zip(setters, read(value), strict=True):
            put(made, held)
        for name, held in changes.items():
            setter_of[name](made, held)
        return made

    return renewed
