"""How the codecs' callers find the schema behind a fingerprint.

The catalogue that keeps schemas in a topic lives in events, files are read in infra; whoever only
needs an answer depends on this Protocol.
"""

from typing import Protocol

from penstock.schemas.codec_errors import UnknownFingerprint
from penstock.schemas.schema import AvroSchema

__all__ = ["SchemaLookup", "found_in"]


class SchemaLookup(Protocol):
    """Knows schemas by fingerprint. Answers from memory, at once."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Return the schema with this fingerprint, or None when it is not known (yet).

        Args:
            fingerprint: eight bytes, as `single_object.fingerprint_in` yields them.
        """
        ...


def found_in(lookup: SchemaLookup, fingerprint: bytes) -> AvroSchema:
    """Return the schema with this fingerprint.

    Args:
        lookup: what is known.
        fingerprint: eight bytes.

    Raises:
        UnknownFingerprint: there is none.
    """
    if (schema := lookup.find(fingerprint)) is None:
        raise UnknownFingerprint(fingerprint=fingerprint.hex())
    return schema
