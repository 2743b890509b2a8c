"""The line that a user can change is found among those that they cannot."""

import json
from collections.abc import Callable
from types import CodeType

from penstock.events.names import IllegalName, check_app
from penstock.infra.own_code import place_of


def raised_by(action: Callable[[], object]) -> BaseException:
    """Return what an action raises."""
    try:
        action()
    except Exception as error:  # noqa: BLE001 - any kind is wanted
        return error
    raise AssertionError


def test_the_last_own_line_counts() -> None:
    """Not the line of the standard library or of penstock in which it was raised."""
    for action in (lambda: json.loads("{"), lambda: check_app("")):
        place = place_of(raised_by(action))
        assert place.partition(":")[0] == __file__
    assert isinstance(raised_by(lambda: check_app("")), IllegalName)


def test_a_syntax_error_is_where_it_says() -> None:
    """Its own file and line, not those of whoever compiled it."""

    def compiled() -> CodeType:
        return compile("x = 1\ny = (\n", "users_file.py", "exec")

    assert place_of(raised_by(compiled)) == "users_file.py:2"


def test_without_a_line_of_the_user_the_last_one_counts() -> None:
    """Better a foreign place than none."""
    code = compile("1 / 0", "<string>", "exec")
    error = raised_by(lambda: eval(code))  # noqa: S307 - our own text
    assert __file__ in place_of(error)
    assert place_of(ValueError()) == "an unknown place"
