"""Outputs of handlers with ids: sealed before their schemas have one, finished at the commit."""

import random

import pytest

from penstock.events.event import Event
from penstock.events.log import NewRecord, Partition
from penstock.events.topic import Topic
from penstock.events.writer_frames import FrameNotKnown, WriterFrames
from penstock.schemas.codec import encoder_of
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.record import declaration_of
from penstock.workers.delivery import Delivery
from penstock.workers.emission import Emission
from penstock.workers.group_commit import CommitLimits, Effects, GroupCommit, Work, finished_work
from penstock.workers.offsets import Finished
from penstock.workers.state import PartitionState
from tests.workers.test_pipeline import PLACED

TOTALS = Topic("shop.totals", partitions=2)


class Totalled(Event, topic=TOTALS, key="customer"):
    """An output."""

    customer: str


FINGERPRINT = declaration_of(Totalled).schema.fingerprint
LETTERS = Partition("shop.orders.dlq", 0)


def emitted(emission: Emission, *customers: str) -> Effects:
    """The effects of a record whose handler returned these."""
    effects = Effects()
    delivery = Delivery(
        PLACED, handler="h", attempt=1, state=PartitionState(), effects=effects, tables={}
    )
    outputs = [Totalled(customer=each) for each in customers]
    emission.emit(outputs, delivery=delivery, handler="h", now_ms=0, effects=effects)
    return effects


def composed(*every: Effects) -> Work:
    """One commit of them all."""
    group = GroupCommit(0, Finished(), CommitLimits())
    for offset, effects in enumerate(every):
        group.deliver(offset)
        group.finish(offset, effects)
    work = group.compose()
    assert work is not None
    return work


def an_emission(frames: WriterFrames) -> Emission:
    """An emission of one worker."""
    return Emission(source="shop.totals", limit_bytes=1_000, frames=frames)


def test_outputs_are_finished_where_they_stand_and_nothing_else_is_touched() -> None:
    """Also a dead letter that begins as an unfinished record does, before and behind them."""
    frames, chance = WriterFrames("confluent"), random.Random(1)
    emission = an_emission(frames)
    every, letters = [], []
    for number in range(20):
        effects = emitted(emission, *(f"c-{number}-{n}" for n in range(chance.randrange(4))))
        if chance.random() < 0.5:
            letter = NewRecord(b"", bytes(5) + b"%d" % number, [], 0)
            letters.append(letter)
            effects.emit(LETTERS, letter)
        every.append(effects)
    work = composed(*every)
    assert work.unprepared == {Totalled}
    frames.learn({FINGERPRINT: 7})
    emission.prepared([Totalled])
    finished = finished_work(work)
    assert finished.outputs[LETTERS] == letters
    assert (finished.unprepared, finished.unfinished) == (frozenset(), ())
    expected = [
        frame_of_id(7) + encoder_of(Totalled)(Totalled(customer=f"c-{number}-{n}"))[10:]
        for number, effects in enumerate(every)
        for n in range(len([each for each, _ in effects.outputs if each != LETTERS]))
    ]
    found = [
        record.value or b""
        for partition, records in finished.outputs.items()
        if partition != LETTERS
        for record in records
    ]
    assert sorted(found) == sorted(expected)
    for partition, records in work.outputs.items():
        assert [each.key for each in records] == [each.key for each in finished.outputs[partition]]


def test_once_prepared_outputs_are_sealed_with_their_ids() -> None:
    """Then there is nothing to finish, and the commit is the same object."""
    frames = WriterFrames("confluent")
    emission = an_emission(frames)
    frames.learn({FINGERPRINT: 7})
    emission.prepared([Totalled])
    effects = emitted(emission, "c")
    assert effects.unfinished == ()
    work = composed(effects)
    assert finished_work(work) is work


def test_single_objects_need_no_finishing() -> None:
    """As ever."""
    effects = emitted(an_emission(WriterFrames()), "c")
    assert effects.unprepared == {Totalled}
    assert effects.unfinished == ()


def test_a_commit_cannot_be_finished_without_ids() -> None:
    """An id of 0 never leaves the process."""
    work = composed(emitted(an_emission(WriterFrames("confluent")), "c"))
    with pytest.raises(FrameNotKnown):
        finished_work(work)
