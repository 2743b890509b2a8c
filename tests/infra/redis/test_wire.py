import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio.connection import Connection

from penstock.infra.redis.wire import Argument, command

words = st.sampled_from(["GET", "SET", "EVALSHA", "XREAD"])
arguments = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(max_size=100)
    | st.integers(-(2**63), 2**63)
)


@given(words, arguments)
def test_commands_are_packed_as_redis_py_packs_them(word: str, rest: list[Argument]) -> None:
    """Byte by byte; the lengths are those of the encoded arguments, and bytes stay as they are."""
    assert command(word, *rest) == b"".join(Connection().pack_command(word, *rest))


def test_nothing_in_an_argument_ends_it() -> None:
    """Lengths come first, so that line ends and commands within a value are only bytes of it."""
    hostile = "x\r\n*1\r\n$8\r\nFLUSHALL\r\n"
    assert command("GET", hostile) == b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (
        len(hostile),
        hostile.encode(),
    )


def test_half_a_character() -> None:
    """What cannot be encoded is not sent in part."""
    with pytest.raises(UnicodeEncodeError):
        command("GET", "\ud800")
