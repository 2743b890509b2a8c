"""Which field of a new record is which of an old one, and how readers of either side fare with it.

By name first; then by an alias that one of the two has and the other does not contradict: where old
readers and new readers would each take a field for a different one, it is two fields.

Law: how a reader fares is what compatibility says of the types, or of the missing default.
"""

from collections.abc import Mapping
from typing import final

from penstock.schemas.compatibility import field_targets
from penstock.schemas.reading import Reading, reading_of
from penstock.schemas.type_tree import NO_DEFAULT, AvroType, FieldOfRecord, RecordType

__all__ = ["FieldPairing"]


@final
class FieldPairing:
    """Which field of the new record is which of the old one."""

    def __init__(self, before: RecordType, after: RecordType) -> None:
        """Pair by name, then by the aliases of either side where the other does not object."""
        self.read_by_new = field_targets(before, after)
        """The new field that each old name is read into."""
        self.read_by_old = field_targets(after, before)
        """The old field that each new name is read into."""
        self._source_of_new = {each.name: name for name, each in self.read_by_new.items()}
        self._source_of_old = {each.name: name for name, each in self.read_by_old.items()}
        self._new_types = {each.name: each.type for each in after.fields}
        self._old_types = {each.name: each.type for each in before.fields}
        self.old_of: dict[str, FieldOfRecord] = {}
        """The old field behind each new name that was there before, under any name."""
        olds = {each.name: each for each in before.fields}
        for each in after.fields:
            name = self._source_of_new.get(each.name)
            if name is None and each.name in self.read_by_old:
                name = self.read_by_old[each.name].name
            if name is not None and self._agree(olds[name], each):
                self.old_of[each.name] = olds[name]

    def _agree(self, old: FieldOfRecord, new: FieldOfRecord) -> bool:
        """Whether neither side's readers take one of the two for a third field."""
        into_new = self.read_by_new.get(old.name, new) is new
        into_old = self.read_by_old.get(new.name, old) is old
        from_old = self._source_of_new.get(new.name, old.name) == old.name
        from_new = self._source_of_old.get(old.name, new.name) == new.name
        return into_new and into_old and from_old and from_new

    def new_reading(self, new: FieldOfRecord) -> Reading:
        """How new readers fare with this field of theirs in an old record."""
        return _field_reading(new, self._old_types, self._source_of_new.get(new.name))

    def old_reading(self, old: FieldOfRecord) -> Reading:
        """How old readers fare with this field of theirs in a new record."""
        return _field_reading(old, self._new_types, self._source_of_old.get(old.name))


def _field_reading(
    reader: FieldOfRecord, written: Mapping[str, AvroType], source: str | None
) -> Reading:
    if source is not None:
        return reading_of(reader.type, written[source])
    return Reading.NOT_ALL if reader.default is NO_DEFAULT else Reading.ALL
