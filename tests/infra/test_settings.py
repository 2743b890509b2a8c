"""Settings come from the environment, are judged as a whole, and keep secrets to themselves."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from penstock.infra.project import Project
from penstock.infra.settings import BadSettings, Settings, load_settings
from tests.infra.environment import only
from tests.infra.tls_files import CERTIFICATE, write

SECRET = "s3cret-canary"  # noqa: S105 - it is looked for in all texts


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine reaches these tests."""
    only(monkeypatch)


def told(**fields: object) -> str:
    """Return what is said about unusable settings."""
    values = {"app": "shop", "kafka": "localhost:9092", **fields}
    with pytest.raises(BadSettings) as caught:
        Settings(**values)  # type: ignore[arg-type] # wrong values are the point
    return str(caught.value)


# --- reading ---------------------------------------------------------------------------------


def test_two_variables_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else has a default."""
    only(monkeypatch, APP="shop", KAFKA="localhost:9092")
    settings = load_settings(Project())
    assert (settings.app, settings.kafka) == ("shop", "localhost:9092")
    assert settings.max_record_bytes == 1_000_000
    assert (settings.compression, settings.batch_bytes) == ("none", 983_040)
    assert (settings.linger_s, settings.max_unpacked_bytes) == (0.0, 32 * 1024 * 1024)
    assert (settings.session_timeout_s, settings.drain_s) == (10.0, 20.0)
    assert (settings.log_level, settings.log_format) == ("info", "auto")
    assert settings.progress_file is None


def test_the_app_may_stand_in_the_project_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One name for all developers, another one for a deployment."""
    only(monkeypatch, KAFKA="localhost:9092")
    assert load_settings(Project(app="shop")).app == "shop"
    only(monkeypatch, KAFKA="localhost:9092", APP="shop-staging")
    assert load_settings(Project(app="shop")).app == "shop-staging"


def test_without_an_argument_the_project_around_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program that connects says nothing and gets the app of its pyproject.toml."""
    (tmp_path / "pyproject.toml").write_text('[tool.penstock]\napp = "here"\n', "utf-8")
    monkeypatch.chdir(tmp_path)
    only(monkeypatch, KAFKA="localhost:9092")
    assert load_settings().app == "here"


def test_empty_variables_are_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files leave them empty when nobody gives a value."""
    only(monkeypatch, APP="", KAFKA="localhost:9092", REDIS="", LOG_LEVEL="")
    settings = load_settings(Project(app="shop"))
    assert settings.app == "shop"
    assert settings.redis is None
    assert settings.log_level == "info"


def test_words_may_be_written_in_any_case() -> None:
    """SASL_SSL, scram-sha-512 and INFO are found in documents in both forms."""
    settings = Settings(
        app="shop",
        kafka="kafka:9092",
        kafka_security_protocol="sasl_ssl",
        kafka_sasl_mechanism="scram-sha-256",
        kafka_sasl_username="u",
        kafka_sasl_password=SecretStr("p"),
        log_level="WARNING",
    )
    assert settings.security_protocol == "SASL_SSL"
    assert settings.kafka_sasl_mechanism == "SCRAM-SHA-256"
    assert settings.log_level == "warning"


def test_settings_do_not_change() -> None:
    """They are a value."""
    settings = Settings(app="shop", kafka="localhost:9092")
    with pytest.raises(ValueError, match="frozen"):
        settings.app = "other"  # type: ignore[misc] # the point


def test_every_setting_is_documented() -> None:
    """What it means, its default, and for numbers their range."""
    for name, field in Settings.model_fields.items():
        text = field.description or ""
        assert len(text) > 40, name
        assert "default" in text.lower(), name


# --- judging ---------------------------------------------------------------------------------


