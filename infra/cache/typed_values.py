"""Values of a cached function: written and read by the type that its annotation says.

pydantic does both, in JSON and strictly, by one adapter per function that is made when the function
is decorated.

Laws:
1. The mark of a value covers the function's name, its key template and the JSON schema of its type.
   So two functions never read each other's values, and a changed type reads none of the old ones:
   it loads anew. Names of modules are left out: the same file may be run under two.
2. What JSON cannot tell apart, such as a Decimal where the type also allows text, is found when the
   value is read back before it is kept, see value_format.py.
"""

import json
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from inspect import Signature
from typing import Any, Final, NoReturn

from pydantic import ConfigDict, TypeAdapter
from pydantic.errors import PydanticUserError

from penstock.infra.cache.errors import BadCache
from penstock.infra.cache.value_format import MARK_BYTES, ValueFormat

__all__ = ["typed_format"]

_SAYS_NOTHING: Final = (Any, object, NoReturn, Signature.empty)
_CURE: Final = (
    "Let the function return what it is annotated with; within a model, bytes need "
    "ser_json_bytes and val_json_bytes = 'base64' in its model_config"
)
_CONFIG: Final = ConfigDict(
    ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants"
)


def typed_format(
    cache: str, function: str, template: str, annotation: Any, *, limit_bytes: int
) -> ValueFormat:
    """Return the format of what a function returns.

    Args:
        cache: name of the cache, for errors.
        function: its qualified name.
        template: of its keys.
        annotation: of what it returns, resolved.
        limit_bytes: longest value.

    Raises:
        BadCache: the annotation says nothing, or has no form in JSON.
        NameError: it names a class that does not exist yet.
    """
    if annotation in _SAYS_NOTHING:
        raise BadCache(
            cache=cache,
            problem=f"{function} does not say what it returns",
            cure="Annotate it, as in `async def price_of(sku: str) -> Decimal:`",
        )
    try:
        adapter = _adapter(annotation)
        schema = adapter.json_schema(mode="serialization")
    except PydanticUserError as error:
        if error.code in _TOO_EARLY:
            raise NameError(annotation) from error
        told = str(error).partition("\n")[0].rstrip(".")
        problem = f"What {function} returns, {annotation}, has no form in JSON: {told}"
        raise BadCache(
            cache=cache, problem=problem, cure="Return a plain type, a pydantic model or a Record"
        ) from error
    dump: Callable[[Any], bytes] = partial(adapter.dump_json, round_trip=True, warnings="error")
    identity = json.dumps([function, template, schema], sort_keys=True).encode()
    return ValueFormat(
        cache=cache,
        mark=sha256(identity).digest()[:MARK_BYTES],
        dump=dump,
        load=partial(adapter.validate_json, strict=True),
        cure=_CURE,
        limit_bytes=limit_bytes,
    )


_TOO_EARLY: Final = frozenset({"class-not-fully-defined", "undefined-annotation"})


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation, config=_CONFIG)
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        return TypeAdapter(annotation)  # a model or a dataclass: it has a configuration of its own
