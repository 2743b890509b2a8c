"""`money`: how many digits a Decimal has, said where the field is declared.

    total: Annotated[Decimal, money(12, 2)]

On the wire it is Avro's decimal(12, 2). A value with more digits is refused when the object is
made, not rounded; a value with fewer is brought to the scale, so that the sender prints the same
digits as the receiver.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from penstock.schemas.declaration_errors import IllegalMoney
from penstock.schemas.limits import MAX_PRECISION
from penstock.schemas.logical import Unfit, rescaler

__all__ = ["Money", "money"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """The digits of a Decimal. Made by `money`."""

    precision: int
    """The most digits in all."""
    scale: int
    """Digits after the point."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let pydantic check the digits after it has checked the type."""
        if source is not Decimal:
            raise IllegalMoney(problem=f"it stands at {source!r}")
        rescale = rescaler(self.precision, self.scale)

        def bring_to_scale(value: Decimal) -> Decimal:
            try:
                return rescale(value)
            except Unfit as unfit:
                raise ValueError(unfit.problem) from None

        return core_schema.no_info_after_validator_function(bring_to_scale, handler(source))


def money(precision: int, scale: int) -> Money:
    """Say how many digits a Decimal has, inside `Annotated`.

    Args:
        precision: the most digits in all, 1 to 1000.
        scale: digits after the point, 0 to `precision`.

    Raises:
        IllegalMoney: the digits are impossible.
    """
    if not 1 <= precision <= MAX_PRECISION:
        raise IllegalMoney(problem=f"a precision of {precision}")
    if not 0 <= scale <= precision:
        raise IllegalMoney(problem=f"a scale of {scale} with a precision of {precision}")
    return Money(precision=precision, scale=scale)
