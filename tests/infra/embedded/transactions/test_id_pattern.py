"""Regular expressions for transactional ids.

The first two tables are what Apache Kafka 4.1.0 did with them.
"""

import pytest

from penstock.infra.embedded.transactions.id_pattern import IdPattern, PatternRefused

IDS = ("T1", "T2", "U1", "U2", "nope", "t1", "t2", "warm", "x")


@pytest.mark.parametrize(
    ("expression", "matched"),
    [
        (r"x|nope", ["nope", "x"]),
        (r"^x$", ["x"]),
        (r"\Qx\E", ["x"]),
        (r"(?P<n>x)", ["x"]),
        (r"(?<n>x)", ["x"]),
        (r"\pL+", ["nope", "warm", "x"]),
        (r"x*?", ["x"]),
        (r"\bx\b", ["x"]),
        (r"[[:alpha:]]+", ["nope", "warm", "x"]),
        (r"\z", []),
        (r"nop.", ["nope"]),
        (r"(?s).*x", ["x"]),
        (r"a{,2}", []),
        (r"]", []),
        (r"}", []),
        (r"{", []),
        (r"(?:t)1", ["t1"]),
        (r"|", []),
        (r"()", []),
        (r"[]x]", ["x"]),
        (r"[^]x]", []),
        (r"\x41", []),
        (r"\012", []),
        (r"\_", []),
        (r"\A\w\z", ["x"]),
        (r"(?m)^x$", ["x"]),
        (r"(?U)x+", ["x"]),
        (r"\d", []),
    ],
)
def test_kafka_matched_these(expression: str, matched: list[str]) -> None:
    """Of the ids above."""
    pattern = IdPattern(expression)
    assert [one for one in IDS if pattern.matches(one)] == matched


@pytest.mark.parametrize(
    "expression",
    [
        r"(",
        r"[a",
        r"f(?=1)",
        r"a{0,2000}",
        r"x**",
        r"x++",
        r"(x)\1",
        r"x\Z",
        r"\C",
        r"a{2,1}",
        r"*",
        r")",
        r"\y",
        r"\e",
    ],
)
def test_kafka_refused_these(expression: str) -> None:
    """INVALID_REGULAR_EXPRESSION."""
    with pytest.raises(PatternRefused):
        IdPattern(expression)


@pytest.mark.parametrize(
    ("expression", "text", "matches"),
    [
        (r"(?i)ABC", "aBc", True),
        (r"(?i:A)b", "ab", True),
        (r"(?i:A)b", "aB", False),
        (r"((?i)a)b", "AB", False),
        (r"(?i)[a-c]+", "ABC", True),
        (r"(?i-i)a", "A", False),
        (r"(?-i)a", "a", True),
        (r".", "\n", False),
        (r"(?s).", "\n", True),
        (r"a$\nb", "a\nb", False),
        (r"(?m)a$\nb", "a\nb", True),
        (r"a{2}", "aa", True),
        (r"a{2,}", "a", False),
        (r"a{2,}", "aaaa", True),
        (r"a{1,2}b", "aab", True),
        (r"a{1,2}b", "aaab", False),
        (r"[^\d\s]+", "a_b", True),
        (r"[\D]", "5", False),
        (r"[[:^digit:]]", "5", False),
        (r"[a\-z]+", "a-z", True),
        (r"[a-]+", "-a", True),
        (r"\x{1F600}", "\N{GRINNING FACE}", True),
        (r"\p{Lu}\P{Lu}", "Ab", True),
        (r"\p{^Lu}", "A", False),
        (r"\p{Any}", "A", True),
        (r"\123", "S", True),
        (r"\Qa.b", "a.b", True),
        (r"\Qab\E*", "abbb", True),
        (r"\n\t\.", "\n\t.", True),
        (r"\Bb", "ab", False),
        (r"a\Bb", "ab", True),
        (r"(a|ab)(c|bcd)(d*)", "abcd", True),
        (r"(a*)*", "aaaa", True),
        (r"(|a)+", "aaa", True),
        (r"x{y}", "x{y}", True),
    ],
)
def test_a_pattern_means_what_re2_says(expression: str, text: str, *, matches: bool) -> None:
    """https://github.com/google/re2/wiki/Syntax."""
    assert IdPattern(expression).matches(text) is matches


@pytest.mark.parametrize(
    "expression",
    [
        "a" * 1_001,
        "(" * 200 + ")" * 200,
        r"\p{Greek}",
        r"\p",
        r"[[:nope:]]",
        r"[b-a]",
        r"\x{110000}",
        r"\xZZ",
        r"(?<>x)",
        r"(?<a>x)(?<a>x)",
        r"(?z)x",
        r"(?",
        r"(?i",
        r"\x",
        "\\",
        r"[\q]",
        r"\x{",
    ],
)
def test_a_pattern_that_is_none_is_refused(expression: str) -> None:
    """Cut off, unknown, too long or too deep."""
    with pytest.raises(PatternRefused):
        IdPattern(expression)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r"(a+)+b", "a" * 32_000),
        (r".*.*.*.*.*.*.*.*b", "a" * 32_000),
        (r"((a{0,1000}){0,1000}){0,1000}b", "a" * 5_000),
        (r"(((((a?){1000}){1000}){1000}){1000}){1000}", "a"),
    ],
)
def test_a_hostile_pattern_ends(expression: str, text: str) -> None:
    """With the answer, or refused as too costly; a backtracking matcher would never end."""
    try:
        assert not IdPattern(expression).matches(text)
    except PatternRefused as refused:
        assert "too costly" in str(refused)  # noqa: PT017 - both ends are allowed
