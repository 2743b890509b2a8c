"""Which class a record is read as: chosen once for each schema that wrote one.

Several types lie on one topic, each in several versions, and the schema that wrote a record says
which type and version it is. The reader has classes, and upcasts from shapes that they had before:

    the writer's schema is exactly a shape      -> that shape, and its upcasts from there on
    its type is read here                       -> the class, where it can read what was written;
                                                   else the nearest old shape that can
    its type is not read here                   -> nobody's: skipped, parked or refused, as declared

A type is found by its full name and by the names that it had before (`aliases=`).

Laws:
1. The same declarations and the same writer's schema give the same choice, in whatever order types
   and upcasts were named.
2. What is lossless goes first: an exact shape before the class, and the class before old shapes,
   the nearest of them first. Two that are equally near are not chosen between: their records are
   refused.
3. One name leads to one class. Whatever contradicts that is refused when it is declared.
4. Nothing here sees bytes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, TypeAlias, final

from penstock.events.event_types import TypeNamedTwice
from penstock.events.upcasting import AnyUpcast, BadUpcast, chains_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.compatibility import incompatibilities
from penstock.schemas.mapping import class_name
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema

__all__ = ["Choice", "Reading", "ShapeUndecided", "TypeChoice", "Unasked", "Undecided", "names_of"]


@dataclass(eq=False, kw_only=True)
class ShapeUndecided(DecodeError):
    """A record could be read as either of two old shapes, and is exactly neither."""

    full_name: str
    """Full name of the type."""
    fingerprint: str
    """The schema that wrote it."""
    first: str
    """One shape, with its module."""
    second: str
    """The other."""

    code: ClassVar[str] = "PEN-E59"
    what: ClassVar[str] = (
        "A {full_name} was written by the schema {fingerprint}, which is none of the shapes that "
        "are known here."
    )
    why: ClassVar[str] = "It could be taken for {first} or for {second}, and nothing is guessed."
    remedy: ClassVar[str] = (
        "Declare a class of exactly the shape that was written, with an upcast of its own."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Records are read as a shape, and go through upcasts."""

    shape: type[Record]
    """What the bytes are read as."""
    upcasts: tuple[AnyUpcast, ...] = ()
    """What follows, in order; none where the shape is the present class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """Records are of a type that is not read here."""

    full_name: str
    """Full name of the type."""
    ignored: bool
    """Whether it is known and left out on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """Records are of a type that is read here, and of no shape that could be told."""

    full_name: str
    """Full name of the type."""
    fingerprint: str
    """The schema that wrote them."""
    first: str
    """One shape that they could be read as."""
    second: str
    """Another."""

    def error(self) -> ShapeUndecided:
        """What to raise for such a record."""
        return ShapeUndecided(
            full_name=self.full_name,
            fingerprint=self.fingerprint,
            first=self.first,
            second=self.second,
        )


Choice: TypeAlias = Reading | Unasked | Undecided
"""What becomes of all records that one schema wrote."""


def names_of(record_type: type[Record]) -> tuple[str, ...]:
    """Return the names that a class may be written under: its own, then those it had before."""
    root = declaration_of(record_type).schema.root
    return (root.full_name, *root.aliases)


