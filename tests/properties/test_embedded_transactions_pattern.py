"""Patterns for transactional ids against Python's `re`, in the syntax that both share."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from penstock.infra.embedded.transactions.id_pattern import IdPattern, PatternRefused

LETTERS = "ab-"
ATOMS = st.sampled_from(["a", "b", "-", ".", "[ab]", "[^a]", "\\w", "\\W", "(?:)", "^", "$", "\\b"])
SIGNS = st.sampled_from(["*", "+", "?", "*?", "{2}", "{1,2}", "{0,}"])


def extended(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Repetitions, sequences and choices of smaller expressions."""
    return st.one_of(
        st.builds(lambda part, sign: f"(?:{part}){sign}", inner, SIGNS),
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
    )


expressions = st.recursive(ATOMS, extended, max_leaves=6)


@given(expressions, st.text(LETTERS, max_size=6))
@example("(?:(?:a|b)*)*", "abab")
def test_a_pattern_matches_what_python_matches(expression: str, text: str) -> None:
    """As a whole; `$` is read as the very end, which is what RE2 means by it."""
    expected = re.fullmatch(expression.replace("$", "\\Z"), text) is not None
    assert IdPattern(expression).matches(text) is expected


@given(st.text("ab()[]{}|*+?.^$\\1,PQEdpL:<>i-s", max_size=12), st.text(LETTERS, max_size=6))
def test_no_text_is_too_strange_to_be_read_as_a_pattern(expression: str, text: str) -> None:
    """It matches, or not, or is refused."""
    try:
        assert IdPattern(expression).matches(text) in {True, False}
    except PatternRefused as refused:
        assert str(refused)  # noqa: PT017 - both ends are allowed
