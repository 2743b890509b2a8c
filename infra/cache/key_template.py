"""Keys of a cached function: a template with the names of its parameters, compiled once.

    key="{sku}"              price_of("lamp")               lamp
    key="{shop}:{sku}"       price_of("no:1", sku="a b")    no%3A1:a b

A function of the same signature is generated, so that Python itself binds the arguments, defaults
included, exactly as the call would, and at the speed of a call.

Laws:
1. Two calls that differ in an argument of the template never have the same key: a wrong value would
   be given out, perhaps another customer's. What separates two arguments is escaped within them, as
   `%3A`, as is the escape itself; None is `%-`, which no text can be.
2. So each of these arguments has one known kind, which its annotation says; a call with another
   kind is refused, not guessed at.
3. What is wrong with a template is said where the function is decorated.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, Flag
from inspect import Parameter, Signature
from string import Formatter
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NewType,
    NoReturn,
    Protocol,
    Union,
    cast,
    get_args,
    get_origin,
)
from uuid import UUID

from penstock.infra.cache.errors import BadCache, NotCacheable

__all__ = ["KeyOf", "compiled_key"]

_NONE: Final = "%-"
_NO_SEPARATOR: Final = re.compile(r"[0-9A-Za-z%-]")
"""Characters of the escape itself and of ordinary values: they would separate nothing."""
_DECIMAL_BITS: Final = 4096
_METHODS: Final = frozenset({"self", "cls"})
_UNNAMED: Final = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)

_Show = Callable[[Any], str]


class KeyOf(Protocol):
    """Takes the arguments of a call, and returns its key."""

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        """Return the key.

        Raises:
            NotCacheable: an argument is not of the kind that its parameter is annotated with.
            TypeError: the function would not take the arguments either.
        """
        ...


def compiled_key(cache: str, template: str, function: str, signature: Signature) -> KeyOf:
    """Compile a template.

    Args:
        cache: name, for errors.
        template: text with `{parameter}` in it, any number of times; `{{` is a brace.
        function: name of the function that is cached, for errors.
        signature: of that function, its annotations resolved.

    Raises:
        BadCache: the template does not fit the function.
    """

    def refuse(problem: str, cure: str) -> NoReturn:
        raise BadCache(cache=cache, problem=f"The key of {function}: {problem}", cure=cure)

    for name in list(signature.parameters)[:1]:
        if name in _METHODS:
            refuse(
                "it is a method, and what its object is would not be in the key",
                "Cache a function outside of the class, or use get_or_set",
            )
    literals, names = _parts(template, refuse)
    separators = _separators(literals[1:-1], template, refuse)
    table = str.maketrans({each: _escape(each) for each in {"%", *separators}})
    shows = {
        name: _show_of(_Argument(cache, function, name), signature, table, refuse)
        for name in dict.fromkeys(names)
    }
    return _generated(function, signature, literals, [(name, shows[name]) for name in names])


_Refuse = Callable[[str, str], NoReturn]


def _parts(template: str, refuse: _Refuse) -> tuple[list[str], list[str]]:
    """Return the texts around the placeholders, one more than those, and the placeholders."""
    literals, names = [""], []
    try:
        pieces = list(Formatter().parse(template))
    except ValueError as error:
        refuse(f"'{ascii(template)[1:-1]}' is no template, {error}", "Write it as '{sku}'")
    for literal, name, form, conversion in pieces:
        literals[-1] += literal
        if name is None:
            continue
        if not name.isidentifier() or form or conversion:
            refuse(
                f"'{ascii(template)[1:-1]}' has a placeholder that is not just a parameter's name",
                "Write {name}, with no dot, index, conversion or format in it",
            )
        names.append(name)
        literals.append("")
    if not template:
        refuse("it is empty", "Write '{sku}', or a fixed word for a function without arguments")
    return literals, names


def _separators(between: Sequence[str], template: str, refuse: _Refuse) -> set[str]:
    """Return the characters that separate one argument from the next."""
    found: set[str] = set()
    for literal in between:
        separators = set(_NO_SEPARATOR.sub("", literal))
        if not separators:
            refuse(
                f"in '{ascii(template)[1:-1]}' nothing tells where one argument ends and the next "
                "begins",
                "Put a colon or another sign between them, no letter, digit, % or -",
            )
        found |= separators
    return found


class _Argument:
    """One argument of a template; shows values of its kind, and refuses others."""

    def __init__(self, cache: str, function: str, name: str) -> None:
        self._cache = cache
        self._function = function
        self.name = name

    def other(self, value: object, wanted: str) -> NotCacheable:
        """The error for a value of another kind."""
        return NotCacheable(
            cache=self._cache,
            problem=(
                f"The argument {self.name} of {self._function} is part of the key and is a "
                f"{type(value).__name__}, where {wanted} is declared"
            ),
            cure=f"Give {wanted}, or declare the parameter as what it is given",
        )


def _show_of(
    argument: _Argument, signature: Signature, table: dict[int, str], refuse: _Refuse
) -> _Show:
    """Return what turns an argument into text."""
    parameter = signature.parameters.get(argument.name)
    if parameter is None or parameter.kind in _UNNAMED:
        refuse(f"it has no parameter '{argument.name}'", "Name parameters of the function")
    kinds = _kinds(parameter.annotation)
    optional = NoneType in kinds
    kinds -= {NoneType}
    if len(kinds) != 1:
        _refuse_annotation(argument.name, parameter, refuse)
    (kind,) = kinds
    show = _show_of_kind(kind, argument, table)
    if show is None:
        _refuse_annotation(argument.name, parameter, refuse)
    return _or_none(show) if optional else show


def _refuse_annotation(name: str, parameter: Parameter, refuse: _Refuse) -> NoReturn:
    bare = parameter.annotation is Parameter.empty
    told = "not annotated" if bare else f"annotated with {parameter.annotation}"
    refuse(
        f"its parameter '{name}' is {told}, so two values might have the same text",
        "Annotate it with one of str, int, bool, float, Decimal, UUID, date, datetime, an Enum, "
        "or one of these or None",
    )


def _kinds(annotation: Any) -> set[Any]:
    """Return the classes that an annotation stands for."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return set().union(*map(_kinds, get_args(annotation)))
    if origin is Literal:
        return {type(value) for value in get_args(annotation)}
    if isinstance(annotation, NewType):
        return _kinds(annotation.__supertype__)
    return {NoneType if annotation is None else annotation}


