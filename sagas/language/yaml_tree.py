"""A text becomes nodes: YAML 1.2 without what a saga has no use for.

The parser yields events, which cost the same for any text of a size; nodes are made of them here,
without recursion, under limits. Anchors, aliases, tags, merge keys, directives and further
documents are told and left out: what stands in a saga is what it says, and nothing is a shorthand
for something elsewhere (`defaults:` is the saga's own).

Laws:
1. Whatever the text, there is an answer soon: nodes, or problems, never another exception.
2. Only this file knows the parser.
"""

from collections.abc import Iterator
from typing import Any, Final, final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from penstock.sagas.language.findings import Findings
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.source_text import Mark, hidden_characters, quoted
from penstock.sagas.language.yaml_nodes import (
    BrokenNode,
    Entry,
    ListNode,
    MappingNode,
    Node,
    ScalarKind,
    TextNode,
)

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "tree_of"]

MAX_BYTES: Final = 256 * 1024
"""Size of a file (saga-rules S35). A step takes 300 bytes; a record of the definitions topic takes
the text and its schemas."""
MAX_DEPTH: Final = 32
"""Levels of nesting (saga-rules S35). The grammar takes five, literals of records a few more."""
MAX_VALUES: Final = 20_000
"""Keys, values and collections. 200 steps take some 5 000; the parser takes 0.05 ms for each."""


def tree_of(text: str, findings: Findings) -> Node | None:
    """Read a text.

    Args:
        text: a file's content.
        findings: is told what is wrong.

    Returns:
        What it holds, without what was refused; None where nothing can be made of it.
    """
    if not _is_readable(text, findings):
        return None
    building = _Building(findings)
    # Not typ="rt", which keeps comments, nor the C parser, which speaks YAML 1.1.
    events = YAML(typ="safe", pure=True).parse(text)
    try:
        for event in events:
            if not building.take(event):
                return None
    except MarkedYAMLError as error:
        findings.error(ProblemCode.SYNTAX, _place_of(error), _said(error))
        return None
    except (YAMLError, ValueError, OverflowError) as error:
        # ValueError is an escape beyond Unicode, "\U00110000": the parser gives it to chr().
        reason = f"The YAML cannot be read after this place ({type(error).__name__})."
        findings.error(ProblemCode.SYNTAX, building.latest, reason)
        return None
    if building.root is None:
        message = "The file is empty; a saga begins with 'saga: <name>'."
        findings.error(ProblemCode.WRONG_SHAPE, Mark(line=1, column=1), message)
    return building.root


def _is_readable(text: str, findings: Findings) -> bool:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        message = f"The file has {size} bytes; a saga has at most {MAX_BYTES // 1024} KiB."
        findings.error(ProblemCode.TOO_LARGE, Mark(line=1, column=1), message)
        return False
    for mark, described in hidden_characters(text):
        message = f"Here stands {described}, which nobody sees; remove it."
        findings.error(ProblemCode.HIDDEN_CHARACTER, mark, message)
        if findings.full:
            break
    return not findings.failed


def _place_of(error: MarkedYAMLError) -> Mark:
    mark = error.problem_mark or error.context_mark
    return _mark(mark) if mark is not None else Mark(line=1, column=1)


def _said(error: MarkedYAMLError) -> str:
    reasons = (error.context, error.problem)
    message = f"This is no YAML: {', '.join(each for each in reasons if each)}."
    if "\\t" in message:
        message += " YAML is indented with spaces, never with tabs."
    return message


def _mark(mark: Any) -> Mark:
    return Mark(line=mark.line + 1, column=mark.column + 1)


@final
class _Open:
    """A list or mapping whose end has not come yet."""

    def __init__(self, mark: Mark, *, is_mapping: bool) -> None:
        self.mark = mark
        self.is_mapping = is_mapping
        self.parts: list[Node] = []
        """Items; of a mapping keys and values in turn."""


