"""The types of Kafka's configurations, and how a text becomes a value of each and a text again.

Law: Java's rules count, not Python's: `+5` and ` 5 ` are numbers, `5_0` and `0x10` are not.
"""

import re
from enum import IntEnum
from typing import Final

from penstock.infra.embedded.configs.config_refusal import ConfigRefusal

__all__ = ["ConfigType", "ConfigValue", "invalid_value", "parse_config", "shown_config"]

ConfigValue = bool | int | float | str | tuple[str, ...]
"""A parsed value: LIST is a tuple, all other texts are a string."""


class ConfigType(IntEnum):
    """The types, with Kafka's numbers (DescribeConfigsResponse.ConfigType)."""

    UNKNOWN = 0
    BOOLEAN = 1
    STRING = 2
    INT = 3
    SHORT = 4
    LONG = 5
    DOUBLE = 6
    LIST = 7
    CLASS = 8
    PASSWORD = 9


_BITS: Final = {ConfigType.INT: 32, ConfigType.SHORT: 16, ConfigType.LONG: 64}
_JAVA_SPACE: Final = "".join(map(chr, range(0x21)))
"""What Java's String.trim takes away."""
_INTEGER: Final = re.compile(r"[+-]?\d{1,100}")
"""Java takes digits of every script, and so does `\\d`."""
_DOUBLE: Final = re.compile(
    r"([+-]?)(?:(NaN)|(Infinity)|((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,6})?)[fFdD]?)", re.ASCII
)
_LONGEST_NUMBER: Final = 400
_LIST_SPACE: Final = " \t\n\v\f\r"
"""What may stand around a comma: `\\s` of Java. Not cut by a regular expression, which takes a time
that grows with the square of the spaces."""
_PLAIN_FROM: Final = 1e-3
_PLAIN_BELOW: Final = 1e7
"""Between these two Java shows a double without an exponent (Double.toString)."""


def invalid_value(name: str, value: object, message: str) -> ConfigRefusal:
    """Refuse a value in the words of Kafka's ConfigException."""
    return ConfigRefusal(reason=f"Invalid value {value} for configuration {name}: {message}")


def parse_config(  # noqa: PLR0911 - one for each type
    name: str, config_type: ConfigType, text: str
) -> ConfigValue | ConfigRefusal:
    """Read a configuration's text.

    Args:
        name: the configuration, for the refusal.
        config_type: its type.
        text: as somebody wrote it.

    Returns:
        The value, or the refusal in Kafka's words.
    """
    trimmed = text.strip(_JAVA_SPACE)
    match config_type:
        case ConfigType.BOOLEAN:
            value = {"true": True, "false": False}.get(trimmed.lower())
            if value is None:
                return invalid_value(name, text, "Expected value to be either true or false")
            return value
        case ConfigType.INT | ConfigType.SHORT | ConfigType.LONG:
            number = _integer(trimmed, _BITS[config_type])
            if number is None:
                return invalid_value(name, text, f"Not a number of type {config_type.name}")
            return number
        case ConfigType.DOUBLE:
            double = _double(trimmed)
            if double is None:
                return invalid_value(name, text, "Not a number of type DOUBLE")
            return double
        case ConfigType.LIST:
            parts = trimmed.split(",") if trimmed else ()
            return tuple(part.strip(_LIST_SPACE) for part in parts)
        case _:
            return trimmed


def shown_config(value: ConfigValue) -> str:
    """Write a value as Kafka shows it (ConfigDef.convertToString)."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return _java_double(value)
        case tuple():
            return ",".join(value)
        case _:
            return str(value)


def _integer(text: str, bits: int) -> int | None:
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    limit = 1 << (bits - 1)
    return number if -limit <= number < limit else None


def _double(text: str) -> float | None:
    found = _DOUBLE.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if found is None:
        return None
    sign, is_nan, is_infinity, digits = found.groups()
    return float(sign + (is_nan or is_infinity or digits))


def _java_double(value: float) -> str:
    if value != value:  # noqa: PLR0124 - that is how NaN is told
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_BELOW:
        return repr(value)
    # Python's shortest digits, as Java's; only the point stands elsewhere.
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    power = int(exponent or 0) + len(digits) - len(fraction) - 1
    digits = digits.rstrip("0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{power}"
