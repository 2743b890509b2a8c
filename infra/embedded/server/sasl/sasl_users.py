"""The users that may connect, with what each mechanism needs to check them.

SCRAM needs no password but two keys derived from it (RFC 5802 §3); deriving them takes thousands of
rounds, so it is done when a user first comes, not at the start.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, final

__all__ = ["HASHES", "MECHANISMS", "SaslUsers", "ScramKeys", "derive_keys"]

MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
"""All that there are, in the order in which they are announced."""

ITERATIONS: Final = 4096
"""Kafka's least, and what it takes where nobody says otherwise."""

HASHES: Final = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
"""By mechanism, as hashlib names them."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ScramKeys:
    """What a server keeps of a password, for one hash."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


@final
@dataclass(frozen=True, kw_only=True)
class SaslUsers:
    """Names and passwords."""

    passwords: Mapping[str, str] = field(repr=False)
    """By the user's name."""

    def password_matches(self, user: str, password: str) -> bool:
        """Check a password, in a time that does not depend on where it is wrong."""
        known = self.passwords.get(user)
        given = password.encode()
        return hmac.compare_digest(given, (known or "").encode()) and known is not None

    def scram_keys(self, user: str, mechanism: str) -> ScramKeys | None:
        """Return a user's keys for a mechanism.

        Args:
            user: the name.
            mechanism: one of SCRAM.

        Returns:
            None where there is no such user.
        """
        if user not in self.passwords:
            return None
        key = (user, mechanism)
        if key not in self._keys:
            password = self.passwords[user]
            self._keys[key] = derive_keys(
                password, mechanism, salt=_salt(user), iterations=ITERATIONS
            )
        return self._keys[key]

    @cached_property
    def _keys(self) -> dict[tuple[str, str], ScramKeys]:
        return {}


def _salt(user: str) -> bytes:
    # A salt need not be secret, only another for each user: a development broker's is derived.
    return hashlib.sha256(b"penstock embedded broker\0" + user.encode()).digest()


def derive_keys(password: str, mechanism: str, *, salt: bytes, iterations: int) -> ScramKeys:
    """Derive what a server keeps of a password (RFC 5802 §3).

    Args:
        password: the user's.
        mechanism: SCRAM-SHA-256 or SCRAM-SHA-512.
        salt: another for each user.
        iterations: rounds; takes about a millisecond for a thousand.

    Returns:
        The keys.
    """
    hash_name = HASHES[mechanism]
    salted = hashlib.pbkdf2_hmac(hash_name, password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", hash_name)
    return ScramKeys(
        salt=salt,
        iterations=iterations,
        stored_key=hashlib.new(hash_name, client_key).digest(),
        server_key=hmac.digest(salted, b"Server Key", hash_name),
    )
