"""Everything that is wrong, said at once.

Checks that run at start or at a declaration do not stop at the first problem: whoever mends a
file one error at a time gives up. They collect sentences, and one error carries them all.
"""

__all__ = ["Problems"]


class Problems(tuple[str, ...]):
    """Sentences about what is wrong, each complete with its full stop."""

    __slots__ = ()

    def __str__(self) -> str:
        """All sentences in a row."""
        return " ".join(self)

    def __format__(self, form: str) -> str:
        """As `str`, so that a message template shows sentences and not a tuple."""
        return format(str(self), form)
