"""Where kio keeps the messages of each request, found at first use.

kio has a module for each API, version and direction; importing all takes half a second, so each is
imported when a client first sends it. kio's own index of them has 3 700 lines; the paths follow a
rule, and `api_table.py` knows which versions there are.
"""

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from penstock.infra.embedded.wire.api_table import API_TABLE

__all__ = ["answer_module", "request_module", "request_type"]


@cache
def request_type(api_key: int, version: int) -> Any:
    """Find the class of a request.

    Args:
        api_key: of the table.
        version: that the table has.

    Returns:
        The dataclass of kio.
    """
    module = request_module(api_key, version)
    name = API_TABLE[api_key].schema_name.replace("_", "") + "request"
    return next(value for key, value in vars(module).items() if key.lower() == name)


def request_module(api_key: int, version: int) -> ModuleType:
    """Find the module that holds the structs of a request; see `answer_module`."""
    return _module(api_key, version, "request")


def answer_module(api_key: int, version: int) -> ModuleType:
    """Find the module that holds the structs of an answer.

    Args:
        api_key: of the table.
        version: that the table has.

    Returns:
        The module; its attributes are named as Kafka's structs.
    """
    return _module(api_key, version, "response")


def _module(api_key: int, version: int, direction: str) -> ModuleType:
    schema_name = API_TABLE[api_key].schema_name
    return import_module(f"kio.schema.{schema_name}.v{version}.{direction}")
