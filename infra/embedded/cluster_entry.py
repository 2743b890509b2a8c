"""The entry that begins every journal: the cluster has its id."""

from dataclasses import dataclass
from typing import final

__all__ = ["ClusterKept"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterKept:
    """The cluster has its id; the first entry of every journal."""

    cluster_id: str
    """22 characters, as Kafka writes an id."""
