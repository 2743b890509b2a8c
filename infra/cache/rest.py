"""When to leave Redis alone: after it did not answer, for a while.

A frozen Redis costs each caller a whole time limit, and helps none. So one failure begins a rest,
during which the cache behaves as if empty. When it ends, one call tries; the others go on without.

    awake ──failed──▶ resting ──time──▶ one try ──answered──▶ awake
                         ▲                 └──failed──▶ resting, twice as long

Laws:
1. Whoever wants to call takes a ticket, and says with it how the call ended. What began before the
   present rest is old news: fifty calls that fail together begin one rest, not six doublings.
2. A try that never tells its end (its caller was cancelled) only lets the next one wait for as long
   as a call may take.
3. Time is an argument; nobody sleeps or calls here.
"""

from typing import final

__all__ = ["Rest"]


@final
class Rest:
    """Whether Redis may be called now."""

    def __init__(self, *, first_s: float, longest_s: float, try_s: float) -> None:
        """Begin awake.

        Args:
            first_s: length of the first rest.
            longest_s: length of any rest at most.
            try_s: how long one try keeps the others away.
        """
        self._first_s = first_s
        self._longest_s = longest_s
        self._try_s = try_s
        self._number = 0
        self._until_s = 0.0
        self._length_s = 0.0
        self.resting = False
        """Whether Redis did not answer the last that was heard of it."""
        self.rests = 0
        """Rests begun so far, renewed ones included."""

    @property
    def ticket(self) -> int:
        """A ticket for a call that is made in any case, whatever `take_ticket` says."""
        return self._number

    def take_ticket(self, now_s: float) -> int | None:
        """Ask whether to call.

        Args:
            now_s: monotonic time.

        Returns:
            A ticket; None where Redis is to be left alone.
        """
        if self.resting:
            if now_s < self._until_s:
                return None
            self._until_s = now_s + self._try_s
        return self._number

    def failed(self, ticket: int, now_s: float) -> float | None:
        """Tell that a call had no answer.

        Args:
            ticket: of the call.
            now_s: monotonic time.

        Returns:
            The length of the rest that begins now, in seconds; None where it is old news.
        """
        if ticket != self._number:
            return None
        self._number += 1
        self.rests += 1
        self._length_s = min(2 * self._length_s if self.resting else self._first_s, self._longest_s)
        self._until_s = now_s + self._length_s
        self.resting = True
        return self._length_s

    def answered(self, ticket: int) -> bool:
        """Tell that a call was answered.

        Args:
            ticket: of the call.

        Returns:
            True where this ends the rest.
        """
        if not self.resting or ticket != self._number:
            return False
        self._number += 1
        self.resting = False
        return True
