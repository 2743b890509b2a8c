"""What an answer means to a process that registers."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.registry.directory import Outcome
from penstock.infra.registry.instance import Status
from penstock.infra.registry.lease_times import HEARTBEAT_S, LEASE_S
from penstock.infra.registry.standing import (
    NEVER_S,
    Note,
    Standing,
    after_answer,
    after_silence,
)
from tests.infra.registry.instances import an_instance

UP = an_instance()
DRAINING = replace(UP, status=Status.DRAINING)


def answered(before: Standing, outcome: Outcome, at_s: float = 0.0) -> Standing:
    """Take an answer about `UP` in, without jitter."""
    return after_answer(before, UP, outcome, sent_s=at_s, draw=0.0)[0]


def test_at_first_it_registers_at_once() -> None:
    """Nothing was told yet."""
    assert Standing().registers(UP)
    assert Standing().asks_at_s(UP) == NEVER_S


def test_once_told_a_heartbeat_is_due_after_three_seconds() -> None:
    """Counted from when the last question was sent, not from when it was answered."""
    standing = answered(Standing(), Outcome.JOINED, at_s=10.0)
    assert not standing.registers(UP)
    assert standing.asks_at_s(UP) == 10.0 + HEARTBEAT_S
    assert standing.listed_until_s == 10.0 + LEASE_S


def test_what_has_changed_is_told_at_once_by_registering() -> None:
    """Also where the answer to an older question came in between."""
    standing = answered(Standing(), Outcome.JOINED)
    assert standing.registers(DRAINING)
    assert standing.asks_at_s(DRAINING) == NEVER_S
    later = answered(standing, Outcome.RENEWED, at_s=3.0)
    assert later.registers(DRAINING)


def test_who_was_forgotten_registers_at_once_with_its_own_state() -> None:
    """A heartbeat is not repeated: it never brings an entry back."""
    standing, notes = after_answer(
        answered(Standing(), Outcome.JOINED), UP, Outcome.GONE, sent_s=3.0, draw=0.0
    )
    assert notes == (Note.LOST,)
    assert standing.registers(UP)
    assert standing.asks_at_s(UP) == NEVER_S
    assert standing.listed_until_s == NEVER_S


def test_no_answer_leaves_everything_as_it_was_and_is_asked_again_soon() -> None:
    """The entry may be there: its lease runs."""
    told = answered(Standing(), Outcome.JOINED)
    standing, notes = after_silence(told, now_s=4.0, draw=0.0)
    assert notes == (Note.SILENT,)
    assert (standing.told, standing.listed_until_s) == (UP, LEASE_S)
    assert standing.asks_at_s(UP) == 5.0


def test_news_do_not_make_a_silent_registry_be_asked_more_often() -> None:
    """Else a drain would ask in a busy loop until it answers."""
    standing, _ = after_silence(answered(Standing(), Outcome.JOINED), now_s=4.0, draw=0.0)
    assert standing.asks_at_s(DRAINING) == 5.0


@given(st.lists(st.sampled_from([*Outcome, None]), max_size=40))
def test_silence_is_noted_when_it_begins_and_when_it_ends(answers: list[Outcome | None]) -> None:
    """Never twice in a row, whatever comes in which order; LISTED once in a life."""
    standing, noted = Standing(), list[Note]()
    for now_s, outcome in enumerate(answers):
        if outcome is None:
            standing, notes = after_silence(standing, now_s=now_s, draw=0.5)
        else:
            standing, notes = after_answer(standing, UP, outcome, sent_s=now_s, draw=0.5)
        noted += notes
    about_silence = [note for note in noted if note in {Note.SILENT, Note.HEARD}]
    assert about_silence == [Note.SILENT, Note.HEARD] * (len(about_silence) // 2) + [
        Note.SILENT
    ] * (len(about_silence) % 2)
    assert noted.count(Note.LISTED) <= 1
    assert (standing.failures > 0) == (answers[-1:] == [None])
