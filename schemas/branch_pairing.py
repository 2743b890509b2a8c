"""Which branch of a new union is which of an old one, and how readers of either side fare with it.

By name first; then the one branch that each side has alone, beside null, which may have changed.

Law: how a reader fares is what compatibility says of the branch that is taken: the first that
matches, which need not be the one that it is paired with.
"""

from typing import final

from penstock.schemas.compatibility import Branches
from penstock.schemas.reading import Reading, reading_of
from penstock.schemas.type_tree import AvroType, UnionType, base_name

__all__ = ["BranchPairing"]


@final
class BranchPairing:
    """The branches of two types, of which one at least is a union; the other has one branch."""

    def __init__(self, before: AvroType, after: AvroType) -> None:
        """Pair by name; then the one branch that each side has alone, which may have changed."""
        self.olds = _branches(before)
        self.news = _branches(after)
        self._by_old = Branches(before)
        self._by_new = Branches(after)
        by_name = {_name(each): each for each in self.olds}
        same = [(by_name.get(_name(new)), new) for new in self.news]
        self.pairs = [(old, new) for old, new in same if old and type(old) is type(new)]
        self._settle()
        rest = [[each for each in side if _name(each) != "null"] for side in (self.gone, self.come)]
        if len(rest[0]) == len(rest[1]) == 1 and self.meet(rest[0][0], rest[1][0]):
            self.pairs.append((rest[0][0], rest[1][0]))
            self._settle()

    def _settle(self) -> None:
        olds, news = ({id(pair[side]) for pair in self.pairs} for side in (0, 1))
        self.gone = [each for each in self.olds if id(each) not in olds]
        """Old branches without a new one."""
        self.come = [each for each in self.news if id(each) not in news]
        """New branches without an old one."""

    @property
    def is_reordered(self) -> bool:
        """Whether the branches that both have stand in another order."""
        of_old = {id(old): id(new) for old, new in self.pairs}
        of_new = set(of_old.values())
        order = [of_old[id(each)] for each in self.olds if id(each) in of_old]
        return order != [id(each) for each in self.news if id(each) in of_new]

    def meet(self, old: AvroType, new: AvroType) -> bool:
        """Tell whether the readers of neither side take one of the two for a third branch."""
        into_new, into_old = self._by_new.chosen(old), self._by_old.chosen(new)
        return (into_new is None or into_new is new) and (into_old is None or into_old is old)

    def new_reading(self, old: AvroType) -> Reading:
        """How new readers fare with an old branch."""
        return _into(self._by_new, old)

    def old_reading(self, new: AvroType) -> Reading:
        """How old readers fare with a new branch."""
        return _into(self._by_old, new)


def _into(branches: Branches, writer: AvroType) -> Reading:
    target = branches.chosen(writer)
    return Reading.NOT_ALL if target is None else reading_of(target, writer)


def _branches(avro_type: AvroType) -> tuple[AvroType, ...]:
    return avro_type.branches if isinstance(avro_type, UnionType) else (avro_type,)


def _name(branch: AvroType) -> str:
    return getattr(branch, "full_name", base_name(branch))
