"""What commands print to stdout: lists as plain tables or as JSON.

Never a colour, a box or a bar: what is shown on a terminal is what a pipe gets, so it can be cut,
searched and compared. This file imports nothing of the product but plain text.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum

from penstock.infra.plain_text import escaped

__all__ = ["OutputFormat", "print_list", "print_object"]

Value = str | int | float | bool | None


class OutputFormat(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"


def print_list(
    rows: Sequence[Mapping[str, Value]], columns: Sequence[str], form: OutputFormat
) -> None:
    """Print rows.

    Args:
        rows: each with at least these columns.
        columns: the names that JSON and the head of the table use, in order.
        form: a table with a head, or one JSON array, which may be empty.
    """
    if form is OutputFormat.JSON:
        print(json.dumps([{name: row[name] for name in columns} for row in rows], indent=2))
        return
    lines = [
        [name.upper().replace("_", " ") for name in columns],
        *([_cell(row[name]) for name in columns] for row in rows),
    ]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def print_object(fields: Mapping[str, Value], sentence: str, form: OutputFormat) -> None:
    """Print one thing: as a JSON object, or as a sentence that says the same."""
    print(json.dumps(dict(fields), indent=2) if form is OutputFormat.JSON else escaped(sentence))


def _cell(value: Value) -> str:
    return "-" if value is None or value == "" else escaped(str(value))
