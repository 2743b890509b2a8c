"""The rules of a partition's life, held against its tables."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.schemas.errors import ExitCode
from penstock.workers.offsets import CommittedOffset, Finished
from penstock.workers.partition_life import (
    PLAIN_TRANSITIONS,
    TRANSITIONS,
    ForbiddenTransition,
    Life,
    Phase,
    Transition,
    advance,
)
from penstock.workers.partition_signals import (
    AskMembership,
    Assigned,
    Barrier,
    BarrierCommitted,
    Begin,
    Command,
    CommitBarrier,
    Committed,
    Doubt,
    Drain,
    Drained,
    DropEverything,
    Fail,
    Failed,
    Fault,
    Fence,
    Fenced,
    Hold,
    Input,
    Inspect,
    Inspected,
    Keep,
    Locate,
    Located,
    Member,
    MemberLost,
    MemberUncertain,
    Release,
    Restore,
    Restored,
    Revoked,
    Run,
    Stop,
)

Table = Mapping[tuple[Phase, type], Transition]

OURS = Located(CommittedOffset(40), 10, 50)
FOREIGN = Located(CommittedOffset(40, ours=False), 10, 50)
NOWHERE = Located(None, 10, 50)
TO_RUNNING: tuple[Input, ...] = (
    Assigned(),
    Begin(),
    Member(),
    Fenced(),
    OURS,
    BarrierCommitted(907),
    Restored(),
)
WAYS: Mapping[Phase, tuple[Input, ...]] = {
    Phase.CLOSED: (),
    Phase.ASSIGNED: TO_RUNNING[:1],
    Phase.FENCING: TO_RUNNING[:2],
    Phase.LOCATING: TO_RUNNING[:4],
    Phase.BARRIER: TO_RUNNING[:5],
    Phase.RESTORING: TO_RUNNING[:6],
    Phase.RUNNING: TO_RUNNING,
    Phase.DRAINING: (*TO_RUNNING, Revoked()),
    Phase.FAILED: (*TO_RUNNING, Failed("broken")),
}
PLAIN_WAYS: Mapping[Phase, tuple[Input, ...]] = {
    Phase.CLOSED: (),
    Phase.ASSIGNED: (Assigned(),),
    Phase.LOCATING: (Assigned(), Begin()),
    Phase.RUNNING: (Assigned(), Begin(), OURS),
    Phase.DRAINING: (Assigned(), Begin(), OURS, Revoked()),
    Phase.FAILED: (Assigned(), Begin(), Failed("broken")),
}
EXAMPLES: tuple[Input, ...] = (
    Assigned(),
    Begin(),
    Member(),
    MemberUncertain("silence"),
    MemberLost(),
    Fenced(),
    OURS,
    Inspected(None),
    BarrierCommitted(907),
    Restored(),
    Committed(),
    Doubt("why"),
    Revoked(),
    Stop(),
    Drained(None),
    Failed("why"),
)


def live(
    *inputs: Input, life: Life | None = None, now: float = 0.0, table: Table = TRANSITIONS
) -> tuple[Life, tuple[Command, ...]]:
    """Feed inputs one after the other; return the life, and the commands of the last."""
    life, commands = life or Life(), tuple[Command, ...]()
    for happened in inputs:
        life, commands = advance(life, happened, now=now, table=table)
    return life, commands


def waits(commands: tuple[Command, ...]) -> float:
    """The wait that the commands ask for."""
    (wait,) = (c.after_s for c in commands if isinstance(c, AskMembership | Locate))
    return wait


def reason(commands: tuple[Command, ...], fault: Fault) -> str:
    """The reason for which the commands end the process, after dropping everything."""
    drop, fail = commands
    assert drop == DropEverything()
    assert isinstance(fail, Fail)
    assert fail.fault is fault
    return fail.why


# --- the table ---


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_is_reached(phase: Phase) -> None:
    """No phase is there for show."""
    assert live(*WAYS[phase])[0].phase is phase


@pytest.mark.parametrize("phase", PLAIN_WAYS)
def test_plain_phases_are_reached(phase: Phase) -> None:
    """At-least-once has six phases: it fences, bars and restores nothing."""
    assert live(*PLAIN_WAYS[phase], table=PLAIN_TRANSITIONS)[0].phase is phase


def test_the_plain_table_says_nothing_of_fence_barrier_and_restore() -> None:
    """No entry of the plain table stands in a phase that it never reaches."""
    assert {phase for phase, _ in PLAIN_TRANSITIONS} == set(PLAIN_WAYS)


@pytest.mark.parametrize(
    ("table", "ways"),
    [(TRANSITIONS, WAYS), (PLAIN_TRANSITIONS, PLAIN_WAYS)],
    ids=["whole", "plain"],
)
def test_what_is_not_listed_raises(table: Table, ways: Mapping[Phase, tuple[Input, ...]]) -> None:
    """An input that the table does not list for a phase is our bug, and is told as one."""
    for phase, way in ways.items():
        life, _ = live(*way, table=table)
        for happened in EXAMPLES:
            if (phase, type(happened)) in table:
                continue
            with pytest.raises(ForbiddenTransition) as raised:
                live(happened, life=life, table=table)
            assert raised.value.facts == {"phase": phase.value, "input": type(happened).__name__}
            assert raised.value.exit_code is ExitCode.BUG


def test_examples_hold_every_kind_of_input() -> None:
    """The examples of this file miss no input of either table."""
    kinds = {kind for _, kind in [*TRANSITIONS, *PLAIN_TRANSITIONS]}
    assert {type(example) for example in EXAMPLES} == kinds


def test_doubt_revocation_and_stop_come_when_they_like() -> None:
    """Doubt comes only where there is something to doubt; the others come in every phase."""
    unheard = {
        (phase, kind)
        for phase in Phase
        for kind in (Doubt, Revoked, Stop)
        if (phase, kind) not in TRANSITIONS
    }
    assert unheard == {(phase, Doubt) for phase in (Phase.ASSIGNED, Phase.CLOSED, Phase.FAILED)}


@pytest.mark.parametrize("table", [TRANSITIONS, PLAIN_TRANSITIONS], ids=["whole", "plain"])
def test_after_stop_nothing_begins_any_more(table: Table) -> None:
    """While the process drains, a rebalance may name the partition again: it is held, no more."""
    way = (WAYS if table is TRANSITIONS else PLAIN_WAYS)[Phase.RUNNING]
    closed, _ = live(*way, Stop(), Revoked(), Drained(None), table=table)
    life, commands = live(Assigned(), life=closed, table=table)
    assert commands == (Hold(),)
    assert life == closed


# --- from the assignment to the barrier ---


def test_the_first_command_holds_the_partition() -> None:
    """Nothing but pause and seek happens inside the assignment callback."""
    assert live(Assigned())[1] == (Hold(),)


def test_the_way_to_running_is_one_command_at_a_time() -> None:
    """Ask, fence, locate, barrier, restore, run; and nothing beside them."""
    life, commands = Life(), list[Command]()
    for happened in TO_RUNNING:
        life, said = advance(life, happened, now=0.0)
        commands.extend(said)
    assert commands == [
        Hold(),
        AskMembership(after_s=0.0),
        Fence(),
        Locate(),
        CommitBarrier(Barrier(40, Finished())),
        Restore(until=907),
        Run(40, Finished(), 50),
    ]


def test_nothing_is_fenced_without_a_heartbeat_that_says_member() -> None:
    """Lost closes, uncertain asks again: only a member fences."""
    fencing, _ = live(*WAYS[Phase.FENCING])
    assert live(Member(), life=fencing)[1] == (Fence(),)
    assert live(MemberUncertain("27"), life=fencing)[1] == (AskMembership(after_s=0.1),)
    lost, commands = live(MemberLost(), life=fencing)
    assert (lost.phase, commands) == (Phase.CLOSED, (DropEverything(),))


def test_an_uncertain_member_waits_between_one_and_two_tenths_of_a_second() -> None:
    """Many partitions of one process do not all ask at the same moment."""
    fencing, _ = live(*WAYS[Phase.FENCING])
    uncertain = MemberUncertain("27")
    assert waits(advance(fencing, uncertain, now=0.0, draw=0.0)[1]) == pytest.approx(0.1)
    assert waits(advance(fencing, uncertain, now=0.0, draw=0.999)[1]) == pytest.approx(
        0.2, rel=0.01
    )


def test_patience_with_a_silent_coordinator_ends_after_five_minutes() -> None:
    """The reason names what the coordinator said last."""
    life, _ = live(*WAYS[Phase.FENCING])
    life, _ = live(MemberUncertain("27"), life=life, now=1000.0)
    life, _ = live(MemberUncertain("27"), life=life, now=1300.0)
    assert life.phase is Phase.FENCING
    life, commands = live(MemberUncertain("no answer"), life=life, now=1300.1)
    assert life.phase is Phase.FAILED
    why = "the group's coordinator gave no answer: no answer"
    assert reason(commands, Fault.UNREACHABLE) == why


def test_an_answer_restores_patience() -> None:
    """Silence is counted from its beginning, and a sign of life ends it."""
    life, _ = live(*WAYS[Phase.FENCING], MemberUncertain("27"), Member(), now=0.0)
    life, _ = live(Doubt("no answer to InitProducerId"), MemberUncertain("27"), life=life, now=400)
    assert life.phase is Phase.FENCING
    life, _ = live(Revoked(), Assigned(), Begin(), MemberUncertain("27"), life=life, now=900)
    assert life.phase is Phase.FENCING


def test_a_barrier_of_unknown_place_is_a_doubt() -> None:
    """Without its offset the restore would not know where to end."""
    life, commands = live(*WAYS[Phase.BARRIER], BarrierCommitted(-1))
    assert life.phase is Phase.FENCING
    assert commands[0] == DropEverything()


# --- which offsets are believed ---


@pytest.mark.parametrize("position", [10, 50])
def test_both_ends_of_the_log_are_inside(position: int) -> None:
    """The oldest record may be next, and so may the record that has not come yet."""
    located = Located(CommittedOffset(position), 10, 50)
    life, commands = live(*WAYS[Phase.LOCATING], located)
    assert commands == (CommitBarrier(Barrier(position, Finished())),)
    assert life.phase is Phase.BARRIER


@pytest.mark.parametrize("table", [TRANSITIONS, PLAIN_TRANSITIONS], ids=["whole", "plain"])
@pytest.mark.parametrize("position", [9, 51])
def test_an_offset_outside_the_log_fails(position: int, table: Table) -> None:
    """Nothing is reset silently; the reason names the offset and the log."""
    way = (WAYS if table is TRANSITIONS else PLAIN_WAYS)[Phase.LOCATING]
    life, commands = live(*way, Located(CommittedOffset(position), 10, 50), table=table)
    assert life.phase is Phase.FAILED
    why = reason(commands, Fault.OFFSETS)
    assert f" {position} " in why
    assert " 10 to 50" in why


def test_a_lost_offset_fails_before_any_barrier_covers_the_traces() -> None:
    """So the second start finds the same changelog, and fails like the first."""
    for _ in ("first start", "second start"):
        life, said = Life(), list[Command]()
        looks = (NOWHERE, Inspected(40), Member(), Fenced(), NOWHERE, Inspected(40))
        for happened in (*WAYS[Phase.LOCATING], *looks):
            life, commands = advance(life, happened, now=0.0)
            said.extend(commands)
        assert life.phase is Phase.FAILED
        why = reason(tuple(said[-2:]), Fault.OFFSETS)
        assert "no committed offset, although its changelog holds a barrier" in why
        assert not any(isinstance(command, CommitBarrier) for command in said)


def test_a_group_that_never_was_begins_explicitly_at_the_beginning() -> None:
    """No offset and no barrier: the first start commits the log's first offset."""
    _, commands = live(*WAYS[Phase.LOCATING], NOWHERE, Inspected(None))
    assert commands == (CommitBarrier(Barrier(10, Finished())),)


