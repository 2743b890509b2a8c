"""Problems are shown with their line and a caret, harmlessly, and not more than people read."""

import pickle

import pytest

from penstock.sagas.language.bad_saga import BadSaga
from penstock.sagas.language.findings import Findings
from penstock.sagas.language.problem import Problem, ProblemList, Severity, render
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.source_text import Mark


def problem_at(text: str, line: int, column: int, message: str = "Wrong.") -> Problem:
    """Return a problem at a place of a text."""
    findings = Findings(text, "order.saga.yaml")
    findings.error(ProblemCode.WRONG_SHAPE, Mark(line=line, column=column), message)
    (problem,) = findings.problems
    return problem


def test_a_problem_is_place_word_message_line_and_caret() -> None:
    """As compilers write it."""
    assert render([problem_at("saga: x\nversion: y\n", 2, 10)]) == (
        "order.saga.yaml:2:10: error[wrong-shape]: Wrong.\n  version: y\n           ^\n"
    )


def test_a_warning_says_so() -> None:
    """And is no error."""
    findings = Findings("a: 1\n", "a.yaml")
    findings.warning(ProblemCode.EMIT_BEFORE_PIVOT, Mark(line=1, column=1), "Doubtful.")
    assert not findings.failed
    (problem,) = findings.problems
    assert problem.severity is Severity.WARNING
    assert str(problem) == "a.yaml:1:1: warning[emit-before-pivot]: Doubtful."


@pytest.mark.parametrize(
    ("line", "column", "caret"),
    [
        ("\tb: x", 2, " ^"),
        ("漢字: x", 5, "      ^"),
        ("e\u0301: x", 5, "   ^"),
        ("b: x", 99, "    ^"),
    ],
)
def test_the_caret_stands_under_the_place(line: str, column: int, caret: str) -> None:
    """Tabs are shown as one space, wide letters take two columns, accents none."""
    assert render([problem_at(line, 1, column)]).splitlines()[2] == f"  {caret}"


def test_of_a_long_line_the_part_round_the_place_is_shown() -> None:
    """With dots where it was cut."""
    problem = problem_at("a: [" + "1, " * 1_000 + "x]", 1, 1_502)
    assert len(problem.source) < 130
    assert problem.source.startswith("...")
    assert problem.source.endswith("...")
    assert problem.source[problem.caret] == "1"
    assert problem.column == 1_502


def test_a_place_behind_the_end_is_shown_at_the_end() -> None:
    """Where nothing is to be seen, no caret points at it."""
    assert render([problem_at("a: 1\n", 9, 9)]) == (
        "order.saga.yaml:2:1: error[wrong-shape]: Wrong.\n"
    )


def test_what_is_shown_cannot_harm_a_terminal() -> None:
    """Neither by the line nor by the message nor by the file's name."""
    findings = Findings("a: \x1b[31m\u202e\n", "\x1b[2J.yaml")
    findings.error(ProblemCode.WRONG_SHAPE, Mark(line=1, column=5), "Not \x1b]0;x\x07.")
    shown = render(findings.problems)
    assert shown == (
        "\\x1b[2J.yaml:1:5: error[wrong-shape]: Not \\x1b]0;x\\x07.\n"
        "  a: \ufffd[31m\ufffd\n"
        "      ^\n"
    )


def test_at_most_fifty_are_shown() -> None:
    """And how many more there are."""
    problem = problem_at("a: 1\n", 1, 1)
    shown = render([problem] * 70)
    assert shown.count("wrong-shape") == 50
    assert shown.endswith("... and 20 more\n")


def test_nothing_is_shown_of_nothing() -> None:
    """Not even an empty line."""
    assert render([]) == ""


def test_the_error_carries_all_problems() -> None:
    """In its text and one by one, across processes too."""
    problems = ProblemList([problem_at("a: 1\n", 1, 4)])
    error = BadSaga(file="order.saga.yaml", problems=problems)
    assert render(problems) in str(error)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 pickled on this very line
    assert copy.problems == problems


def test_problems_come_in_the_order_of_the_file() -> None:
    """Whichever check found them first."""
    findings = Findings("a: 1\nb: 2\n", "a.yaml")
    for line, column in ((2, 1), (1, 4), (1, 1)):
        findings.error(ProblemCode.WRONG_SHAPE, Mark(line=line, column=column), "Wrong.")
    places = [(each.line, each.column) for each in findings.problems]
    assert places == [(1, 1), (1, 4), (2, 1)]


def test_the_same_problem_is_told_once() -> None:
    """Two checks may stumble over one thing."""
    findings = Findings("a: 1\n", "a.yaml")
    for _ in range(2):
        findings.error(ProblemCode.WRONG_SHAPE, Mark(line=1, column=1), "Wrong.")
    assert len(findings.problems) == 1


def test_a_file_of_errors_stays_bounded() -> None:
    """The last problem says that there are more."""
    text = "a\n" * 5_000
    findings = Findings(text, "a.yaml")
    for line in range(1, 5_001):
        findings.error(ProblemCode.UNKNOWN_WORD, Mark(line=line, column=1), "Wrong.")
    assert len(findings.problems) == 301
    assert findings.problems[-1].code is ProblemCode.TOO_MANY_PROBLEMS


def test_words_are_unique_and_plain() -> None:
    """They stand in scripts and settings of editors."""
    values = [code.value for code in ProblemCode]
    assert len(set(values)) == len(values)
    assert all(value.replace("-", "").isalpha() and value.islower() for value in values)
