import pytest

from penstock.infra.embedded.wire.request_header import read_api, read_header, write_header
from penstock.infra.embedded.wire.wire_errors import UnreadableMessage

_START = b"\0\3\0\14\0\0\0\7"


def test_a_flexible_header_ends_with_tagged_fields() -> None:
    """A flexible header ends with tagged fields."""
    header = read_header(_START + b"\0\1c" + b"\0" + b"body", flexible=True)
    assert (header.api_key, header.version, header.correlation_id) == (3, 12, 7)
    assert (header.client_id, header.body_at) == ("c", 12)


def test_an_older_header_ends_with_the_clients_name() -> None:
    """An older header ends with the client's name."""
    assert read_header(_START + b"\0\1c" + b"body", flexible=False).body_at == 11


def test_a_client_without_a_name_has_an_empty_one() -> None:
    """A client without a name has an empty one."""
    assert read_header(_START + b"\xff\xff", flexible=False).client_id == ""


@pytest.mark.parametrize("frame", [b"", b"\0", b"\0\3\0\14\0", _START + b"\0\x09c", _START])
def test_a_cut_header_is_unreadable(frame: bytes) -> None:
    """A cut header is unreadable."""
    with pytest.raises(UnreadableMessage):
        read_header(frame, flexible=False)


@pytest.mark.parametrize(
    "tags", [b"", b"\xff\xff\xff\xff\xff\xff", b"\1\0\x7f", b"\xff\xff\xff\xff\7"]
)
def test_tagged_fields_gone_wrong_are_unreadable(tags: bytes) -> None:
    """Tagged fields gone wrong are unreadable."""
    with pytest.raises(UnreadableMessage):
        read_header(_START + b"\0\1c" + tags, flexible=True)


def test_three_bytes_are_no_request() -> None:
    """Three bytes are no request."""
    with pytest.raises(UnreadableMessage):
        read_api(b"\0\0\0")


def test_the_answer_to_api_versions_never_has_tagged_fields_in_its_header() -> None:
    """The answer to ApiVersions never has tagged fields in its header."""
    assert write_header(18, 7, flexible=True) == b"\0\0\0\7"
    assert write_header(3, 7, flexible=True) == b"\0\0\0\7\0"
    assert write_header(3, 7, flexible=False) == b"\0\0\0\7"
