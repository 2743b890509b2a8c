"""A secret in a file, as container platforms mount them.

Laws:
1. What was read is never repeated in a problem; only the file's name is.
2. One line end at the end is not part of the secret: editors put it there. Nothing else is guessed
   away.
"""

from pathlib import Path
from typing import Final

from penstock.infra.plain_text import excerpt

__all__ = ["secret_in"]

_LIMIT_BYTES: Final = 64 * 1024


def secret_in(file: Path) -> tuple[str, str | None]:
    """Read a secret.

    Args:
        file: UTF-8, one line.

    Returns:
        The secret, and what is wrong with the file, as a sentence without its end; one of the two.
    """
    shown = f"'{excerpt(str(file), 200)}'"
    try:
        with file.open("rb") as opened:
            content = opened.read(_LIMIT_BYTES)
        secret = content.decode()
    except OSError as error:
        return "", f"{shown} cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        return "", f"{shown} is not written in UTF-8"
    secret = secret.removesuffix("\n").removesuffix("\r")
    if not secret:
        return "", f"{shown} is empty"
    if secret != secret.strip() or not secret.isprintable():
        return "", f"{shown} holds white space around the password, or more than one line"
    return secret, None
