"""Paths: `$.input.customer.name`, `$.steps.ship.tracking_no`, `$.saga.key`, `$.failure.code`.

    text -> root and names -> the type at the end, in the scope of the place where the path stands

A text is a path if it begins with `$.`; one more `$` in front makes it a text again. There are no
functions, no indices and no wildcards: computing is a worker's business, and so every path has a
type that is known before anything runs.

Laws:
1. A path that has a type leads to a value whenever its place is reached: to the input, to the
   reply of an earlier call, which has been given by then, never behind something that may be null.
2. What a scope does not know because it is broken elsewhere is passed over in silence.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from penstock.sagas.definition import Path, Root
from penstock.sagas.language.findings import Findings
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.source_text import quoted
from penstock.sagas.language.value_types import article, is_nullable, without_null
from penstock.sagas.language.yaml_nodes import ListNode, MappingNode, Node, TextNode
from penstock.schemas.type_tree import (
    AvroType,
    FieldOfRecord,
    Logical,
    PrimitiveType,
    RecordType,
    UnionType,
)

__all__ = ["Scope", "TypedPath", "is_path", "reads_reply_of", "resolve", "unescaped"]

_FORM = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_]*)+")
_ESCAPED = re.compile(r"\$\$+\.")
_TEXT: Final = PrimitiveType(name="string")
_MOMENT: Final = PrimitiveType(name="long", logical=Logical(name="timestamp-micros"))

_SAGA: Final = RecordType(
    full_name="saga",
    fields=(
        FieldOfRecord(name="id", type=_TEXT),
        FieldOfRecord(name="key", type=_TEXT),
        FieldOfRecord(name="started_at", type=_MOMENT),
    ),
)
_FAILURE: Final = RecordType(
    full_name="failure",
    fields=(FieldOfRecord(name="step", type=_TEXT), FieldOfRecord(name="code", type=_TEXT)),
)
_ROOTS: Final = tuple(root.value for root in Root)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What paths may name at one place."""

    input: RecordType | None
    """The saga's input; None where it is not known."""
    replies: Mapping[str, RecordType | None] = field(default_factory=dict)
    """The calls that have been answered by then; None where they are answered without data."""
    unknown: frozenset[str] = frozenset()
    """Steps before that are broken, so that nothing is known of their replies."""
    events: frozenset[str] = frozenset()
    """Steps that emit."""
    later: frozenset[str] = frozenset()
    """Steps that have not been answered by then, its own among them."""
    certain: bool = True
    """Whether all names are known; else a step may be there that nobody finds."""
    own: str | None = None
    """The step that the place belongs to."""
    in_undo: bool = False
    """Whether the place is an undo, which runs after something has failed."""
    at_the_end: bool = False
    """Whether the place is `compensated`, which is said when everything is undone."""

    def of_undo(self, reply: RecordType | None, *, reads_own: bool, known: bool) -> "Scope":
        """Return the scope of a step's undo.

        Args:
            reply: what the step is answered with.
            reads_own: whether the undo only runs when that reply is there.
            known: whether the reply could be found out.
        """
        if not reads_own or self.own is None:
            return replace(self, in_undo=True)
        later, unknown = self.later - {self.own}, self.unknown
        if not known:
            return replace(self, in_undo=True, later=later, unknown=unknown | {self.own})
        replies = {**self.replies, self.own: reply}
        return replace(self, in_undo=True, later=later, replies=replies)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedPath:
    """A path that leads somewhere."""

    path: Path
    type: AvroType
    """The type of what it leads to."""


def is_path(node: TextNode) -> bool:
    """Tell whether a text is a path, quoted or not."""
    return node.text.startswith("$.")


def unescaped(text: str) -> str:
    """Return what a text that is no path means: `$$.x` is the text `$.x`, `$$$.x` is `$$.x`."""
    return text[1:] if _ESCAPED.match(text) else text


def reads_reply_of(node: Node | None, step: str) -> bool:
    """Tell whether a path anywhere in a node reads the reply of a step."""
    prefix = f"$.steps.{step}"
    return any(
        each.text == prefix or each.text.startswith(f"{prefix}.") for each in _texts_in(node)
    )


def _texts_in(node: Node | None) -> Iterator[TextNode]:
    match node:
        case TextNode():
            yield node
        case ListNode(items=items):
            for item in items:
                yield from _texts_in(item)
        case MappingNode(entries=entries):
            for entry in entries:
                yield from _texts_in(entry.value)


