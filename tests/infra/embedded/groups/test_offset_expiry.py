"""The retention of committed offsets: only what nobody can need is dropped."""

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topic_partition import TopicPartition
from tests.infra.embedded.groups.group_bench import ORDERS, Bench, Member

RETENTION_MS = 7 * 24 * 60 * 60 * 1_000
CHECK_MS = 600_000
PAYMENTS = TopicPartition("payments", 0)


def live(bench: Bench, member: Member, ms: int) -> None:
    """Let time pass while a member sends heartbeats, which end with the time."""
    for _ in range(ms // 30_000):
        bench.pass_time(30_000)
        assert bench.heartbeat(member) is ErrorCode.none


def test_offsets_of_a_simple_group_expire_by_their_commit() -> None:
    """Seven days after it, at the next search; the group goes with its last offset."""
    bench = Bench()
    bench.commit(1)
    bench.pass_time(RETENTION_MS // 2)
    bench.commit(2, partition=PAYMENTS)
    bench.pass_time(RETENTION_MS // 2 - 1)
    assert bench.committed() == 1
    bench.pass_time(1 + CHECK_MS)
    assert (bench.committed(), bench.committed(PAYMENTS)) == (-1, 2)
    assert bench.state() == "Empty"
    bench.pass_time(RETENTION_MS)
    assert bench.state() == "Dead"
    assert bench.coordinator.statistics().offsets_expired == 2


def test_offsets_of_a_group_expire_when_it_was_empty_for_so_long() -> None:
    """Not by their commit (KIP-211): a group that reads little keeps its place."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.commit(1, member)
    live(bench, member, RETENTION_MS + CHECK_MS)
    assert bench.committed() == 1
    bench.leave(member)
    bench.pass_time(RETENTION_MS - 1)
    assert bench.committed() == 1
    bench.pass_time(1 + CHECK_MS)
    assert bench.committed() == -1
    assert bench.state() == "Dead"


def test_in_a_stable_group_offsets_of_topics_that_nobody_reads_expire() -> None:
    """By their commit; those of topics that are read do not."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.commit(1, member)
    bench.commit(2, member, partition=PAYMENTS)
    live(bench, member, RETENTION_MS + CHECK_MS)
    assert (bench.committed(), bench.committed(PAYMENTS)) == (1, -1)


def test_where_the_subscription_cannot_be_read_nothing_expires() -> None:
    """Rather keep what nobody needs."""
    bench = Bench()
    (member,) = bench.stable("a", protocols=(("own", b"?"),))
    bench.commit(2, member, partition=PAYMENTS)
    live(bench, member, RETENTION_MS + CHECK_MS)
    assert bench.committed(PAYMENTS) == 2


def test_a_commit_may_say_itself_how_long_it_counts() -> None:
    """Versions 2 to 4 of the request."""
    bench = Bench()
    bench.commit(1, retention_ms=1_000)
    bench.commit(2, partition=PAYMENTS, retention_ms=2 * CHECK_MS)
    bench.pass_time(CHECK_MS)
    assert (bench.committed(), bench.committed(PAYMENTS)) == (-1, 2)
    bench.pass_time(2 * CHECK_MS)
    assert bench.committed(PAYMENTS) == -1


def test_what_an_open_transaction_commits_does_not_expire() -> None:
    """Neither the former offset nor the group."""
    bench = Bench()
    bench.commit(1)
    bench.commit_in_transaction(2, 500)
    bench.commit_in_transaction(2, 500, group="other")
    bench.pass_time(2 * RETENTION_MS)
    assert bench.committed() == 1
    assert len(bench.coordinator.list_groups()) == 2


def test_what_expired_is_gone_after_a_restart_too() -> None:
    """The journal says so."""
    bench = Bench()
    bench.commit(1)
    bench.pass_time(RETENTION_MS + CHECK_MS)
    again = bench.restarted()
    assert again.committed() == -1
    assert again.coordinator.list_groups() == ()


def test_the_time_of_a_commit_outlives_the_process() -> None:
    """A restart gives no new retention."""
    bench = Bench()
    bench.commit(1)
    bench.pass_time(RETENTION_MS - CHECK_MS)
    again = bench.restarted()
    again.pass_time(CHECK_MS)
    assert again.committed() == -1


def test_after_a_long_sleep_one_search_is_enough() -> None:
    """A machine that slept for ten years wakes at once: 525 600 searches would find no more."""
    bench = Bench()
    bench.commit(1)
    bench.pass_time(10 * 365 * 24 * 60 * 60 * 1_000)
    assert bench.state() == "Dead"
    assert bench.coordinator.next_deadline_ms() is not None
    assert bench.now_ms < (bench.coordinator.next_deadline_ms() or 0) <= bench.now_ms + CHECK_MS


def test_offsets_of_a_deleted_topic_are_forgotten_in_all_groups() -> None:
    """Those of open transactions too: a topic of the same name is another topic."""
    bench = Bench()
    bench.commit(1)
    bench.commit(1, group="other")
    bench.commit(2, partition=PAYMENTS)
    bench.commit_in_transaction(3, 500)
    bench.forget_partitions(ORDERS, TopicPartition("orders", 1))
    bench.finish(500, commit=True)
    for one in (bench, bench.restarted()):
        assert (one.committed(), one.committed(group="other")) == (-1, -1)
        assert one.committed(PAYMENTS) == 2
