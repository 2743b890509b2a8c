"""Upcasts: how an old shape of a message becomes the present one, where resolution cannot say it.

    class OrderPlacedInCents(Record, namespace="shop", name="OrderPlaced"):
        order_id: str
        cents: int

    @upcast
    def in_euros(old: OrderPlacedInCents) -> OrderPlaced:
        return OrderPlaced(order_id=old.order_id, total=Decimal(old.cents) / 100)

Resolution renames, widens and fills in what is the same in each record; an upcast computes, from
the old record alone. Which records go through one stands in type_choice.py.

Laws:
1. An upcast takes one shape and gives another, and both say so in its annotations.
2. One shape has one upcast, and no chain of them comes back to where it was: whoever declares
   something else is told at once.
3. What an upcast raises, or gives in place of what it announces, is the failure of that record: a
   `DecodeError`, as of a validator. It never ends the reader.
4. This file decides nothing about a record and knows no topic.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, signature
from typing import Any, ClassVar, Generic, NamedTuple, TypeAlias, TypeVar, final, get_type_hints

from pydantic import ValidationError

from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.errors import CallerError, ExitCode
from penstock.schemas.mapping import class_name
from penstock.schemas.record import Record, declaration_of

__all__ = ["AnyUpcast", "BadUpcast", "Upcast", "UpcastFailed", "chains_of", "upcast", "upcasting"]

OldT = TypeVar("OldT", bound=Record)
NewT = TypeVar("NewT", bound=Record)

_SHOWN_PROBLEMS = 5


@dataclass(eq=False, kw_only=True)
class BadUpcast(CallerError):
    """An upcast is declared in a way that cannot work."""

    upcast: str
    """The function, by module and name; several where they contradict each other."""
    problem: str
    """What is wrong, as a sentence without its end."""
    cure: str
    """What to write instead, as a sentence without its end."""

    code: ClassVar[str] = "PEN-E57"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "The upcast {upcast} was refused."
    why: ClassVar[str] = "{problem}."
    remedy: ClassVar[str] = "{cure}."


@dataclass(eq=False, kw_only=True)
class UpcastFailed(DecodeError):
    """A record was read in its old shape, and its upcast made nothing of it."""

    record: str
    """Full name of the old shape."""
    upcast: str
    """The function, by module and name."""
    problem: str
    """What it did instead, without any value, as a sentence without subject and end."""

    code: ClassVar[str] = "PEN-E56"
    what: ClassVar[str] = "A {record} of an old shape was not upcast: {upcast} {problem}."
    why: ClassVar[str] = "Only what it announces can take the place of what was written."
    remedy: ClassVar[str] = "Mend the upcast for records that look like this one."


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Upcast(Generic[OldT, NewT]):
    """One step from an old shape to a newer one. Made by `@upcast`; a call runs the function."""

    old: type[OldT]
    """The shape that it takes."""
    new: type[NewT]
    """The shape that it gives."""
    function: Callable[[OldT], NewT]
    """The function itself."""
    name: str
    """`module:qualified name`."""

    def __call__(self, old: OldT) -> NewT:
        """Run the function, as it stands."""
        return self.function(old)


AnyUpcast: TypeAlias = Upcast[Any, Any]
"""An upcast between any two shapes."""


class _Fault(NamedTuple):
    """One thing that is wrong with a declaration."""

    problem: str
    cure: str


def upcast(function: Callable[[OldT], NewT]) -> Upcast[OldT, NewT]:
    """Declare a function as the way from an old shape to a newer one.

    Give it to whoever reads: `Worker(..., upcasts=[...])`, `bus.subscribe(..., upcasts=[...])`.

    Args:
        function: takes one record and returns another, both as annotated: concrete classes of
            different shapes. The old one is best a plain `Record` with the full name that it had
            (`namespace=` and `name=`). The function must depend on nothing but its argument,
            because a record may be read again at any time.

    Returns:
        The upcast; it can be called like the function.

    Raises:
        BadUpcast: the function cannot be one.
        DeclarationError: a shape has no schema.
    """
    name = _name_of(function)
    fault = _fault_of_function(function)
    hints = {} if fault else get_type_hints(function)
    fault = fault or next(_faults_of_shapes(hints), None)
    if fault is not None:
        raise BadUpcast(upcast=name, problem=fault.problem, cure=fault.cure)
    new = hints.pop("return")
    (old,) = hints.values()
    return Upcast(old=old, new=new, function=function, name=name)


def _name_of(function: object) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', type(function).__module__)}:{name}"


def _fault_of_function(function: Callable[..., object]) -> _Fault | None:
    cure = "Write a function with annotations: def newer(old: Old) -> New"
    if iscoroutinefunction(function) or isasyncgenfunction(function):
        return _Fault("It is async, and decoding waits for nothing", f"{cure}, without async")
    if isgeneratorfunction(function):
        return _Fault("It is a generator, and one record becomes one record", cure)
    try:
        parameters = len(signature(function).parameters)
        hints = get_type_hints(function)
    except (NameError, TypeError, ValueError, AttributeError) as error:
        return _Fault(f"Its annotations cannot be read ({error})", cure)
    if parameters != 1:
        return _Fault(f"It has {parameters} parameters, and is given the old record alone", cure)
    if len(hints) != 1 + parameters or "return" not in hints:
        return _Fault("It does not say what it takes and what it gives", cure)
    return None


def _faults_of_shapes(hints: dict[str, Any]) -> Iterator[_Fault]:
    for shape in hints.values():
        if not (isinstance(shape, type) and issubclass(shape, Record)):
            yield _Fault(
                f"{getattr(shape, '__name__', shape)} is no record",
                "Annotate it with classes derived from Record",
            )
        elif "__penstock__" not in vars(shape):
            yield _Fault(
                f"{class_name(shape)} is abstract, and no bytes have its shape",
                "Name a concrete class",
            )
    old, new = [declaration_of(shape).schema for shape in hints.values()]
    if old.fingerprint == new.fingerprint:
        yield _Fault(
            f"Both shapes have the fingerprint {old.fingerprint.hex()}, and a reader could not "
            "tell which of them was written",
            "Rename a field or the type with the change of its meaning",
        )


def chains_of(upcasts: Iterable[AnyUpcast]) -> dict[type[Record], tuple[AnyUpcast, ...]]:
    """Follow upcasts from each old shape to the shape from which none leads on.

    Args:
        upcasts: as declared, in any order.

    Returns:
        By old shape, in the order of their declaration: the upcasts from it, in the order in which
        they run.

    Raises:
        BadUpcast: something is no upcast, one shape has two, or they go round.
    """
    from_old: dict[type[Record], AnyUpcast] = {}
    for each in upcasts:
        if not isinstance(each, Upcast):
            raise BadUpcast(
                upcast=_name_of(each),
                problem="It is not declared as an upcast",
                cure="Write @upcast above the function",
            )
        known = from_old.setdefault(each.old, each)
        if known is not each:
            raise BadUpcast(
                upcast=f"{known.name} or {each.name}",
                problem=f"Both take {class_name(each.old)}, and only one of them can",
                cure="Keep one of them",
            )
    return {old: tuple(_chain(from_old, old)) for old in from_old}


def _chain(from_old: dict[type[Record], AnyUpcast], old: type[Record]) -> Iterator[AnyUpcast]:
    passed: list[type[Record]] = []
    shape = old
    while (step := from_old.get(shape)) is not None:
        if shape in passed:
            circle = [*passed[passed.index(shape) :], shape]
            raise BadUpcast(
                upcast=step.name,
                problem=f"Upcasts go round: {' -> '.join(class_name(each) for each in circle)}",
                cure="Leave out the one that leads back to an older shape",
            )
        passed.append(shape)
        yield step
        shape = step.new


def upcasting(
    decode: Callable[[bytes], Record], chain: Sequence[AnyUpcast]
) -> Callable[[bytes], Any]:
    """Return a decoder that sends what another one reads through upcasts.

    Args:
        decode: reads the first one's old shape; raises `DecodeError`.
        chain: upcasts that follow each other; without any, `decode` itself is returned.

    Returns:
        A function that raises `DecodeError`.
    """
    if not chain:
        return decode

    def decode_and_upcast(payload: bytes) -> Record:
        record = decode(payload)
        for step in chain:
            record = _stepped(step, record)
        return record

    return decode_and_upcast


def _stepped(step: AnyUpcast, record: Record) -> Record:
    try:
        found: object = step.function(record)
    except ValidationError as error:
        # Its text quotes values; where they lie and what is wrong with them may be said.
        details = error.errors(include_url=False, include_context=False, include_input=False)
        problems = "; ".join(
            f"{each['loc'][0] if each['loc'] else 'as a whole'}: {each['type']}"
            for each in details[:_SHOWN_PROBLEMS]
        )
        raise _failed(step, f"gave values that {error.title} refuses ({problems})") from None
    except Exception as error:
        # The user's own code ran, on bytes from anywhere: what it raises is this record's failure,
        # and must not end the reader.
        raise _failed(step, f"raised {type(error).__name__}") from error
    if type(found) is not step.new:
        kind = class_name(type(found))
        raise _failed(step, f"returned a {kind} and announces a {class_name(step.new)}")
    assert isinstance(found, Record)
    return found


def _failed(step: AnyUpcast, problem: str) -> UpcastFailed:
    record = declaration_of(step.old).full_name
    return UpcastFailed(record=record, upcast=step.name, problem=problem)
