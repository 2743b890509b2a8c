"""What `with` gives to a record, field by field: checked against its schema, made into a template.

    a path      its type must fit the field (value_types.py)
    a literal   its text must be a value of the field (literals.py)
    a list      fills an array, item by item; a mapping fills a record or a map

Laws:
1. Every field of the record without an Avro default is given, even one that may be null: whoever
   adds a field to a command decides by its default whether old sagas still fit.
2. A template that passes renders to a value that fits, whatever input and replies hold.
"""

from collections.abc import Collection, Mapping
from typing import final

from penstock.sagas.definition import ListTemplate, MappingTemplate, Template
from penstock.sagas.language.did_you_mean import did_you_mean
from penstock.sagas.language.findings import Findings
from penstock.sagas.language.literals import literal_of
from penstock.sagas.language.outline import ValuesOutline
from penstock.sagas.language.paths import Scope, is_path, resolve
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.source_text import Mark, quoted
from penstock.sagas.language.value_types import is_nullable, misfit, shown, without_null
from penstock.sagas.language.word_values import shape_of
from penstock.sagas.language.yaml_nodes import BrokenNode, ListNode, MappingNode, Node, TextNode
from penstock.schemas.type_tree import (
    NO_DEFAULT,
    ArrayType,
    AvroType,
    MapType,
    RecordType,
    UnionType,
)

__all__ = ["template_of"]


def template_of(
    values: ValuesOutline, record: RecordType, scope: Scope, findings: Findings
) -> MappingTemplate | None:
    """Check what is given to a record.

    Args:
        values: the `with`, or its absence.
        record: what is to be filled.
        scope: what paths may name there.
        findings: is told what does not fit.

    Returns:
        The template, or None where something is wrong.
    """
    if not values.readable:
        return None
    filling = _Filling(scope, findings)
    if values.node is None:
        filling.tell_missing(record, (), values.mark)
        return MappingTemplate(fields={})
    return filling.record(values.node, record, values.mark)


@final
class _Filling:
    """One `with`."""

    def __init__(self, scope: Scope, findings: Findings) -> None:
        self._scope = scope
        self._findings = findings

    def record(self, node: MappingNode, record: RecordType, mark: Mark) -> MappingTemplate | None:
        """Fill a record; `mark` is where to tell what lacks."""
        types = {each.name: each.type for each in record.fields}
        given: dict[str, Template | None] = {}
        meant: set[str | None] = set()
        for entry in node.entries:
            name = entry.key.text
            if name in types:
                given[name] = self._value(entry.value, types[name])
                continue
            message = f"{record.full_name} has no field {quoted(name)}."
            self._findings.error(
                ProblemCode.UNKNOWN_FIELD, entry.key.mark, message, name=name, among=types
            )
            if not self._findings.full:
                # Who is asked "did you mean order_id?" need not be told that order_id lacks.
                meant.add(did_you_mean(name, types))
        self.tell_missing(record, (*given, *meant), mark)
        return _whole(given)

    def tell_missing(self, record: RecordType, given: Collection[object], mark: Mark) -> None:
        """Tell of each required field that is not given."""
        for each in record.fields:
            if each.default is NO_DEFAULT and each.name not in given:
                message = (
                    f"{record.full_name} needs '{each.name}' ({shown(each.type)}): its schema has "
                    "no default for it."
                )
                self._findings.error(ProblemCode.MISSING_FIELD, mark, message)

    def _value(self, node: Node, target: AvroType) -> Template | None:
        match node:
            case BrokenNode():
                return None
            case TextNode():
                if is_path(node):
                    return self._path(node, target)
                return literal_of(node, target, self._findings)
            case ListNode():
                return self._list(node, target)
            case MappingNode():
                return self._mapping(node, target)

    def _path(self, node: TextNode, target: AvroType) -> Template | None:
        found = resolve(node, self._scope, self._findings)
        if found is None:
            return None
        reason = misfit(found.type, target)
        if reason is None:
            return found.path
        if is_nullable(found.type) and misfit(without_null(found.type), target) is None:
            message = f"{node.text} may be null, and this takes {shown(target)}, never null."
            self._findings.error(ProblemCode.NULLABLE, node.mark, message)
        else:
            message = f"{node.text} is {shown(found.type)}; this takes {shown(target)}: {reason}."
            self._findings.error(ProblemCode.TYPE_MISMATCH, node.mark, message)
        return None

    def _list(self, node: ListNode, target: AvroType) -> Template | None:
        array = _only_branch(target, ArrayType)
        if not isinstance(array, ArrayType):
            self._tell_shape(node, target)
            return None
        items = [self._value(item, array.items) for item in node.items]
        whole = tuple(item for item in items if item is not None)
        return ListTemplate(items=whole) if len(whole) == len(items) else None

    def _mapping(self, node: MappingNode, target: AvroType) -> Template | None:
        match _only_branch(target, RecordType, MapType):
            case RecordType() as record:
                return self.record(node, record, node.mark)
            case MapType(values=values):
                return _whole(
                    {each.key.text: self._value(each.value, values) for each in node.entries}
                )
            case _:
                self._tell_shape(node, target)
                return None

    def _tell_shape(self, node: Node, target: AvroType) -> None:
        message = f"This takes {shown(target)}, not {shape_of(node)}."
        self._findings.error(ProblemCode.TYPE_MISMATCH, node.mark, message)


def _only_branch(target: AvroType, *kinds: type) -> AvroType | None:
    """Return the type itself, or the one branch of a union that is of the kinds.

    Of several records a mapping does not say which it is, so none is returned.
    """
    branches = target.branches if isinstance(target, UnionType) else (target,)
    fitting = [each for each in branches if isinstance(each, kinds)]
    return fitting[0] if len(fitting) == 1 else None


def _whole(given: Mapping[str, Template | None]) -> MappingTemplate | None:
    whole = {name: each for name, each in given.items() if each is not None}
    return MappingTemplate(fields=whole) if len(whole) == len(given) else None