def test_all_problems_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields, unknown names and what does not fit together: one error has them all."""
    only(
        monkeypatch,
        APP="Shop!",
        KAFKA="kafka:9092,",
        KAFA="x",
        REDIS=f"redis://:{SECRET}@host:99999",
        SESSION_TIMEOUT_S="60",
        DRAIN_S="soon",
        LOG_LEVEL="chatty",
        KAFKA_SASL_PASSWORD=f"{SECRET}\n",
    )
    with pytest.raises(BadSettings) as caught:
        load_settings(Project())
    text = str(caught.value)
    assert caught.value.code == "PEN-I1"
    assert caught.value.exit_code == 3
    for part in (
        "PENSTOCK_APP: 'Shop!' breaks the rule",
        "PENSTOCK_KAFKA: address '' is empty",
        "PENSTOCK_KAFA is no setting; did you mean PENSTOCK_KAFKA?",
        "PENSTOCK_REDIS: ",
        "PENSTOCK_SESSION_TIMEOUT_S: input should be less than or equal to 10",
        "PENSTOCK_DRAIN_S: ",
        "PENSTOCK_LOG_LEVEL: ",
        "PENSTOCK_KAFKA_SASL_PASSWORD begins or ends with white space",
        "PENSTOCK_KAFKA_SECURITY_PROTOCOL is not set",
    ):
        assert part in text
    assert SECRET not in text
    assert len(caught.value.problems) == 9


def test_only_who_is_given_a_cluster_needs_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """All others are told that it is missing: when they read the settings, or else connect."""
    only(monkeypatch, APP="shop")
    with pytest.raises(BadSettings, match=r"PENSTOCK_KAFKA is not set: give the host:port"):
        load_settings(Project())
    settings = load_settings(Project(), needs_kafka=False)
    assert (settings.app, settings.kafka, settings.replication) == ("shop", None, 1)
    with pytest.raises(BadSettings, match=r"PENSTOCK_KAFKA is not set: give the host:port"):
        settings.connection()
    only(monkeypatch, APP="Shop!", KAFKA="")
    with pytest.raises(BadSettings) as caught:
        load_settings(Project())
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "PENSTOCK_APP:",
        "PENSTOCK_KAFKA",
    ]


def test_what_is_missing_is_named() -> None:
    """The two that have no default, with where they may stand."""
    with pytest.raises(BadSettings) as caught:
        load_settings(Project())
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "PENSTOCK_APP",
        "PENSTOCK_KAFKA",
    ]


def test_variables_of_tests_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """PENSTOCK_TEST_KAFKA may be set while a service runs."""
    monkeypatch.setenv("PENSTOCK_TEST_ANYTHING", "1")
    Settings(app="shop", kafka="localhost:9092")


def test_an_embedded_broker_is_on_this_machine() -> None:
    """It needs no protocol, and has one replica of each topic."""
    settings = Settings(app="shop", kafka="embedded")
    assert (settings.kafka, settings.security_protocol) == ("embedded", "PLAINTEXT")
    assert settings.replication == 1
    Settings(app="shop", kafka="embedded", kafka_security_protocol="plaintext")


@pytest.mark.parametrize("protocol", ["SSL", "sasl_ssl", "SASL_PLAINTEXT"])
def test_an_embedded_broker_speaks_plaintext_only(protocol: str) -> None:
    """Another protocol is a mistake, and said so."""
    assert "speaks nothing else" in told(kafka="embedded", kafka_security_protocol=protocol)


@pytest.mark.parametrize("kafka", ["Embedded", "embedded,localhost:9092", "embedded:9092"])
def test_only_the_word_alone_stands_for_the_embedded_broker(kafka: str) -> None:
    """Beside addresses, or in capitals, it is no address; with a port it is a machine's name."""
    assert "PENSTOCK_KAFKA" in told(kafka=kafka)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_record_bytes", 100),
        ("max_record_bytes", 100_000_000),
        ("compression", "brotli"),
        ("batch_bytes", 16_383),
        ("linger_s", 1.5),
        ("max_unpacked_bytes", 1_000_000),
        ("session_timeout_s", 5),
        ("session_timeout_s", float("nan")),
        ("drain_s", -1),
        ("drain_s", float("inf")),
        ("topic_replication", 0),
        ("log_format", "xml"),
        ("framing", "json"),
        ("schema_registry", "registry:8081"),
        ("kafka_sasl_mechanism", "GSSAPI"),
    ],
)
def test_ranges_are_held(field: str, value: object) -> None:
    """A value out of its range names its variable."""
    assert f"PENSTOCK_{field.upper()}: " in told(**{field: value})