def _show_of_kind(kind: Any, argument: _Argument, table: dict[int, str]) -> _Show | None:
    """Return what turns a value of this kind into text; None where no kind is known."""
    if not isinstance(kind, type):
        return None
    if kind is str:
        return _text_show(argument, table)
    if issubclass(kind, Enum) and not issubclass(kind, Flag):
        return _plain_show((kind,), lambda value: str(value.name), argument, table)
    taken, text = _TEXTS.get(kind, ((), str))
    return _plain_show(taken, text, argument, table) if taken else None


def _isoformat(value: date) -> str:
    return value.isoformat()


def _digits(value: int) -> str:
    # Python refuses to write very long numbers in decimal digits.
    return int.__repr__(value) if value.bit_length() <= _DECIMAL_BITS else hex(value)


_TEXTS: Final[dict[type, tuple[tuple[type, ...], _Show]]] = {
    int: ((int,), _digits),
    bool: ((bool,), repr),
    # Whoever declares float is given int as well.
    float: (
        (float, int),
        lambda value: repr(value) if isinstance(value, float) else _digits(value),
    ),
    Decimal: ((Decimal,), str),
    UUID: ((UUID,), str),
    date: ((date,), _isoformat),
    datetime: ((datetime,), _isoformat),
}
"""Kinds of arguments, what is taken for each, and its text: different for all that differ."""


def _text_show(argument: _Argument, table: dict[int, str]) -> _Show:
    def show(value: Any) -> str:
        if not isinstance(value, str):
            raise argument.other(value, "str")
        return str.translate(value, table)

    return show


def _plain_show(
    taken: tuple[type, ...], text: _Show, argument: _Argument, table: dict[int, str]
) -> _Show:
    def show(value: Any) -> str:
        if not isinstance(value, taken):
            raise argument.other(value, taken[0].__name__)
        return text(value).translate(table)

    return show


def _or_none(show: _Show) -> _Show:
    return lambda value: _NONE if value is None else show(value)


def _escape(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _generated(
    function: str,
    signature: Signature,
    literals: Sequence[str],
    shown: Sequence[tuple[str, _Show]],
) -> KeyOf:
    """Make a function of the same signature that returns the key."""
    mark = "_"
    while any(name.startswith(mark) for name in signature.parameters):
        mark += "_"  # ours are names that no parameter hides
    names: dict[str, Any] = {}
    pieces: list[str] = []
    for number, literal in enumerate(literals):
        pieces.append(repr(literal))
        if number < len(shown):
            name, names[f"{mark}show{number}"] = shown[number]
            pieces.append(f"{mark}show{number}({name})")
    pieces = [piece for piece in pieces if piece != "''"] or ["''"]
    source = (
        f"def {mark}key({_parameters(signature, names, mark)}):\n    return {' + '.join(pieces)}"
    )
    # The source holds names of parameters, which Python has passed, and texts as `repr` shows them.
    exec(compile(source, f"<key of {function}>", "exec"), names)  # noqa: S102 - see above
    made = names[f"{mark}key"]
    # Python's own complaints about arguments then name the function that was called.
    made.__name__ = made.__qualname__ = function
    return cast("KeyOf", made)


def _parameters(signature: Signature, names: dict[str, Any], mark: str) -> str:
    """Return the parameters as source; defaults go into the names."""
    written: list[str] = []
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    for number, (name, parameter) in enumerate(signature.parameters.items()):
        kind = parameter.kind
        before = kinds[number - 1] if number else None
        if before is Parameter.POSITIONAL_ONLY and kind is not before:
            written.append("/")
        if kind is Parameter.KEYWORD_ONLY and before not in {kind, Parameter.VAR_POSITIONAL}:
            written.append("*")
        stars = "*" * (2 if kind is Parameter.VAR_KEYWORD else kind is Parameter.VAR_POSITIONAL)
        if parameter.default is Parameter.empty:
            written.append(stars + name)
        else:
            names[f"{mark}default{number}"] = parameter.default
            written.append(f"{name}={mark}default{number}")
    if kinds and kinds[-1] is Parameter.POSITIONAL_ONLY:
        written.append("/")
    return ", ".join(written)
