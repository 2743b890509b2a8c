"""Java's String.hashCode: the order of its tables, and Kafka's choice of a partition, rest on it.

A broker that is to choose as Kafka does has to reckon as Java does: in UTF-16 units and 32 bits.
"""

from typing import Final

__all__ = ["java_hash"]

_MASK: Final = 0xFFFF_FFFF


def java_hash(text: str) -> int:
    """Return a text's hash.

    Args:
        text: any text, lone surrogates included.

    Returns:
        The hash's 32 bits as a number from 0; Java takes those from 2**31 on as negative.
    """
    code = 0
    units = text.encode("utf-16-be", "surrogatepass")
    for high, low in zip(units[::2], units[1::2], strict=True):
        code = (code * 31 + (high << 8 | low)) & _MASK
    return code
