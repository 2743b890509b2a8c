"""Python source, laid out as ruff's formatter would leave it.

An expression is a small tree; it is written in one line where it fits and one part per line where
it does not, with the comma behind the last part that makes the formatter keep it so.

Laws:
1. The same tree at the same place gives the same text, and the formatter would not change it.
2. Texts and bytes become literals that evaluate to exactly them. What a reader could not see, or
   could see otherwise than Python (controls, marks of direction, odd blanks), is escaped.
3. Nothing here knows Avro.
"""

import ast
import inspect
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

__all__ = [
    "LINE_WIDTH",
    "Atom",
    "Choice",
    "Expression",
    "Group",
    "Text",
    "assignment",
    "bytes_literal",
    "call",
    "docstring",
    "laid_out",
    "subscript",
    "text_literal",
    "width_of",
]

LINE_WIDTH: Final = 100
"""Columns of a line."""
INDENT: Final = "    "
"""One level."""
_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"})
_SHORT_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Atom:
    """Something that is never broken."""

    text: str
    """Its source."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text, broken between its words where it is long."""

    value: str
    """What it says."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Parts between brackets."""

    head: str
    """What stands before them, with the opening bracket."""
    parts: tuple[tuple[str, "Expression"], ...]
    """Each part, and what stands before it: `name=`, or the key of a dictionary."""
    close: str
    """The closing bracket."""
    comma: bool = True
    """Whether a comma may follow the last part."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Types joined by bars."""

    parts: tuple["Expression", ...]
    """The types."""


Expression = Atom | Text | Group | Choice
"""Anything that has a value."""


def call(name: str, /, *parts: Expression, **keywords: Expression) -> Group:
    """Return a call."""
    named = [(f"{key}=", value) for key, value in keywords.items()]
    return Group(head=f"{name}(", parts=(*(("", each) for each in parts), *named), close=")")


def subscript(name: str, *parts: Expression) -> Group:
    """Return a type with its parameters."""
    plain = tuple(("", each) for each in parts)
    return Group(head=f"{name}[", parts=plain, close="]", comma=len(parts) > 1)


def width_of(line: str) -> int:
    """Return the columns that a line takes."""
    if line.isascii():
        return len(line)
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in line
    )


# Literals


def text_literal(value: str) -> str:
    """Return the literal of a text."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    return f"{quote}{''.join(_escaped(each, quote) for each in value)}{quote}"


def bytes_literal(value: bytes) -> str:
    """Return the literal of bytes."""
    quote = "'" if value.count(b'"') > value.count(b"'") else '"'
    shown = (
        _escaped(chr(each), quote) if each < 0x7F else f"\\x{each:02x}"  # noqa: PLR2004 - ASCII
        for each in value
    )
    return f"b{quote}{''.join(shown)}{quote}"


def _escaped(character: str, quote: str) -> str:
    if character == quote:
        return f"\\{quote}"
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    if character == " " or unicodedata.category(character) not in _UNSEEN:
        return character
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004 - two digits
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - four digits


def docstring(value: str) -> list[str] | None:
    """Return the lines of a docstring in a class, its indentation included.

    Args:
        value: what `inspect.cleandoc` is to make of it.

    Returns:
        None where no docstring says just that, or the formatter would change it.
    """
    lines = value.split("\n")
    if any(line != line.rstrip() for line in lines) or "\t" in value or "\r" in value:
        return None
    shown = _in_docstring(value).split("\n")
    inner = [f"{INDENT}{line}" if line else "" for line in shown]
    close = f'{INDENT}"""'
    ways = [
        [*(f'{INDENT}"""{shown[0]}', *inner[1:]), close],
        [close, *inner, close],
    ]
    if len(shown) == 1:
        ways.insert(0, [f'{INDENT}"""{shown[0]}"""'])
        del ways[1]
    return next((way for way in ways if _says(way, value)), None)


def _in_docstring(value: str) -> str:
    shown = "".join(
        each if each in '"\n' else _escaped(each, "") for each in value.replace('"""', "\0" * 3)
    )
    shown = shown.replace("\\x00", '\\"')
    if shown.startswith('"'):
        shown = f"\\{shown}"
    if shown.endswith('"') and not shown.endswith('\\"'):
        shown = f'{shown[:-1]}\\"'
    return shown


def _says(lines: list[str], value: str) -> bool:
    literal = "\n".join(lines).lstrip()
    try:
        said = ast.literal_eval(literal)
    except SyntaxError:
        return False
    return isinstance(said, str) and inspect.cleandoc(said) == value


