"""`Problems`: many sentences in one error."""

import pickle

from penstock.events.problems import Problems


def test_a_template_shows_sentences() -> None:
    """And not a tuple."""
    problems = Problems(["One.", "Two."])
    assert f"{problems}" == "One. Two."
    assert f"{problems!s:>12}" == "   One. Two."
    assert not Problems()


def test_problems_survive_pickling() -> None:
    """As the errors that carry them must."""
    problems = Problems(["One."])
    again = pickle.loads(pickle.dumps(problems))  # noqa: S301 - our own bytes
    assert again == problems
    assert str(again) == "One."