@pytest.mark.parametrize(
    ("barrier", "believed"), [(None, True), (39, True), (40, True), (41, False)]
)
def test_a_foreign_offset_must_not_lie_before_the_last_barrier(
    barrier: int | None, believed: bool
) -> None:
    """What a tool or another framework committed is held against the changelog first."""
    inspecting, commands = live(*WAYS[Phase.LOCATING], FOREIGN)
    assert commands == (Inspect(),)
    life, commands = live(Inspected(barrier), life=inspecting)
    assert life.phase is (Phase.BARRIER if believed else Phase.FENCING)
    if not believed:
        life, commands = live(Member(), Fenced(), FOREIGN, Inspected(barrier), life=life)
        assert "40 lies before position 41" in reason(commands, Fault.OFFSETS)


def test_a_contradiction_is_looked_at_again_behind_a_new_fence() -> None:
    """Another owner may have committed offset and barrier after our offset was read."""
    life, commands = live(*WAYS[Phase.LOCATING], NOWHERE, Inspected(10))
    assert [type(command) for command in commands] == [DropEverything, AskMembership]
    life, commands = live(Member(), Fenced(), OURS, life=life)
    assert commands == (CommitBarrier(Barrier(40, Finished())),)
    life, _ = live(BarrierCommitted(907), Restored(), life=life)
    assert not life.contradicted, "forgotten once it runs"


