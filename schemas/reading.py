"""How a reader fares with what was written with another schema, in one word."""

from enum import StrEnum

from penstock.schemas.compatibility import incompatibilities, risk
from penstock.schemas.type_tree import AvroType

__all__ = ["Reading", "reading_of"]


class Reading(StrEnum):
    """How a reader fares with records of the other schema, because of one change."""

    ALL = "all"
    """Every value can be read."""
    FITTING = "fitting"
    """The schemas agree; a value that is not what the reader takes it for is refused."""
    NOT_ALL = "not-all"
    """There are values that no reader of that schema reads."""


def reading_of(reader: AvroType, writer: AvroType) -> Reading:
    """Tell how a reader fares with a type.

    Args:
        reader: what is expected.
        writer: what the bytes have.
    """
    if incompatibilities(reader, writer):
        return Reading.NOT_ALL
    return Reading.FITTING if risk(reader, writer) else Reading.ALL
