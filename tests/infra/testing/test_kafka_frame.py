import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.testing.kafka_frame import (
    BrokenFrame,
    Conversation,
    FrameSplitter,
    RequestHead,
    correlation_id,
    request_head,
)

_LIMIT = 64


def _frame(payload: bytes) -> bytes:
    return struct.pack(">i", len(payload)) + payload


def _answer(correlation: int, body: bytes = b"") -> bytes:
    return _frame(struct.pack(">i", correlation) + body)


def _head(correlation: int, api_key: int = 0) -> RequestHead:
    return RequestHead(api_key=api_key, api_version=0, correlation_id=correlation)


@given(
    payloads=st.lists(st.binary(max_size=_LIMIT), max_size=8),
    cuts=st.lists(st.integers(min_value=1, max_value=20), min_size=1, max_size=50),
    rest=st.binary(max_size=3),
)
def test_splitting(payloads: list[bytes], cuts: list[int], rest: bytes) -> None:
    """Frames come out whole and in order however the stream is cut."""
    stream = b"".join(_frame(payload) for payload in payloads) + rest
    splitter = FrameSplitter(limit_bytes=_LIMIT)
    found: list[bytes] = []
    position = 0
    while position < len(stream):
        size = cuts[position % len(cuts)]
        found.extend(splitter.feed(stream[position : position + size]))
        position += size
    assert found == [_frame(payload) for payload in payloads]


@pytest.mark.parametrize("length", [-1, _LIMIT + 1, 0x16030100])
def test_impossible_length(
    length: int,
) -> None:
    """A length that no frame has breaks the stream before anything is gathered.

    The last one is how a TLS handshake begins.
    """
    splitter = FrameSplitter(limit_bytes=_LIMIT)
    with pytest.raises(BrokenFrame) as caught:
        list(splitter.feed(struct.pack(">i", length)))
    assert caught.value.size_bytes == length


def test_longest_frame() -> None:
    """A frame as long as the limit passes."""
    frame = _frame(b"x" * _LIMIT)
    assert list(FrameSplitter(limit_bytes=_LIMIT).feed(frame)) == [frame]


def test_request_head() -> None:
    """A request says its API key, its version and its correlation id."""
    frame = _frame(struct.pack(">hhi", 26, 1, -7) + b"client")
    assert request_head(frame) == RequestHead(api_key=26, api_version=1, correlation_id=-7)


def test_answer_head() -> None:
    """An answer says only its correlation id."""
    assert correlation_id(_answer(12, b"body")) == 12


def test_short_frames() -> None:
    """A frame too short for its head is broken, not guessed at."""
    with pytest.raises(BrokenFrame):
        request_head(_frame(b"1234567"))
    with pytest.raises(BrokenFrame):
        correlation_id(_frame(b"123"))


def test_matching() -> None:
    """An answer is matched with its request by the correlation id."""
    conversation = Conversation()
    conversation.asked(_head(1, api_key=3))
    conversation.asked(_head(2, api_key=26))
    (first,) = conversation.answered(_answer(1))
    (second,) = conversation.answered(_answer(2))
    assert [first.head, second.head] == [_head(1, api_key=3), _head(2, api_key=26)]
    assert conversation.unanswered == 0


def test_unasked_answer() -> None:
    """An answer to nothing that was asked passes without a head."""
    (answer,) = Conversation().answered(_answer(5))
    assert answer.head is None


def test_requests_without_answer() -> None:
    """Requests without answer are forgotten when a later one is answered.

    Such is a produce with acks=0: the server answers in order, so its turn has passed.
    """
    conversation = Conversation()
    for correlation in range(3):
        conversation.asked(_head(correlation))
    conversation.answered(_answer(2))
    assert conversation.unanswered == 0


def test_memory_is_bounded() -> None:
    """Of requests that nobody answers the oldest are forgotten."""
    conversation = Conversation()
    for correlation in range(30_000):
        conversation.asked(_head(correlation))
    assert conversation.unanswered == 10_000


def test_overtaking() -> None:
    """Answers that came too early wait for that of an overtaken request."""
    conversation = Conversation()
    for correlation in range(4):
        conversation.asked(_head(correlation))
    conversation.overtaken(_head(1))
    assert [answer.frame for answer in conversation.answered(_answer(0))] == [_answer(0)]
    assert conversation.answered(_answer(2, b"ab")) == []
    assert conversation.answered(_answer(3)) == []
    assert conversation.overtaking == 2
    turn = conversation.answered(_answer(1))
    assert [answer.frame for answer in turn] == [_answer(1), _answer(2, b"ab"), _answer(3)]
    assert (conversation.overtaking, conversation.unanswered) == (0, 0)


@given(data=st.data())
def test_order_of_answers(
    data: st.DataObject,
) -> None:
    """A client gets answers in the order of its requests, whatever was overtaken.

    The server answers first what was not held, then the held ones in any order; to some requests
    (acks=0) it says nothing.
    """
    asked = list(range(data.draw(st.integers(min_value=1, max_value=12))))
    held = data.draw(st.sets(st.sampled_from(asked)))
    silent = data.draw(st.sets(st.sampled_from(asked))) - held
    conversation = Conversation()
    for correlation in asked:
        conversation.asked(_head(correlation))
        if correlation in held:
            conversation.overtaken(_head(correlation))
    passed = [correlation for correlation in asked if correlation not in held | silent]
    delivered = [
        correlation_id(answer.frame)
        for correlation in [*passed, *data.draw(st.permutations(sorted(held)))]
        for answer in conversation.answered(_answer(correlation))
    ]
    assert delivered == [correlation for correlation in asked if correlation not in silent]