def test_an_offset_of_ours_over_an_empty_changelog_fails() -> None:
    """The changelog was made again: going on would mean to begin with no state."""
    empty = Located(CommittedOffset(40), 10, 50, changelog_end=0)
    _, commands = live(*WAYS[Phase.LOCATING], empty)
    assert "changelog is empty" in reason(commands, Fault.OFFSETS)
    _, commands = live(*WAYS[Phase.LOCATING], empty, life=Life(accept_reset=True))
    assert commands == (CommitBarrier(Barrier(40, Finished())),)


def test_an_accepted_reset_keeps_what_is_done_and_still_there() -> None:
    """Records beyond the lost position that the log still holds are not processed again."""
    finished = Finished(((3, 5), (8, 12), (20, 21)))
    gone = Located(CommittedOffset(2, finished), 10, 50)
    _, commands = live(*WAYS[Phase.LOCATING], gone, Inspected(2), life=Life(accept_reset=True))
    assert commands == (CommitBarrier(Barrier(10, Finished(((10, 12), (20, 21))))),)


def test_our_own_offset_needs_no_inspection() -> None:
    """It was committed together with every barrier before it, so it cannot lie before one."""
    _, commands = live(*WAYS[Phase.LOCATING], OURS)
    assert commands == (CommitBarrier(Barrier(40, Finished())),)


