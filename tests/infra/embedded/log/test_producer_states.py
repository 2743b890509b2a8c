"""Producers: what is a duplicate, what is out of order, who is a zombie, who is forgotten."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.log.control_marker import EndMarker, encode_marker, read_marker
from penstock.infra.embedded.log.log_answers import ProducerDescription
from penstock.infra.embedded.log.producer_states import ProducerStates
from penstock.infra.embedded.log.record_batch import BatchHeader, header_at
from tests.infra.embedded.log.record_batches import DAY_MS, NOW, raw_batch, record

LAST = 2**31 - 1


def batch(
    offset: int,
    sequence: int,
    *,
    count: int = 2,
    epoch: int = 0,
    producer: int = 9,
    transactional: bool = False,
) -> BatchHeader:
    """Make the header of a producer's batch."""
    fields: dict[str, Any] = {
        "base_offset": offset,
        "producer_id": producer,
        "producer_epoch": epoch,
        "base_sequence": sequence,
        "attributes": 0x10 if transactional else 0,
    }
    return header_at(raw_batch([record(index) for index in range(count)], **fields))


def marker(offset: int, *, commit: bool, epoch: int = 0) -> tuple[BatchHeader, EndMarker]:
    """Make a marker of producer 9."""
    end = EndMarker(commit=commit, coordinator_epoch=3)
    header, data = encode_marker(
        end,
        base_offset=offset,
        producer_id=9,
        producer_epoch=epoch,
        log_append_time=False,
        now_ms=NOW,
    )
    assert read_marker(header, data) == end
    return header, end


def error(states: ProducerStates, header: BatchHeader) -> ErrorCode | None:
    """Return the error that a batch gets."""
    refusal = states.batch_refusal(header)
    return refusal.error if refusal else None


def known(*headers: BatchHeader) -> ProducerStates:
    """Return what is known after these batches."""
    states = ProducerStates()
    for header in headers:
        assert error(states, header) is None
        states.take_batch(header)
    return states


def test_a_producer_that_is_not_known_may_begin_anywhere() -> None:
    """Its batches may have been deleted."""
    assert error(ProducerStates(), batch(0, 77)) is None


def test_the_next_sequence_must_follow() -> None:
    """Neither a gap nor a part of an old batch is taken."""
    states = known(batch(0, 5))
    assert error(states, batch(2, 7)) is None
    for sequence in (5, 6, 8, 0):
        assert error(states, batch(2, sequence, count=1)) is (
            ErrorCode.out_of_order_sequence_number
        )


def test_the_last_five_batches_may_come_again() -> None:
    """With the same first and last number, and in the same epoch; the sixth is out of order."""
    states = known(*(batch(2 * n, 2 * n) for n in range(6)))
    again = [states.duplicate(batch(99, 2 * n)) for n in range(6)]
    assert [one.base_offset if one else None for one in again] == [None, 2, 4, 6, 8, 10]
    assert error(states, batch(99, 0)) is ErrorCode.out_of_order_sequence_number
    assert states.duplicate(batch(99, 10, count=1)) is None
    assert states.duplicate(batch(99, 10, epoch=1)) is None


def test_sequences_wrap_after_the_largest() -> None:
    """0 follows 2^31-1, within a batch and between two."""
    assert error(known(batch(0, LAST - 1)), batch(2, 0)) is None
    states = known(batch(0, LAST))
    assert error(states, batch(2, 1)) is None
    assert states.duplicate(batch(2, LAST)) is not None


def test_a_new_epoch_begins_at_zero_and_an_old_one_is_over() -> None:
    """As Kafka has it since 2.7: INVALID_PRODUCER_EPOCH."""
    states = known(batch(0, 0))
    assert error(states, batch(2, 2, epoch=1)) is ErrorCode.out_of_order_sequence_number
    states.take_batch(batch(2, 0, epoch=1))
    assert error(states, batch(4, 2, epoch=0)) is ErrorCode.invalid_producer_epoch
    assert error(states, batch(4, 2, epoch=1)) is None


def test_a_transaction_is_open_until_its_marker() -> None:
    """Its first batch opens it; the marker ends it and tells how."""
    states = known(batch(0, 0, transactional=True), batch(2, 2, transactional=True))
    assert (states.first_open_offset, states.transaction_start(9)) == (0, 0)
    assert error(states, batch(4, 4)) is ErrorCode.invalid_txn_state
    completed = states.take_marker(*marker(4, commit=False))
    assert completed == (9, 0, 4, True)
    assert (states.first_open_offset, states.open_transactions) == (None, 0)
    assert error(states, batch(5, 4)) is None
    assert states.take_marker(*marker(5, commit=True)) is None


def test_the_first_open_transaction_counts() -> None:
    """Whichever ends first."""
    states = known(batch(0, 0, transactional=True), batch(2, 0, producer=8, transactional=True))
    states.take_marker(*marker(4, commit=True))
    assert states.first_open_offset == 2


def test_a_marker_with_a_new_epoch_fences_and_forgets_sequences() -> None:
    """So the producer of the old epoch is a zombie, and the new one begins at 0."""
    states = known(batch(0, 0, transactional=True))
    states.take_marker(*marker(2, commit=False, epoch=1))
    assert error(states, batch(3, 2)) is ErrorCode.invalid_producer_epoch
    assert error(states, batch(3, 1, epoch=1)) is ErrorCode.out_of_order_sequence_number
    assert error(states, batch(3, 0, epoch=1)) is None


