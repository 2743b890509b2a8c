"""What a reader knows: the last good list, how old it is, and what a loss does to it."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.registry.directory import Lease, Snapshot
from penstock.infra.registry.instance import Status
from penstock.infra.registry.lease_times import HEARTBEAT_S, LEASE_S
from penstock.infra.registry.view import View, after_look, after_silence
from tests.infra.registry.instances import an_instance


def snapshot(*names: str, epoch: str = "1", left_s: float = LEASE_S) -> Snapshot:
    """A snapshot with these ids; one that ends with ! drains."""
    leases = tuple(
        Lease(
            instance=an_instance(
                id=name.rstrip("!"), status=Status.DRAINING if "!" in name else Status.UP
            ),
            left_s=left_s,
        )
        for name in names
    )
    return Snapshot(epoch=epoch, event="5-0", leases=leases)


def ids(view: View) -> list[str]:
    """Who is known."""
    return list(view.listed())


def test_a_fresh_list() -> None:
    """Those that take work apart from those that drain; not stale, and of no age."""
    view = after_look(View(), snapshot("a", "b!", "c"), asked_s=10.0)
    found = view.discovery("orders", 10.0)
    assert [each.id for each in found.instances] == ["a", "c"]
    assert [each.id for each in found.draining] == ["b"]
    assert (found.stale, found.age_s) == (False, 0.0)


def test_an_outage_leaves_the_last_good_list_and_its_age() -> None:
    """For however long, and leases are not counted: nobody can renew them."""
    view = after_look(View(), snapshot("a"), asked_s=10.0)
    view = after_silence(view, asked_s=12.0, now_s=13.0)
    found = view.discovery("orders", 1_000.0)
    assert [each.id for each in found.instances] == ["a"]
    assert (found.stale, found.age_s) == (True, 990.0)


def test_a_silent_registry_is_asked_once_a_second_where_there_is_a_list() -> None:
    """And always where there is none."""
    nothing = after_silence(View(), asked_s=12.0, now_s=13.0)
    assert nothing.asks(13.0)
    view = after_silence(after_look(View(), snapshot("a"), asked_s=10.0), asked_s=12.0, now_s=13.0)
    assert not view.asks(13.9)
    assert view.asks(14.0)


def test_the_first_answer_ends_a_short_outage() -> None:
    """Whoever is missing before its lease could have ended has left."""
    view = after_silence(after_look(View(), snapshot("a"), asked_s=1.0), asked_s=2.0, now_s=3.0)
    view = after_look(view, snapshot(), asked_s=4.0)
    assert ids(view) == []
    assert not view.discovery("orders", 4.0).stale


def test_after_a_long_outage_the_missing_have_two_heartbeats_to_come_back() -> None:
    """Nobody could renew a lease meanwhile; once only, however the registry flickers."""
    view = after_look(View(), snapshot("a", "b"), asked_s=0.0)
    view = after_silence(view, asked_s=2.0, now_s=3.0)
    view = after_look(view, snapshot(), asked_s=20.0)
    assert ids(view) == ["a", "b"]
    assert view.discovery("orders", 20.0).stale
    view = after_look(view, snapshot("b"), asked_s=22.0)
    view = after_silence(view, asked_s=23.0, now_s=24.0)
    view = after_look(view, snapshot("b"), asked_s=25.9)
    assert ids(view) == ["a", "b"]
    view = after_silence(view, asked_s=26.0, now_s=27.0)
    view = after_look(view, snapshot("b"), asked_s=28.0)
    assert ids(view) == ["b"]
    assert not view.discovery("orders", 28.0).stale


def test_an_outage_long_after_the_last_look_brings_nobody_back() -> None:
    """Leases that ended before it had not been ended by it."""
    view = after_look(View(), snapshot("a"), asked_s=0.0)
    view = after_silence(view, asked_s=100.0, now_s=101.0)
    assert ids(after_look(view, snapshot(), asked_s=102.0)) == []


def test_whoever_left_is_gone_at_once() -> None:
    """In the same epoch the registry is believed."""
    view = after_look(View(), snapshot("a", "b"), asked_s=0.0)
    assert ids(after_look(view, snapshot("b"), asked_s=0.1)) == ["b"]


def test_a_loss_empties_no_list() -> None:
    """FLUSHALL: who is missing stays until the lease ends that is known, and the list is stale."""
    view = after_look(View(), snapshot("a", "b", "c"), asked_s=0.0)
    view = after_look(view, snapshot(epoch=""), asked_s=1.0)
    assert ids(view) == ["a", "b", "c"]
    assert view.discovery("orders", 1.5).stale
    assert view.discovery("orders", 1.5).age_s == 1.5
    view = after_look(view, snapshot("b", epoch="2"), asked_s=3.0)
    assert ids(view) == ["a", "b", "c"]
    view = after_look(view, snapshot("b", "c", epoch="2"), asked_s=4.0)
    view = after_look(view, snapshot("b", epoch="2"), asked_s=8.0)
    assert ids(view) == ["a", "b"], "c came back and left"
    view = after_look(view, snapshot("b", epoch="2"), asked_s=LEASE_S)
    assert ids(view) == ["b"], "a did not come back"
    assert not view.discovery("orders", LEASE_S).stale


def test_a_loss_long_after_the_last_look_brings_nobody_back() -> None:
    """What was known then says nothing about now."""
    view = after_look(View(), snapshot("a"), asked_s=0.0)
    assert ids(after_look(view, snapshot(epoch=""), asked_s=100.0)) == []


def test_answers_that_overtook_each_other() -> None:
    """Neither an older list nor an older silence replaces a later list."""
    view = after_look(View(), snapshot("a"), asked_s=2.0)
    assert after_look(view, snapshot("b"), asked_s=1.0) == view
    assert after_silence(view, asked_s=1.0, now_s=3.0) == view


def test_the_first_end_of_a_lease() -> None:
    """A lease is never believed to be longer than leases are."""
    assert View().next_end_s() is None
    view = after_look(View(), snapshot("a", left_s=1e300), asked_s=1.0)
    assert view.next_end_s() == 1.0 + LEASE_S
    view = after_look(view, snapshot("a", "b", left_s=4.0), asked_s=2.0)
    assert view.next_end_s() == 6.0


STEPS = st.one_of(
    st.none(),
    st.tuples(st.sets(st.sampled_from("abc")), st.sampled_from(["", "1", "2"])),
)


@given(st.lists(st.tuples(STEPS, st.floats(0.0, 6.0)), max_size=20))
def test_nobody_is_kept_beyond_the_lease_that_was_seen(
    steps: list[tuple[tuple[set[str], str] | None, float]],
) -> None:
    """Whatever comes: who is listed was named within a lease before the last answer.

    Or no answer came after it was named, and one within the last two heartbeats.
    """
    view, now_s, named_s, answered_s = View(), 0.0, dict[str, float](), 0.0
    again_s = -100.0
    for found, pause_s in steps:
        now_s += pause_s
        if found is None:
            view = after_silence(view, asked_s=now_s, now_s=now_s)
            continue
        names, epoch = found
        before = set(view.listed())
        same, was_silent = epoch == view.epoch, view.silent_since_s is not None
        again_s = now_s if was_silent else again_s
        view = after_look(view, snapshot(*sorted(names), epoch=epoch), asked_s=now_s)
        answered_s = now_s
        named_s |= dict.fromkeys(names, now_s)
        assert names <= set(view.listed())
        assert set(view.listed()) <= before | names
        assert same or all(
            name in view.listed() or answered_s - named_s[name] >= LEASE_S for name in before
        )
    assert all(
        answered_s - named_s[name] < LEASE_S or answered_s - again_s < 2 * HEARTBEAT_S
        for name in view.listed()
    )