@final
class _Building:
    """Nodes in the making."""

    def __init__(self, findings: Findings) -> None:
        self.root: Node | None = None
        self.latest = Mark(line=1, column=1)
        self._findings = findings
        self._open: list[_Open] = []
        self._documents = 0
        self._values = 0

    def take(self, event: Event) -> bool:
        """Take the next event; False where the text is not to be read further."""
        self.latest = mark = _mark(event.start_mark)
        match event:
            case DocumentStartEvent():
                return self._document(event, mark)
            case NodeEvent():
                return self._node(event, mark)
            case CollectionEndEvent():
                self._put(self._closed(self._open.pop()))
        return True

    def _document(self, event: DocumentStartEvent, mark: Mark) -> bool:
        self._documents += 1
        if event.version or event.tags:
            message = "A saga has no YAML directives; it is always YAML 1.2."
            self._findings.error(ProblemCode.DIRECTIVE, mark, message)
        if self._documents > 1:
            message = "A second document begins here; a file holds one saga."
            self._findings.error(ProblemCode.SEVERAL_DOCUMENTS, mark, message)
            return False
        return True

    def _node(self, event: NodeEvent, mark: Mark) -> bool:
        self._values += 1
        if self._values > MAX_VALUES:
            message = f"The file holds more than {MAX_VALUES} keys and values."
            self._findings.error(ProblemCode.TOO_MANY_VALUES, mark, message)
            return False
        self._refuse_extras(event, mark)
        match event:
            case ScalarEvent():
                plain = event.style is None or event.style == ""
                self._put(TextNode(mark=mark, text=event.value, plain=plain))
            case SequenceStartEvent() | MappingStartEvent():
                is_mapping = isinstance(event, MappingStartEvent)
                self._open.append(_Open(mark, is_mapping=is_mapping))
            case _:
                self._put(BrokenNode(mark=mark))
        if len(self._open) > MAX_DEPTH:
            message = f"The file nests deeper than {MAX_DEPTH} levels."
            self._findings.error(ProblemCode.TOO_DEEP, mark, message)
            return False
        return True

    def _refuse_extras(self, event: NodeEvent, mark: Mark) -> None:
        if isinstance(event, AliasEvent) or event.anchor is not None:
            sign = "alias *" if isinstance(event, AliasEvent) else "anchor &"
            message = (
                f"A saga has no {sign}{_bare(event.anchor)}: what stands in it is what it "
                "says. Write the value out, or use 'defaults'."
            )
            self._findings.error(ProblemCode.ANCHOR, mark, message)
        tag: object = getattr(event, "tag", None)  # aliases have none
        if tag is not None:
            message = f"A saga has no YAML tags such as {quoted(str(tag))}; its schemas type it."
            self._findings.error(ProblemCode.TAG, mark, message)

    def _put(self, node: Node) -> None:
        if self._open:
            self._open[-1].parts.append(node)
        else:
            self.root = node

    def _closed(self, opened: _Open) -> Node:
        if not opened.is_mapping:
            return ListNode(mark=opened.mark, items=tuple(opened.parts))
        return MappingNode(mark=opened.mark, entries=tuple(self._entries(opened.parts)))

    def _entries(self, parts: list[Node]) -> Iterator[Entry]:
        seen: dict[str, Mark] = {}
        for key, value in zip(parts[::2], parts[1::2], strict=True):
            if not self._is_key(key):
                continue
            assert isinstance(key, TextNode)
            if (first := seen.setdefault(key.text, key.mark)) is not key.mark:
                message = (
                    f"{quoted(key.text)} stands here twice, first in line {first.line}; one of the "
                    "two would silently win."
                )
                self._findings.error(ProblemCode.DUPLICATE_KEY, key.mark, message)
                continue
            yield Entry(key=key, value=_at_its_key(key, value))

    def _is_key(self, key: Node) -> bool:
        if not isinstance(key, TextNode):
            if not isinstance(key, BrokenNode):
                message = "A key is text; this is a list or a mapping."
                self._findings.error(ProblemCode.KEY_NOT_TEXT, key.mark, message)
            return False
        if key.plain and key.text == "<<":
            message = "A saga has no merge keys '<<'. Write the values out, or use 'defaults'."
            self._findings.error(ProblemCode.MERGE_KEY, key.mark, message)
            return False
        if key.kind is not ScalarKind.TEXT:
            message = f"A key is text; YAML takes this for {key.kind}. Put it in quotes."
            self._findings.error(ProblemCode.KEY_NOT_TEXT, key.mark, message)
            return False
        return True


def _at_its_key(key: TextNode, value: Node) -> Node:
    """Return the value; of one that is not there the place is the key, not the line below."""
    if isinstance(value, TextNode) and value.kind is ScalarKind.NOTHING:
        return TextNode(mark=key.mark, text="", plain=True)
    return value


def _bare(anchor: str | None) -> str:
    """Return the name of an anchor as messages show it."""
    return quoted(anchor or "")[1:-1]
