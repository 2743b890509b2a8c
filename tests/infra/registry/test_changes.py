"""Changes lead from one list to another, and on the way nobody is left without instances."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.registry.changes import Changed, Joined, Left, changes_between
from penstock.infra.registry.instance import Instance, Status
from tests.infra.registry.instances import an_instance

LISTS = st.dictionaries(
    st.sampled_from("abcdefg"), st.tuples(st.sampled_from(Status), st.integers(0, 2))
).map(
    lambda drawn: {
        name: an_instance(id=name, status=status, pid=pid) for name, (status, pid) in drawn.items()
    }
)


@given(LISTS, LISTS)
def test_they_lead_there(before: dict[str, Instance], after: dict[str, Instance]) -> None:
    """Who applies them in order holds the second list, and never fewer than the shorter one."""
    held = dict(before)
    for change in changes_between(before, after):
        if isinstance(change, Left):
            assert held.pop(change.instance.id) == change.instance
        elif isinstance(change, Joined):
            assert change.instance.id not in held
            held[change.instance.id] = change.instance
        else:
            assert held[change.instance.id] == change.before
            held[change.instance.id] = change.instance
        assert len(held) >= min(len(before), len(after))
    assert held == after


@given(LISTS)
def test_nothing_has_changed_where_nothing_has(same: dict[str, Instance]) -> None:
    """An equal list yields nothing."""
    assert changes_between(same, dict(same)) == ()


def test_who_comes_is_told_before_who_goes() -> None:
    """Each kind in the order of ids."""
    old = {name: an_instance(id=name) for name in "abc"}
    new = {
        "b": an_instance(id="b", status=Status.DRAINING),
        "c": old["c"],
        "d": an_instance(id="d"),
    }
    assert changes_between(old, new) == (
        Joined(instance=new["d"]),
        Changed(instance=new["b"], before=old["b"]),
        Left(instance=old["a"]),
    )
