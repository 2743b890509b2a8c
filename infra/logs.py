"""Log lines, as the command line sets them up.

Only the command line calls `configure_logs`; a program that uses penstock as a library keeps its
own logging, and finds our messages under the loggers `penstock.*`. Every line goes to stderr:
stdout belongs to what a command prints.

Keys beside time, level, logger and event: topic, partition, offset, saga, step, correlation_id.

Laws:
1. No payload, key or header of a record is ever logged.
2. One message is one line, and every value in it is made harmless (plain_text.py). Only the frames
   of a traceback have lines of their own in the text format, each marked at its beginning.
3. The Kafka client's debug messages hold payloads, passwords and tokens in clear. No level lets
   them pass: its loggers are held at info, and each handler made here refuses what is below.
"""

import json
import logging
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TextIO, final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from penstock.events.alarm import Alarm
from penstock.events.clock import Clock
from penstock.infra.clock import SystemClock
from penstock.infra.plain_text import escaped

__all__ = ["ClientFloor", "LogFormat", "configure_logs", "log_alarm", "quieten_client"]

LogFormat = Literal["auto", "json", "text"]
"""How lines look; auto is text on a terminal and JSON elsewhere."""

_CLIENT: Final = "aiokafka"
_REPEAT_S: Final = 60.0
_REPEATS_KNOWN: Final = 256
_DEPTH_LIMIT: Final = 6
_INTEGER_BITS: Final = 64
_TRACEBACK_MARK: Final = "    | "
_chosen: dict[str, int] = {}


def configure_logs(
    *,
    level: str,
    form: LogFormat = "auto",
    stream: TextIO | None = None,
    client_level: int = logging.INFO,
    clock: Clock | None = None,
) -> "ClientFloor":
    """Send all log messages of this process, of every library, to one stream.

    Args:
        level: the least serious messages that pass: debug, info, warning or error.
        form: how lines look.
        stream: where they go; stderr if not given.
        client_level: the least serious messages of the Kafka client that pass; never below info.
        clock: the time, for holding back repetitions; the machine's own if not given.

    Returns:
        What holds back the Kafka client's messages; it knows the last of them.
    """
    stream = sys.stderr if stream is None else stream
    as_text = stream.isatty() if form == "auto" else form == "text"
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _harmless,
                _as_text if as_text else _as_json,
            ],
        )
    )
    floor = ClientFloor(max(client_level, logging.INFO))
    handler.addFilter(floor)
    handler.addFilter(_Repeats((clock or SystemClock()).monotonic))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    quieten_client()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return floor


def quieten_client() -> None:
    """Hold the Kafka client's loggers at info or above, also if their parents' level is lowered.

    For programs with logging of their own too: `connect` calls it. Where their level, or their
    parents', is higher than info at that moment, it is theirs.
    """
    client = logging.getLogger(_CLIENT)
    if client.level == _chosen.get(_CLIENT):
        client.setLevel(logging.NOTSET)  # it was chosen here, by what its parents had then
    client.setLevel(max(client.getEffectiveLevel(), logging.INFO))
    _chosen[_CLIENT] = client.level
    names = [name for name in logging.root.manager.loggerDict if name.startswith(f"{_CLIENT}.")]
    for logger in map(logging.getLogger, names):
        if logger.level != logging.NOTSET:
            logger.setLevel(max(logger.level, logging.INFO))


def log_alarm(alarm: Alarm) -> None:
    """Log an alarm as a warning; fulfils events.alarm.RaiseAlarm."""
    facts = {_extra_name(name): fact for name, fact in alarm.facts.items()}
    logging.getLogger("penstock.alarm").warning(alarm.text, extra={"alarm": alarm.name, **facts})


_TAKEN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "alarm"}


def _extra_name(name: str) -> str:
    """Return a name that logging does not use for something else; it would raise."""
    return f"fact_{name}" if name in _TAKEN else name


@final
class ClientFloor(logging.Filter):
    """Refuses the Kafka client's chatter, also if somebody lowers the level of its loggers."""

    def __init__(self, level: int) -> None:
        """Let messages of this level and above pass, and all that are not the client's."""
        super().__init__()
        self._level = level
        self._last: logging.LogRecord | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a message passes."""
        if record.levelno >= self._level or not _of_client(record):
            return True
        if record.levelno >= logging.ERROR:
            self._last = record
        return False

    @property
    def last_error(self) -> str | None:
        """The last error that was held back, as it would have been logged."""
        return None if self._last is None else self._last.getMessage()


@final
class _Repeats(logging.Filter):
    """Lets each message of the Kafka client pass once a minute: it says some at every retry."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not _of_client(record):
            return True
        # The message is not formatted here: one that cannot be would raise in whoever logs.
        key, now_s = (record.name, f"{record.msg} {record.args!r}"), self._monotonic()
        since_s, held_back = self._seen.pop(key, (-math.inf, 0))
        if now_s - since_s < _REPEAT_S:
            self._seen[key] = since_s, held_back + 1
            return False
        self._seen[key] = now_s, 0
        while len(self._seen) > _REPEATS_KNOWN:
            del self._seen[next(iter(self._seen))]
        if held_back:
            record.repeats_held_back = held_back
        return True


def _of_client(record: logging.LogRecord) -> bool:
    return f"{record.name}.".startswith(f"{_CLIENT}.")


def _harmless(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Make every key and value one that cannot leave its line."""
    exception = event.pop("exception", None)
    clean: EventDict = {escaped(str(key)): _plain(value, 0) for key, value in event.items()}
    if exception is not None:
        # Its own line ends stay; what stands between two of them cannot make another.
        clean["exception"] = "\n".join(escaped(line) for line in str(exception).split("\n"))
    return clean


def _plain(value: Any, depth: int) -> Any:
    """Return a value as JSON has it; what JSON does not have becomes its `repr`."""
    if value is None or (isinstance(value, int) and value.bit_length() <= _INTEGER_BITS):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str):
        return escaped(value)
    if depth < _DEPTH_LIMIT and isinstance(value, Mapping):
        return {escaped(str(key)): _plain(each, depth + 1) for key, each in value.items()}
    if depth < _DEPTH_LIMIT and isinstance(value, list | tuple | set | frozenset):
        return [_plain(each, depth + 1) for each in value]
    return escaped(repr(value))


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return json.dumps(_in_order(event), ensure_ascii=False)


def _as_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    event = _in_order(event)
    exception = event.pop("exception", None)
    head = [str(event.pop(key, "-")) for key in ("time", "level", "logger", "event")]
    head[1] = head[1].ljust(len("warning"))
    lines = [" ".join((*head, *(f"{key}={_shown(value)}" for key, value in event.items())))]
    if exception is not None:
        lines.extend(f"{_TRACEBACK_MARK}{line}" for line in exception.split("\n"))
    return "\n".join(lines)


def _in_order(event: EventDict) -> EventDict:
    first = {key: event[key] for key in ("time", "level", "logger", "event") if key in event}
    return {**first, **event}


def _shown(value: Any) -> str:
    is_word = isinstance(value, str) and value and not set(value) & set(' "=')
    return str(value) if is_word else json.dumps(value, ensure_ascii=False)
