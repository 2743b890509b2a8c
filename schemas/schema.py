"""`AvroSchema`: a schema that has been judged, with its name, its fingerprint and its text.

There are two ways to one: `AvroSchema.parse` for text from outside, and `mapping.schema_of` for a
class of ours. Both end in the same lint, so whoever holds an `AvroSchema` holds one that is safe to
read foreign bytes with.

Laws:
1. Equal texts are equal schemas. Equal fingerprints are not: a fingerprint sees neither logical
   types nor defaults (see identity.py).
2. `document` and `root` are shared and never changed.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from penstock.schemas.canonical import document_of, fingerprint_of
from penstock.schemas.limits import MAX_DEPTH, MAX_JSON_DEPTH, MAX_SCHEMA_LENGTH
from penstock.schemas.lint import tree_of
from penstock.schemas.schema_errors import (
    DuplicateName,
    NotASchema,
    SchemaTooDeep,
    SchemaTooLarge,
)
from penstock.schemas.type_tree import RecordType

__all__ = ["AvroSchema"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AvroSchema:
    """A linted Avro schema of a record. Made by `parse` and `of`, not by hand."""

    full_name: str
    """The record's name with namespace."""
    fingerprint: bytes
    """CRC-64-AVRO of the canonical form: 8 bytes, the least significant first."""
    text: str
    """The full JSON in one line: docs, defaults, logical types and attributes included."""
    document: Mapping[str, Any] = field(compare=False, repr=False)
    """The same, parsed. Do not change it."""
    root: RecordType = field(compare=False, repr=False)
    """The same, as the tree that the codecs work on."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Judge a schema from outside.

        Args:
            text: the JSON.

        Raises:
            SchemaError: a leaf for each kind of fault, with a JSON pointer to the place.
        """
        if len(text) > MAX_SCHEMA_LENGTH:
            raise SchemaTooLarge(pointer="", limit=MAX_SCHEMA_LENGTH, unit="characters")
        try:
            document = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
        except RecursionError:
            raise SchemaTooDeep(pointer="", limit=MAX_DEPTH) from None
        except ValueError as error:
            raise NotASchema(
                pointer="", problem=f"it is no JSON ({type(error).__name__})"
            ) from None
        _check_depth(document)
        root = tree_of(document)
        return cls(
            full_name=root.full_name,
            fingerprint=fingerprint_of(root),
            text=_compact(document),
            document=document,
            root=root,
        )

    @classmethod
    def of(cls, root: RecordType, attributes: Mapping[str, str]) -> Self:
        """Make the schema of a tree, through the same judgement.

        Args:
            root: a tree from the mapping.
            attributes: further attributes of the record itself.

        Raises:
            SchemaError: as for `parse`.
        """
        document = document_of(root, dict(attributes))
        return cls.parse(json.dumps(document, ensure_ascii=False))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise DuplicateName(pointer="", name=ascii(name[:64]), kind="attribute")
        found[name] = value
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _check_depth(document: object) -> None:
    # Of attributes too that are no part of the schema: others will parse the text as well.
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > MAX_JSON_DEPTH:
            raise SchemaTooDeep(pointer="", limit=MAX_DEPTH)
        level = [inner for node in level for inner in _inner(node)]


def _inner(node: object) -> Iterable[object]:
    match node:
        case dict():
            return node.values()
        case list():
            return node
        case _:
            return ()


def _compact(document: object) -> str:
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except UnicodeEncodeError:
        problem = "it holds half a character (a lone surrogate)"
        raise NotASchema(pointer="", problem=problem) from None
    except ValueError:
        # 1e999 is JSON and is read as infinity, which no JSON can say: nobody could read the text.
        problem = "it holds a number that is too large"
        raise NotASchema(pointer="", problem=problem) from None
    return text