@pytest.mark.parametrize(
    ("located", "position"),
    [
        (NOWHERE, 10),
        (FOREIGN, 40),
        (Located(CommittedOffset(9), 10, 50), 10),
        (Located(CommittedOffset(51), 10, 50), 10),
    ],
)
def test_an_operator_may_accept_a_reset(located: Located, position: int) -> None:
    """The word holds for all that would fail, until the partition runs; then it is used up."""
    life = Life(accept_reset=True)
    life, commands = live(*WAYS[Phase.LOCATING], located, Inspected(45), life=life)
    assert commands == (CommitBarrier(Barrier(position, Finished())),)
    life, _ = live(Doubt("no answer to EndTxn"), life=life)
    assert life.accept_reset
    life, _ = live(*TO_RUNNING[2:], life=life)
    assert life.phase is Phase.RUNNING
    assert not life.accept_reset


# --- doubt ---

IN_DOUBT = [Phase.FENCING, Phase.LOCATING, Phase.BARRIER, Phase.RESTORING, Phase.RUNNING]


@pytest.mark.parametrize("phase", IN_DOUBT)
def test_doubt_drops_everything_and_leads_back_to_the_fence(phase: Phase) -> None:
    """There is no "abort and go on", in no phase; and nothing located or kept is believed."""
    life, commands = live(*WAYS[phase], Doubt("why"))
    assert life.phase is Phase.FENCING
    assert commands[0] == DropEverything()
    assert [type(command) for command in commands[1:]] == [AskMembership]
    assert (life.kept, life.located) == (None, None)


