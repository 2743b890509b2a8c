import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.workers.group_commit import Effects
from penstock.workers.state import (
    IllegalStateKey,
    PartitionState,
    StateView,
    state_key,
    table_prefix,
)

keys = st.binary(min_size=1, max_size=3)
changes = st.lists(st.tuples(keys, st.one_of(st.none(), st.binary(max_size=2))), max_size=80)


@given(changes, changes, keys)
def test_a_view_agrees_with_two_dictionaries(
    finished: list[tuple[bytes, bytes | None]],
    own: list[tuple[bytes, bytes | None]],
    prefix: bytes,
) -> None:
    """Own changes lie over the finished ones, deletes included, and scans are in order."""
    state, twin = PartitionState(), dict[bytes, bytes]()
    for key, value in finished:
        state.apply(key, value)
        _apply(twin, key, value)
        if len(twin) % 3 == 0:
            assert list(state.keys(b"")) == sorted(twin)
    view = StateView(state, Effects())
    for key, value in own:
        view.put(key, value)
        _apply(twin, key, value)
    assert {key: view.get(key) for key in twin} == twin
    assert view.keys(prefix) == sorted(key for key in twin if key.startswith(prefix))


def _apply(twin: dict[bytes, bytes], key: bytes, value: bytes | None) -> None:
    if value is None:
        twin.pop(key, None)
    else:
        twin[key] = value


def test_what_a_record_writes_is_its_own_until_it_has_finished() -> None:
    """Other views do not see it, and the effects hold it for the changelog."""
    state, effects = PartitionState(), Effects()
    StateView(state, effects).put(b"k", b"v")
    assert StateView(state, Effects()).get(b"k") is None
    assert effects.state == {b"k": b"v"}


def test_deleting_what_is_not_there_writes_no_tombstone() -> None:
    """A changelog does not grow by deletes of nothing."""
    effects = Effects()
    StateView(PartitionState(), effects).put(b"k", None)
    assert effects.state == {}


def test_many_keys_are_restored_and_scanned_in_order() -> None:
    """Beyond the size from which insertions are sorted late."""
    state = PartitionState()
    names = [b"%05d" % (number * 7919 % 5000) for number in range(5000)]
    for name in names:
        state.apply(name, b"v")
    for name in names[::2]:
        state.apply(name, None)
    assert list(state.keys(b"")) == sorted(names[1::2])
    assert len(state) == 2500


def test_tables_do_not_see_each_others_keys() -> None:
    """A table's name ends with a slash in the changelog, so no name is another's prefix."""
    assert not state_key("shop.Total", "x").startswith(table_prefix("shop.To"))


@pytest.mark.parametrize("key", ["", "x" * 1025, "\ud800", 7, None])
def test_an_illegal_key_is_refused(key: object) -> None:
    """With the table's name and never the key itself."""
    with pytest.raises(IllegalStateKey, match=r"shop\.Total"):
        state_key("shop.Total", key)  # type: ignore[arg-type] # the point of the test
