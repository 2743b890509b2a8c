"""`penstock version`: what is installed, for the first line of a report."""

import platform
from importlib.metadata import version
from typing import Final

from penstock.infra.cli.output import OutputFormat, print_list

__all__ = ["show_versions"]

_PACKAGES: Final = ("penstock", "aiokafka", "fastavro", "pydantic")


def show_versions(form: OutputFormat) -> None:
    """Print the versions of penstock, of what it stands on, and of Python."""
    rows = [{"name": name, "version": version(name)} for name in _PACKAGES]
    rows.append({"name": "python", "version": platform.python_version()})
    print_list(rows, ("name", "version"), form)
