"""The definition of each named type, written into the module where it stands.

Laws:
1. A definition comes after all that it mentions, so names are known when it is executed.
2. What a class says beyond its fields it says only where Python's own would be another.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final, final

from penstock.schemas.named_types import NamedType, mentioned_in
from penstock.schemas.python_layout import (
    Atom,
    Expression,
    Group,
    Text,
    assignment,
    call,
    docstring,
    laid_out,
    subscript,
)
from penstock.schemas.source_errors import IllegalSourceWish
from penstock.schemas.source_expressions import Expressions, annotated, texts
from penstock.schemas.source_module_text import OWN_NAMES, ModuleText, plain_assignment
from penstock.schemas.source_names import attributes_for, is_member
from penstock.schemas.source_wish import (
    RECORD,
    ClassNamed,
    ClassWish,
    FieldNamed,
    KeywordValue,
    ValueMade,
)
from penstock.schemas.type_tree import (
    NO_DEFAULT,
    EnumType,
    FieldOfRecord,
    FixedType,
    RecordType,
)

__all__ = ["ClassTexts", "inlined"]

_INDENT: Final = "    "


@final
class ClassTexts:
    """Writes definitions into modules."""

    def __init__(
        self,
        wanted: Mapping[str, ClassWish],
        inline: Collection[str],
        homes: Mapping[str, tuple[ModuleText, str]],
    ) -> None:
        """Begin with nothing written.

        Args:
            wanted: the roots by their full names.
            inline: enums that are written where they are used, as `inlined` finds them.
            homes: the module of each other named type, and its name there.
        """
        self._wanted = wanted
        self._homes = homes
        self._inline = inline
        self._defined: dict[str, set[str]] = {}
        for module, name in homes.values():
            self._defined.setdefault(module.place.path, set()).add(name)
        self._imported: dict[str, dict[str, str]] = {}
        self._attributes: dict[str, Mapping[str, str]] = {}

    def write(self, named: NamedType) -> None:
        """Write a type that mentions only types which are written."""
        if named.full_name in self._inline:
            return
        module, name = self._homes[named.full_name]
        match named:
            case RecordType():
                module.add(self._record(named, module, name))
            case FixedType():
                fixed = self._expressions(module, named.full_name, module.use).fixed(named)
                module.add(_alias(name, fixed))
            case EnumType() if _has_members(named):
                module.add(self._enum(named, module, name))
            case EnumType():
                words = _enum_words(named, name="", namespace="", doc=named.doc)
                literal = subscript(module.use("Literal"), *map(_text, named.symbols))
                said = call(module.use("enum_words"), **words)
                module.add(_alias(name, subscript(module.use("Annotated"), literal, said)))

    def _expressions(
        self, module: ModuleText, place: str, use: Callable[[str], str]
    ) -> Expressions:
        return Expressions(
            use=use,
            named=lambda each: use(self._local(each.full_name, module)),
            inline=lambda enum: enum.full_name in self._inline,
            members=lambda enum: enum.full_name not in self._inline and _has_members(enum),
            attributes=lambda record: self._attributes[record.full_name],
            place=place,
        )

    def _local(self, full_name: str, module: ModuleText) -> str:
        """The name that a module has for a type, which it imports where need be."""
        home, name = self._homes[full_name]
        if home is module:
            return name
        imported = self._imported.setdefault(module.place.path, {})
        taken = self._defined[module.place.path]
        local = name
        if local in taken or imported.get(local, full_name) != full_name:
            local = "".join(part[:1].upper() + part[1:] for part in full_name.split("."))
        while local in taken or imported.get(local, full_name) != full_name:
            local += "_"
        imported[local] = full_name
        return module.take(home.dotted, name, local)

    # Enums

    def _enum(self, enum: EnumType, module: ModuleText, name: str) -> str:
        says = docstring(enum.doc) if enum.doc else []
        words = _enum_words(
            enum,
            name=name,
            namespace=module.place.namespace,
            doc=enum.doc if says is None else "",
        )
        lines = []
        if words:
            said = call(module.use("enum_words"), **words)
            lines.append("@" + laid_out(said, indent="", before=1, after=0))
        lines.append(f"class {name}({module.use('Enum')}):")
        lines += [*says, ""] if says else []
        lines += [plain_assignment(each, each, _INDENT) for each in enum.symbols]
        return "\n".join(lines)

    # Records

    def _record(self, record: RecordType, module: ModuleText, name: str) -> str:
        hidden = {"Annotated", "Field"}

        def use(used: str) -> str:
            hidden.add(used)
            return module.use(used) if used in OWN_NAMES else used

        fields = [self._field(each, record, module, use) for each in record.fields]
        attributes = attributes_for((each.name for each in record.fields), hidden)
        self._attributes[record.full_name] = attributes
        lines = []
        for each, (annotation, default) in zip(record.fields, fields, strict=True):
            attribute = attributes[each.name]
            lines.append(_field_line(each, attribute, annotation, default, module))
        says = docstring(record.doc) if record.doc else []
        head = self._statement(record, module, name, doc=record.doc if says is None else "")
        body = [*(says or ()), *([""] if says and lines else []), *lines]
        return "\n".join((head, *(body or [f"{_INDENT}pass"])))

    def _field(
        self,
        field: FieldOfRecord,
        record: RecordType,
        module: ModuleText,
        use: Callable[[str], str],
    ) -> tuple[Expression, Expression | None]:
        expressions = self._expressions(module, f"{record.full_name}.{field.name}", use)
        annotation = expressions.annotation(field)
        if field.default is NO_DEFAULT:
            return annotation, None
        return annotation, expressions.default(field.type, field.default)

    def _statement(self, record: RecordType, module: ModuleText, name: str, *, doc: str) -> str:
        wish = self._wanted.get(record.full_name)
        base, keywords = (wish.base, wish.keywords) if wish else (RECORD, {})
        namespace, _, own_name = record.full_name.rpartition(".")
        said = {
            keyword: self._keyword(value, record, module) for keyword, value in keywords.items()
        }
        # A base with keywords may take the namespace from one of them: topic.
        if namespace != module.place.namespace or keywords:
            said["namespace"] = _text(namespace)
        if name != own_name:
            said["name"] = _text(own_name)
        if record.aliases:
            said["aliases"] = texts(_near(record.aliases, namespace))
        if doc:
            said["doc"] = _text(doc)
        module.take(base.module, base.name)
        statement = call(f"class {name}", Atom(text=base.name), **said)
        return laid_out(statement, indent="", before=0, after=1) + ":"

    def _keyword(self, value: KeywordValue, record: RecordType, module: ModuleText) -> Expression:
        match value:
            case FieldNamed(name=name):
                attributes = self._attributes[record.full_name]
                if name not in attributes:
                    problem = f"{record.full_name} has no field {name!a}"
                    raise IllegalSourceWish(problem=problem)
                return _text(attributes[name])
            case ClassNamed(full_name=full_name):
                return Atom(text=self._local(full_name, module))
            case ValueMade(base=base, argument=argument):
                module.take(base.module, base.name)
                said = {keyword: _text(text) for keyword, text in value.keywords.items()}
                return call(base.name, _text(argument), **said)
            case _:
                return _text(value)


def _field_line(
    field: FieldOfRecord,
    attribute: str,
    annotation: Expression,
    default: Expression | None,
    module: ModuleText,
) -> str:
    words: dict[str, Expression] = {}
    if attribute != field.name:
        words["validation_alias"] = _text(field.name)
    if field.doc:
        words["description"] = _text(field.doc)
    container = isinstance(default, Group) and default.head in {"[", "{"}
    if isinstance(default, Group) and container and not default.parts:
        factory = "list" if default.head == "[" else "dict"
        words = {"default_factory": Atom(text=factory), **words}
    elif container and words:
        # As an argument of Field a type checker would infer the container's type without the field.
        said = call(module.use("Field"), **words)
        annotation = annotated(annotation, said)
        module.use("Annotated")
        words = {}
    elif default is not None and words:
        words = {"default": default, **words}
    if not words:
        line = assignment(attribute, annotation, default, indent=_INDENT)
        if line is not None:
            return line
        assert default is not None
        words = {"default": default}
    said = call(module.use("Field"), **words)
    line = assignment(attribute, annotation, said, indent=_INDENT)
    assert line is not None  # a call can be broken
    return line


def _alias(name: str, expression: Expression) -> str:
    begin = f"{name} = "
    return begin + laid_out(expression, indent="", before=len(begin), after=0)


def _enum_words(enum: EnumType, *, name: str, namespace: str, doc: str) -> dict[str, Expression]:
    """What is to be said of an enum whose class, or whose place, says these."""
    own_namespace, _, own_name = enum.full_name.rpartition(".")
    words: dict[str, Expression] = {}
    if name != own_name:
        words["name"] = _text(own_name)
    if namespace != own_namespace:
        words["namespace"] = _text(own_namespace)
    if enum.aliases:
        words["aliases"] = texts(_near(enum.aliases, own_namespace))
    if doc:
        words["doc"] = _text(doc)
    if enum.default is not None:
        words["default"] = _text(enum.default)
    return words


def _near(aliases: tuple[str, ...], namespace: str) -> tuple[str, ...]:
    """Aliases without the namespace in which they stand anyway."""
    split = (each.rpartition(".") for each in aliases)
    return tuple(name if space == namespace else f"{space}.{name}" for space, _, name in split)


def _has_members(enum: EnumType) -> bool:
    return all(map(is_member, enum.symbols))


def inlined(types: Mapping[str, NamedType]) -> frozenset[str]:
    """Return enums that the mapping makes of a Literal by itself: named for their only field."""
    places: dict[str, set[str]] = {}
    for record in types.values():
        if isinstance(record, RecordType):
            for field, named in mentioned_in(record):
                places.setdefault(named.full_name, set()).add(f"{record.full_name}_{field}")
    return frozenset(
        each.full_name
        for each in types.values()
        if isinstance(each, EnumType)
        and places.get(each.full_name) == {each.full_name}
        and not (each.doc or each.aliases or each.default)
    )


def _text(value: str) -> Text:
    return Text(value=value)
