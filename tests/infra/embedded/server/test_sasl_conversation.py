import pytest

from penstock.infra.embedded.server.sasl.sasl_conversation import SaslConversation, SaslStage
from penstock.infra.embedded.server.sasl.sasl_refusal import SaslRefused
from penstock.infra.embedded.server.sasl.sasl_users import SaslUsers
from penstock.infra.embedded.wire.api_key import ApiKey


def _conversation() -> SaslConversation:
    return SaslConversation(SaslUsers(passwords={"alice": "secret"}), lambda: "nonce")


def test_the_right_password_makes_the_client_known() -> None:
    """The right password makes the client known."""
    conversation = _conversation()
    assert conversation.choose("PLAIN", bare=False)
    assert conversation.step(b"\0alice\0secret") == b""
    assert conversation.principal == "User:alice"
    assert conversation.allows(ApiKey.PRODUCE)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b"\0alice\0wrong", "Authentication failed: Invalid username or password"),
        (b"\0nobody\0secret", "Authentication failed: Invalid username or password"),
        (b"\0nobody\0", "Authentication failed: password not specified"),
        (b"\0\0secret", "Authentication failed: username not specified"),
        (b"alice", "Invalid SASL/PLAIN response: expected 3 tokens, got 1"),
    ],
)
def test_a_refusal_speaks_kafkas_words_and_is_final(message: bytes, text: str) -> None:
    """Even with the right password: a new try takes a new connection."""
    conversation = _conversation()
    conversation.choose("PLAIN", bare=False)
    with pytest.raises(SaslRefused, match=text):
        conversation.step(message)
    with pytest.raises(SaslRefused):
        conversation.step(b"\0alice\0secret")
    assert conversation.principal is None
    assert conversation.stage is SaslStage.FAILED


def test_before_it_is_known_a_client_may_ask_only_how_to_become_so() -> None:
    """Before it is known a client may ask only how to become so."""
    conversation = _conversation()
    assert [key for key in ApiKey if conversation.allows(key)] == [
        ApiKey.SASL_HANDSHAKE,
        ApiKey.API_VERSIONS,
    ]
    conversation.choose("SCRAM-SHA-256", bare=False)
    assert [key for key in ApiKey if conversation.allows(key)] == [ApiKey.SASL_AUTHENTICATE]


def test_a_mechanism_that_is_not_there_ends_it() -> None:
    """A mechanism that is not there ends it."""
    conversation = _conversation()
    assert not conversation.choose("GSSAPI", bare=False)
    assert not conversation.choose("PLAIN", bare=False)


def test_bare_messages_come_after_the_old_handshake() -> None:
    """Bare messages come after the old handshake."""
    conversation = _conversation()
    conversation.choose("PLAIN", bare=True)
    assert conversation.takes_bare_messages
    assert conversation.step_bare(b"\0alice\0secret") == b""
    assert not conversation.takes_bare_messages
    assert conversation.principal == "User:alice"
