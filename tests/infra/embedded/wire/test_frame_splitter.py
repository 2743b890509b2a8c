import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.embedded.wire.frame_splitter import FrameSplitter
from penstock.infra.embedded.wire.wire_errors import FrameRefused


def _framed(frame: bytes) -> bytes:
    return len(frame).to_bytes(4, "big") + frame


@given(
    frames=st.lists(st.binary(max_size=300), max_size=8),
    cuts=st.lists(st.integers(0, 2000), max_size=30),
)
def test_frames_come_out_whole_however_the_stream_is_cut(
    frames: list[bytes], cuts: list[int]
) -> None:
    """In order, and nothing is left over."""
    stream = b"".join(map(_framed, frames))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    splitter = FrameSplitter(limit=300)
    out = [
        frame
        for start, end in itertools.pairwise(edges)
        for frame in splitter.feed(stream[start:end])
    ]
    assert out == frames
    assert splitter.claimed_bytes == 0


@pytest.mark.parametrize("length", [-1, -(2**31), 301, 2**31 - 1])
def test_a_length_beyond_the_limit_is_refused_before_anything_is_kept_for_it(length: int) -> None:
    """A length beyond the limit is refused before anything is kept for it."""
    splitter = FrameSplitter(limit=300)
    with pytest.raises(FrameRefused) as refused:
        list(splitter.feed(length.to_bytes(4, "big", signed=True) + b"abc"))
    assert refused.value.length == length
    assert splitter.kept_bytes == 0


def test_frames_before_a_refused_length_still_come_out() -> None:
    """Frames before a refused length still come out."""
    splitter = FrameSplitter(limit=300)
    frames = splitter.feed(_framed(b"first") + b"\xff\xff\xff\xff")
    assert next(frames) == b"first"
    with pytest.raises(FrameRefused):
        next(frames)


def test_a_frame_that_comes_byte_by_byte_is_kept_in_few_pieces() -> None:
    """Each byte as an object of its own would cost forty times its size."""
    splitter = FrameSplitter(limit=100_000)
    for byte in _framed(bytes(90_000))[:-1]:
        assert not list(splitter.feed(bytes((byte,))))
    assert splitter.kept_bytes == 4 + 90_000 - 1
    assert len(splitter._pieces) <= 90_000 // 4096 + 2


def test_a_frame_in_the_making_tells_how_large_it_will_be() -> None:
    """A frame in the making tells how large it will be."""
    splitter = FrameSplitter(limit=1000)
    list(splitter.feed((500).to_bytes(4, "big") + b"begun"))
    assert (splitter.kept_bytes, splitter.claimed_bytes) == (9, 504)
