"""A Lua script that Redis runs as one step, and what it is known by.

Laws:
1. A script is a file of the package that uses it; it is never put together at run time.
2. All keys that it touches come to it as KEYS, so that rights and slots can be checked.
3. This file talks to no server.
"""

from dataclasses import dataclass, field
from hashlib import sha1
from importlib import resources
from pathlib import PurePosixPath

__all__ = ["Script", "load_script"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script."""

    name: str
    """For people: it stands in errors."""
    text: str
    """Lua."""
    digest: str = field(init=False)
    """SHA-1 of the text in hexadecimal: the name under which a server keeps it (EVALSHA)."""

    def __post_init__(self) -> None:
        """Take the digest."""
        digest = sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


def load_script(package: str, file: str) -> Script:
    """Read a script that lies beside the code.

    Args:
        package: `penstock.infra.registry`, for instance.
        file: its name, with `.lua`.

    Returns:
        The script, named for the file.

    Raises:
        FileNotFoundError: it was not packed.
    """
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    return Script(name=PurePosixPath(file).stem, text=text)
