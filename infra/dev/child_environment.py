"""What the processes of a session are told by their environment.

Laws:
1. Whatever would lead them to another cluster than the session's is taken out.
2. Whatever else somebody has set stays as it is.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["child_environment", "not_used"]

_KAFKA: Final = "PENSTOCK_KAFKA"
_REDIS: Final = "PENSTOCK_REDIS"
_PROGRESS: Final = "PENSTOCK_PROGRESS_FILE"
_DEFAULTS: Final = {
    "PENSTOCK_LOG_FORMAT": "text",
    # The shortest that brokers allow: a process that was killed keeps its partitions for so long.
    "PENSTOCK_SESSION_TIMEOUT_S": "6",
}


def child_environment(outer: Mapping[str, str], *, kafka: str, redis: str | None) -> dict[str, str]:
    """Return all variables of a process.

    Args:
        outer: those of the session.
        kafka: `host:port` of its broker.
        redis: URL of its Redis; None where there is none.
    """
    kept = {name: value for name, value in outer.items() if not _is_led_elsewhere(name)}
    own = {_KAFKA: kafka, "PYTHONUNBUFFERED": "1"}
    if redis is not None:
        own[_REDIS] = redis
    return {**_DEFAULTS, **kept, **own}


def not_used(outer: Mapping[str, str]) -> tuple[str, ...]:
    """Name the variables of somebody's that a session does not use, for a line that says so."""
    return tuple(
        name
        for name in (_KAFKA, _REDIS)
        if outer.get(name) and not (name == _KAFKA and outer[name] == "embedded")
    )


def _is_led_elsewhere(name: str) -> bool:
    # A progress file is one process' own; named for all, they would overwrite it in turn.
    return name in (_KAFKA, _REDIS, _PROGRESS) or name.startswith(f"{_KAFKA}_")