def resolve(node: TextNode, scope: Scope, findings: Findings) -> TypedPath | None:
    """Find out where a path leads.

    Args:
        node: a text that begins as a path.
        scope: what may be named at its place.
        findings: is told why it leads nowhere.

    Returns:
        The path with its type; None where it leads nowhere, or where that cannot be known.
    """
    if _FORM.fullmatch(node.text) is None:
        message = (
            f"{quoted(node.text)} is no path: a path is $.input, $.steps, $.saga or $.failure and "
            "names with dots between. A text that begins so is written $$."
        )
        findings.error(ProblemCode.ILLEGAL_PATH, node.mark, message)
        return None
    root, *names = node.text.split(".")[1:]
    if root not in _ROOTS:
        message = f"A path begins with $.input, $.steps, $.saga or $.failure, not $.{root}."
        findings.error(ProblemCode.ILLEGAL_PATH, node.mark, message, name=root, among=_ROOTS)
        return None
    start = _start(Root(root), names, node, scope, findings)
    if start is None:
        return None
    behind = names[1:] if root == Root.STEPS else names
    if root in (Root.SAGA, Root.FAILURE) and not behind:
        known = ", ".join(f"$.{root}.{each.name}" for each in start.fields)
        message = f"$.{root} is no value by itself; say one of {known}."
        findings.error(ProblemCode.ILLEGAL_PATH, node.mark, message)
        return None
    found = _walk(start, behind, node, findings)
    if found is None:
        return None
    return TypedPath(path=Path(root=Root(root), fields=tuple(names)), type=found)


def _start(
    root: Root, names: list[str], node: TextNode, scope: Scope, findings: Findings
) -> RecordType | None:
    match root:
        case Root.INPUT:
            return scope.input
        case Root.SAGA:
            return _SAGA
        case Root.FAILURE:
            if not (scope.in_undo or scope.at_the_end):
                message = (
                    "$.failure is known only in 'undo' and in 'compensated': before, nothing has "
                    "failed."
                )
                findings.error(ProblemCode.ILLEGAL_PATH, node.mark, message)
                return None
            return _FAILURE
        case Root.STEPS:
            return _reply(names, node, scope, findings)


def _reply(names: list[str], node: TextNode, scope: Scope, findings: Findings) -> RecordType | None:
    if not names:
        message = "$.steps is no value by itself; say $.steps.<step>.<field>."
        findings.error(ProblemCode.ILLEGAL_PATH, node.mark, message)
        return None
    if scope.at_the_end:
        message = (
            "No step's reply is known in 'compensated': a saga may turn round before any step was "
            "answered. Say $.input, $.saga or $.failure."
        )
        findings.error(ProblemCode.ILLEGAL_PATH, node.mark, message)
        return None
    step = names[0]
    if step in scope.unknown:
        return None
    if step == scope.own and step in scope.later:
        _tell_own(step, node, scope, findings)
    elif step in scope.events:
        message = f"The step '{step}' emits an event; nobody answers it, so there is no reply."
        findings.error(ProblemCode.NO_REPLY, node.mark, message)
    elif step in scope.later:
        message = f"The step '{step}' comes later; here its reply is not there yet."
        findings.error(ProblemCode.LATER_STEP, node.mark, message)
    elif step not in scope.replies:
        if not scope.certain:
            return None
        message = f"There is no step {quoted(step)}."
        findings.error(ProblemCode.UNKNOWN_STEP, node.mark, message, name=step, among=scope.replies)
    elif (reply := scope.replies[step]) is None:
        message = (
            f"The step '{step}' is answered without data: its command's schema names no 'reply'."
        )
        findings.error(ProblemCode.NO_REPLY, node.mark, message)
    else:
        return reply
    return None


def _tell_own(step: str, node: TextNode, scope: Scope, findings: Findings) -> None:
    if scope.in_undo:
        message = (
            f"The undo needs the reply of its own step '{step}', and an unknown outcome has none. "
            "Undo it by what is known before; or say 'undo_unknown: skip' beside 'undo', and an "
            "unknown outcome stays as it is."
        )
        findings.error(ProblemCode.OWN_REPLY_UNKNOWN, node.mark, message)
    else:
        message = f"The step '{step}' cannot read its own reply before it is called."
        findings.error(ProblemCode.LATER_STEP, node.mark, message)


def _walk(
    start: RecordType, names: list[str], node: TextNode, findings: Findings
) -> AvroType | None:
    found: AvroType = start
    so_far = ".".join(node.text.split(".")[: -len(names)]) if names else node.text
    for name in names:
        if not isinstance(found, RecordType):
            _tell_end(found, so_far, name, node, findings)
            return None
        types = {each.name: each.type for each in found.fields}
        if name not in types:
            message = f"{_owner(found, so_far)} has no field '{name}'."
            findings.error(ProblemCode.UNKNOWN_FIELD, node.mark, message, name=name, among=types)
            return None
        found, so_far = types[name], f"{so_far}.{name}"
    return found


def _owner(record: RecordType, so_far: str) -> str:
    return so_far if record in (_SAGA, _FAILURE) else f"{so_far} ({record.full_name})"


def _tell_end(found: AvroType, so_far: str, name: str, node: TextNode, findings: Findings) -> None:
    inner = without_null(found) if isinstance(found, UnionType) else found
    if is_nullable(found) and isinstance(inner, RecordType):
        message = f"{so_far} may be null, and then '{name}' of it leads nowhere."
        findings.error(ProblemCode.NULLABLE, node.mark, message)
        return
    message = (
        f"{so_far} is {article(found)}, which has no field '{name}': only records have fields."
    )
    findings.error(ProblemCode.NOT_A_RECORD, node.mark, message)
