"""What is different between two lists of a service.

Changes are found by comparing states, never by adding up messages: so a reader who missed a
message, or all of them, is right again at the next look.

Law: whoever applies them in their order holds the second list at the end, and on the way never
fewer instances than the shorter of the two lists: who comes is told before who goes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.infra.registry.instance import Instance

__all__ = ["Change", "Changed", "Joined", "Left", "changes_between"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """An instance is there that was not."""

    instance: Instance
    """It."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """An instance says something else of itself: that it drains, mostly."""

    instance: Instance
    """As it is now."""
    before: Instance
    """As it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """An instance is not there any more: it left, or was silent for too long."""

    instance: Instance
    """As it last was."""


Change = Joined | Changed | Left
"""What `watch` yields."""


def changes_between(
    before: Mapping[str, Instance], after: Mapping[str, Instance]
) -> tuple[Change, ...]:
    """Return how to come from one list to another: who joined, who changed, who left.

    Args:
        before: instances by id.
        after: likewise.
    """
    joined = (Joined(instance=after[name]) for name in sorted(after.keys() - before.keys()))
    changed = (
        Changed(instance=after[name], before=before[name])
        for name in sorted(after.keys() & before.keys())
        if after[name] != before[name]
    )
    left = (Left(instance=before[name]) for name in sorted(before.keys() - after.keys()))
    return (*joined, *changed, *left)
