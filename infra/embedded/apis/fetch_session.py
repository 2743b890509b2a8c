"""Fetch sessions: what a consumer reads is said once, and then only what changes (KIP-227).

A full request (epoch 0) lists all partitions and is answered with a session. An incremental one
names the session and its next epoch, and lists only partitions that are new, read from another
offset or forgotten; its answer leaves out partitions of which there is nothing new. Epoch -1 ends a
session. Sessions belong to the broker, not to a connection, as in Apache Kafka.

Laws:
1. Time and session ids are arguments; nothing here waits or reads a log.
2. The number of sessions and of partitions in all of them is bounded; a client without a session
   gets the id 0 and sends full requests, which is slower and never wrong.
3. A partition that had data is put last, so that a limit on an answer's size starves nobody.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, final
from uuid import UUID

from kio.schema.errors import ErrorCode

__all__ = [
    "FINAL_EPOCH",
    "INITIAL_EPOCH",
    "NO_SESSION",
    "FetchKey",
    "FetchProgress",
    "FetchSessionStatistics",
    "FetchSessions",
    "FetchTurn",
    "FetchTurnEnd",
    "FetchWish",
]

NO_SESSION: Final = 0
"""The session id that means none."""
INITIAL_EPOCH: Final = 0
"""The epoch of a request that lists everything and wants a session."""
FINAL_EPOCH: Final = -1
"""The epoch of a request that lists everything and wants no session."""

_DEFAULT_SLOTS: Final = 1000
"""Kafka's max.incremental.fetch.session.cache.slots."""
_EVICTION_MS: Final = 120_000
"""Kafka's min.incremental.fetch.session.eviction.ms."""
_PARTITION_LIMIT: Final = 200_000
"""In all sessions. Kafka has no such limit; it keeps a client from filling the memory."""
_LAST_EPOCH: Final = 2**31 - 1


class FetchKey(NamedTuple):
    """One partition as a request names it."""

    topic: str | UUID | None
    """The name up to version 12, the id from version 13 on; None for the id of zeros."""
    partition: int


class FetchWish(NamedTuple):
    """What a request wants of one partition."""

    name: str | None
    """The topic's name; None where there is no topic of that id."""
    offset: int
    max_bytes: int
    leader_epoch: int
    """The epoch that the reader believes in; below 0: it does not say."""
    last_epoch: int
    """The epoch of the last record that it has; below 0: it does not say."""


class FetchProgress(NamedTuple):
    """What an answer says of one partition, as far as a session remembers it."""

    failed: bool
    has_records: bool
    diverges: bool
    high_watermark: int
    start_offset: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTurn:
    """One request in the light of its session."""

    error: ErrorCode = ErrorCode.none
    """Anything but `none` is the whole answer."""
    wishes: Mapping[FetchKey, FetchWish] = field(default_factory=dict)
    """All partitions to read, in the order in which they are served."""
    opens: bool = False
    """True where a session begins with the answer."""
    uses_ids: bool = False
    session: "_Session | None" = None
    """The session that goes on; None without one."""
    epoch: int = FINAL_EPOCH
    """The session's epoch once this turn is over."""