def test_an_empty_marker_says_how_new_an_epoch_is() -> None:
    """It ends nothing, and forgets nothing of its own epoch."""
    states = known(batch(0, 0), batch(2, 0, producer=8, transactional=True))
    end, _ = marker(4, commit=True, epoch=0)
    states.take_empty_marker(end)
    assert states.duplicate(batch(9, 0)) is not None
    assert states.open_transactions == 1
    end, _ = marker(5, commit=True, epoch=2)
    states.take_empty_marker(end)
    assert error(states, batch(9, 2, epoch=1)) is ErrorCode.invalid_producer_epoch
    assert error(states, batch(9, 2, epoch=2)) is ErrorCode.out_of_order_sequence_number
    assert error(states, batch(9, 0, epoch=2)) is None
    assert states.is_last_of_producer(end)


def test_zombie_coordinators_are_fenced() -> None:
    """A marker of an older producer epoch or an older coordinator is refused."""
    states = known(batch(0, 0, transactional=True))
    states.take_marker(*marker(2, commit=True, epoch=1))

    def refused(epoch: int, coordinator: int) -> ErrorCode | None:
        refusal = states.marker_refusal(9, epoch, coordinator)
        return refusal.error if refusal else None

    assert refused(0, 3) is ErrorCode.invalid_producer_epoch
    assert refused(1, 2) is ErrorCode.transaction_coordinator_fenced
    assert refused(1, 3) is None
    assert states.marker_refusal(1234, 0, 0) is None


def test_a_lower_sequence_that_waits_for_its_check_comes_first() -> None:
    """KIP-890: a batch that overtook the first one of its transaction is not taken."""
    states = ProducerStates()
    states.begin_verification(9, 0, 10, now_ms=NOW)
    states.begin_verification(9, 0, 4, now_ms=NOW)
    overtaking = batch(0, 10, transactional=True)
    assert error(states, overtaking) is ErrorCode.out_of_order_sequence_number
    first = batch(0, 4, count=6, transactional=True)
    assert error(states, first) is None
    states.take_batch(first)
    assert error(states, overtaking) is None
    states.begin_verification(9, 1, 0, now_ms=NOW)
    states.begin_verification(9, 0, 0, now_ms=NOW)
    assert error(states, batch(6, 1, epoch=1, transactional=True)) is (
        ErrorCode.out_of_order_sequence_number
    )


def test_who_is_silent_for_long_is_forgotten() -> None:
    """Unless its transaction is open; so are checks that nobody has answered."""
    states = known(batch(0, 0), batch(2, 0, producer=8, transactional=True))
    states.begin_verification(7, 0, 5, now_ms=NOW)
    assert states.expire(NOW + DAY_MS - 1, after_ms=DAY_MS) == 0
    assert states.expire(NOW + DAY_MS, after_ms=DAY_MS) == 1
    assert len(states) == 1
    assert error(states, batch(4, 33)) is None
    assert error(states, batch(4, 6, producer=7, transactional=True)) is None


def test_what_is_known_before_an_offset_and_what_follows_make_the_whole() -> None:
    """Wherever the log is cut: batches, epochs, open transactions in their order."""
    steps: list[BatchHeader | tuple[BatchHeader, EndMarker]] = [
        batch(0, 0, transactional=True, producer=8),
        batch(2, 0, transactional=True),
        batch(4, 0, producer=7),
        marker(6, commit=True),
        batch(7, 2, producer=7),
        batch(9, 2, transactional=True),
        batch(11, 4, producer=7),
        marker(13, commit=False, epoch=1),
        batch(14, 0, epoch=1, transactional=True),
        batch(16, 0, producer=6, transactional=True),
    ]

    def take(states: ProducerStates, first: int) -> ProducerStates:
        for step in steps[first:]:
            if isinstance(step, BatchHeader):
                states.take_batch(step)
            else:
                states.take_marker(*step)
        return states

    whole = take(ProducerStates(), 0)
    for first, step in enumerate(steps):
        offset = (step if isinstance(step, BatchHeader) else step[0]).base_offset
        again = take(ProducerStates(whole.known_before(offset)), first)
        assert sorted(again.descriptions()) == sorted(whole.descriptions())
        assert sorted(again.known_before(99)) == sorted(whole.known_before(99))
        assert again.first_open_offset == whole.first_open_offset == 0
    end_of_log = ProducerStates(reversed(tuple(whole.known_before(99))))
    for producer, opened in ((8, 0), (9, 14), (6, 16)):
        assert end_of_log.first_open_offset == opened
        end_of_log.take_marker(
            marker(99, commit=True)[0]._replace(producer_id=producer, producer_epoch=1),
            EndMarker(commit=True, coordinator_epoch=3),
        )


def test_producers_are_described() -> None:
    """As DescribeProducers tells it."""
    states = known(batch(0, 0, transactional=True))
    wanted = ProducerDescription(
        producer_id=9,
        producer_epoch=0,
        last_sequence=1,
        last_timestamp_ms=NOW,
        coordinator_epoch=-1,
        current_transaction_start_offset=0,
    )
    assert list(states.descriptions()) == [wanted]
    states.take_marker(*marker(2, commit=True))
    assert next(states.descriptions()).coordinator_epoch == 3
    assert next(states.descriptions()).current_transaction_start_offset == -1


def test_the_batch_with_the_last_sequence_is_known() -> None:
    """Or, where a marker has made the sequences old, the marker."""
    states = known(batch(0, 0), batch(2, 2))
    last = [states.is_last_of_producer(one) for one in (batch(0, 0), batch(2, 2))]
    assert last == [False, True]
    end, said = marker(4, commit=True, epoch=1)
    states.take_marker(end, said)
    assert states.is_last_of_producer(end)
    assert not states.is_last_of_producer(batch(2, 2))
    assert not states.is_last_of_producer(batch(2, 2, producer=1))
