"""What the processes of a session are told by their environment."""

from penstock.infra.dev.child_environment import child_environment, not_used


def test_they_are_led_to_the_sessions_servers() -> None:
    """Whatever was set for another cluster is gone, logins included; all else stays."""
    outer = {
        "PATH": "/bin",
        "PENSTOCK_KAFKA": "production:9093",
        "PENSTOCK_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "PENSTOCK_KAFKA_SASL_PASSWORD": "secret",
        "PENSTOCK_REDIS": "redis://production",
        "PENSTOCK_PROGRESS_FILE": "/run/one.json",
        "PENSTOCK_APP": "shop",
        "PENSTOCK_LOG_FORMAT": "json",
    }
    assert child_environment(outer, kafka="127.0.0.1:1", redis="redis://127.0.0.1:2") == {
        "PATH": "/bin",
        "PENSTOCK_APP": "shop",
        "PENSTOCK_KAFKA": "127.0.0.1:1",
        "PENSTOCK_REDIS": "redis://127.0.0.1:2",
        "PENSTOCK_LOG_FORMAT": "json",
        "PENSTOCK_SESSION_TIMEOUT_S": "6",
        "PYTHONUNBUFFERED": "1",
    }
    assert not_used(outer) == ("PENSTOCK_KAFKA", "PENSTOCK_REDIS")


def test_without_redis_they_are_told_of_none() -> None:
    """Not even of one that was set for something else."""
    told = child_environment({"PENSTOCK_REDIS": "redis://x"}, kafka="127.0.0.1:1", redis=None)
    assert "PENSTOCK_REDIS" not in told


def test_the_word_embedded_is_what_a_session_does() -> None:
    """So nothing is said about it."""
    assert not_used({"PENSTOCK_KAFKA": "embedded"}) == ()