@final
class TypeChoice:
    """Some classes, with the shapes that they had before."""

    def __init__(
        self,
        types: Iterable[type[Record]],
        upcasts: Iterable[AnyUpcast] = (),
        ignores: Iterable[type[Record]] = (),
    ) -> None:
        """Judge declarations.

        Args:
            types: the concrete classes that are read.
            upcasts: lead from old shapes to these classes, directly or through each other.
            ignores: concrete classes that are known, and not read here.

        Raises:
            AbstractRecord: a class is a base.
            TypeNamedTwice: one name stands for two of the classes.
            BadUpcast: upcasts contradict each other or the classes, or lead nowhere.
        """
        self._names: dict[str, type[Record]] = {}
        for each in types:
            for name in names_of(each):
                known = self._names.setdefault(name, each)
                if known is not each:
                    raise TypeNamedTwice(
                        full_name=name, first=class_name(known), second=class_name(each)
                    )
        present = tuple(dict.fromkeys(self._names.values()))
        chains = chains_of(upcasts)
        for old, chain in chains.items():
            self._judge(old, chain)
        self._ignored = frozenset(name for each in ignores for name in names_of(each))
        readings = [Reading(shape=each) for each in present]
        readings += [Reading(shape=old, upcasts=chain) for old, chain in chains.items()]
        self._by_fingerprint = _by_fingerprint(readings)
        self._by_name: dict[str, list[Reading]] = defaultdict(list)
        for reading in readings:
            for name in names_of(reading.shape):
                self._by_name[name].append(reading)

    def _judge(self, old: type[Record], chain: tuple[AnyUpcast, ...]) -> None:
        """Refuse what an old shape cannot be, beside these classes and the shapes before it."""
        first, target = chain[0], chain[-1].new
        if old in self._names.values():
            raise BadUpcast(
                upcast=first.name,
                problem=f"{class_name(old)} is read here itself, so nothing would reach the upcast",
                cure="Read one of the two: the old class, or what the upcast makes of it",
            )
        if target not in self._names.values():
            raise BadUpcast(
                upcast=chain[-1].name,
                problem=f"It leads to {class_name(target)}, which is not read here",
                cure="Read that class too, or leave the upcast out",
            )
        for name in names_of(old):
            known = self._names.setdefault(name, target)
            if known is not target:
                raise BadUpcast(
                    upcast=first.name,
                    problem=(
                        f"It leads to {class_name(target)}, and {name} stands for "
                        f"{class_name(known)} here"
                    ),
                    cure="Let one name lead to one class",
                )

    @property
    def names(self) -> Mapping[str, type[Record]]:
        """The class that each full name leads to; also names of former times and of old shapes."""
        return MappingProxyType(self._names)

    def choose(self, writer: AvroSchema) -> Choice:
        """Say what becomes of the records that a schema wrote."""
        if (exact := self._by_fingerprint.get(writer.fingerprint)) is not None:
            return exact
        name = writer.full_name
        if name not in self._by_name:
            return Unasked(full_name=name, ignored=name in self._ignored)
        readings = self._by_name[name]
        able = [each for each in readings if _reads(each.shape, writer)]
        # Where none can read all of it, the errors of the nearest tell what is in the way; and what
        # it can read of it, it reads.
        nearest = _nearest(able or readings)
        if len(nearest) == 1:
            return nearest[0]
        first, second = sorted(class_name(each.shape) for each in nearest)[:2]
        fingerprint = writer.fingerprint.hex()
        return Undecided(full_name=name, fingerprint=fingerprint, first=first, second=second)

    def upcasts_all(self, writer: AvroSchema) -> bool:
        """Say whether all records that a schema wrote reach a class by upcasts."""
        choice = self.choose(writer)
        return isinstance(choice, Reading) and bool(choice.upcasts)


def _by_fingerprint(readings: Iterable[Reading]) -> dict[bytes, Reading]:
    found: dict[bytes, Reading] = {}
    for each in readings:
        schema = declaration_of(each.shape).schema
        known = found.setdefault(schema.fingerprint, each)
        if known is not each:
            raise BadUpcast(
                upcast=each.upcasts[0].name,
                problem=(
                    f"{class_name(known.shape)} and {class_name(each.shape)} have the same "
                    "fingerprint, and a reader could not tell which of them was written"
                ),
                cure="Keep one of the two classes",
            )
    return found


def _reads(shape: type[Record], writer: AvroSchema) -> bool:
    return not incompatibilities(declaration_of(shape).schema.root, writer.root)


def _nearest(readings: list[Reading]) -> list[Reading]:
    fewest = min(len(each.upcasts) for each in readings)
    return [each for each in readings if len(each.upcasts) == fewest]
