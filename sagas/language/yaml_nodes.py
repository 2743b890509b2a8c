"""What a saga file holds, before anybody asks what it means: texts, lists, mappings, with places.

A scalar stays the text that was written. What YAML would take it for (`kind`) is asked where a
value is expected, by YAML 1.2's core schema, in which `on`, `yes` and `NO` are text and `1:30` is
no number.

Laws:
1. Keys are text and unique within their mapping.
2. Nodes nest no deeper than yaml_tree.py lets them, so whoever walks them may recurse.
3. A `BrokenNode` stands for what could not be read and has been told: everybody passes over it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from penstock.sagas.language.source_text import Mark

__all__ = ["BrokenNode", "Entry", "ListNode", "MappingNode", "Node", "ScalarKind", "TextNode"]


class ScalarKind(StrEnum):
    """What YAML takes a scalar for; the values name it in messages."""

    NOTHING = "nothing"
    NULL = "null"
    BOOLEAN = "a boolean"
    INTEGER = "a whole number"
    NUMBER = "a number"
    TEXT = "text"


# YAML 1.2.2, 10.3.2 "Tag Resolution" of the core schema.
_KINDS = (
    (re.compile(r""), ScalarKind.NOTHING),
    (re.compile(r"null|Null|NULL|~"), ScalarKind.NULL),
    (re.compile(r"true|True|TRUE|false|False|FALSE"), ScalarKind.BOOLEAN),
    (re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"), ScalarKind.INTEGER),
    (
        re.compile(
            r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
            r"|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN"
        ),
        ScalarKind.NUMBER,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextNode:
    """A scalar."""

    mark: Mark
    text: str
    """As written; of a quoted one what the quotes mean."""
    plain: bool
    """Whether it stands without quotes, so that it may be a number, a boolean or null."""

    @property
    def kind(self) -> ScalarKind:
        """What YAML takes it for."""
        if self.plain:
            for pattern, kind in _KINDS:
                if pattern.fullmatch(self.text):
                    return kind
        return ScalarKind.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNode:
    """A sequence."""

    mark: Mark
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key and its value."""

    key: TextNode
    value: "Node"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingNode:
    """A mapping."""

    mark: Mark
    entries: tuple[Entry, ...]
    """In the order of the file; each key once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenNode:
    """Something that could not be read and has been told."""

    mark: Mark


Node = TextNode | ListNode | MappingNode | BrokenNode
"""Anything that a file holds."""