def test_doubt_while_draining_closes() -> None:
    """The partition is leaving: there is nothing to come back for."""
    life, commands = live(*WAYS[Phase.DRAINING], Doubt("why"))
    assert (life.phase, life.kept, commands) == (Phase.CLOSED, None, (DropEverything(),))


@pytest.mark.parametrize("table", [TRANSITIONS, PLAIN_TRANSITIONS], ids=["whole", "plain"])
def test_waits_grow_from_doubt_to_doubt(table: Table) -> None:
    """One doubt costs a tenth of a second, a row of them some seconds; the draw is the lowest."""
    way = (WAYS if table is TRANSITIONS else PLAIN_WAYS)[Phase.RUNNING]
    life, seen = live(*way, table=table)[0], list[float]()
    for _ in range(4):
        life, commands = live(Doubt("why"), life=life, table=table)
        seen.append(waits(commands))
    assert seen == pytest.approx([0.1, 0.4, 1.6, 2.5])


@given(st.lists(st.floats(0, 1e6), max_size=3), st.floats(0, 1, exclude_max=True))
def test_waits_are_bounded_and_jittered(ages: list[float], draw: float) -> None:
    """Every wait lies between half of its limit and its limit, and no limit is beyond 5 seconds."""
    life = replace(live(*WAYS[Phase.RUNNING])[0], doubts=tuple(sorted(-age for age in ages)))
    wait = waits(advance(life, Doubt("why"), now=0.0, draw=draw)[1])
    recent = sum(age < 60 for age in ages)
    limit = min(5.0, 0.2 * 4**recent)
    assert limit / 2 <= wait <= limit


def doubted(*times: float, table: Table = TRANSITIONS) -> tuple[Life, tuple[Command, ...]]:
    """Run once, then doubt at these times."""
    ways = WAYS if table is TRANSITIONS else PLAIN_WAYS
    life, commands = live(*ways[Phase.RUNNING], table=table)
    for time in times:
        life, commands = live(Doubt(f"doubt at {time:.0f}"), life=life, now=time, table=table)
    return life, commands


@pytest.mark.parametrize("table", [TRANSITIONS, PLAIN_TRANSITIONS], ids=["whole", "plain"])
def test_five_doubts_in_a_minute_end_the_process(table: Table) -> None:
    """The reason counts them and names the last."""
    assert doubted(0, 1, 2, 3, table=table)[0].phase is not Phase.FAILED
    life, commands = doubted(0, 1, 2, 3, 59.9, table=table)
    assert life.phase is Phase.FAILED
    why = "5 doubts in 60 s and no commit; the last: doubt at 60"
    assert reason(commands, Fault.DOUBTS) == why


def test_a_doubt_is_forgotten_after_a_minute() -> None:
    """Exactly sixty seconds later it no longer counts."""
    life, _ = doubted(0, 1, 2, 3, 60)
    assert life.phase is Phase.FENCING
    assert life.doubts == (1, 2, 3, 60)


