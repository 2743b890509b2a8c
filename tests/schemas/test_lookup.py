"""Finding the schema behind a fingerprint."""

import pytest

from penstock.schemas.codec_errors import UnknownFingerprint
from penstock.schemas.lookup import found_in
from penstock.schemas.schema import AvroSchema

ORDER = AvroSchema.parse('{"type": "record", "name": "shop.Order", "fields": []}')


class Known:
    """A lookup that knows one schema."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Answer from memory."""
        return ORDER if fingerprint == ORDER.fingerprint else None


def test_a_known_schema_is_found() -> None:
    """By its eight bytes."""
    assert found_in(Known(), ORDER.fingerprint) is ORDER


def test_b16_an_unknown_fingerprint_is_named() -> None:
    """B16: whoever looks after the service must be able to search for it."""
    with pytest.raises(UnknownFingerprint, match="0102030405060708"):
        found_in(Known(), bytes(range(1, 9)))
