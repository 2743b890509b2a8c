"""A fault gathers the path on its way up."""

from penstock.schemas.codec_errors import FieldMissing, Truncated
from penstock.schemas.fault import Fault


def test_the_path_reads_from_the_outside_in() -> None:
    """Parts are added from the inside out."""
    fault = Fault(Truncated, offset=12, claimed=8, left=3)
    fault.inside(".price")
    fault.inside("[3]")
    fault.inside(".items")
    error = fault.error("shop.Order")
    assert isinstance(error, Truncated)
    assert error.place == "shop.Order.items[3].price"
    assert str(error).startswith(
        "PEN-A44 shop.Order.items[3].price at byte 12 claims 8 bytes, and 3 are left"
    )


def test_a_part_may_be_known_at_once() -> None:
    """Where the function that meets the fault knows the field."""
    assert str(Fault(FieldMissing, part=".x").error("R")).startswith("PEN-A62 R.x has no value.")
