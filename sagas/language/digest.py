"""The digest of a definition: what tells whether two of one version are the same.

It covers the text and the full JSON of every schema that is used. Not fingerprints: those see
neither logical types nor defaults, and a decimal of another scale is another saga (formats F6).
"""

import json
from collections.abc import Iterable
from hashlib import sha256

__all__ = ["digest_of"]

_FORM = "penstock saga definition 1"
"""Says what is digested and how; another way of doing it gets another number."""


def digest_of(text: str, schemas: Iterable[str]) -> str:
    """Return the digest of a definition.

    Args:
        text: the YAML, as read.
        schemas: full JSON of each schema, sorted.

    Returns:
        SHA-256 as 64 hexadecimal digits.
    """
    # JSON keeps the borders: no two pairs of text and schemas give the same bytes.
    whole = json.dumps([_FORM, text, list(schemas)], ensure_ascii=True, separators=(",", ":"))
    return sha256(whole.encode("ascii")).hexdigest()
