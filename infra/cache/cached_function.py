"""A function whose results are kept: called as before, and asked only when nothing is kept.

Law: what can be known when the function is decorated is worked out then. Where an annotation names
a class that stands further below, it is worked out at the first use.
"""

from collections.abc import Callable, Coroutine
from functools import update_wrapper
from inspect import iscoroutinefunction, signature
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar, final, get_type_hints

from penstock.infra.cache.errors import BadCache
from penstock.infra.cache.key_template import KeyOf, compiled_key
from penstock.infra.cache.open_cache import OpenCache
from penstock.infra.cache.typed_values import typed_format
from penstock.infra.cache.value_format import ValueFormat

__all__ = ["CachedFunction"]

_Parameters = ParamSpec("_Parameters")
_ResultT = TypeVar("_ResultT")


class _Plan(NamedTuple):
    """What is known of the function."""

    key_of: KeyOf
    form: ValueFormat


@final
class CachedFunction(Generic[_Parameters, _ResultT]):
    """Made by `Cache.cached`; `__wrapped__` is the function itself, which loads in any case."""

    __name__: str
    __wrapped__: Callable[_Parameters, Coroutine[Any, Any, _ResultT]]

    def __init__(
        self,
        function: Callable[_Parameters, Coroutine[Any, Any, _ResultT]],
        *,
        cache: str,
        template: str,
        ttl_s: float,
        limit_bytes: int,
        opened: Callable[[], OpenCache],
    ) -> None:
        """Stand before a function.

        Args:
            function: an async function.
            cache: name of the cache.
            template: of the keys.
            ttl_s: for how long results are kept, at most.
            limit_bytes: longest result, as it is kept.
            opened: returns the cache as it is open, or raises CacheNotOpen.

        Raises:
            BadCache: function and template do not fit.
        """
        self._function = function
        self._cache = cache
        self._template = template
        self._ttl_s = ttl_s
        self._limit_bytes = limit_bytes
        self._opened = opened
        if not iscoroutinefunction(function):
            raise BadCache(
                cache=cache,
                problem=f"{function!r} is no async function",
                cure="Decorate one that is declared by `async def`",
            )
        update_wrapper(self, function)
        self._plan: _Plan | None = None
        try:
            self._planned()
        except NameError:
            self._plan = None  # a class that stands further below: at the first use

    async def __call__(self, *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _ResultT:
        """Return what is kept for these arguments, or what the function returns.

        Raises:
            CacheNotOpen: the cache is not open.
            NotCacheable: an argument is not of the kind that its parameter is annotated with.
            LoadNotFinished: the function did not end in time, or the cache was closed.
            Exception: what the function raises.
        """
        plan = self._plan or self._planned()
        value: _ResultT = await self._opened().fetch(
            plan.key_of(*args, **kwargs),
            plan.form,
            lambda: self._function(*args, **kwargs),
            self._ttl_s,
        )
        return value

    async def invalidate(self, *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> None:
        """Delete what is kept for these arguments; see `Cache.delete`, which says what is certain.

        The next call loads: to have it fresh at once, call right after.

        Raises:
            CacheNotOpen: the cache is not open.
            CacheChangeFailed: nobody knows whether it happened.
        """
        plan = self._plan or self._planned()
        await self._opened().drop(plan.key_of(*args, **kwargs))

    def _planned(self) -> _Plan:
        name = self._function.__qualname__
        hints = get_type_hints(self._function, include_extras=True)
        declared = signature(self._function)
        resolved = [
            parameter.replace(annotation=hints.get(parameter.name, parameter.annotation))
            for parameter in declared.parameters.values()
        ]
        self._plan = _Plan(
            compiled_key(self._cache, self._template, name, declared.replace(parameters=resolved)),
            typed_format(
                self._cache,
                name,
                self._template,
                hints.get("return", declared.return_annotation),
                limit_bytes=self._limit_bytes,
            ),
        )
        return self._plan
