"""Fetch sessions: partitions that are named once and then only when they change (KIP-227)."""

from collections.abc import Sequence
from typing import Any

from kio.schema.errors import ErrorCode

from tests.conformance.conversation import Conversation
from tests.conformance.record_batches import batches_in


def ask(
    talk: Conversation,
    topics: Sequence[tuple[str, int]] = (),
    *,
    session: int = 0,
    epoch: int = 0,
    forgotten: Sequence[str] = (),
) -> Any:
    """Fetch within a session."""
    return talk.ask(
        "fetch",
        12,
        session_id=session,
        session_epoch=epoch,
        topics=[
            {
                "topic": topic,
                "partitions": [
                    {"partition": 0, "fetch_offset": offset, "partition_max_bytes": 1 << 20}
                ],
            }
            for topic, offset in topics
        ],
        forgotten_topics_data=[{"topic": topic, "partitions": [0]} for topic in forgotten],
    )


def topics_in(answer: Any) -> list[str]:
    """The topics of an answer."""
    assert not answer.error_code, answer
    return sorted(each.topic for each in answer.responses)


def test_a_session_begins_with_epoch_zero(talk: Conversation, topic: str) -> None:
    """The first answer gives the session's id and every partition, empty ones too."""
    answer = ask(talk, [(topic, 0)])
    assert answer.session_id > 0
    assert topics_in(answer) == [topic]


def test_no_session_is_made_where_none_is_wanted(talk: Conversation, topic: str) -> None:
    """Epoch -1 means: never."""
    answer = ask(talk, [(topic, 0)], epoch=-1)
    assert answer.session_id == 0
    assert topics_in(answer) == [topic]


def test_later_answers_hold_what_has_changed(talk: Conversation, topic: str) -> None:
    """A partition without news is left out; new records bring it back, unasked."""
    session = ask(talk, [(topic, 0)]).session_id
    assert topics_in(ask(talk, session=session, epoch=1)) == []
    talk.write(topic, b"a")
    answer = ask(talk, session=session, epoch=2)
    assert topics_in(answer) == [topic]
    assert batches_in(answer.responses[0].partitions[0].records)
    assert answer.session_id == session


def test_a_position_is_moved_by_naming_the_partition(talk: Conversation, topic: str) -> None:
    """What is named replaces what the session knew."""
    talk.write(topic, b"a")
    session = ask(talk, [(topic, 0)]).session_id
    assert topics_in(ask(talk, [(topic, 1)], session=session, epoch=1)) == []
    assert topics_in(ask(talk, [(topic, 0)], session=session, epoch=2)) == [topic]


def test_a_partition_may_be_added_and_forgotten(talk: Conversation, topic: str) -> None:
    """Forgotten partitions come no more, whatever is written to them."""
    other = talk.create_topic(topic + "-other")
    session = ask(talk, [(topic, 0)]).session_id
    assert topics_in(ask(talk, [(other, 0)], session=session, epoch=1)) == [other]
    for each in (topic, other):
        talk.write(each, b"a")
    answer = ask(talk, session=session, epoch=2, forgotten=[topic])
    assert topics_in(answer) == [other]


def test_epochs_follow_each_other(talk: Conversation, topic: str) -> None:
    """A wrong epoch is refused, and the session stays where it was."""
    session = ask(talk, [(topic, 0)]).session_id
    refused = ask(talk, session=session, epoch=5)
    assert refused.error_code == ErrorCode.invalid_fetch_session_epoch
    assert not refused.responses
    assert not ask(talk, session=session, epoch=1).error_code


def test_an_unknown_session_is_told(talk: Conversation) -> None:
    """The client begins anew then."""
    answer = ask(talk, session=123_456, epoch=7)
    assert answer.error_code == ErrorCode.fetch_session_id_not_found


def test_a_session_ends_with_epoch_minus_one(talk: Conversation, topic: str) -> None:
    """Its id is forgotten."""
    session = ask(talk, [(topic, 0)]).session_id
    assert ask(talk, [(topic, 0)], session=session, epoch=-1).session_id == 0
    answer = ask(talk, session=session, epoch=1)
    assert answer.error_code == ErrorCode.fetch_session_id_not_found


def test_a_new_session_replaces_the_old_one(talk: Conversation, topic: str) -> None:
    """Epoch 0 with an old id: that session ends, another one begins."""
    old = ask(talk, [(topic, 0)]).session_id
    new = ask(talk, [(topic, 0)], session=old, epoch=0).session_id
    assert new not in {0, old}
    assert ask(talk, session=old, epoch=1).error_code == ErrorCode.fetch_session_id_not_found
    assert not ask(talk, session=new, epoch=1).error_code


def test_an_error_is_told_again_each_time(talk: Conversation, topic: str) -> None:
    """A partition with an error is never left out."""
    session = ask(talk, [(topic, 9)]).session_id
    for epoch in (1, 2):
        answer = ask(talk, session=session, epoch=epoch)
        assert topics_in(answer) == [topic]
        code = answer.responses[0].partitions[0].error_code
        assert code == ErrorCode.offset_out_of_range
