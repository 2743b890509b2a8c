"""Names for Python of what Avro names: the same wherever Python, pydantic and the module allow it.

Laws:
1. A name that can stay stays. What must change gets an underscore behind it, or loses those before
   it; the class then says the name on the wire.
2. Names of one scope differ. Who keeps his name does not depend on the order of asking.
"""

import keyword
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

__all__ = [
    "OF_PYDANTIC",
    "attributes_for",
    "class_names_for",
    "is_identifier",
    "is_member",
    "segments_for",
]

OF_PYDANTIC: Final = frozenset(
    {
        "construct",
        "copy",
        "dict",
        "from_orm",
        "json",
        "model_computed_fields",
        "model_config",
        "model_construct",
        "model_copy",
        "model_extra",
        "model_fields",
        "model_fields_set",
        "model_json_schema",
        "model_parametrized_name",
        "model_post_init",
        "model_rebuild",
        "mro",
        "parse_file",
        "parse_obj",
        "parse_raw",
        "register",
        "schema",
        "schema_json",
        "update_forward_refs",
        "validate",
    }
)
"""What every pydantic model has, itself or as a class; a field of such a name would hide it."""
_PROTECTED: Final = ("model_validate", "model_dump")
"""What pydantic lets no field begin with (`protected_namespaces`)."""
_MODULES: Final = frozenset({"__init__", "__main__", "__pycache__"})
_MEMBERS: Final = frozenset({"mro", "name", "value"})
"""What an Enum has itself."""


def is_identifier(text: str) -> bool:
    """Tell whether a text is a name in Python that nothing else means."""
    return text.isascii() and text.isidentifier() and not keyword.iskeyword(text)


def is_member(symbol: str) -> bool:
    """Tell whether a symbol can be the name of an Enum's member."""
    return not (symbol.startswith("_") or symbol in _MEMBERS or keyword.iskeyword(symbol))


def attributes_for(fields: Iterable[str], hidden: Collection[str]) -> Mapping[str, str]:
    """Return the attributes of a record's fields.

    Args:
        fields: their names on the wire.
        hidden: names that the class's body uses; an attribute would hide them.
    """

    def stays(name: str) -> bool:
        return not (
            name.startswith(("_", *_PROTECTED))
            or name in OF_PYDANTIC
            or name in hidden
            or keyword.iskeyword(name)
        )

    return _named(fields, stays, "field", {*hidden, *OF_PYDANTIC})


def class_names_for(names: Mapping[str, str], taken: Collection[str]) -> Mapping[str, str]:
    """Return the names that the types of one module have in it.

    Args:
        names: the simple name of each type, by its full name.
        taken: names that the module uses otherwise.
    """
    found: dict[str, str] = {}
    used = set(taken)

    def stays(name: str) -> bool:
        # Two underscores before it would be mangled where another class mentions it.
        return not (name.startswith("__") or name in used or keyword.iskeyword(name))

    changed = []
    for full_name in sorted(names):
        if stays(names[full_name]):
            found[full_name] = names[full_name]
            used.add(names[full_name])
        else:
            changed.append(full_name)
    for full_name in changed:
        found[full_name] = _changed(names[full_name], "Type", used)
        used.add(found[full_name])
    return found


def segments_for(names: Iterable[str]) -> Mapping[str, str]:
    """Return the modules of one package for the segments of namespaces.

    Some file systems do not tell large letters from small ones: no two differ by these alone.
    """
    found: dict[str, str] = {}
    used: set[str] = set()
    for name in sorted(names):
        segment = name
        while keyword.iskeyword(segment) or segment in _MODULES or segment.casefold() in used:
            segment += "_"
        found[name] = segment
        used.add(segment.casefold())
    return found


def _named(
    names: Iterable[str], stays: Callable[[str], bool], prefix: str, taken: Collection[str]
) -> Mapping[str, str]:
    names = list(names)
    used = {*taken, *filter(stays, names)}
    found = {}
    for name in names:
        if stays(name):
            found[name] = name
        else:
            found[name] = _changed(name, prefix, used)
            used.add(found[name])
    return found


def _changed(name: str, prefix: str, used: Collection[str]) -> str:
    bare = name.lstrip("_")
    if not bare or bare[0].isdigit():
        bare = f"{prefix}_{bare}".rstrip("_")
    if bare.startswith(_PROTECTED):
        bare = f"{prefix}_{bare}"
    while bare in used or keyword.iskeyword(bare):
        bare += "_"
    return bare
