"""The frame around every value."""

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.cache.errors import CachedValueUnreadable, NotCacheable
from penstock.infra.cache.plain_values import plain_format
from penstock.infra.cache.typed_values import typed_format
from penstock.infra.cache.value_format import ValueFormat

LIMIT = 1000
FORMS = [
    plain_format("prices", limit_bytes=LIMIT),
    typed_format("prices", "price_of", "{sku}", int, limit_bytes=LIMIT),
    typed_format("prices", "name_of", "{sku}", int, limit_bytes=LIMIT),
    typed_format("prices", "price_of", "{shop}", int, limit_bytes=LIMIT),
    typed_format("prices", "price_of", "{sku}", int | None, limit_bytes=LIMIT),
]
FORM = st.sampled_from(FORMS)
KEY = "penstock:shop:cache:prices:lamp"


@given(FORM, st.integers(), st.integers(0, 40))
def test_a_value_that_was_cut_is_never_another_value(
    form: ValueFormat, value: int, cut: int
) -> None:
    """12345 cut to 12 would be a number, too."""
    frame = form.encode(value, KEY)
    with pytest.raises(CachedValueUnreadable):
        form.decode(frame[: max(0, len(frame) - 1 - cut)], KEY)


@given(FORM, st.integers(), st.data())
def test_a_value_that_was_changed_is_never_another_value(
    form: ValueFormat, value: int, data: st.DataObject
) -> None:
    """Any one bit of it."""
    frame = bytearray(form.encode(value, KEY))
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CachedValueUnreadable):
        form.decode(bytes(frame), KEY)


@given(FORM, FORM, st.integers())
def test_a_value_is_read_only_by_the_format_that_wrote_it(
    writer: ValueFormat, reader: ValueFormat, value: int
) -> None:
    """Another function, another template, another type, or a hand: that would be a guess."""
    frame = writer.encode(value, KEY)
    if reader is writer:
        assert reader.decode(frame, KEY) == value
    else:
        with pytest.raises(CachedValueUnreadable, match="another type, or another function's"):
            reader.decode(frame, KEY)


@given(FORM, st.text(max_size=20), st.integers())
def test_a_value_of_another_key_is_not_taken(form: ValueFormat, other: str, value: int) -> None:
    """Whether it was copied there, or is an answer that belongs to another question."""
    if other == KEY:
        return
    with pytest.raises(CachedValueUnreadable, match="another key"):
        form.decode(form.encode(value, KEY), other)


@given(FORM, st.binary(max_size=300))
def test_any_bytes_are_refused_by_one_error(form: ValueFormat, data: bytes) -> None:
    """Also behind a header that begins right."""
    for frame in (data, form.encode(1, KEY)[:9] + data, form.encode(1, KEY)[:13] + data):
        try:
            form.decode(frame, KEY)
        except CachedValueUnreadable:
            continue
        assert frame == form.encode(1, KEY)


class Touches:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        """Name the file."""
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        """Tell pickle to make it."""
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("protocol", range(6))
def test_pickles_are_never_opened(form: ValueFormat, protocol: int, tmp_path: Path) -> None:
    """By whoever can write to Redis, anything could be run here."""
    planted = pickle.dumps(Touches(tmp_path / "planted"), protocol)
    for frame in (planted, form.encode(1, KEY)[:9] + planted):
        with pytest.raises(CachedValueUnreadable):
            form.decode(frame, KEY)
    assert not list(tmp_path.iterdir())
    pickle.loads(planted)  # noqa: S301 - what the planted bytes would do
    assert list(tmp_path.iterdir())


def test_errors_hold_no_value() -> None:
    """They end up in logs."""
    with pytest.raises(NotCacheable) as refused:
        FORMS[0].encode(("secret",), KEY)
    assert "secret" not in str(refused.value)
    frame = FORMS[0].encode("secret", KEY)
    with pytest.raises(CachedValueUnreadable) as unreadable:
        FORMS[0].decode(frame[:-1], KEY)
    assert "secret" not in str(unreadable.value)
