"""Names that no other test and no other run has.

The app's name is part of every name that penstock makes on a cluster: groups, transactional ids,
dead letters, changelogs, the topics of sagas, keys in Redis. So tests that share a server and have
an app each do not meet there.
"""

import re
import uuid
from typing import Final, final

__all__ = ["PenstockNames", "app_name"]

_LONGEST_TEST: Final = 40
"""Characters of a test's name in the app's name, which may have 63."""
_RANDOM: Final = 8
"""Hexadecimal digits behind it."""


def app_name(test: str, suffix: str) -> str:
    """Make a legal name of an app out of a test's name.

    Args:
        test: any text.
        suffix: what makes it unique; of 0-9, a-z and hyphens.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", test.lower()).strip("-")[:_LONGEST_TEST].strip("-")
    plain = plain if plain[:1].isalpha() else f"test-{plain}".rstrip("-")
    return f"{plain}-{suffix}"


@final
class PenstockNames:
    """The names of one test."""

    def __init__(self, test: str) -> None:
        """Draw what makes them unique.

        Args:
            test: the test's name.
        """
        # Not from `random`, which plugins seed alike for every test.
        self.app = app_name(test, uuid.uuid4().hex[:_RANDOM])
        """The name of this test's app."""

    def unique(self, name: str) -> str:
        """Return a name that no other call returns: `name`, a hyphen and twelve digits.

        Args:
            name: of a topic, a group, a key.
        """
        return f"{name}-{uuid.uuid4().hex[:12]}"
