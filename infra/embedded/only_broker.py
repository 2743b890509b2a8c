"""The number of the only broker that there is."""

from typing import Final

__all__ = ["ONLY_BROKER"]

ONLY_BROKER: Final = 1