def test_a_commit_of_work_forgives_and_a_barrier_does_not() -> None:
    """A poison record that fails after each barrier must still end the process."""
    life, _ = doubted(0, 1, 2, 3)
    life, _ = live(*TO_RUNNING[2:], life=life)
    assert len(life.doubts) == 4
    assert live(Committed(), life=life)[0].doubts == ()


def test_a_commit_while_draining_forgives_too() -> None:
    """What was committed on the way out is progress like any other."""
    life, _ = doubted(0, 1)
    life, _ = live(*TO_RUNNING[2:], Revoked(), Committed(), life=life)
    assert (life.phase, life.doubts) == (Phase.DRAINING, ())


def test_doubts_count_in_one_generation_only() -> None:
    """A new assignment begins to count anew."""
    life, _ = doubted(0, 1, 2, 3)
    life, _ = live(Revoked(), Assigned(), Begin(), Doubt("why"), life=life, now=4)
    assert life.doubts == (4,)


# --- leaving and coming back ---

EARLY = [phase for phase in IN_DOUBT if phase is not Phase.RUNNING]


@pytest.mark.parametrize("phase", EARLY)
@pytest.mark.parametrize("happened", [Revoked(), Stop()], ids=repr)
def test_before_running_nothing_is_waited_for(phase: Phase, happened: Input) -> None:
    """Revoked or stopped before RUNNING: dropped at once."""
    life, commands = live(*WAYS[phase], happened)
    assert (life.phase, life.kept, commands) == (Phase.CLOSED, None, (DropEverything(),))


@pytest.mark.parametrize("happened", [Revoked(), Stop()], ids=repr)
def test_running_drains_for_revocation_and_stop_alike(happened: Input) -> None:
    """Both take the same path."""
    life, commands = live(*TO_RUNNING, happened)
    assert (life.phase, commands) == (Phase.DRAINING, (Drain(),))


AT = Barrier(47, Finished(((49, 50),)))


def test_a_clean_close_is_kept_and_regained_by_a_barrier() -> None:
    """No new fence: the kept producer proves that nobody fenced, wherever its barrier lies."""
    life, commands = live(*WAYS[Phase.DRAINING], Drained(AT))
    assert (life.phase, life.kept, commands) == (Phase.CLOSED, AT, (Keep(),))
    life, commands = live(Assigned(), Begin(), life=life)
    assert (life.phase, commands) == (Phase.BARRIER, (CommitBarrier(AT),))
    life, commands = live(BarrierCommitted(-1), life=life)
    assert (life.phase, life.kept) == (Phase.RUNNING, None)
    assert commands == (Run(47, AT.finished, 47),)


@pytest.mark.parametrize(
    "close",
    [
        (Revoked(), Drained(None)),
        (Revoked(), Doubt("why")),
        (Revoked(), Stop(), Drained(AT)),
        (Stop(), Drained(AT)),
        (Stop(), Revoked(), Drained(AT)),
        (Revoked(), Drained(AT), Stop()),
        (Revoked(), Drained(AT), Assigned(), Revoked()),
        (Revoked(), Drained(AT), Assigned(), Begin(), Revoked()),
        (Doubt("why"), MemberLost()),
    ],
    ids=lambda close: " ".join(type(happened).__name__ for happened in close),
)
def test_nothing_else_is_kept(close: tuple[Input, ...]) -> None:
    """An unclean close, the process's end, or a second revocation leave nothing to go on from."""
    life, commands = live(*TO_RUNNING, *close)
    assert (life.phase, life.kept) == (Phase.CLOSED, None)
    assert commands in [(DropEverything(),), (Release(),)]


def test_release_is_for_a_clean_end_only() -> None:
    """An orderly close may flush, so it is never asked of a producer in doubt."""
    assert live(*TO_RUNNING, Stop(), Drained(AT))[1] == (Release(),)
    assert live(*TO_RUNNING, Stop(), Drained(None))[1] == (DropEverything(),)