def test_how_batches_are_made_goes_to_every_client() -> None:
    """Whoever writes packs by it, and whoever reads stops at it."""
    settings = Settings(
        app="shop",
        kafka="localhost:9092",
        compression="zstd",
        batch_bytes=20_000,
        max_unpacked_bytes=64 * 1024 * 1024,
    )
    connection = settings.connection()
    assert connection.compression == "zstd"
    assert connection.unpacked_bytes == 64 * 1024 * 1024
    arguments = connection.producer_arguments()
    assert (arguments["compression_type"], arguments["max_batch_size"]) == ("zstd", 19_800)
    assert (
        settings.model_copy(update={"compression": "none"})
        .connection()
        .producer_arguments()["compression_type"]
        is None
    )


@pytest.mark.parametrize("value", [" shop", "shop\n", "sh\x00op", "shop\u200b"])
def test_invisible_characters_are_refused(value: str) -> None:
    """A line end that came with a secret or a copied space would be searched for long."""
    assert "PENSTOCK_APP begins or ends with white space" in told(app=value)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost",
        "redis://",
        "redis://host:0",
        "redis://host:70000",
        "redis://host/cache",
        "redis://[::1",
        f"redis://:{SECRET}@",
    ],
)
def test_a_wrong_redis_url_is_not_repeated(url: str) -> None:
    """It may hold a password."""
    text = told(redis=url)
    assert "PENSTOCK_REDIS: it is not of the form" in text
    assert SECRET not in text


@pytest.mark.parametrize("url", ["redis://h", "redis://u:p@h:6379/0", "rediss://[::1]:6380/3"])
def test_redis_urls_have_a_shape(url: str) -> None:
    """Host, and perhaps login, port and number."""
    settings = Settings(app="shop", kafka="localhost:9092", redis=SecretStr(url))
    assert settings.redis is not None
    assert settings.redis.get_secret_value() == url


# --- safety ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kafka", ["localhost:9092", "127.0.0.1:1,[::1]:2"])
def test_loopback_speaks_plaintext_by_default(kafka: str) -> None:
    """Nobody else can listen there."""
    settings = Settings(app="shop", kafka=kafka)
    assert settings.security_protocol == "PLAINTEXT"
    assert settings.replication == 1


@pytest.mark.parametrize("kafka", ["kafka:9092", "localhost:1,10.0.0.1:2"])
def test_elsewhere_the_protocol_must_be_said(kafka: str) -> None:
    """T10, Q1: the unsafe choice is one that somebody has made, and the message names all four."""
    text = told(kafka=kafka)
    for choice in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"):
        assert choice in text
    settings = Settings(app="shop", kafka=kafka, kafka_security_protocol="PLAINTEXT")
    assert settings.security_protocol == "PLAINTEXT"
    assert settings.replication == 3


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"kafka_ca_file": "ca.pem"}, "PENSTOCK_KAFKA_CA_FILE is set, but PLAINTEXT has no TLS"),
        ({"kafka_sasl_username": "u"}, "USERNAME is set, but PLAINTEXT has no SASL"),
        (
            {"kafka_security_protocol": "SSL", "kafka_key_file": "k.pem"},
            "KEY_FILE is set without PENSTOCK_KAFKA_CERTIFICATE_FILE",
        ),
        (
            {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_username": "u"},
            "none is set, and SASL_SSL needs one",
        ),
        (
            {
                "kafka_security_protocol": "SASL_SSL",
                "kafka_sasl_password": "p",
                "kafka_sasl_password_file": "f",
            },
            "both are set",
        ),
        (
            {"kafka_security_protocol": "sasl_plaintext", "kafka_sasl_password": "p"},
            "USERNAME is not set, and SASL_PLAINTEXT needs it",
        ),
    ],
)
def test_security_settings_fit_together(fields: dict[str, object], part: str) -> None:
    """A setting that would have no effect is a mistake, and so is half a login."""
    assert part in told(**fields)


def login(**fields: object) -> Settings:
    """Return settings with TLS and a login."""
    return Settings(
        app="shop",
        kafka="kafka:9092",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username="shop",
        **fields,  # type: ignore[arg-type] # one of several
    )


