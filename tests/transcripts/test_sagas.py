"""Golden plays of sagas; saga_play.py says how to read them, golden.py how to rewrite them."""

from pathlib import Path

import pytest

from tests.transcripts.golden import golden
from tests.transcripts.saga_play import perform

PLAYS = sorted((Path(__file__).parent / "sagas").glob("*.txt"))


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.stem)
def test_the_saga_answers_as_written(play: Path) -> None:
    """Every fact and phase of the play is what the file says."""
    got = perform(play.read_text(encoding="utf-8"))
    assert got == golden(play, got)


def test_a_play_with_unknown_words_is_refused() -> None:
    """A typing error in a play does not pass for silence."""
    with pytest.raises(ValueError, match="nobody in this play may say: customer: hello"):
        perform("customer: hello\n")


def test_there_are_plays() -> None:
    """An empty folder does not pass for success."""
    assert len(PLAYS) >= 16
