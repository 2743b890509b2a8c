"""What makes a module impure, as far as its text shows it.

Import contracts see imports and nothing else. This adds what needs no import: coroutines, `open`,
`print`, the clock of `datetime`, the randomness of `uuid`. The signatures of a Protocol do no I/O,
so a port may be a core. Run as a script it prints which modules look like cores and which like
shells, ready for pyproject.toml.
"""

import ast
import sys
from collections.abc import Iterator

from tests.repository.tree import INNER_ROOMS, Module, contract, modules

__all__ = ["imported_names", "impurities"]

_CALLS = frozenset({"open", "print", "input", "uuid1", "uuid4"})
_CLOCKS = frozenset({"now", "utcnow", "today"})
_CALENDARS = frozenset({"date", "datetime"})


def impurities(module: Module) -> Iterator[str]:
    """Yield a line for each thing in a module that a core must not hold.

    Args:
        module: Its text is parsed, not run. Imports under `TYPE_CHECKING` and in functions count.
    """
    tree = module.tree
    signatures = set(_signatures(tree))
    forbidden = frozenset(contract("cores")["forbidden_modules"])
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and node not in signatures:
            yield f"{module.path}:{node.lineno}: async def {node.name}"
        elif isinstance(node, ast.Call) and _is_forbidden(node.func):
            yield f"{module.path}:{node.lineno}: {ast.unparse(node.func)}()"
    for name, line in imported_names(tree):
        if name.split(".")[0] in forbidden:
            yield f"{module.path}:{line}: import of {name}"


def imported_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield each import with its line; a name imported from a module as `module.name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _signatures(tree: ast.Module) -> Iterator[ast.AsyncFunctionDef]:
    """Yield the coroutines that a Protocol only names: a docstring, `...`, and no more."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(
            "Protocol" in ast.unparse(base) for base in node.bases
        ):
            for member in node.body:
                if isinstance(member, ast.AsyncFunctionDef) and _is_empty(member):
                    yield member


def _is_empty(function: ast.AsyncFunctionDef) -> bool:
    return all(
        isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
        for line in function.body
    )


def _is_forbidden(called: ast.expr) -> bool:
    if isinstance(called, ast.Name):
        return called.id in _CALLS
    if isinstance(called, ast.Attribute):
        owner = ast.unparse(called.value).split(".")[-1]
        reads_clock = called.attr in _CLOCKS and owner in _CALENDARS
        return reads_clock or (owner == "uuid" and called.attr in _CALLS)
    return False


def _report() -> None:
    """Print both lists, by what the text shows; cores of infra stay as they are listed."""
    inner = [module for module in modules(*INNER_ROOMS) if not module.is_package]
    shells = [module.name for module in inner if any(impurities(module))]
    cores = [module.name for module in inner if module.name not in shells]
    cores += (name for name in contract("cores")["source_modules"] if ".infra." in name)
    for title, found in (("source_modules", cores), ("shells", shells)):
        lines = "".join(f'  "{name}",\n' for name in found)
        sys.stdout.write(f"{title} = [\n{lines}]\n")


if __name__ == "__main__":
    _report()
