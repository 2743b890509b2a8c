r"""Regular expressions for transactional ids, in the syntax of RE2, which Kafka uses (KIP-1152).

Not Python's `re`, for two reasons: its syntax differs (`\z`, `\Q…\E`, `[[:alpha:]]`, no
look-around), and one hostile expression would keep it, and the broker with it, busy for ever.

Known: literals, `.`, classes with POSIX and Perl names, general categories (`\pL`, `\p{Lu}`),
groups with and without names, the flags i, m, s and U, `*` `+` `?` `{n,m}` greedy and not, `|`,
`^` `$` `\A` `\z` `\b` `\B`. Refused where RE2 would take them: scripts (`\p{Greek}`), and what is
too costly.

Source: https://github.com/google/re2/wiki/Syntax; what Apache Kafka 4.1.0 takes is in the tests.
"""

from dataclasses import dataclass, replace
from typing import Final, final

from penstock.infra.embedded.transactions import pattern_characters as characters
from penstock.infra.embedded.transactions.pattern_characters import Accepts
from penstock.infra.embedded.transactions.pattern_nodes import (
    Choice,
    Edge,
    Node,
    One,
    Repeat,
    Sequence,
    Steps,
    TooManySteps,
)

__all__ = ["IdPattern", "PatternRefused"]

_LENGTH_LIMIT: Final = 1_000
"""Characters of an expression."""
_DEPTH_LIMIT: Final = 100
"""Groups within groups."""
_REPEAT_LIMIT: Final = 1_000
"""RE2's own limit of `{n,m}`."""
_STEPS_LIMIT: Final = 1_000_000
"""Steps for all texts together, about 0.3 s. An id costs an expression's parts times its length at
most, and mostly far less."""
_LARGEST_CHARACTER: Final = 0x10FFFF


class PatternRefused(ValueError):
    """The expression cannot be read; its message says why. Caught where requests are answered."""


@final
class IdPattern:
    """An expression that has been read. Mutable: its steps are counted."""

    def __init__(self, expression: str) -> None:
        """Read an expression.

        Args:
            expression: In RE2's syntax.

        Raises:
            PatternRefused: it is none, or too long.
        """
        if len(expression) > _LENGTH_LIMIT:
            raise PatternRefused(f"more than {_LENGTH_LIMIT} characters")
        self._node = _Reader(expression).whole()
        self._steps = Steps(_STEPS_LIMIT)

    def matches(self, text: str) -> bool:
        """Say whether the whole text matches.

        Args:
            text: A transactional id.

        Raises:
            PatternRefused: the expression is too costly for all the texts so far.
        """
        try:
            return len(text) in self._node.ends(text, {0}, self._steps)
        except TooManySteps as too_many:
            raise PatternRefused("too costly") from too_many


@dataclass(frozen=True, slots=True)
class _Flags:
    """Which flags hold."""

    any_case: bool = False
    lines: bool = False
    dot_is_all: bool = False


