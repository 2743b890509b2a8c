"""Events from JSON: one from an argument, or one per line of a file.

The JSON is checked by the event's own class, as leniently as JSON must be (an id or a time is a
string there) and as strictly as the class is otherwise. Amounts may be numbers: 19.99 is taken as
written, never as the nearest binary fraction.

Laws:
1. All that is wrong is told at once, by field and rule; values are not repeated.
2. A number that JSON readers would round is refused for a decimal field, never rounded.
3. Lines are read as they are needed, so a file may be larger than memory.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Final, final

from pydantic import ValidationError

from penstock.events.event import Message
from penstock.events.problems import Problems
from penstock.infra.plain_text import excerpt
from penstock.schemas.errors import CallerError, ExitCode
from penstock.schemas.record import declaration_of

__all__ = ["BadEvent", "EventLines", "event_from"]

_PROBLEMS_SHOWN: Final = 20
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_EXACT_DIGITS: Final = 15
"""Decimal digits that a double always carries (IEEE 754 binary64)."""
_LONG_NUMBER: Final = re.compile(rf"[0-9.]{{{_EXACT_DIGITS},}}|[0-9][eE][-+]?[0-9]{{3}}")


@dataclass(eq=False, kw_only=True)
class BadEvent(CallerError):
    """Some JSON is no event of the type that was named."""

    type_name: str
    """The type."""
    place: str
    """Where the JSON stands."""
    problems: Problems
    """A sentence for each problem, with the field's path."""

    code: ClassVar[str] = "PEN-I14"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "{place} is no {type_name}."
    why: ClassVar[str] = "{problems}"
    remedy: ClassVar[str] = "Mend it and publish again. A file of events is named by --from."


class _Refused(Exception):
    """Some JSON is no event; holds the sentences that say why."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__()
        self.problems = tuple(problems)


def event_from(text: str, message_type: type[Message], *, place: str) -> Message:
    """Make an event of JSON.

    Args:
        text: a JSON object.
        message_type: a concrete event or command.
        place: where the text stands, for the error: `the argument`.

    Raises:
        BadEvent: with all that is wrong with it.
    """
    try:
        return _event(text, message_type)
    except _Refused as refused:
        raise _bad(message_type, place, refused.problems) from None


@final
class EventLines:
    """Events in lines of JSON; blank lines are passed over, so is a byte order mark."""

    def __init__(self, message_type: type[Message], *, place: str) -> None:
        """Make a reader.

        Args:
            message_type: a concrete event or command: what each line is.
            place: where the lines stand, for errors.
        """
        self._message_type = message_type
        self._place = place

    def event(self, number: int, line: bytes) -> Message | None:
        """Return the event in a line, or nothing where it is blank.

        Args:
            number: the line's number, from 1.
            line: its bytes.

        Raises:
            BadEvent: it holds something else.
        """
        try:
            return self._event(number, line)
        except _Refused as refused:
            raise _bad(self._message_type, self._place, refused.problems) from None

    def events(self, lines: Iterable[bytes]) -> Iterator[Message]:
        """Yield the events of lines.

        Raises:
            BadEvent: a line holds something else.
        """
        for number, line in enumerate(lines, 1):
            event = self.event(number, line)
            if event is not None:
                yield event

    def count(self, lines: Iterable[bytes]) -> int:
        """Check all lines without keeping any.

        Returns:
            How many events there are.

        Raises:
            BadEvent: with what is wrong with all lines together.
        """
        found = 0
        problems: list[str] = []
        for number, line in enumerate(lines, 1):
            try:
                found += self._event(number, line) is not None
            except _Refused as refused:
                problems.extend(refused.problems)
                if len(problems) > _PROBLEMS_SHOWN:
                    break
        if problems:
            raise _bad(self._message_type, self._place, problems)
        return found

    def _event(self, number: int, line: bytes) -> Message | None:
        content = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
        if not content.strip():
            return None
        try:
            return _event(_text(content), self._message_type)
        except _Refused as refused:
            problems = (f"Line {number}: {problem}" for problem in refused.problems)
            raise _Refused(problems) from None


def _bad(message_type: type[Message], place: str, problems: Iterable[str]) -> BadEvent:
    found = tuple(problems)
    shown = [*found[:_PROBLEMS_SHOWN], *(["And more."] if len(found) > _PROBLEMS_SHOWN else [])]
    name = declaration_of(message_type).full_name
    return BadEvent(type_name=name, place=excerpt(place, 200), problems=Problems(shown))


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise _Refused(["it is not written in UTF-8."]) from None


def _event(text: str, message_type: type[Message]) -> Message:
    try:
        event = message_type.model_validate_json(text)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        raise _Refused(_sentence(each["loc"], each["msg"]) for each in details) from None
    if _LONG_NUMBER.search(text):
        _refuse_rounded(text, event)
    return event


def _sentence(place: tuple[int | str, ...], text: str) -> str:
    text = excerpt(text.removeprefix("Value error, "), 200)
    text = f"{text[:1].lower()}{text[1:]}"
    if not place:
        return f"{text}."
    path = str(place[0]) + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in place[1:]
    )
    return f"{excerpt(path)}: {text}."


def _refuse_rounded(text: str, event: Message) -> None:
    """Refuse a decimal that JSON's reader has rounded on its way.

    pydantic reads a JSON number as a double and takes the shortest text for that, which is what was
    written as long as that has 15 digits. Beyond, two texts may stand for one double; so a decimal
    that is the double of a number in the text must be that very number.
    """
    written: dict[float, set[Decimal]] = {}

    def note(number: str) -> float:
        written.setdefault(float(number), set()).add(Decimal(number))
        return float(number)

    json.loads(text, parse_float=note)
    for value in _decimals(event.model_dump()):
        if value not in written.get(float(value), {value}):
            problem = "a decimal has more digits than a JSON number carries: write it as a string."
            raise _Refused([problem])


def _decimals(value: Any) -> Iterator[Decimal]:
    if isinstance(value, Decimal):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _decimals(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _decimals(each)
