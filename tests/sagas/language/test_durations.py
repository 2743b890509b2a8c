"""A duration is one whole number and one unit, up to a year."""

import pytest

from penstock.sagas.language.durations import LONGEST_MS, duration_ms, duration_text


@pytest.mark.parametrize(
    ("text", "length_ms"),
    [("1s", 1_000), ("10s", 10_000), ("5m", 300_000), ("2h", 7_200_000), ("365d", LONGEST_MS)],
)
def test_durations_are_milliseconds(text: str, length_ms: int) -> None:
    """As time is in Kafka."""
    assert duration_ms(text) == length_ms


@pytest.mark.parametrize(
    "text",
    [
        *("", "0s", "00s", "01s", "1", "s", "-1s", "+1s", "1.5s", "1 s", " 1s", "1s ", "1S", "1ms"),
        *("1m30s", "1w", "1y", "366d", "8761h", "99999999999999999999d", "1\n", "1s\n", "\u0661s"),
    ],
)
def test_everything_else_is_none(text: str) -> None:
    """Also what Python would take for digits, and what is longer than 365 days."""
    assert duration_ms(text) is None


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [(86_400_000, "1d"), (5_400_000, "90m"), (90_000, "90s"), (1_500, "1.5s"), (0, "0s")],
)
def test_a_duration_is_shown_in_the_largest_whole_unit(length_ms: int, text: str) -> None:
    """So that what was written comes back, nearly always."""
    assert duration_text(length_ms) == text
