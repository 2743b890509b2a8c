"""The seal of a compacted file."""

import pytest

from penstock.infra.embedded.storage.seal import Seal, decode_seal, encode_seal


@pytest.mark.parametrize("replaced", [(), (0,), (5, 9, 2**50)])
def test_a_seal_comes_back_as_it_was(replaced: tuple[int, ...]) -> None:
    """Sizes beyond 32 bits too."""
    seal = Seal(size=2**33, crc=2**32 - 1, replaced=replaced)
    assert decode_seal(encode_seal(seal)) == seal


def test_a_damaged_seal_is_none() -> None:
    """Every turned bit and every cut is seen."""
    data = encode_seal(Seal(size=3, crc=4, replaced=(5, 6)))
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 4
        assert decode_seal(bytes(changed)) is None
        assert decode_seal(data[:position]) is None
    assert decode_seal(data + b"\x00") is None
