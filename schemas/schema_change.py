"""`SchemaChange`: one difference between two schemas, and who minds it.

    count: int became long. Old readers cannot read all new records; new readers can read old ones.

Law: every text is one short line of ASCII. Docs are never quoted; defaults are escaped and cut.
"""

from dataclasses import dataclass
from enum import StrEnum

from penstock.schemas.reading import Reading

__all__ = ["ChangeKind", "SchemaChange"]


class ChangeKind(StrEnum):
    """The kinds of change. The words are stable; programs may compare them."""

    FIELD_ADDED = "field-added"
    FIELD_REMOVED = "field-removed"
    FIELD_RENAMED = "field-renamed"
    FIELDS_REORDERED = "fields-reordered"
    DEFAULT_CHANGED = "default-changed"
    MADE_OPTIONAL = "made-optional"
    MADE_REQUIRED = "made-required"
    TYPE_WIDENED = "type-widened"
    TYPE_NARROWED = "type-narrowed"
    TYPE_CHANGED = "type-changed"
    MEANING_CHANGED = "meaning-changed"
    SIZE_CHANGED = "size-changed"
    TYPE_RENAMED = "type-renamed"
    BRANCH_ADDED = "branch-added"
    BRANCH_REMOVED = "branch-removed"
    BRANCHES_REORDERED = "branches-reordered"
    SYMBOL_ADDED = "symbol-added"
    SYMBOL_REMOVED = "symbol-removed"
    SYMBOLS_REORDERED = "symbols-reordered"
    ALIASES_CHANGED = "aliases-changed"
    DOC_CHANGED = "doc-changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """One difference between two schemas."""

    kind: ChangeKind
    path: str
    """The field from the top; `[]` is an item, `{}` a value of a map, `<T>` the branch T of a
    union. Empty for the record itself."""
    text: str
    """What changed, such as `added with the default 0`."""
    old_readers: Reading
    """How readers with the old schema fare with new records."""
    new_readers: Reading
    """How readers with the new schema fare with old records."""

    def __str__(self) -> str:
        """The place, the change, and who can read it."""
        place = self.path or "the record itself"
        if self.old_readers is self.new_readers is Reading.ALL:
            return f"{place}: {self.text}. No reader minds."
        old = _FARES[self.old_readers].format("new records")
        new = _FARES[self.new_readers].format("old ones")
        return f"{place}: {self.text}. Old readers {old}; new readers {new}."


_FARES = {
    Reading.ALL: "can read {}",
    Reading.FITTING: "can read {} whose value fits",
    Reading.NOT_ALL: "cannot read all {}",
}
