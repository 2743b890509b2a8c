"""How a line of the common log looks."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.dev.common_log import CommonLog
from penstock.infra.dev.log_line import DEV, LIMIT, Palette, is_chatter


def test_each_name_keeps_its_colour() -> None:
    """And the first ten differ; red is for what is wrong."""
    palette = Palette(f"p{number}" for number in range(10))
    styles = {palette.line(f"p{number}", "x").style for number in range(10)}
    assert len(styles) == 10
    assert not any("red" in style for style in styles)
    assert palette.line("p3", "y").style == palette.line("p3", "z").style
    assert "red" in palette.line(DEV, "x", wrong=True).style


def test_heads_are_of_one_width() -> None:
    """That of the longest name."""
    palette = Palette(["a", "a-long-name-of-a-worker"])
    heads = {len(palette.line(name, "x").head) for name in ("a", "a-long-name-of-a-worker", DEV)}
    assert len(heads) == 1


@given(st.text())
def test_a_process_can_neither_leave_its_line_nor_colour_it(text: str) -> None:
    """Whatever it writes becomes one line of harmless characters."""
    said = Palette().line("p", text).text
    assert "\x1b" not in said
    assert len(said.splitlines()) <= 1


def test_a_long_line_is_cut() -> None:
    """A process that writes a megabyte without an end does not fill the screen."""
    assert len(Palette().line("p", "x" * 1_000_000).text) == LIMIT + 3


@pytest.mark.parametrize(
    ("line", "chatter"),
    [
        ("2026-11-26T07:09:36.8Z info    aiokafka.consumer.group_coordinator (Re-)joining", True),
        ("2026-11-26T07:09:36.8Z warning aiokafka.cluster Topic x is not available", False),
        ("2026-11-26T07:09:36.8Z info    penstock.worker worker payments started", False),
        ("aiokafka info", False),
    ],
)
def test_the_clients_talk_is_told_from_its_warnings(line: str, chatter: bool) -> None:
    """Only what it says at info is left out."""
    assert is_chatter(line) == chatter


def test_without_a_terminal_there_are_no_colours() -> None:
    """A log in a file is text, however narrow a terminal would be; markup means nothing."""
    stream = io.StringIO()
    log = CommonLog(stream)
    log.tell("stock", "[red]not markup[/red] " + "x" * 300)
    log.tell("stock", "2026 info    aiokafka.x y")
    log.say("ready", wrong=True)
    assert stream.getvalue().splitlines() == [
        "stock     | [red]not markup[/red] " + "x" * 300,
        "dev       | ready",
    ]


def test_chatter_is_shown_where_it_is_asked_for() -> None:
    """For those who look for what the client does."""
    stream = io.StringIO()
    CommonLog(stream, chatter=True).tell("stock", "2026 info    aiokafka.x y")
    assert "aiokafka.x" in stream.getvalue()
