"""What somebody wants to know of a resource's configurations."""

from collections.abc import Collection
from typing import NamedTuple

__all__ = ["ConfigQuery"]


class ConfigQuery(NamedTuple):
    """Which configurations to show, and how much of each."""

    names: Collection[str] = ()
    """Those asked for; none: all. Names that there are not are left out of the answer."""
    synonyms: bool = False
    """Whether to name all places that a value may come from."""
    documentation: bool = False
    """Whether to say what each is for."""

    def wants(self, name: str) -> bool:
        """Tell whether a configuration is asked for."""
        return not self.names or name in self.names
