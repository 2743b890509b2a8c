"""Instances for tests: one by hand, and any that is legal."""

from typing import Any, Final

from hypothesis import strategies as st

from penstock.infra.registry.instance import Instance, Status

__all__ = ["INSTANCES", "an_instance"]

_ANY: Final[dict[str, Any]] = {
    "service": "orders",
    "id": "host-7-aa",
    "host": "host",
    "pid": 7,
    "started_ms": 1_700_000_000_000,
    "version": "1.0",
}


def an_instance(**fields: Any) -> Instance:
    """Return an instance of the service `orders`, with these fields instead."""
    return Instance(**{**_ANY, **fields})


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

INSTANCES = st.builds(
    Instance,
    service=st.from_regex(r"[a-z][a-z0-9_-]{0,67}", fullmatch=True),
    id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", fullmatch=True),
    host=st.from_regex(r"[!-~]{1,255}", fullmatch=True),
    pid=st.integers(0, 2**31 - 1),
    started_ms=st.integers(0, 253_402_300_799_999),
    version=st.text(max_size=64).filter(str.isprintable),
    metadata=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_.-]{0,63}", fullmatch=True), _TEXT, max_size=5
    ),
    status=st.sampled_from(Status),
)
"""Any legal instance that is short enough altogether."""
