import os

from penstock.infra.testing.container_owner import OWNER_LABEL, is_left_behind, owner_labels

HERE = "this-machine"


def left_behind(mark: str, alive: dict[int, str]) -> bool:
    """Judge a label on a machine with these processes."""
    return is_left_behind(mark, machine=HERE, mark_of=alive.get)


def test_what_a_living_process_owns_is_left_alone() -> None:
    """It may be in the middle of a test."""
    assert not left_behind(f"{HERE}/7/100", {7: f"{HERE}/7/100"})


def test_what_a_dead_process_owned_goes() -> None:
    """Nobody else would remove it."""
    assert left_behind(f"{HERE}/7/100", {})


def test_a_number_that_was_given_again_is_no_life_sign() -> None:
    """The process that has the id now began at another time."""
    assert left_behind(f"{HERE}/7/100", {7: f"{HERE}/7/200"})


def test_another_machine_is_not_judged() -> None:
    """Its processes cannot be seen from here; nor can those of another container."""
    assert not left_behind("elsewhere/7/100", {})


def test_what_is_no_mark_is_left_alone() -> None:
    """A label of somebody else's making says nothing."""
    for mark in ("", "/", "//", HERE, f"{HERE}/seven/1", f"{HERE}/7"):
        assert not left_behind(mark, {}), mark


def test_this_process_owns_what_it_makes() -> None:
    """Its own mark names it, and is the same at every call."""
    mark = owner_labels()[OWNER_LABEL]
    assert f"/{os.getpid()}/" in mark
    assert owner_labels() == {OWNER_LABEL: mark}