@pytest.mark.parametrize("phase", [phase for phase in WAYS if (phase, Failed) in TRANSITIONS])
def test_failed_says_why_and_drops_everything(phase: Phase) -> None:
    """What the shell found beyond repair ends the process with its words."""
    why = "the changelog cannot be decoded"
    life, commands = live(*WAYS[phase], Failed(why, Fault.CHANGELOG))
    assert life.phase is Phase.FAILED
    assert reason(commands, Fault.CHANGELOG) == why


# --- at least once ---


def test_plain_life_locates_and_runs() -> None:
    """The offset alone says where to go on."""
    life, commands = live(*PLAIN_WAYS[Phase.LOCATING], table=PLAIN_TRANSITIONS)
    assert commands == (Locate(),)
    life, commands = live(OURS, life=life, table=PLAIN_TRANSITIONS)
    assert commands == (Run(40, Finished(), 50, unmarked=False),)


@pytest.mark.parametrize(("located", "position"), [(NOWHERE, 10), (FOREIGN, 40)])
def test_plain_life_marks_an_offset_that_is_not_ours(located: Located, position: int) -> None:
    """A group that crashes before its first commit begins again at the same place."""
    _, commands = live(*PLAIN_WAYS[Phase.LOCATING], located, table=PLAIN_TRANSITIONS)
    assert commands == (Run(position, Finished(), 50, unmarked=True),)


def test_plain_life_accepts_a_reset_on_an_operators_word() -> None:
    """As in the whole life, the word is used up once the partition runs."""
    outside = Located(CommittedOffset(9), 10, 50)
    way = PLAIN_WAYS[Phase.LOCATING]
    life, commands = live(*way, outside, life=Life(accept_reset=True), table=PLAIN_TRANSITIONS)
    assert commands == (Run(10, Finished(), 50, unmarked=True),)
    assert not life.accept_reset


@pytest.mark.parametrize("phase", [Phase.LOCATING, Phase.RUNNING])
def test_plain_doubt_drops_everything_and_locates_again(phase: Phase) -> None:
    """Without a producer there is nothing to fence."""
    life, commands = live(*PLAIN_WAYS[phase], Doubt("why"), table=PLAIN_TRANSITIONS)
    assert life.phase is Phase.LOCATING
    assert [type(command) for command in commands] == [DropEverything, Locate]


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.DRAINING])
def test_plain_life_ends_where_a_commit_says_no_member(phase: Phase) -> None:
    """The generation is held against every commit, so losing it is learnt there."""
    life, commands = live(*PLAIN_WAYS[phase], MemberLost(), table=PLAIN_TRANSITIONS)
    assert (life.phase, commands) == (Phase.CLOSED, (DropEverything(),))


@pytest.mark.parametrize("at", [AT, None])
def test_plain_life_keeps_nothing(at: Barrier | None) -> None:
    """There is no memory to keep: coming back is reading the offset again."""
    life, commands = live(*PLAIN_WAYS[Phase.DRAINING], Drained(at), table=PLAIN_TRANSITIONS)
    assert (life.phase, life.kept, commands) == (Phase.CLOSED, None, (Release(),))


# --- any legal play ---


@dataclass
class HonestShell:
    """A shell that answers the command that is open, and otherwise reports what it may at any time.

    It tells Begin directly after Assigned and nothing after its own end; what happens where it does
    not stands in tests of their own above.
    """

    table: Table
    life: Life
    open: Command | None = None
    """The command that waits for its answer."""
    assigned: bool = False
    """Whether the client believes to hold the partition."""

    def may_say(self) -> st.SearchStrategy[Input]:
        """All inputs that are legal now."""
        why = st.just("why")
        if self.life.phase is Phase.ASSIGNED:
            return st.one_of(st.just(Begin()), st.just(Revoked()))
        say = list[st.SearchStrategy[Input]]()
        if self.assigned:
            say.append(st.just(Revoked()))
        elif self.life.phase in {Phase.CLOSED, Phase.FAILED}:
            say.append(st.just(Assigned()))
        if not self.life.stopping:
            say.append(st.just(Stop()))
        if self.life.phase not in {Phase.CLOSED, Phase.FAILED}:
            say += [st.builds(Doubt, why), st.builds(Failed, why)]
            say += [ANSWERS[type(self.open)]] * 4
        return st.one_of(say or [st.just(Revoked())])

    def hear(self, happened: Input, commands: tuple[Command, ...]) -> None:
        """Take note of what happened and of what is to be done now."""
        if isinstance(happened, Assigned | Revoked):
            self.assigned = isinstance(happened, Assigned)
        for command in commands:
            if type(command) in ANSWERS:
                self.open = command


