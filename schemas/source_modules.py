"""Which types stand in which module of a package: one module for each namespace.

`shop.orders` becomes `shop/orders.py`, or `shop/orders/__init__.py` where `shop.orders.archive` is
there too. Namespaces that need each other, or whose modules would be imported in a circle, share
the module of the first of them.

Laws:
1. Modules import each other in no circle; a package's own import, which Python does before that of
   its parts, counts.
2. The same types give the same modules, in whatever order they come.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

from penstock.schemas.source_names import segments_for

__all__ = ["SourceModule", "modules_of"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SourceModule:
    """One module of a package."""

    namespace: str
    """The namespace whose place it takes, the first of its namespaces."""
    namespaces: tuple[str, ...]
    """The namespaces whose types it holds, sorted; none in a package that only holds others."""
    segments: tuple[str, ...]
    """Its names below the package."""
    path: str
    """Its file, relative to the package, with `/` between folders."""


def modules_of(needs: Mapping[str, Iterable[str]]) -> list[SourceModule]:
    """Return the modules of a package, packages that only hold others included, by path.

    Args:
        needs: the namespaces that hold types; for each those whose types its own mention.
    """
    circles = [sorted(each) for each in _circles(_with_packages(needs))]
    places = {each[0]: tuple(each) for each in circles}
    prefixes = {prefix for each in places for prefix in _prefixes(each)}
    segments = _segments({*places, *prefixes, ""})
    modules = [
        SourceModule(
            namespace=each,
            namespaces=places.get(each, ()),
            segments=segments[each],
            path="/".join(
                (*segments[each], "__init__.py")
                if each in prefixes or not each
                else (*segments[each][:-1], f"{segments[each][-1]}.py")
            ),
        )
        for each in {*places, *prefixes, ""}
    ]
    return sorted(modules, key=lambda module: module.path)


def _prefixes(namespace: str) -> Iterator[str]:
    parts = namespace.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))


def _with_packages(needs: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """What importing the module of each namespace imports."""
    return {
        each: sorted({*needs[each], *(prefix for prefix in _prefixes(each) if prefix in needs)})
        for each in sorted(needs)
    }


def _segments(namespaces: Iterable[str]) -> dict[str, tuple[str, ...]]:
    children: dict[str, set[str]] = {}
    for each in namespaces:
        parts = each.split(".") if each else []
        for count, part in enumerate(parts):
            children.setdefault(".".join(parts[:count]), set()).add(part)
    named = {parent: segments_for(names) for parent, names in children.items()}
    found: dict[str, tuple[str, ...]] = {"": ()}
    for each in sorted(namespaces, key=lambda name: name.count(".")):
        parts = each.split(".") if each else []
        found[each] = tuple(
            named[".".join(parts[:count])][part] for count, part in enumerate(parts)
        )
    return found


def _circles(graph: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """The strongly connected parts of a graph (Kosaraju and Sharir's algorithm)."""
    back: dict[str, list[str]] = {each: [] for each in graph}
    for each, needed in graph.items():
        for other in needed:
            back[other].append(each)
    seen: set[str] = set()
    left = [node for each in graph for node in _finished(each, graph, seen)]
    seen = set()
    for each in reversed(left):
        if found := list(_finished(each, back, seen)):
            yield found


def _finished(start: str, graph: Mapping[str, list[str]], seen: set[str]) -> Iterator[str]:
    """What is reached from a node and was not seen, each after all that is reached from it."""
    if start in seen:
        return
    seen.add(start)
    stack = [(start, iter(graph[start]))]
    while stack:
        node, rest = stack[-1]
        following = next((each for each in rest if each not in seen), None)
        if following is None:
            stack.pop()
            yield node
        else:
            seen.add(following)
            stack.append((following, iter(graph[following])))
