"""One line that is written again and again on a terminal, and seldom elsewhere."""

from io import StringIO

from penstock.infra.live_line import LiveLine


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_a_terminal_shows_the_latest_text_in_place() -> None:
    """Each text takes the place of the one before."""
    stream = Terminal()
    line = LiveLine(stream, lambda: 0.0)
    line.show("one")
    line.show("two")
    line.show("two")
    assert stream.getvalue() == "\r\x1b[Kone\r\x1b[Ktwo"


def test_what_is_said_stays_above() -> None:
    """The live line is written again below it; at the end it is gone."""
    stream = Terminal()
    line = LiveLine(stream, lambda: 0.0)
    line.say("first")
    line.show("live")
    line.say("second")
    line.end()
    line.say("third")
    assert stream.getvalue() == "first\n\r\x1b[Klive\r\x1b[Ksecond\nlive\r\x1b[Kthird\n"


def test_a_long_text_is_cut_to_the_terminal() -> None:
    """A line that wraps could not be overwritten."""
    stream = Terminal()
    LiveLine(stream, lambda: 0.0).show("x" * 1_000)
    assert 0 < stream.getvalue().count("x") < 1_000


def test_a_pipe_gets_whole_lines_and_few() -> None:
    """At most one in two seconds, none twice, and no control characters."""
    stream, now = StringIO(), 0.0
    line = LiveLine(stream, lambda: now)
    for second, text in enumerate(["a", "b", "c", "c", "c", "d"]):
        now = float(second)
        line.show(text)
    line.say("said")
    line.end()
    assert stream.getvalue() == "a\nc\nd\nsaid\n"