class FetchTurnEnd(NamedTuple):
    """What the answer says of the session."""

    error: ErrorCode
    session_id: int
    told: Sequence[FetchKey]
    """The partitions that the answer names."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSessionStatistics:
    """The sessions in numbers."""

    sessions: int
    partitions: int
    """In all sessions."""
    evictions: int
    """Sessions that ended to make room, since the start."""


@final
@dataclass(slots=True)
class _Remembered:
    """One partition of a session."""

    wish: FetchWish
    high_watermark: int
    start_offset: int


@final
@dataclass(slots=True, eq=False)
class _Session:
    """One session. Its size is counted when it is touched, as Kafka does."""

    number: int
    uses_ids: bool
    partitions: dict[FetchKey, _Remembered]
    created_ms: int
    used_ms: int
    epoch: int
    counted: int
    may_be_evicted: bool = False


@final
class FetchSessions:
    """All sessions of a broker."""

    def __init__(
        self,
        *,
        draw_id: Callable[[], int],
        slots: int = _DEFAULT_SLOTS,
        eviction_ms: int = _EVICTION_MS,
        partition_limit: int = _PARTITION_LIMIT,
    ) -> None:
        """Begin without sessions.

        Args:
            draw_id: draws a random number up to 2^31 - 1; asked again for 0 and for one in use.
            slots: how many sessions there may be.
            eviction_ms: from which age or idleness on a session may end for another.
            partition_limit: how many partitions all sessions may have together.
        """
        self._draw_id = draw_id
        self._slots = slots
        self._eviction_ms = eviction_ms
        self._partition_limit = partition_limit
        self._sessions: dict[int, _Session] = {}
        self._partitions = 0
        self._evictions = 0

    def begin(
        self,
        *,
        session_id: int,
        epoch: int,
        uses_ids: bool,
        wishes: Mapping[FetchKey, FetchWish],
        forgotten: Iterable[FetchKey],
        name_of: Callable[[UUID], str | None],
        now_ms: int,
    ) -> FetchTurn:
        """Say what a request wants to read.

        Args:
            session_id: from the request; 0 for none.
            epoch: from the request.
            uses_ids: true where the request names topics by their ids.
            wishes: the partitions that the request lists.
            forgotten: the partitions that it wants to hear no more of.
            name_of: the name of a topic id, asked for ids that had no topic before.
            now_ms: the time.

        Returns:
            The partitions, or the error that is the answer.
        """
        if epoch in (INITIAL_EPOCH, FINAL_EPOCH):
            self._end(self._sessions.get(session_id))
            return FetchTurn(wishes=wishes, opens=epoch == INITIAL_EPOCH, uses_ids=uses_ids)
        session = self._sessions.get(session_id)
        error = _fault(session, epoch, uses_ids=uses_ids)
        if session is None or error is not ErrorCode.none:
            return FetchTurn(error=error)
        # First of all: a request that waits meanwhile, on another connection, must not take what
        # this one leaves of the session for what it has read.
        session.epoch = 1 if epoch == _LAST_EPOCH else epoch + 1
        _change(session, wishes, forgotten)
        if not session.partitions:
            self._end(session)
            return FetchTurn(wishes=wishes)
        if not self._touch(session, now_ms):
            return FetchTurn(error=ErrorCode.fetch_session_id_not_found)
        return FetchTurn(
            wishes=_wishes(session, name_of),
            uses_ids=uses_ids,
            session=session,
            epoch=session.epoch,
        )

    def finish(
        self, turn: FetchTurn, progress: Mapping[FetchKey, FetchProgress], *, now_ms: int
    ) -> FetchTurnEnd:
        """Remember what the answer says, and say what it leaves out.

        Args:
            turn: from `begin`, without an error.
            progress: of each partition that was read, in the order of the answer.
            now_ms: the time.

        Returns:
            The session, and the partitions that the answer names.
        """
        session = turn.session
        if session is not None:
            # Another connection may have used the session while this request waited for records.
            if session.epoch != turn.epoch:
                error = ErrorCode.invalid_fetch_session_epoch
                return FetchTurnEnd(error, session.number, ())
            told = [key for key, now in progress.items() if _is_news(session, key, now)]
            return FetchTurnEnd(ErrorCode.none, session.number, told)
        number = self._open(turn, progress, now_ms) if turn.opens else NO_SESSION
        return FetchTurnEnd(ErrorCode.none, number, tuple(progress))

    def statistics(self) -> FetchSessionStatistics:
        """Return the sessions in numbers."""
        return FetchSessionStatistics(
            sessions=len(self._sessions), partitions=self._partitions, evictions=self._evictions
        )

    def _open(
        self, turn: FetchTurn, progress: Mapping[FetchKey, FetchProgress], now_ms: int
    ) -> int:
        size = len(progress)
        if self._partitions + size > self._partition_limit or not self._has_room(size, now_ms):
            return NO_SESSION
        number = self._draw_id()
        while number in self._sessions or number == NO_SESSION:
            number = self._draw_id()
        self._sessions[number] = _Session(
            number=number,
            uses_ids=turn.uses_ids,
            partitions={
                key: _Remembered(turn.wishes[key], now.high_watermark, now.start_offset)
                for key, now in progress.items()
            },
            created_ms=now_ms,
            used_ms=now_ms,
            epoch=INITIAL_EPOCH + 1,
            counted=size,
        )
        self._partitions += size
        return number

    def _has_room(self, size: int, now_ms: int) -> bool:
        if len(self._sessions) < self._slots:
            return True
        idle = min(self._sessions.values(), key=lambda session: session.used_ms, default=None)
        if idle is not None and now_ms - idle.used_ms > self._eviction_ms:
            return self._evict(idle)
        # As in Kafka, a larger session takes the place of a smaller one that has had its time.
        old = (session for session in self._sessions.values() if session.may_be_evicted)
        smallest = min(old, key=lambda session: (session.counted, session.number), default=None)
        if smallest is None or (size, 0) < (smallest.counted, smallest.number):
            return False
        return self._evict(smallest)

    def _evict(self, session: _Session) -> bool:
        self._end(session)
        self._evictions += 1
        return True

    def _touch(self, session: _Session, now_ms: int) -> bool:
        size = len(session.partitions)
        if self._partitions - session.counted + size > self._partition_limit:
            self._end(session)
            return False
        self._partitions += size - session.counted
        session.counted = size
        session.used_ms = now_ms
        session.may_be_evicted = now_ms - session.created_ms > self._eviction_ms
        return True

    def _end(self, session: _Session | None) -> None:
        if session is not None and self._sessions.pop(session.number, None) is not None:
            self._partitions -= session.counted


def _fault(session: _Session | None, epoch: int, *, uses_ids: bool) -> ErrorCode:
    if session is None:
        return ErrorCode.fetch_session_id_not_found
    if session.epoch != epoch:
        return ErrorCode.invalid_fetch_session_epoch
    if session.uses_ids is not uses_ids:
        return ErrorCode.fetch_session_topic_id_error
    return ErrorCode.none


def _change(
    session: _Session, wishes: Mapping[FetchKey, FetchWish], forgotten: Iterable[FetchKey]
) -> None:
    for key, wish in wishes.items():
        known = session.partitions.get(key)
        if known is None:
            session.partitions[key] = _Remembered(wish, -1, -1)
        else:
            known.wish = wish._replace(name=known.wish.name or wish.name)
    for key in forgotten:
        session.partitions.pop(key, None)


def _wishes(
    session: _Session, name_of: Callable[[UUID], str | None]
) -> Mapping[FetchKey, FetchWish]:
    for key, known in session.partitions.items():
        if known.wish.name is None and isinstance(key.topic, UUID):
            known.wish = known.wish._replace(name=name_of(key.topic))
    return {key: known.wish for key, known in session.partitions.items()}


def _is_news(session: _Session, key: FetchKey, now: FetchProgress) -> bool:
    known = session.partitions[key]
    moved = known.high_watermark != now.high_watermark or known.start_offset != now.start_offset
    # An error is told again and again, and so is what comes after it.
    known.high_watermark = -1 if now.failed else now.high_watermark
    known.start_offset = now.start_offset
    if now.has_records:
        session.partitions[key] = session.partitions.pop(key)
    return moved or now.has_records or now.failed or now.diverges
