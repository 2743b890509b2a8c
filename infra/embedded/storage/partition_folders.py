"""The partitions' folders: `<topic>-<partition>.<topic id>`.

The topic's name is for people, and cut where a system's limit for names asks for it. The id is what
counts: a topic that is made again has another one, and never meets the files of the former.
"""

from collections import defaultdict
from pathlib import Path
from typing import Final, final
from uuid import UUID

__all__ = ["PartitionFolders"]

_SHOWN: Final = 200
"""A name may have 255 bytes on most systems: these, a number of ten digits, an id of 32."""
_ID_DIGITS: Final = 32


@final
class PartitionFolders:
    """Which folder is whose. Mutable."""

    def __init__(self, root: Path) -> None:
        """Look which are there.

        Args:
            root: the data folder.

        Raises:
            OSError: it cannot be read.
        """
        self._root = root
        self._names: defaultdict[UUID, dict[int, str]] = defaultdict(dict)
        for folder in root.iterdir():
            owner = _owner(folder.name)
            if owner is not None and folder.is_dir():
                topic_id, partition = owner
                self._names[topic_id][partition] = folder.name

    def path(self, topic_id: UUID, partition: int, *, topic: str) -> Path:
        """Return a partition's folder, there or not.

        Args:
            topic_id: the topic's id.
            partition: the partition's number.
            topic: the topic's name, for a folder that is to be made.
        """
        name = f"{topic[:_SHOWN]}-{partition}.{topic_id.hex}"
        return self._root / self._names[topic_id].setdefault(partition, name)

    def of(self, topic_id: UUID) -> list[Path]:
        """Return the folders of a topic."""
        return [self._root / name for name in self._names.get(topic_id, {}).values()]

    def forget(self, topic_id: UUID) -> None:
        """Drop a topic, whose folders nobody will ask for again."""
        self._names.pop(topic_id, None)

    def topic_ids(self) -> set[UUID]:
        """Return the ids of all topics that have folders."""
        return set(self._names)


def _owner(name: str) -> tuple[UUID, int] | None:
    """Take a folder's name apart; None where it is none of ours."""
    rest, _, hexadecimal = name.rpartition(".")
    _, _, number = rest.rpartition("-")
    if len(hexadecimal) != _ID_DIGITS or not number.isdecimal():
        return None
    try:
        return UUID(hex=hexadecimal), int(number)
    except ValueError:
        return None
