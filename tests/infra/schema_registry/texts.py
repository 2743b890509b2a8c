"""Schemas for these tests."""

import json
from typing import Any

from penstock.schemas.schema import AvroSchema

__all__ = ["schema", "text"]


def text(
    name: str = "Placed",
    *,
    topic: str | None = None,
    fields: dict[str, Any] | None = None,
    **more: Any,
) -> str:
    """A record's schema as text."""
    document: dict[str, Any] = {
        "type": "record",
        "name": name,
        "namespace": "shop",
        "fields": [
            {"name": each, "type": kind}
            if not isinstance(kind, tuple)
            else {"name": each, "type": kind[0], "default": kind[1]}
            for each, kind in (fields or {"order_id": "string"}).items()
        ],
    }
    return json.dumps(document | ({"topic": topic} if topic else {}) | more)


def schema(
    name: str = "Placed",
    *,
    topic: str | None = None,
    fields: dict[str, Any] | None = None,
    **more: Any,
) -> AvroSchema:
    """The same, parsed."""
    return AvroSchema.parse(text(name, topic=topic, fields=fields, **more))
