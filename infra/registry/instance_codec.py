"""An instance as bytes: one JSON object, bounded, the same bytes for the same instance.

Laws:
1. Reading costs no more than its few kilobytes, whoever wrote them.
2. Types are exact: no number for a text, no true for a one, no name twice.
3. Names that are not known are passed over, so that processes of two versions see each other while
   one replaces the other; a status that is not known is not (instance.py, law 3).
4. What stands under one id speaks of that id, or it is not read.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Final, NoReturn

from penstock.events.problems import Problems
from penstock.infra.plain_text import excerpt
from penstock.infra.registry.instance import BadInstance, Instance, Status
from penstock.schemas.errors import ExitCode, WorldError

__all__ = [
    "ENTRY_LIMIT_BYTES",
    "InstanceUnreadable",
    "decode_instance",
    "encode_instance",
    "unreadable",
]

ENTRY_LIMIT_BYTES: Final = 4096
"""Bytes of one encoded instance. Real ones have three hundred."""
_SHOWN: Final = 64
_REMEMBERED: Final = 4_000
"""Entries that are remembered as read: those of two services of the largest size."""


@dataclass(eq=False, kw_only=True)
class InstanceUnreadable(WorldError):
    """An entry of the registry is not one that this product writes."""

    service: str
    """Under which service it stands."""
    instance: str
    """Under which id, cut and escaped."""
    reason: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-I81"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = (
        "The entry '{instance}' of the service {service} cannot be read: {reason}."
    )
    why: ClassVar[str] = "Another program, or a newer version with a new state, wrote it."
    remedy: ClassVar[str] = (
        "Look who else writes to this Redis. An entry whose process lives is put right by its next "
        "heartbeat; any other goes within half a minute."
    )


def encode_instance(instance: Instance) -> bytes:
    """Return an instance as bytes.

    Raises:
        BadInstance: each field is within its limit, and together they are too long.
    """
    fields = {
        "service": instance.service,
        "id": instance.id,
        "host": instance.host,
        "pid": instance.pid,
        "started_ms": instance.started_ms,
        "version": instance.version,
        "metadata": dict(instance.metadata),
        "status": instance.status.value,
    }
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    encoded = text.encode()
    if len(encoded) > ENTRY_LIMIT_BYTES:
        rule = f"encoded, all fields have at most {ENTRY_LIMIT_BYTES} bytes, not {len(encoded)}"
        raise BadInstance(problems=Problems((f"The rule for an instance: {rule}.",)))
    return encoded


def decode_instance(service: str, instance_id: str, entry: bytes) -> Instance:
    """Read an entry.

    Args:
        service: under which it stands.
        instance_id: likewise; any text.
        entry: what stands there.

    Raises:
        InstanceUnreadable: it is no instance, or another one.
    """
    try:
        instance = _instance_of(entry)
    except _NotOne as not_one:
        raise unreadable(service, instance_id, not_one.reason) from None
    if (instance.service, instance.id) != (service, instance_id):
        raise unreadable(service, instance_id, "it speaks of another instance")
    return instance


def unreadable(service: str, instance_id: str, reason: str) -> InstanceUnreadable:
    """Return the error for an entry, with what a stranger wrote made harmless."""
    return InstanceUnreadable(service=service, instance=excerpt(instance_id, _SHOWN), reason=reason)


class _NotOne(Exception):
    """Bytes are no instance; never leaves this file."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@lru_cache(maxsize=_REMEMBERED)  # entries hardly change, and readers look at them again and again
def _instance_of(entry: bytes) -> Instance:
    if len(entry) > ENTRY_LIMIT_BYTES:
        raise _NotOne(f"it has more than {ENTRY_LIMIT_BYTES} bytes")
    try:
        fields = json.loads(
            entry.decode(), object_pairs_hook=_without_doubles, parse_constant=_no_constant
        )
    except UnicodeDecodeError:
        raise _NotOne("it is not written in UTF-8") from None
    except (ValueError, RecursionError):
        raise _NotOne("it is no JSON") from None
    if type(fields) is not dict:
        raise _NotOne("it is no JSON object")
    metadata = _typed(fields, "metadata", dict)
    if not all(type(value) is str for value in metadata.values()):
        raise _NotOne("its metadata holds something else than text")
    try:
        return Instance(
            service=_typed(fields, "service", str),
            id=_typed(fields, "id", str),
            host=_typed(fields, "host", str),
            pid=_typed(fields, "pid", int),
            started_ms=_typed(fields, "started_ms", int),
            version=_typed(fields, "version", str),
            metadata=metadata,
            status=_status(_typed(fields, "status", str)),
        )
    except BadInstance as bad:
        raise _NotOne(str(bad.problems).rstrip(".")) from None


def _typed(fields: dict[str, Any], name: str, kind: type[Any]) -> Any:
    value = fields.get(name)
    if type(value) is not kind:  # and not isinstance, for which true is a number
        raise _NotOne(f"its field {name} is missing or of another type")
    return value


def _status(text: str) -> Status:
    try:
        return Status(text)
    except ValueError:
        raise _NotOne(f"its status '{excerpt(text, _SHOWN)}' is not known here") from None


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _NotOne("a name occurs twice in it")
    return fields


def _no_constant(text: str) -> NoReturn:
    message = f"{text} is no JSON"
    raise ValueError(message)