# Layout


def laid_out(expression: Expression, *, indent: str, before: int, after: int) -> str:
    """Return an expression as it stands in the source.

    Args:
        expression: the expression.
        indent: the indentation of the line in which it begins.
        before: columns before it in that line, indentation included.
        after: columns behind it in its last line.
    """
    flat = _flat(expression)
    if before + width_of(flat) + after <= LINE_WIDTH:
        return flat
    return _broken(expression, indent=indent, after=after)


def assignment(
    name: str, annotation: Expression, value: Expression | None, *, indent: str
) -> str | None:
    """Return the line or lines of an annotated field.

    Args:
        name: the field.
        annotation: its type.
        value: what follows the equals sign.
        indent: the indentation.

    Returns:
        None where the value would have to be broken and cannot.
    """
    begin = f"{indent}{name}: "
    flat = begin + _flat(annotation)
    if value is None:
        return begin + _annotation(annotation, indent, width_of(begin), 0)
    whole = f"{flat} = {_flat(value)}"
    if width_of(whole) <= LINE_WIDTH:
        return whole
    if not isinstance(value, Group):
        return None
    opened = width_of(f"{flat} = ")
    listed = isinstance(annotation, Group) and annotation.comma
    if not listed and opened + width_of(value.head) > LINE_WIDTH > opened:
        deeper = indent + INDENT
        inner = laid_out(value, indent=deeper, before=len(deeper), after=0)
        return f"{flat} = (\n{deeper}{inner}\n{indent})"
    shown = _annotation(annotation, indent, width_of(begin), width_of(f" = {value.head}"))
    return f"{begin}{shown} = {_broken(value, indent=indent, after=0)}"


def _annotation(annotation: Expression, indent: str, before: int, after: int) -> str:
    if before + width_of(_flat(annotation)) + after <= LINE_WIDTH:
        return _flat(annotation)
    if isinstance(annotation, Choice):
        deeper = indent + INDENT
        inner = laid_out(annotation, indent=deeper, before=len(deeper), after=0)
        return f"(\n{deeper}{inner}\n{indent})"
    return _broken(annotation, indent=indent, after=after)


def _flat(expression: Expression) -> str:
    match expression:
        case Atom(text=text):
            return text
        case Text(value=value):
            return text_literal(value)
        case Choice(parts=parts):
            return " | ".join(map(_flat, parts))
        case Group(head=head, parts=parts, close=close):
            inner = ", ".join(name + _flat(part) for name, part in parts)
            lone = "," if head == "(" and len(parts) == 1 else ""  # else it were no tuple
            return f"{head}{inner}{lone}{close}"


def _broken(expression: Expression, *, indent: str, after: int) -> str:
    deeper = indent + INDENT
    match expression:
        case Atom():
            return _flat(expression)
        case Text(value=value):
            pieces = list(_pieces(value, LINE_WIDTH - len(deeper)))
            if len(pieces) == 1:
                return pieces[0]
            return "".join(("(\n", *(f"{deeper}{each}\n" for each in pieces), indent, ")"))
        case Choice(parts=parts):
            return f"\n{indent}| ".join(_choices(parts, indent, after))
        case Group(head=head, parts=parts, close=close, comma=comma):
            if not parts:
                return head + close
            end = "," if comma else ""
            lines = (
                deeper
                + name
                + laid_out(
                    part,
                    indent=deeper,
                    before=len(deeper) + width_of(name),
                    after=len(end),
                )
                + end
                for name, part in parts
            )
            # Where no comma may follow there is one part only.
            return "\n".join((head, *lines, indent + close))


def _choices(parts: Iterable[Expression], indent: str, after: int) -> Iterator[str]:
    for number, part in enumerate(parts):
        before = len(indent) + (2 if number else 0)
        yield laid_out(part, indent=indent, before=before, after=after)


def _pieces(value: str, width: int) -> Iterator[str]:
    """The literals of a text broken behind blanks, none wider than a line where words allow it."""
    piece = ""
    for word in _words(value):
        if piece and width_of(text_literal(piece + word)) > width:
            yield text_literal(piece)
            piece = ""
        piece += word
    yield text_literal(piece)


def _words(value: str) -> Iterator[str]:
    """The words of a text, each with the blanks or the line's end behind it."""
    start = 0
    for place, each in enumerate(value):
        if each in " \n" and value[place + 1 : place + 2] not in {" ", "\n"}:
            yield value[start : place + 1]
            start = place + 1
    if start < len(value):
        yield value[start:]
