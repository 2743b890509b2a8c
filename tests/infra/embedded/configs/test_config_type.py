"""A configuration's text is read as Java reads it, and shown as Java shows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.embedded.configs.config_refusal import ConfigRefusal
from penstock.infra.embedded.configs.config_type import (
    ConfigType,
    ConfigValue,
    parse_config,
    shown_config,
)


@pytest.mark.parametrize(
    ("config_type", "text", "value"),
    [
        (ConfigType.INT, " +5 ", 5),
        (ConfigType.INT, "\u0663", 3),
        (ConfigType.INT, "-2147483648", -(2**31)),
        (ConfigType.LONG, "9223372036854775807", 2**63 - 1),
        (ConfigType.SHORT, "007", 7),
        (ConfigType.BOOLEAN, " TRUE", True),
        (ConfigType.BOOLEAN, "false", False),
        (ConfigType.DOUBLE, "1e-1", 0.1),
        (ConfigType.DOUBLE, ".5f", 0.5),
        (ConfigType.DOUBLE, "-Infinity", float("-inf")),
        (ConfigType.STRING, " lz4 ", "lz4"),
        (ConfigType.LIST, "", ()),
        (ConfigType.LIST, " compact , delete ", ("compact", "delete")),
        (ConfigType.LIST, "a,,b", ("a", "", "b")),
        (ConfigType.LIST, "a\t,\n b\u00a0,c", ("a", "b\u00a0", "c")),
    ],
)
def test_what_java_reads_is_read(config_type: ConfigType, text: str, value: ConfigValue) -> None:
    """Signs, spaces around, digits of every script, Java's suffixes."""
    assert parse_config("some.config", config_type, text) == value


@pytest.mark.parametrize(
    ("config_type", "text", "message"),
    [
        (ConfigType.LONG, "x", "Not a number of type LONG"),
        (ConfigType.LONG, "99999999999999999999", "Not a number of type LONG"),
        (ConfigType.INT, "0x10", "Not a number of type INT"),
        (ConfigType.INT, "1_000", "Not a number of type INT"),
        (ConfigType.INT, "1.5", "Not a number of type INT"),
        (ConfigType.INT, "", "Not a number of type INT"),
        (ConfigType.INT, "9" * 5000, "Not a number of type INT"),
        (ConfigType.SHORT, "32768", "Not a number of type SHORT"),
        (ConfigType.DOUBLE, "nan", "Not a number of type DOUBLE"),
        (ConfigType.DOUBLE, "1" * 5000, "Not a number of type DOUBLE"),
        (ConfigType.BOOLEAN, "maybe", "Expected value to be either true or false"),
    ],
)
def test_what_java_does_not_read_is_refused(
    config_type: ConfigType, text: str, message: str
) -> None:
    """In the words of Kafka's ConfigDef, with the text as it came."""
    refusal = parse_config("some.config", config_type, text)
    assert isinstance(refusal, ConfigRefusal)
    assert refusal.reason == f"Invalid value {text} for configuration some.config: {message}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (0.5, "0.5"),
        (0.1, "0.1"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (1e7, "1.0E7"),
        (123456789.0, "1.23456789E8"),
        (1e-4, "1.0E-4"),
        (9.9999999e-05, "9.9999999E-5"),
        (99999999.9, "9.99999999E7"),
        (-2.5e-9, "-2.5E-9"),
        (0.001, "0.001"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (("compact", "delete"), "compact,delete"),
        ((), ""),
    ],
)
def test_a_value_is_shown_as_java_shows_it(value: ConfigValue, text: str) -> None:
    """As ConfigDef.convertToString and Double.toString have it."""
    assert shown_config(value) == text


def test_a_long_list_is_read_at_once() -> None:
    """Not in a time that grows with the square of its spaces: nobody would wait for the end."""
    text = "a" + " " * 3_000_000 + "b"
    assert parse_config("some.config", ConfigType.LIST, text) == (text,)


@given(st.floats(allow_nan=False))
def test_a_shown_number_is_read_as_the_same_number(value: float) -> None:
    """Nothing is lost in between."""
    assert parse_config("some.config", ConfigType.DOUBLE, shown_config(value)) == value


@given(st.sampled_from(ConfigType), st.text())
def test_no_text_raises(config_type: ConfigType, text: str) -> None:
    """It is a value or a refusal."""
    value = parse_config("some.config", config_type, text)
    assert isinstance(value, ConfigRefusal | bool | int | float | str | tuple)
