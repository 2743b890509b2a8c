"""A handler's word that a record will never be handled."""

__all__ = ["Refused"]


class Refused(Exception):
    """Raised by a handler: this record will never be handled; do not try again.

    For an event it means the dead letters at once. The handler must be sure that nothing happened.
    """

    def __init__(self, code: str, message: str = "") -> None:
        """Refuse with a code.

        Args:
            code: A short stable name of the reason, for programs.
            message: More about it, for people.
        """
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
