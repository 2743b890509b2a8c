"""Lists are printed plainly, and values cannot leave their line."""

import json

import pytest

from penstock.infra.cli.output import OutputFormat, print_list, print_object

ROWS: list[dict[str, str | int | None]] = [
    {"topic": "shop.orders", "lag": 3, "note": None, "hidden": 1},
    {"topic": "a\nb\x1b[2J", "lag": 12_345, "note": "größer", "hidden": 2},
]
COLUMNS = ("topic", "lag", "note")


def test_a_table_has_a_head_and_aligned_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """No boxes, no colours, nothing behind the last column; what is empty is a dash."""
    print_list(ROWS, COLUMNS, OutputFormat.TABLE)
    assert capsys.readouterr().out.splitlines() == [
        "TOPIC        LAG    NOTE",
        "shop.orders  3      -",
        r"a\nb\x1b[2J  12345  größer",
    ]


def test_json_is_one_array_with_the_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Also when there is nothing to list."""
    print_list(ROWS, COLUMNS, OutputFormat.JSON)
    assert json.loads(capsys.readouterr().out) == [
        {name: row[name] for name in COLUMNS} for row in ROWS
    ]
    print_list([], COLUMNS, OutputFormat.JSON)
    assert json.loads(capsys.readouterr().out) == []


def test_one_thing_is_a_sentence_or_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Both say the same."""
    print_object({"offset": 3}, "Published at\noffset 3.", OutputFormat.TABLE)
    assert capsys.readouterr().out == "Published at\\noffset 3.\n"
    print_object({"offset": 3}, "", OutputFormat.JSON)
    assert json.loads(capsys.readouterr().out) == {"offset": 3}
