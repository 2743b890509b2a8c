"""DescribeUserScramCredentials: who may connect, as kafka-configs.sh asks for it."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.sasl.sasl_conversation import SaslConversation
from penstock.infra.embedded.server.sasl.sasl_users import ITERATIONS, SaslUsers
from tests.infra.embedded.apis.node_stand import NodeStand


def _ask(stand: NodeStand, *names: str) -> dict[str, tuple[ErrorCode, str, list[Any]]]:
    users = [{"name": name} for name in names] or None
    answer = stand.ask("describe_user_scram_credentials", 0, users=users)
    assert (answer.error_code, answer.error_message) == (ErrorCode.none, "")
    return {
        result.user: (
            result.error_code,
            result.error_message,
            [(each.mechanism, each.iterations) for each in result.credential_infos],
        )
        for result in answer.results
    }


def test_where_nobody_has_to_say_who_he_is_there_are_no_users() -> None:
    """And whoever is asked for is not there, in Kafka's words."""
    stand = NodeStand()
    assert _ask(stand) == {}
    told = "Attempt to describe a user credential that does not exist: bob"
    assert _ask(stand, "bob") == {"bob": (ErrorCode.resource_not_found, told, [])}


def test_users_are_told_with_their_mechanisms_and_without_their_secrets() -> None:
    """All of them, or those who are named; one who is named twice is refused."""
    stand = NodeStand()
    users = SaslUsers(passwords={"alice": "a", "bob": "b"})
    stand.connection.sasl = SaslConversation(users, lambda: "nonce")
    there = (ErrorCode.none, "", [(1, ITERATIONS), (2, ITERATIONS)])
    assert _ask(stand) == {"alice": there, "bob": there}
    assert _ask(stand, "bob") == {"bob": there}
    twice = "Cannot describe SCRAM credentials for the same user twice in a single request: alice"
    assert _ask(stand, "alice", "bob", "alice") == {
        "alice": (ErrorCode.duplicate_resource, twice, []),
        "bob": there,
    }