OFFSETS = st.builds(CommittedOffset, st.integers(0, 9), ours=st.booleans())
LOCATED = st.builds(Located, st.none() | OFFSETS, st.integers(0, 2), st.integers(6, 8))
ANSWERS: Mapping[type, st.SearchStrategy[Input]] = {
    AskMembership: st.sampled_from([Member(), Member(), MemberUncertain("27"), MemberLost()]),
    Fence: st.just(Fenced()),
    Locate: LOCATED,
    Inspect: st.builds(Inspected, st.none() | st.integers(0, 9)),
    CommitBarrier: st.builds(BarrierCommitted, st.integers(-1, 3)),
    Restore: st.just(Restored()),
    Run: st.just(Committed()),
    Drain: st.sampled_from([Committed(), Drained(None), Drained(AT)]),
}
"""What answers each command; all other commands are done at once."""

MAY_FOLLOW: Mapping[type | None, set[type]] = {
    None: {Hold, DropEverything},
    Hold: {AskMembership, CommitBarrier, Locate, Hold},
    AskMembership: {AskMembership, Fence},
    Fence: {Locate},
    Locate: {Inspect, CommitBarrier, Run},
    Inspect: {CommitBarrier},
    CommitBarrier: {Restore, Run},
    Restore: {Run},
    Run: {Drain},
    Drain: {Keep, Release},
    Keep: {Hold},
    Release: {Hold},
    DropEverything: {Hold, AskMembership, Locate, Fail},
    Fail: set(),
}
"""Which command may follow which; DropEverything may follow all but the last."""


@pytest.mark.parametrize("table", [TRANSITIONS, PLAIN_TRANSITIONS], ids=["whole", "plain"])
@given(data=st.data(), accept_reset=st.booleans())
def test_any_legal_play_keeps_the_order(
    table: Table, data: st.DataObject, accept_reset: bool
) -> None:
    """No legal input raises; commands come one at a time and in the order of the phases."""
    shell = HonestShell(table, Life(accept_reset=accept_reset))
    before: type | None = None
    kept, now = False, 0.0
    for _ in range(data.draw(st.integers(1, 40))):
        happened = data.draw(shell.may_say())
        now += data.draw(st.sampled_from([0.0, 0.5, 30.0]))
        had_failed = shell.life.phase is Phase.FAILED
        shell.life, commands = advance(shell.life, happened, now=now, table=table)
        shell.hear(happened, commands)

        assert not (had_failed and commands), "after Fail there is nothing but silence"
        if isinstance(happened, Doubt):
            assert commands[0] == DropEverything()
        assert sum(type(command) in ANSWERS for command in commands) <= 1
        for command in commands:
            kind = type(command)
            assert kind in MAY_FOLLOW[before] or (kind is DropEverything and before is not Fail)
            if before in {Hold, CommitBarrier} and kind in {CommitBarrier, Run}:
                assert kept, "a barrier without a fence, or a run without a restore"
            kept = kind is Keep or (kept and kind not in {DropEverything, Run})
            before = kind
        assert shell.life.kept is None or shell.life.phase in {
            Phase.CLOSED,
            Phase.ASSIGNED,
            Phase.BARRIER,
        }
