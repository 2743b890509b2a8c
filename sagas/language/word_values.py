"""What stands behind a word: a text, a number, a duration, with its place.

Laws:
1. Each reader returns a value within its range, or tells what is wrong and returns None.
2. Nothing is converted: a number in quotes is text, and `5` is no duration.
"""

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from penstock.sagas.language.durations import duration_ms
from penstock.sagas.language.findings import Findings
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.source_text import Mark, quoted
from penstock.sagas.language.yaml_nodes import (
    BrokenNode,
    Entry,
    ListNode,
    Node,
    ScalarKind,
    TextNode,
)

__all__ = [
    "Told",
    "duration_in",
    "flag_in",
    "name_in",
    "number_in",
    "ratio_in",
    "shape_of",
    "text_in",
]

T = TypeVar("T")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,11}")
_RATIO = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Generic[T]):
    """A value that the file tells, and where."""

    value: T
    mark: Mark


def shape_of(node: Node) -> str:
    """Return what a node is, with its article, as messages name it."""
    match node:
        case TextNode():
            return node.kind.value
        case ListNode():
            return "a list"
        case _:
            return "a mapping"


def text_in(entry: Entry | None, findings: Findings, what: str) -> TextNode | None:
    """Return the text behind a word.

    Args:
        entry: the word and what stands behind it; None where it is not said.
        findings: is told where it is no text.
        what: what the word takes, with its article.
    """
    node = _scalar_in(entry, findings, what)
    if node is None or entry is None:
        return None
    if node.kind is not ScalarKind.TEXT:
        message = f"'{entry.key.text}' takes {what}; YAML takes this for {node.kind}."
        findings.error(ProblemCode.WRONG_SHAPE, node.mark, message)
        return None
    return node


def name_in(entry: Entry | None, findings: Findings, what: str) -> Told[str] | None:
    """Return the name behind a word, if it is legal."""
    node = text_in(entry, findings, what)
    if node is None:
        return None
    if _NAME.fullmatch(node.text) is None:
        message = (
            f"{quoted(node.text)} is no name: a name begins with a letter a-z and goes on with at "
            "most 62 of a-z, 0-9 and underscore."
        )
        findings.error(ProblemCode.ILLEGAL_NAME, node.mark, message)
        return None
    return Told(value=node.text, mark=node.mark)


def number_in(entry: Entry | None, findings: Findings, low: int, high: int) -> Told[int] | None:
    """Return the whole number behind a word, if it is within `low` and `high`."""
    what = f"a whole number from {low} to {high}"
    node = _scalar_in(entry, findings, what)
    if node is None or entry is None:
        return None
    if node.plain and _WHOLE.fullmatch(node.text) and low <= int(node.text) <= high:
        return Told(value=int(node.text), mark=node.mark)
    message = f"'{entry.key.text}' takes {what}, not {_found(node)}."
    findings.error(ProblemCode.ILLEGAL_NUMBER, node.mark, message)
    return None


def ratio_in(entry: Entry | None, findings: Findings, low: int, high: int) -> Told[float] | None:
    """Return the number behind a word, if it is within `low` and `high`."""
    what = f"a number from {low} to {high}"
    node = _scalar_in(entry, findings, what)
    if node is None or entry is None:
        return None
    if node.plain and _RATIO.fullmatch(node.text) and low <= float(node.text) <= high:
        return Told(value=float(node.text), mark=node.mark)
    message = f"'{entry.key.text}' takes {what}, not {_found(node)}."
    findings.error(ProblemCode.ILLEGAL_NUMBER, node.mark, message)
    return None


def duration_in(entry: Entry | None, findings: Findings) -> Told[int] | None:
    """Return the duration behind a word, in milliseconds."""
    node = _scalar_in(entry, findings, "a duration")
    if node is None or entry is None:
        return None
    if (length_ms := duration_ms(node.text)) is not None:
        return Told(value=length_ms, mark=node.mark)
    message = (
        f"'{entry.key.text}' takes a duration such as 10s, 5m, 2h or 3d, up to 365d, "
        f"not {_found(node)}."
    )
    findings.error(ProblemCode.ILLEGAL_DURATION, node.mark, message)
    return None


def flag_in(entry: Entry | None, findings: Findings) -> bool:
    """Return whether a word is set to true; false where it is not said, or wrongly."""
    node = _scalar_in(entry, findings, "true or false")
    if node is None or entry is None:
        return False
    if node.kind is not ScalarKind.BOOLEAN:
        message = f"'{entry.key.text}' takes true or false, not {_found(node)}."
        findings.error(ProblemCode.WRONG_SHAPE, node.mark, message)
    return node.kind is ScalarKind.BOOLEAN and node.text.lower() == "true"


def _scalar_in(entry: Entry | None, findings: Findings, what: str) -> TextNode | None:
    if entry is None or isinstance(entry.value, BrokenNode):
        return None
    node = entry.value
    if not isinstance(node, TextNode):
        message = f"'{entry.key.text}' takes {what}, not {shape_of(node)}."
        findings.error(ProblemCode.WRONG_SHAPE, node.mark, message)
        return None
    if node.kind is ScalarKind.NOTHING:
        message = f"Nothing stands behind '{entry.key.text}'; it takes {what}."
        findings.error(ProblemCode.EMPTY_VALUE, node.mark, message)
        return None
    return node


def _found(node: TextNode) -> str:
    return quoted(node.text) if node.plain else f"the text {quoted(node.text)}"
