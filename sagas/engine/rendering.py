"""Values made from templates: what a saga knows goes in, the fields of a message come out.

A template is compiled once, against the type that it fills, into a function of `Known`. A value
that is passed on keeps its meaning as Avro's schema resolution keeps it: where the types differ (an
int into a long, a record into a later version of itself) it is written by the one and read by the
other; where they are the same it is handed over as it is.

Laws:
1. A compiled template raises `NotThere`, an `EncodeError` or a `DecodeError`, whatever it is given.
2. Nothing is changed that a saga knows; what is built is new, down to the values handed over.
3. This file knows no state and no definition: `Known` says what there is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.sagas.definition import (
    ListTemplate,
    Literal,
    MappingTemplate,
    Path,
    Root,
    Template,
)
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    FieldOfRecord,
    Logical,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
)

__all__ = ["Known", "NotThere", "Render", "Sources", "path_text", "paths_in", "renderer_of"]


class NotThere(Exception):
    """A path leads to nothing. Never leaves the room: `Program` adds message and code."""

    def __init__(self, problem: str) -> None:
        """Keep the reason; it names paths and never values."""
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a saga knows when a message is made. Each is asked for only where a path needs it."""

    input: Callable[[], Mapping[str, Any]]
    """The record that started it."""
    reply: Callable[[str], Mapping[str, Any] | None]
    """The data of a step's answer; None where there are none."""
    saga: Callable[[], Mapping[str, Any]]
    """id, key and started_at."""
    failure: Callable[[], Mapping[str, Any] | None]
    """step and code; None while nothing has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The types of what a saga knows."""

    input: RecordType
    replies: Mapping[str, RecordType]
    """By step; steps that are answered without data are absent."""


Render = Callable[[Known], Any]
"""Makes a value."""

_STRING: Final = PrimitiveType(name="string")
_MOMENT: Final = PrimitiveType(name="long", logical=Logical(name="timestamp-micros"))
_TYPES: Final[Mapping[tuple[Root, str], AvroType]] = {
    (Root.SAGA, "id"): _STRING,
    (Root.SAGA, "key"): _STRING,
    (Root.SAGA, "started_at"): _MOMENT,
    (Root.FAILURE, "step"): _STRING,
    (Root.FAILURE, "code"): _STRING,
}
_PASSED = "penstock.Passed"
"""Name of the record around a value on its way from one type to another."""


def renderer_of(template: Template, target: AvroType | None, sources: Sources) -> Render:
    """Compile a template.

    Args:
        template: what is written in the definition.
        target: the type that it fills; None where there is none, which the encoder will refuse.
        sources: the types of what may be asked for.

    Raises:
        SchemaError: a type cannot stand in a record of its own.
    """
    match template:
        case Literal(value=value):
            return lambda _: value
        case Path():
            return _path(template, target, sources)
        case MappingTemplate(fields=fields):
            inner = _mapped(target)
            made = [
                (name, renderer_of(each, inner(name), sources)) for name, each in fields.items()
            ]
            return lambda known: {name: render(known) for name, render in made}
        case ListTemplate(items=items):
            item = _branch(target, ArrayType)
            item_type = item.items if isinstance(item, ArrayType) else None
            each_made = [renderer_of(each, item_type, sources) for each in items]
            return lambda known: [render(known) for render in each_made]


def paths_in(template: Template) -> frozenset[Path]:
    """Return every path that a template reads."""
    match template:
        case Literal():
            return frozenset()
        case Path():
            return frozenset({template})
        case MappingTemplate(fields=fields):
            return frozenset[Path]().union(*(paths_in(each) for each in fields.values()))
        case ListTemplate(items=items):
            return frozenset[Path]().union(*(paths_in(each) for each in items))


def path_text(path: Path) -> str:
    """Return a path as the file writes it."""
    return ".".join(("$", path.root, *path.fields))


def _mapped(target: AvroType | None) -> Callable[[str], AvroType | None]:
    """The types of the entries of a record or a map."""
    match _branch(target, RecordType, MapType):
        case RecordType(fields=fields):
            types = {each.name: each.type for each in fields}
            return types.get
        case MapType(values=values):
            return lambda _: values
        case _:
            return lambda _: None


def _branch(target: AvroType | None, *kinds: type) -> AvroType | None:
    """The type itself, or the first of a union's that is of the kinds."""
    if isinstance(target, UnionType):
        return next((each for each in target.branches if isinstance(each, kinds)), None)
    return target


# Paths


def _path(path: Path, target: AvroType | None, sources: Sources) -> Render:
    text, root, fields = path_text(path), _root(path), _fields(path)
    convert = _conversion(_type_of(path, sources), target)

    def render(known: Known) -> Any:
        value: Any = root(known)
        for field in fields:
            if not isinstance(value, Mapping) or field not in value:
                raise NotThere(f"{text} leads to nothing: there is no {field}")
            value = value[field]
        return convert(value)

    return render


def _fields(path: Path) -> tuple[str, ...]:
    return path.fields[1:] if path.root is Root.STEPS else path.fields


def _root(path: Path) -> Callable[[Known], Any]:
    match path.root:
        case Root.INPUT:
            return lambda known: known.input()
        case Root.SAGA:
            return lambda known: known.saga()
        case Root.STEPS:
            return lambda known: known.reply(path.fields[0])
        case Root.FAILURE:
            return lambda known: known.failure()


def _type_of(path: Path, sources: Sources) -> AvroType | None:
    """The type that a path leads to; None where it leads nowhere."""
    if path.root in (Root.SAGA, Root.FAILURE):
        return _TYPES.get((path.root, ".".join(path.fields)))
    found: AvroType | None = sources.input
    if path.root is Root.STEPS:
        found = sources.replies.get(path.fields[0])
    for field in _fields(path):
        found = _mapped(found)(field)
    return found


# From one type to another


def _conversion(source: AvroType | None, target: AvroType | None) -> Callable[[Any], Any]:
    if source is None or target is None or _same(source, target):
        return lambda value: value
    writer, reader = _around(source), _around(target)
    encode, decode = datum_encoder_of(writer), datum_decoder_of(writer, reader)
    return lambda value: decode(encode({"value": value}))["value"]


def _same(source: AvroType, target: AvroType) -> bool:
    """Whether a value of the one is written as the other just so."""
    return source == target or (isinstance(target, UnionType) and source in target.branches)


def _around(inner: AvroType) -> AvroSchema:
    field = FieldOfRecord(name="value", type=inner)
    return AvroSchema.of(RecordType(full_name=_PASSED, fields=(field,)), {})
