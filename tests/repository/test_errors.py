"""Every error keeps its promises: a code of its own, three sentences, facts that survive."""

import pickle
import re
from dataclasses import fields
from typing import Any, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.schemas.errors import ExitCode, PenstockError
from tests.repository.errors_table import LETTERS, error_classes, errors, load_rooms, render
from tests.repository.tree import ROOT

load_rooms()
LEAVES = [pytest.param(kind, id=f"{kind.__module__}.{kind.__name__}") for kind in errors()]


def any_value(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for a fact of that type; a named collection is filled like its base."""
    for base in getattr(hint, "__orig_bases__", ()):
        if get_origin(base) in {tuple, list, frozenset, dict}:
            return st.from_type(base).map(hint)
    return st.from_type(hint)


def test_every_error_without_heirs_has_a_code() -> None:
    """Families are told from errors by their heirs: what is raised has a code."""
    assert not [kind for kind in error_classes() if not kind.code and not kind.__subclasses__()]


def test_codes_are_unique() -> None:
    """No two errors share a code, not even by inheritance."""
    codes = [kind.code for kind in errors()]
    assert sorted(codes) == sorted(set(codes))


def test_the_document_lists_exactly_the_errors() -> None:
    """docs/errors.md is what the code says; else run `make errors`."""
    assert (ROOT / "docs" / "errors.md").read_text("utf-8") == render()


def test_one_is_no_exit_code() -> None:
    """Python itself exits with 1: a script could not tell our refusal from a crash."""
    assert 1 not in {code.value for code in ExitCode}
    assert all(isinstance(kind.exit_code, ExitCode) for kind in errors())


@pytest.mark.parametrize("kind", LEAVES)
def test_the_letter_is_the_room(kind: type[PenstockError]) -> None:
    """A code tells where to look: A schemas, E events, W workers, S sagas, I infra."""
    room = kind.__module__.split(".")[1]
    assert re.fullmatch(rf"PEN-{LETTERS[room]}[1-9][0-9]*", kind.code)


@pytest.mark.parametrize("kind", LEAVES)
def test_each_says_what_why_and_what_to_do(kind: type[PenstockError]) -> None:
    """All three sentences are there, and each ends."""
    for template in (kind.what, kind.why, kind.remedy):
        assert template.rstrip().endswith((".", "?", "!", "`", "}"))


@pytest.mark.parametrize("kind", LEAVES)
def test_any_facts_make_a_message_that_survives_pickling(kind: type[PenstockError]) -> None:
    """The templates use the error's own facts, whatever they hold, and pickling keeps the text."""
    hints = get_type_hints(kind)
    facts = {field.name: any_value(hints[field.name]) for field in fields(kind)}

    @settings(max_examples=10, deadline=None, database=None)
    @given(error=st.builds(kind, **facts))
    def check(error: PenstockError) -> None:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 pickled on this very line
        assert type(copy) is kind
        assert str(copy) == str(error)
        assert str(error).startswith(kind.code)

    check()
