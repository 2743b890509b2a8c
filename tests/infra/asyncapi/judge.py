"""The official JSON schemas of AsyncAPI, and what they say about a document."""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator  # type: ignore[import-untyped] # it ships no types

__all__ = ["complaints", "lost_references"]

_FOLDER = Path(__file__).with_name("schemas")


def complaints(document: Any) -> list[str]:
    """Return what is wrong with a document, by the schema of the version that it names."""
    found = _validator(document["asyncapi"]).iter_errors(document)
    return [f"{error.json_path}: {error.message[:300]}" for error in found]


def lost_references(document: Any) -> list[str]:
    """Return the references in a document that lead nowhere; no schema sees those."""
    return [reference for reference in _references(document) if not _leads(document, reference)]


@cache
def _validator(version: str) -> Draft7Validator:
    content = gzip.decompress((_FOLDER / f"{version}.json.gz").read_bytes())
    return Draft7Validator(json.loads(content))


def _references(node: Any) -> Iterator[str]:
    match node:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for inner in node.values():
                yield from _references(inner)
        case list():
            for inner in node:
                yield from _references(inner)


def _leads(document: Any, reference: str) -> bool:
    if not reference.startswith("#/"):
        return False
    node = document
    for part in reference[2:].split("/"):
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return True
