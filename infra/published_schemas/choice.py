"""The schema that somebody means: by its name, full or short, or by a fingerprint.

A fingerprint is sixteen hexadecimal digits, as letters of dead events, logs and the keys of the
schemas topic show it; it leads to older versions too, a name to the newest.
"""

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from penstock.infra.plain_text import excerpt
from penstock.infra.published_schemas.versions import PublishedSchemas
from penstock.infra.type_names import name_hint, named_by
from penstock.schemas.errors import CallerError, ExitCode
from penstock.schemas.schema import AvroSchema

__all__ = ["UnknownSchema", "chosen_names", "chosen_schema"]

_FINGERPRINT: Final = re.compile(r"[0-9a-fA-F]{16}")


@dataclass(eq=False, kw_only=True)
class UnknownSchema(CallerError):
    """A place has no schema of that name or fingerprint."""

    wanted: str
    """The name or fingerprint, as given."""
    place: str
    """Where it was looked for."""
    hint: str
    """What may have been meant, or what is there."""

    code: ClassVar[str] = "PEN-I185"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "There is no schema {wanted} in {place}."
    why: ClassVar[str] = "{hint}"
    remedy: ClassVar[str] = (
        "Say a full name, as in shop.OrderPlaced, or a fingerprint of sixteen hexadecimal digits."
    )


def chosen_schema(wanted: str, published: PublishedSchemas) -> AvroSchema:
    """Return the schema that a name or a fingerprint stands for.

    Args:
        wanted: a full or short name, which stands for its newest version, or a fingerprint.
        published: where to look.

    Raises:
        UnknownSchema: there is none, or several have that short name.
    """
    if _FINGERPRINT.fullmatch(wanted) and not named_by(wanted, published.versions):
        found = published.with_fingerprint(bytes.fromhex(wanted))
        if found is not None:
            return found
    return published.of(_full_name(wanted, published))[-1].schema


def chosen_names(wanted: tuple[str, ...], published: PublishedSchemas) -> tuple[str, ...]:
    """Return the full names of what was named, or all that there are where nothing was.

    Args:
        wanted: full or short names.
        published: where to look.

    Raises:
        UnknownSchema: one of them is not there, or is the short name of several.
    """
    names = [_full_name(name, published) for name in wanted]
    return tuple(dict.fromkeys(names)) or tuple(sorted(published.versions))


def _full_name(wanted: str, published: PublishedSchemas) -> str:
    names = named_by(wanted, published.versions)
    if len(names) != 1:
        hint = name_hint(wanted, published.versions)
        raise UnknownSchema(wanted=excerpt(wanted, 200), place=published.place, hint=hint)
    return names[0]
