"""Source of classes from schemas: what the mapping would make these very schemas of.

    class_source([ClassWish(schema=orders), ClassWish(schema=cards)], package="shop.events")

gives the files of a package, a module for each namespace; `module_source` gives one file. Each
named type is written once, after what it mentions. What Avro says and Python does not is said by
the words of avro_words.py; a name that Python forbids is changed and the class says Avro's.

What a root derives from is the caller's to say, for this room knows no events: `ClassWish` takes
the base and its keywords. All other records derive from Record.

Laws:
1. The classes have the schemas from which they were made: types, order, docs, defaults, aliases.
   What cannot be said so is refused; attributes that Avro does not know are named in `left_out`.
2. The same schemas give the same bytes, in whatever order they come.
3. Executing the source defines classes and does nothing else: texts stand in it as literals, names
   are those that the lint has passed.
4. mypy --strict finds nothing, and ruff's formatter would change nothing but lines that names alone
   make too long.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from penstock.schemas.class_text import ClassTexts, inlined
from penstock.schemas.named_types import (
    NamedType,
    mentioned_in,
    named_types,
    namespace_of,
)
from penstock.schemas.source_errors import IllegalSourceWish
from penstock.schemas.source_losses import left_out
from penstock.schemas.source_module_text import OWN_NAMES, ModuleText
from penstock.schemas.source_modules import SourceModule, modules_of
from penstock.schemas.source_names import class_names_for, is_identifier
from penstock.schemas.source_wish import (
    RECORD,
    ClassBase,
    ClassNamed,
    ClassWish,
    FieldNamed,
    ValueMade,
)
from penstock.schemas.type_tree import RecordType

__all__ = [
    "RECORD",
    "ClassBase",
    "ClassNamed",
    "ClassSource",
    "ClassWish",
    "FieldNamed",
    "ValueMade",
    "class_source",
    "module_source",
]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSource:
    """Source of classes."""

    files: Mapping[str, str]
    """The text of each file, by its path relative to the package, with `/` between folders."""
    homes: Mapping[str, tuple[str, str]]
    """For each named type the module in which it stands and its name there."""
    left_out: Mapping[str, tuple[str, ...]]
    """For each schema JSON pointers to what its class does not say: attributes that Avro does not
    know or that change no value. Only schemas that have any."""


def class_source(wishes: Iterable[ClassWish], *, package: str) -> ClassSource:
    """Write a package with the classes of some schemas.

    Args:
        wishes: the schemas, each with what its class derives from.
        package: the name by which the package will be imported.

    Raises:
        NoFaithfulClass: a schema says what no class says.
        IllegalSourceWish: the package, a base or a keyword is impossible.
    """
    if not all(map(is_identifier, package.split("."))):
        raise IllegalSourceWish(problem=f"{package!a} is no name of a package")
    wanted = _wanted(wishes)
    types = named_types(each.schema.root for each in wanted.values())
    return _written(wanted, types, modules_of(_needs(types)), package)


def module_source(wishes: Iterable[ClassWish]) -> str:
    """Write one module with the classes of some schemas, whatever their namespaces.

    Args:
        wishes: the schemas, each with what its class derives from.

    Raises:
        NoFaithfulClass: a schema says what no class says.
        IllegalSourceWish: a base or a keyword is impossible, or there is no schema.
    """
    wanted = _wanted(wishes)
    if not wanted:
        raise IllegalSourceWish(problem="there is no schema")
    types = named_types(each.schema.root for each in wanted.values())
    namespaces = tuple(sorted({*map(namespace_of, types.values())}))
    module = SourceModule(
        namespace=namespaces[0], namespaces=namespaces, segments=(), path="module.py"
    )
    return _written(wanted, types, [module], "module").files[module.path]


def _wanted(wishes: Iterable[ClassWish]) -> dict[str, ClassWish]:
    found: dict[str, ClassWish] = {}
    for each in wishes:
        if found.setdefault(each.schema.full_name, each) != each:
            raise IllegalSourceWish(problem=f"{each.schema.full_name} is wanted in two ways")
    return found


def _needs(types: Mapping[str, NamedType]) -> dict[str, set[str]]:
    """The namespaces, each with those whose types its own mention."""
    found: dict[str, set[str]] = {namespace_of(each): set() for each in types.values()}
    for each in types.values():
        if isinstance(each, RecordType):
            found[namespace_of(each)] |= {namespace_of(other) for _, other in mentioned_in(each)}
    return found


def _written(
    wanted: Mapping[str, ClassWish],
    types: Mapping[str, NamedType],
    places: Iterable[SourceModule],
    package: str,
) -> ClassSource:
    modules = [ModuleText(each, package) for each in places]
    taken = OWN_NAMES.union({RECORD.name}, *(each.names for each in wanted.values()))
    inline = inlined(types)
    homes: dict[str, tuple[ModuleText, str]] = {}
    for module in modules:
        simple = {
            full_name: full_name.rpartition(".")[2]
            for full_name, each in types.items()
            if namespace_of(each) in module.place.namespaces and full_name not in inline
        }
        names = class_names_for(simple, taken)
        homes |= {full_name: (module, name) for full_name, name in names.items()}
    texts = ClassTexts(wanted, inline, homes)
    for each in _in_order(wanted, types):
        texts.write(each)
    lost = {name: left_out(wish.schema, said=wish.said) for name, wish in wanted.items()}
    return ClassSource(
        files={module.place.path: module.text() for module in modules},
        homes={name: (module.dotted, local) for name, (module, local) in sorted(homes.items())},
        left_out={name: pointers for name, pointers in sorted(lost.items()) if pointers},
    )


def _in_order(
    wanted: Mapping[str, ClassWish], types: Mapping[str, NamedType]
) -> Iterable[NamedType]:
    """The types, each behind those that it mentions and the classes that its keywords name."""
    done: dict[str, NamedType] = {}

    def visit(full_name: str, above: tuple[str, ...]) -> None:
        if full_name in above:
            raise IllegalSourceWish(problem=f"{full_name} is named by a keyword of its own parts")
        if full_name in done:
            return
        found = types[full_name]
        if isinstance(found, RecordType):
            for _, each in mentioned_in(found):
                visit(each.full_name, (*above, full_name))
        wish = wanted.get(full_name)
        for value in wish.keywords.values() if wish else ():
            if isinstance(value, ClassNamed):
                if value.full_name not in types:
                    raise IllegalSourceWish(problem=f"{value.full_name!a} is not wanted")
                visit(value.full_name, (*above, full_name))
        done[full_name] = found

    for full_name in types:
        visit(full_name, ())
    return done.values()
