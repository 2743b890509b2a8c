"""What a handler says by raising: that nothing happened, or that nobody knows what happened.

Any other exception says what `Failed` says, without a code of its own.
"""

__all__ = ["Failed", "Refused"]


class Refused(Exception):
    """Raised by a handler: this record will never be handled; do not try again.

    For an event it means the dead letters at once. For a saga's command it is an answer, and the
    saga turns round without undoing this step. The handler must be sure that nothing happened.
    """

    def __init__(self, code: str, message: str = "") -> None:
        """Refuse with a code.

        Args:
            code: A short stable name of the reason, for programs.
            message: More about it, for people.
        """
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.text = message


class Failed(Exception):
    """Raised by a handler: something went wrong, and it may or may not have had an effect.

    An event is tried again by its handler's schedule, or goes to the dead letters at once where
    another attempt is in vain. A saga's command is answered with it: the saga tries again by its
    own schedule, or takes the step's outcome as unknown at once, and undoes it.
    """

    def __init__(self, code: str, message: str = "", *, retryable: bool = True) -> None:
        """Fail with a code.

        Args:
            code: A short stable name of the reason, for programs.
            message: More about it, for people.
            retryable: False where another attempt is in vain.
        """
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.text = message
        self.retryable = retryable
