"""Names of types as people write them: the full one, or its last part where that is enough.

Law: a short name stands for one type or for none; where two would fit, both are told.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from penstock.infra.plain_text import excerpt
from penstock.sagas.language.did_you_mean import did_you_mean
from penstock.schemas.errors import CallerError, ExitCode

__all__ = ["UnknownType", "name_hint", "named_by", "the_type"]

_SHOWN: Final = 10
"""Names in a message at most."""
_LONGEST: Final = 100
"""Characters of each: names come from other people's schemas too."""


@dataclass(eq=False, kw_only=True)
class UnknownType(CallerError):
    """No type of the project has that name, or one that cannot be published."""

    name: str
    """The name, as given."""
    hint: str
    """What is there, or why it cannot be."""

    code: ClassVar[str] = "PEN-I8"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "There is no event or command named {name}."
    why: ClassVar[str] = "{hint}"
    remedy: ClassVar[str] = "Say the full name, as in shop.OrderPlaced."


def named_by(name: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the full names that a name may stand for: one, several, or none.

    Args:
        name: as written.
        known: full names.
    """
    if name in known:
        return (name,)
    return tuple(sorted(each for each in known if each.rpartition(".")[2] == name))


def the_type(name: str, ours: Collection[str], others: Collection[str] = ()) -> str:
    """Return the full name that a name stands for.

    Args:
        name: as written.
        ours: full names of the project's types, which are meant before any other.
        others: full names that are known elsewhere.

    Raises:
        UnknownType: it stands for no type, or for several.
    """
    fitting = named_by(name, ours) or named_by(name, others)
    if len(fitting) != 1:
        raise UnknownType(name=excerpt(name, 200), hint=name_hint(name, ours, others))
    return fitting[0]


def name_hint(name: str, ours: Collection[str], others: Collection[str] = ()) -> str:
    """Return a sentence for whoever has written a name that stands for no type, or for several.

    Args:
        name: as written.
        ours: full names of the project's types, which were meant before any other.
        others: full names that are known elsewhere.
    """
    if fitting := named_by(name, ours) or named_by(name, others):
        return f"It is the short name of {_told(fitting, ' and ')}."
    if meant := _meant(name, ours) or _meant(name, others):
        return f"Did you mean {_told([meant])}?"
    known = sorted({*ours, *others})
    return f"It is none of {_told(known)}." if known else "No type is known."


def _told(names: Sequence[str], between: str = ", ") -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return between.join(excerpt(name, _LONGEST) for name in names[:_SHOWN]) + more


def _meant(name: str, known: Collection[str]) -> str | None:
    short = {full.rpartition(".")[2]: full for full in sorted(known, reverse=True)}
    return did_you_mean(name, sorted(known)) or short.get(did_you_mean(name, short) or "")