@final
class _Reader:
    """Reads one expression, from left to right. Mutable."""

    def __init__(self, expression: str) -> None:
        self._text = expression
        self._at = 0
        self._flags = _Flags()
        self._names: set[str] = set()

    def whole(self) -> Node:
        """Read all of it."""
        node = self._choice(0)
        if self._at < len(self._text):
            raise PatternRefused("unexpected )")
        return node

    def _choice(self, depth: int) -> Node:
        if depth > _DEPTH_LIMIT:
            raise PatternRefused(f"more than {_DEPTH_LIMIT} groups within one another")
        outer = self._flags
        parts = [self._sequence(depth)]
        while self._take("|"):
            parts.append(self._sequence(depth))
        self._flags = outer  # flags set within a group end with it
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            if self._take("\\Q"):
                parts.extend(self._quoted())
                if parts:  # a repetition after \E is the last character's
                    parts.append(self._repeated(parts.pop()))
            elif (part := self._part(depth)) is not None:
                parts.append(self._repeated(part))
        return Sequence(tuple(parts))

    def _quoted(self) -> list[Node]:
        end = self._text.find("\\E", self._at)
        quoted = self._text[self._at :] if end < 0 else self._text[self._at : end]
        self._at = len(self._text) if end < 0 else end + 2
        return [self._literal(character) for character in quoted]

    def _repeated(self, part: Node) -> Node:
        limits = self._limits()
        if limits is None:
            return part
        self._take("?")  # not greedy: the same texts match
        if self._limits() is not None:
            raise PatternRefused("a repetition is repeated")
        return Repeat(part, *limits)

    def _limits(self) -> tuple[int, int | None] | None:
        for sign, limits in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return limits
        return self._counted()

    def _counted(self) -> tuple[int, int | None] | None:
        """Read `{n}`, `{n,}` or `{n,m}`; anything else in braces is literal."""
        if not self._sees("{"):
            return None
        end = self._text.find("}", self._at)
        least, comma, most = self._text[self._at + 1 : max(end, 0)].partition(",")
        if end < 0 or not _is_number(least) or (most and not _is_number(most)):
            return None
        low = int(least)
        high = low if not comma else int(most) if most else None
        if max(low, high or 0) > _REPEAT_LIMIT or (high is not None and high < low):
            raise PatternRefused("bad limits of a repetition")
        self._at = end + 1
        return low, high

    def _part(self, depth: int) -> Node | None:  # noqa: PLR0911 - one for each kind of part
        character = self._next()
        match character:
            case "(":
                return self._group(depth)
            case "[":
                return self._one(self._class())
            case ".":
                return One(
                    characters.any_character if self._flags.dot_is_all else characters.no_newline
                )
            case "^":
                return Edge(characters.at_line_start if self._flags.lines else characters.at_start)
            case "$":
                return Edge(characters.at_line_end if self._flags.lines else characters.at_end)
            case "*" | "+" | "?":
                raise PatternRefused("nothing to repeat")
            case "\\":
                return self._escaped()
            case _:
                return self._literal(character)

    def _group(self, depth: int) -> Node | None:
        outer = self._flags
        if self._take("?"):
            if self._take("P<") or self._take("<"):
                self._name()
            elif not self._flag_group():
                return None  # flags for the rest of the group around it
        node = self._choice(depth + 1)
        if not self._take(")"):
            raise PatternRefused("missing )")
        self._flags = outer
        return node

    def _name(self) -> None:
        end = self._text.find(">", self._at)
        name = self._text[self._at : max(end, self._at)]
        if not name or not all(map(characters.is_word, name)) or name in self._names:
            raise PatternRefused("bad name of a group")
        self._names.add(name)
        self._at = end + 1

    def _flag_group(self) -> bool:
        """Read flags; True where a group follows, False where they stand alone."""
        value, seen = True, False
        while True:
            match self._next():
                case "i":
                    self._flags = replace(self._flags, any_case=value)
                case "m":
                    self._flags = replace(self._flags, lines=value)
                case "s":
                    self._flags = replace(self._flags, dot_is_all=value)
                case "U":  # what is greedy does not matter
                    seen = True
                    continue
                case "-" if value:
                    value, seen = False, False
                    continue
                case ":" if value or seen:
                    return True
                case ")" if seen:
                    return False
                case _:
                    raise PatternRefused("unknown kind of group")
            seen = True

    def _escaped(self) -> Node:
        sign = self._next()
        if sign in characters.EDGES:
            return Edge(characters.EDGES[sign])
        accepts = self._named_class(sign)
        return self._literal(self._escaped_literal(sign)) if accepts is None else self._one(accepts)

    def _named_class(self, sign: str) -> Accepts | None:
        r"""Read what follows `\d`, `\W`, `\pL` and the like; None for a literal."""
        if sign.lower() in characters.PERL_CLASSES:
            accepts = characters.PERL_CLASSES[sign.lower()]
        elif sign in {"p", "P"}:
            accepts = self._category()
        else:
            return None
        return characters.negated(accepts) if sign.isupper() else accepts

    def _category(self) -> Accepts:
        name = self._next()
        if name == "{":
            end = self._text.find("}", self._at)
            name = self._text[self._at : max(end, self._at)]
            self._at = end + 1
        negated = name.startswith("^")
        name = name.removeprefix("^")
        accepts: Accepts
        if name == "Any":
            accepts = characters.any_character
        elif name in characters.CATEGORIES:
            accepts = characters.in_category(name)
        else:
            raise PatternRefused("unknown category")
        return characters.negated(accepts) if negated else accepts

    def _escaped_literal(self, sign: str) -> str:
        if sign in characters.CONTROLS:
            return characters.CONTROLS[sign]
        if sign == "x":
            return self._hexadecimal()
        if sign == "0" or (sign in "1234567" and self._sees_octal()):
            return self._octal(sign)
        if not characters.is_punctuation(sign):
            raise PatternRefused("unknown escape")
        return sign

    def _hexadecimal(self) -> str:
        if self._take("{"):
            end = self._text.find("}", self._at)
            digits = self._text[self._at : max(end, self._at)]
            self._at = end + 1
        else:
            digits = self._next() + self._next()
        if (
            not digits
            or not all(map(characters.POSIX_CLASSES["xdigit"], digits))
            or int(digits, 16) > _LARGEST_CHARACTER
        ):
            raise PatternRefused("bad hexadecimal character")
        return chr(int(digits, 16))

    def _sees_octal(self) -> bool:
        """RE2 has no references to groups: one digit alone is refused, more are a character."""
        return self._text[self._at : self._at + 1] in tuple("01234567")

    def _octal(self, digits: str) -> str:
        while len(digits) < 3 and self._sees_octal():  # noqa: PLR2004 - \123 is the longest
            digits += self._next()
        return chr(int(digits, 8))

    def _class(self) -> Accepts:
        negated = self._take("^")
        accepted: list[Accepts] = []
        first = True
        while first or not self._take("]"):
            accepted.append(self._class_member())
            first = False
        accepts = characters.any_of(accepted)
        if self._flags.any_case:
            accepts = characters.in_any_case(accepts)
        return characters.negated(accepts) if negated else accepts

    def _class_member(self) -> Accepts:
        if self._sees("[:") and (end := self._text.find(":]", self._at)) >= 0:
            name = self._text[self._at + 2 : end]
            self._at = end + 2
            accepts = characters.POSIX_CLASSES.get(name.removeprefix("^"))
            if accepts is None:
                raise PatternRefused("unknown class")
            return characters.negated(accepts) if name.startswith("^") else accepts
        if self._sees("\\"):
            before = self._at
            self._next()
            named = self._named_class(self._next())
            if named is not None:
                return named
            self._at = before
        low = self._class_character()
        if not self._sees("-") or self._sees("-]"):
            return characters.between(low, low)
        self._next()
        high = self._class_character()
        if high < low:
            raise PatternRefused("bad range")
        return characters.between(low, high)

    def _class_character(self) -> str:
        character = self._next()
        return self._escaped_literal(self._next()) if character == "\\" else character

    def _literal(self, character: str) -> Node:
        return self._one(characters.between(character, character))

    def _one(self, accepts: Accepts) -> Node:
        return One(characters.in_any_case(accepts) if self._flags.any_case else accepts)

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise PatternRefused("unexpected end")
        self._at += 1
        return self._text[self._at - 1]

    def _sees(self, expected: str) -> bool:
        return self._text.startswith(expected, self._at)

    def _take(self, expected: str) -> bool:
        if not self._sees(expected):
            return False
        self._at += len(expected)
        return True


def _is_number(text: str) -> bool:
    return text != "" and all(map(characters.is_digit, text))