def test_secrets_show_in_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither settings nor connection print a password or the URL of Redis."""
    only(monkeypatch, REDIS=f"redis://:{SECRET}@host:1")
    settings = login(kafka_sasl_password=SECRET)
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in text
    connection = settings.connection()
    assert SECRET not in repr(connection)
    assert connection.sasl_password == SECRET
    assert connection.sasl_mechanism == "SCRAM-SHA-512"
    assert connection.ssl_context is not None
    assert connection.ssl_context.check_hostname
    assert connection.client_id == "shop"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_password_s_file_may_end_with_a_line_end(tmp_path: Path, end: str) -> None:
    """Editors and `echo` put one there; it is read anew for each connection."""
    file = tmp_path / "password"
    settings = login(kafka_sasl_password_file=file)
    for password in ("first", "second"):
        file.write_bytes(f"{password}{end}".encode())
        assert settings.connection().sasl_password == password


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b" a", b"a\n\n", b"\xff", None])
def test_files_are_judged_when_a_connection_is_made(tmp_path: Path, content: bytes | None) -> None:
    """A password's file and certificates that cannot be used are told together."""
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    settings = login(kafka_sasl_password_file=file, kafka_ca_file=tmp_path / "ca.pem")
    with pytest.raises(BadSettings) as caught:
        settings.connection()
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "PENSTOCK_KAFKA_CA_FILE",
        "PENSTOCK_KAFKA_SASL_PASSWORD_FILE",
    ]


def test_mutual_tls_needs_no_login(tmp_path: Path) -> None:
    """SSL with an authority of one's own."""
    settings = Settings(
        app="shop",
        kafka="kafka:9093",
        kafka_security_protocol="SSL",
        kafka_ca_file=write(tmp_path, "ca.pem", CERTIFICATE),
    )
    assert settings.connection().ssl_context is not None
    assert settings.connection().sasl_password is None


def test_plaintext_has_no_context() -> None:
    """Nothing of TLS is loaded where nothing of it is used."""
    connection = Settings(app="shop", kafka="localhost:9092").connection()
    assert connection.ssl_context is None
    assert connection.bootstrap == "localhost:9092"
    assert os.environ.get("PENSTOCK_KAFKA") is None


REGISTRY = "https://registry:8081"


@pytest.mark.parametrize(
    ("fields", "framing"),
    [
        ({}, "single-object"),
        ({"framing": "confluent"}, "confluent"),
        ({"schema_registry": REGISTRY}, "confluent"),
        ({"schema_registry": REGISTRY, "framing": "Single-Object"}, "single-object"),
    ],
)
def test_who_has_a_registry_writes_ids_unless_told_otherwise(
    fields: dict[str, object], framing: str
) -> None:
    """And without one ids may be asked for: they are those of the schemas topic."""
    settings = Settings(app="shop", kafka="localhost:9092", **fields)  # type: ignore[arg-type] # one of several
    assert settings.written_framing == framing


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        (
            {"schema_registry_username": "shop"},
            "PENSTOCK_SCHEMA_REGISTRY_USERNAME is set without PENSTOCK_SCHEMA_REGISTRY.",
        ),
        ({"subject_names": "record"}, "PENSTOCK_SUBJECT_NAMES is set without"),
        (
            {"schema_registry": REGISTRY, "schema_registry_password": SECRET},
            "PENSTOCK_SCHEMA_REGISTRY_PASSWORD is set without PENSTOCK_SCHEMA_REGISTRY_USERNAME",
        ),
        (
            {"schema_registry": REGISTRY, "schema_registry_username": "shop"},
            "none is set, and a user needs one",
        ),
        (
            {
                "schema_registry": REGISTRY,
                "schema_registry_username": "shop",
                "schema_registry_password": SECRET,
                "schema_registry_password_file": "secret",
            },
            "both are set, and a user needs one",
        ),
        ({"schema_registry": f"https://shop:{SECRET}@registry"}, "PENSTOCK_SCHEMA_REGISTRY: "),
    ],
)
def test_settings_of_the_registry_fit_together(fields: dict[str, object], part: str) -> None:
    """Each half of a login, and what means nothing without a registry; no secret is repeated."""
    text = told(**fields)
    assert part in text
    assert SECRET not in text
