"""SCRAM (RFC 5802, RFC 7677): both sides prove that they know the password, and neither tells it.

    client  n,,n=<user>,r=<its nonce>
    server  r=<both nonces>,s=<salt>,i=<rounds>
    client  c=<base64 of the first message's head>,r=<both nonces>,p=<its proof>
    server  v=<its own proof>

Pure: the server's nonce is an argument. Channel binding is not offered, as in Kafka.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final, final

from penstock.infra.embedded.server.sasl.sasl_refusal import SaslRefused
from penstock.infra.embedded.server.sasl.sasl_users import HASHES, ScramKeys

__all__ = ["ScramExchange"]

_FIRST = re.compile(
    r"([ny],(?:a=([^,]+))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)", re.DOTALL
)
_FINAL = re.compile(r"(c=([^,]+),r=([^,]+)(?:,[^p].*)?),p=([^,]+)", re.DOTALL)
_LONGEST_MESSAGE: Final = 4096


@final
class ScramExchange:
    """One client's attempt."""

    def __init__(
        self, find_keys: Callable[[str], ScramKeys | None], mechanism: str, nonce: str
    ) -> None:
        """Begin.

        Args:
            find_keys: from a user's name to what is kept of the password; None: no such user.
            mechanism: SCRAM-SHA-256 or SCRAM-SHA-512.
            nonce: of the server: printable, without comma, never used before.
        """
        self._find_keys = find_keys
        self._mechanism = mechanism
        self._hash = HASHES[mechanism]
        self._nonce = nonce
        self._claimed = ""
        self._head = b""
        self._said = ""
        self._keys: ScramKeys | None = None
        self.user: str | None = None
        """Who it is, once that is settled."""

    def step(self, message: bytes) -> bytes:
        """Take the client's next message.

        Args:
            message: its first or its final one.

        Returns:
            The server's answer to it.

        Raises:
            SaslRefused: the message makes no sense, or the client does not know the password.
        """
        if len(message) > _LONGEST_MESSAGE:
            raise self._refused()
        text = message.decode("utf-8", "replace")
        return self._take_first(text) if self._keys is None else self._take_final(text, self._keys)

    def _take_first(self, text: str) -> bytes:
        parts = _FIRST.fullmatch(text)
        if parts is None:
            raise self._refused()
        head, acts_for, bare, name, client_nonce = parts.groups()
        user = _unescaped(name)
        keys = self._find_keys(user)
        if keys is None or (acts_for is not None and _unescaped(acts_for) != user):
            raise self._refused()
        self._nonce = client_nonce + self._nonce
        salt = base64.b64encode(keys.salt).decode()
        first = f"r={self._nonce},s={salt},i={keys.iterations}"
        self._keys, self._claimed, self._head = keys, user, head.encode()
        self._said = f"{bare},{first},"
        return first.encode()

    def _take_final(self, text: str, keys: ScramKeys) -> bytes:
        parts = _FINAL.fullmatch(text)
        if parts is None:
            raise self._refused()
        without_proof, head, nonce, proof = parts.groups()
        signed = (self._said + without_proof).encode()
        if nonce != self._nonce or _decoded(head) != self._head:
            raise self._refused()
        signature = hmac.digest(keys.stored_key, signed, self._hash)
        given = _decoded(proof) or b""
        if len(given) != len(signature):
            raise self._refused()
        client_key = bytes(a ^ b for a, b in zip(given, signature, strict=True))
        if not hmac.compare_digest(hashlib.new(self._hash, client_key).digest(), keys.stored_key):
            raise self._refused()
        self.user = self._claimed
        return b"v=" + base64.b64encode(hmac.digest(keys.server_key, signed, self._hash))

    def _refused(self) -> SaslRefused:
        # One text for all: which part is wrong is nobody's business but the rightful user's.
        return SaslRefused(
            "Authentication failed during authentication due to invalid credentials with SASL "
            f"mechanism {self._mechanism}"
        )


def _unescaped(name: str) -> str:
    return name.replace("=2C", ",").replace("=3D", "=")


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
