"""Schemas for tests, in few words."""

import json
from typing import Any

from penstock.schemas.schema import AvroSchema

__all__ = ["ORDER", "field", "schema"]


def field(name: str, avro_type: Any = "string", **parts: Any) -> dict[str, Any]:
    """Return a field."""
    return {"name": name, "type": avro_type, **parts}


def schema(name: str, *fields: dict[str, Any], **parts: Any) -> AvroSchema:
    """Return the schema of a record.

    Args:
        name: its full name.
        fields: as `field` makes them.
        parts: further attributes, such as topic.
    """
    document = {"type": "record", "name": name, "fields": list(fields), **parts}
    return AvroSchema.parse(json.dumps(document))


ORDER = schema(
    "shop.OrderPlaced",
    field("order_id"),
    field("count", "int"),
    topic="shop.orders",
    key="order_id",
)
"""An event."""
