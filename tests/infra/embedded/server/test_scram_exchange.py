import base64
import contextlib
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.embedded.server.sasl.sasl_refusal import SaslRefused
from penstock.infra.embedded.server.sasl.sasl_users import SaslUsers, ScramKeys, derive_keys
from penstock.infra.embedded.server.sasl.scram_exchange import ScramExchange

_CLIENT_NONCE = "rOprNGfwEbeRWgbNEkqO"
_SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
_FIRST = f"n,,n=user,r={_CLIENT_NONCE}".encode()
_FINAL_START = f"c=biws,r={_CLIENT_NONCE}{_SERVER_NONCE}"
_PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
"""The example of RFC 7677 §3."""


def _keys(user: str) -> ScramKeys | None:
    if user != "user":
        return None
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    return derive_keys("pencil", "SCRAM-SHA-256", salt=salt, iterations=4096)


def _exchange() -> ScramExchange:
    return ScramExchange(_keys, "SCRAM-SHA-256", _SERVER_NONCE)


def test_the_example_of_the_rfc_is_played_to_the_letter() -> None:
    """RFC 7677, section 3."""
    exchange = _exchange()
    nonces = _CLIENT_NONCE + _SERVER_NONCE
    assert exchange.step(_FIRST) == f"r={nonces},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode()
    assert exchange.user is None
    final = exchange.step(f"{_FINAL_START},p={_PROOF}".encode())
    assert final == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert exchange.user == "user"


@pytest.mark.parametrize(
    "final",
    [
        f"{_FINAL_START},p=AAAA{_PROOF[4:]}",
        f"{_FINAL_START},p=AAAA",
        f"{_FINAL_START},p=no base64",
        f"c=eSws,r={_CLIENT_NONCE}{_SERVER_NONCE},p={_PROOF}",
        f"c=biws,r={_CLIENT_NONCE}other,p={_PROOF}",
        _FINAL_START,
        "",
    ],
    ids=["proof", "short-proof", "no-base64", "other-head", "other-nonce", "no-proof", "empty"],
)
def test_a_final_message_that_is_not_right_in_every_part_is_refused(final: str) -> None:
    """A final message that is not right in every part is refused."""
    exchange = _exchange()
    exchange.step(_FIRST)
    with pytest.raises(SaslRefused):
        exchange.step(final.encode())
    assert exchange.user is None


@pytest.mark.parametrize(
    "first",
    [
        b"n,,n=nobody,r=abc",
        b"n,a=other,n=user,r=abc",
        b"p=tls-unique,,n=user,r=abc",
        b"n,,n=user",
        b"n,,n=user,r=\xff",
        b"n,,n=user,r=" + b"x" * 5000,
    ],
    ids=["no-such-user", "acts-for-other", "channel-binding", "no-nonce", "no-text", "too-long"],
)
def test_a_first_message_that_is_not_right_is_refused(first: bytes) -> None:
    """A first message that is not right is refused."""
    with pytest.raises(SaslRefused):
        _exchange().step(first)


@given(message=st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused(message: bytes) -> None:
    """And make nobody known."""
    exchange = _exchange()
    with contextlib.suppress(SaslRefused):
        exchange.step(message)
    assert exchange.user is None


def test_a_name_with_comma_and_equals_sign_is_unescaped() -> None:
    """A name with comma and equals sign is unescaped."""
    users = SaslUsers(passwords={"a,b=c": "secret"})
    exchange = ScramExchange(
        lambda user: users.scram_keys(user, "SCRAM-SHA-512"), "SCRAM-SHA-512", "server"
    )
    first = exchange.step(b"n,,n=a=2Cb=3Dc,r=client").decode()
    parts = dict(part.split("=", 1) for part in first.split(","))
    final = f"c=biws,r={parts['r']}"
    salted = hashlib.pbkdf2_hmac("sha512", b"secret", base64.b64decode(parts["s"]), int(parts["i"]))
    client_key = hmac.digest(salted, b"Client Key", "sha512")
    signed = f"n=a=2Cb=3Dc,r=client,{first},{final}".encode()
    signature = hmac.digest(hashlib.sha512(client_key).digest(), signed, "sha512")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    exchange.step(f"{final},p={base64.b64encode(proof).decode()}".encode())
    assert exchange.user == "a,b=c"
