"""Fetch sessions: a client that is told only news knows what one knows that is told everything.

The twin is dumb: it keeps nothing, and each round it is told all partitions. The client is told
only news. Both must know the same end and start of each partition after each round in which the
session answered, and each partition with records or an error must have been named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.fetch_session import (
    FINAL_EPOCH,
    INITIAL_EPOCH,
    NO_SESSION,
    FetchKey,
    FetchProgress,
    FetchSessions,
    FetchWish,
)
from tests.properties.effort import LONG_PLAYS

SLOTS = 3
PARTITION_LIMIT = 8
EVICTION_MS = 1000

keys = st.builds(FetchKey, st.sampled_from(("a", "b")), st.integers(0, 2))
progresses = st.builds(
    FetchProgress,
    failed=st.booleans(),
    has_records=st.booleans(),
    diverges=st.booleans(),
    high_watermark=st.integers(0, 2),
    start_offset=st.integers(0, 1),
)


def wish(offset: int = 0) -> FetchWish:
    """A wish for one partition."""
    return FetchWish("a", offset, 1024, -1, -1)


@dataclass
class Client:
    """One client: its session, what it asks for, and what it was told."""

    session_id: int = NO_SESSION
    epoch: int = INITIAL_EPOCH
    wishes: dict[FetchKey, FetchWish] = field(default_factory=dict)
    told: dict[FetchKey, tuple[int, int]] = field(default_factory=dict)


class SessionsMachine(RuleBasedStateMachine):
    """Several clients take turns; the broker's sessions are few, so they lose them at times."""

    def __init__(self) -> None:
        """Begin without sessions."""
        super().__init__()
        numbers = count(1)
        self.sessions = FetchSessions(
            draw_id=lambda: next(numbers),
            slots=SLOTS,
            eviction_ms=EVICTION_MS,
            partition_limit=PARTITION_LIMIT,
        )
        self.clients = [Client() for _ in range(SLOTS + 1)]
        self.now_ms = 0

    @rule(
        who=st.integers(0, SLOTS),
        wanted=st.dictionaries(keys, st.integers(0, 3), max_size=4),
        forgotten=st.sets(keys, max_size=2),
        truth=st.dictionaries(keys, progresses),
        passed_ms=st.integers(0, 2 * EVICTION_MS),
    )
    def ask(
        self,
        who: int,
        wanted: Mapping[FetchKey, int],
        forgotten: set[FetchKey],
        truth: Mapping[FetchKey, FetchProgress],
        passed_ms: int,
    ) -> None:
        """A client asks, in the way that its session allows."""
        self.now_ms += passed_ms
        client = self.clients[who]
        changes = {key: wish(offset) for key, offset in wanted.items() if key not in forgotten}
        client.wishes = {
            key: at for key, at in {**client.wishes, **changes}.items() if key not in forgotten
        }
        is_full = client.epoch in (INITIAL_EPOCH, FINAL_EPOCH)
        turn = self.sessions.begin(
            session_id=client.session_id,
            epoch=client.epoch,
            uses_ids=False,
            wishes=client.wishes if is_full else changes,
            forgotten=() if is_full else forgotten,
            name_of=lambda _: None,
            now_ms=self.now_ms,
        )
        if turn.error is not ErrorCode.none:
            assert turn.error is ErrorCode.fetch_session_id_not_found
            client.session_id, client.epoch, client.told = NO_SESSION, INITIAL_EPOCH, {}
            return
        assert dict(turn.wishes) == client.wishes
        quiet = FetchProgress(
            failed=False, has_records=False, diverges=False, high_watermark=0, start_offset=0
        )
        progress = {key: truth.get(key, quiet) for key in turn.wishes}
        end = self.sessions.finish(turn, progress, now_ms=self.now_ms)
        assert end.error is ErrorCode.none
        if is_full:
            client.told = {}
        for key in end.told:
            client.told[key] = (progress[key].high_watermark, progress[key].start_offset)
        client.told = {key: seen for key, seen in client.told.items() if key in client.wishes}
        self.check(client, progress, end.told)
        client.session_id = end.session_id
        goes_on = end.session_id != NO_SESSION
        client.epoch = INITIAL_EPOCH if not goes_on else 1 if is_full else client.epoch + 1

    def check(
        self, client: Client, progress: Mapping[FetchKey, FetchProgress], told: object
    ) -> None:
        """The client knows what the twin knows."""
        assert client.told == {
            key: (now.high_watermark, now.start_offset) for key, now in progress.items()
        }
        assert isinstance(told, list | tuple)
        assert len(set(told)) == len(told)
        loud = {key for key, now in progress.items() if now.failed or now.has_records}
        assert loud <= set(told)

    @rule(who=st.integers(0, SLOTS))
    def leave(self, who: int) -> None:
        """A client ends its session."""
        client = self.clients[who]
        turn = self.sessions.begin(
            session_id=client.session_id,
            epoch=FINAL_EPOCH,
            uses_ids=False,
            wishes={},
            forgotten=(),
            name_of=lambda _: None,
            now_ms=self.now_ms,
        )
        assert self.sessions.finish(turn, {}, now_ms=self.now_ms).session_id == NO_SESSION
        self.clients[who] = Client()

    @invariant()
    def is_bounded(self) -> None:
        """Neither sessions nor their partitions exceed their limits."""
        statistics = self.sessions.statistics()
        assert statistics.sessions <= SLOTS
        assert 0 <= statistics.partitions <= PARTITION_LIMIT


TestFetchSessions = SessionsMachine.TestCase
TestFetchSessions.settings = settings(max_examples=LONG_PLAYS)
