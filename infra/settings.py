"""The settings of a process, from its environment: PENSTOCK_APP, PENSTOCK_KAFKA, ...

One frozen object, flat, read at one place; every part of the product gets what it needs from it
when it is wired together. Names are those of the fields in capitals, after PENSTOCK_.

Laws:
1. All problems are reported at once, each with the name of its variable and the rule; a value is
   repeated only where it cannot be a secret.
2. A variable of ours that nobody reads is a mistake and said so; PENSTOCK_TEST_* belong to tests.
   A variable that is empty counts as not set, as compose files leave them.
3. What is unsafe must be asked for: beyond loopback there is no default for the protocol.
4. Files are opened when a connection is made, never before.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from penstock.events.names import IllegalName, check_app
from penstock.events.problems import Problems
from penstock.infra.addresses import EMBEDDED, parse_addresses
from penstock.infra.embedded_meeting import join_or_host, project_folder
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.project import Project, find_project
from penstock.infra.redis.address import parse_redis_url
from penstock.infra.redis.errors import BadRedisUrl
from penstock.infra.schema_registry.registry_address import parse_registry_urls
from penstock.infra.secret_file import secret_in
from penstock.infra.settings_rules import (
    KAFKA_NOT_SET,
    PREFIX,
    on_loopback,
    registry_problems,
    security_problems,
    sentences_of,
    unclean_fields,
    unknown_variables,
)
from penstock.infra.tls import TlsFiles, tls_context
from penstock.schemas.errors import CallerError
from penstock.schemas.framing import Framing

__all__ = ["BadSettings", "Settings", "load_settings"]


@dataclass(eq=False, kw_only=True)
class BadSettings(CallerError):
    """The environment does not make usable settings."""

    problems: Problems
    """One sentence for each problem; it names the variable."""

    code: ClassVar[str] = "PEN-I1"
    what: ClassVar[str] = "The settings cannot be used."
    why: ClassVar[str] = "{problems}"
    remedy: ClassVar[str] = "Set the environment variables named here as their rules say."


def _app(app: str) -> str:
    try:
        return check_app(app)
    except IllegalName as illegal:
        message = f"'{illegal.name}' breaks the rule for an app: {illegal.rule}"
        raise ValueError(message) from None


def _kafka(text: str) -> str:
    if text != EMBEDDED and (problems := parse_addresses(text).problems):
        raise ValueError("; ".join(problems))
    return text


def _redis(url: SecretStr) -> SecretStr:
    try:
        parse_redis_url(url.get_secret_value())
    except BadRedisUrl as bad:
        message = (
            "it is not of the form redis://user:password@host:port/number, or rediss:// for TLS: "
            f"{bad.problem}"
        )
        raise ValueError(message) from None
    return url


def _registry(urls: str) -> str:
    if problems := parse_registry_urls(urls).problems:
        raise ValueError("; ".join(problems))
    return urls


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class Settings(BaseSettings):
    """Everything about a process that is not in its code.

    `load_settings` makes one from the environment and the project; tests give fields by name.

    Raises:
        BadSettings: with all problems at once.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    app: Annotated[str, AfterValidator(_app)]
    """Name of the application, `[a-z][a-z0-9_-]{0,62}`. No default: it is part of the names of
    groups and topics, and two apps that shared it by accident would take each other's events. May
    also stand in pyproject.toml as `[tool.penstock] app`; the environment wins."""

    kafka: Annotated[str, AfterValidator(_kafka)] | None = None
    """Addresses of brokers, `host:port`, several with commas between; one that answers is enough.
    Or `embedded`: the first process of a project that needs a broker starts one, in memory, which
    ends with it; those that come later join. For development and tests.
    No default: a service that was given none would otherwise look for its events on itself. Only
    programs that are opened over a cluster of their own, in memory, do without."""

    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] | None, BeforeValidator(_upper)
    ] = None
    """How to speak to the brokers. Default: PLAINTEXT where every address is loopback; anywhere
    else it must be said, because whoever listens to PLAINTEXT reads every event."""

    kafka_ca_file: Path | None = None
    """PEM file of the authorities that sign the brokers' certificates, for SSL and SASL_SSL.
    Default: those that the system trusts, which is right for certificates of public authorities."""

    kafka_certificate_file: Path | None = None
    """PEM file of our own certificate, for SSL and SASL_SSL. Default: none; only clusters with
    mutual TLS ask for one."""

    kafka_key_file: Path | None = None
    """PEM file of the certificate's private key, without a passphrase. Default: none; a
    certificate's file may hold its key too."""

    kafka_sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None, BeforeValidator(_upper)
    ] = None
    """How the password is proven. Default: SCRAM-SHA-512, which does not send it."""

    kafka_sasl_username: str | None = None
    """User, for SASL_PLAINTEXT and SASL_SSL. Default: none."""

    kafka_sasl_password: SecretStr | None = None
    """Its password; never printed. Default: none."""

    kafka_sasl_password_file: Path | None = None
    """A file with the password, in place of it: a mounted secret. One line end at its end is not
    part of the password. It is read anew for each connection that is made. Default: none."""

    redis: Annotated[SecretStr, AfterValidator(_redis)] | None = None
    """`redis://user:password@host:port/number`, or `rediss://` for TLS with the authorities of the
    system; all but the host may be left out, and in user and password `%40` stands for `@`, and so
    on. Never printed, as it may hold a password. Default: none; only what is shared between
    processes for speed needs it."""

    framing: Annotated[Framing | None, BeforeValidator(_lower)] = None
    """What stands before the record in the value of an event or a command that this process writes:
    `single-object`, C3 01 and the fingerprint of its schema, or `confluent`, 00 and the id of its
    schema. Readers take both. Default: confluent exactly where PENSTOCK_SCHEMA_REGISTRY is set.
    With confluent and no registry the ids are those of `_penstock.schemas`, which
    `penstock registry serve` shows to other tools."""

    schema_registry: Annotated[str, AfterValidator(_registry)] | None = None
    """URL of a schema registry that speaks Confluent's REST API, `http://host:port`, several of one
    registry with commas between. Schemas are registered there beside `_penstock.schemas`, and ids
    are looked up there. Default: none."""

    schema_registry_username: str | None = None
    """User for the registry, sent with each request. Default: none."""

    schema_registry_password: SecretStr | None = None
    """Its password; never printed. Default: none."""

    schema_registry_password_file: Path | None = None
    """A file with the password, in place of it: a mounted secret. Default: none."""

    schema_registry_ca_file: Path | None = None
    """PEM file of the authorities that sign the registry's certificate. Default: those that the
    system trusts."""

    subject_names: Annotated[
        Literal["topic", "record", "topic-record"], BeforeValidator(_lower)
    ] = "topic"
    """Under which subject a schema is registered in the registry: `<topic>-value`, its full name,
    or `<topic>-<full name>`. Default: topic, as for Confluent's own clients. With several types on
    one topic and a registry that compares each version with the one before, topic-record."""

    max_record_bytes: int = Field(default=1_000_000, ge=1024, le=8 * 1024 * 1024)
    """Bytes of one record as encoded, with key and headers, 1 024 to 8 388 608. Default: 1 000 000,
    below Kafka's own default of 1 048 588 for a batch. Whoever raises it raises max.message.bytes
    of the topics too."""

    compression: Annotated[
        Literal["none", "gzip", "snappy", "lz4", "zstd"], BeforeValidator(_lower)
    ] = "none"
    """How batches are packed that this process writes; readers unpack any. Default: none, which is
    fastest where brokers are near. Where the network or the disks are short, zstd makes typical
    batches a seventh of their size for a quarter more time of the publisher, snappy a quarter for
    less than a tenth; single small events gain nothing."""

    batch_bytes: int = Field(default=983_040, ge=16_384, le=8 * 1024 * 1024)
    """Bytes of a batch before it is packed, 16 384 to 8 388 608; a larger single record goes alone.
    Default: 983 040, below Kafka's own default of 1 048 588. Lower it where the max.message.bytes
    of a topic is lower."""

    linger_s: float = Field(default=0.0, ge=0.0, le=1.0)
    """Seconds for which an event to an idle partition waits for company, 0 to 1. Default: 0: what
    is published in one turn of the event loop goes together anyway, and a busy partition gathers
    while its last batch is under way. More makes fewer and larger batches of rare events."""

    max_unpacked_bytes: int = Field(default=32 * 1024 * 1024, ge=16 * 1024 * 1024, le=1024**3)
    """Bytes that one batch may unpack to when it is read, 16 777 216 to 1 073 741 824. Default:
    33 554 432, thirty times Kafka's default limit on the packed batch. A batch beyond it is not
    read: a few KiB can unpack to gigabytes."""

    session_timeout_s: float = Field(default=10.0, ge=6.0, le=10.0)
    """Seconds without a heartbeat after which a worker's partitions go to others, 6 to 10. Default:
    10: brokers take no less than 6, and with more a crash would stop its partitions for longer than
    the registry needs to notice it."""

    saga_partitions: int = Field(default=4, ge=1, le=1_000)
    """Partitions of a saga's inbox when `topic apply` makes it, 1 to 1 000, for life. Default: 4.
    Each has a producer and a commit rhythm of its own: few are faster than many on few cores."""

    drain_s: float = Field(default=20.0, ge=0.0, le=600.0)
    """Seconds that running handlers get at the end and at a rebalance, 0 to 600. Default: 20, which
    fits into the 30 s after which containers are usually killed."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = (
        "info"
    )
    """The least serious messages that are logged. Default: info. The Kafka client never logs below
    info, because its debug messages hold payloads and passwords."""

    log_format: Annotated[Literal["auto", "json", "text"], BeforeValidator(_lower)] = "auto"
    """How log lines look. Default: auto, which is text on a terminal and JSON elsewhere."""

    progress_file: Path | Literal["off"] | None = None
    """Where a worker writes each second how far it is, for `penstock health`; `off` writes none.
    Default: a file per process in the user's run-time folder, so that two never share one."""

    topic_replication: int | None = Field(default=None, ge=1, le=32_767)
    """Replicas of topics that `penstock topic apply` creates, 1 to the number of brokers. Default:
    1 where every address is loopback, else 3, the least that survives the loss of one broker while
    another is being repaired."""

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, values: Any, make: ValidatorFunctionWrapHandler) -> Self:
        raw: Mapping[str, Any] = values if isinstance(values, Mapping) else {}
        unclean = unclean_fields(raw)
        problems = [*unclean.values(), *unknown_variables(os.environ, cls.model_fields)]
        made: Self | None = None
        try:
            made = make(values)
        except ValidationError as error:
            problems.extend(sentences_of(error, untold=unclean))
        problems.extend(security_problems(raw, untold=unclean))
        problems.extend(registry_problems(raw))
        if made is None or problems:
            raise BadSettings(problems=Problems(problems))
        return made

    @property
    def security_protocol(self) -> str:
        """The protocol as given or by default."""
        return self.kafka_security_protocol or "PLAINTEXT"

    @property
    def written_framing(self) -> Framing:
        """How messages are framed that are written, as given or by default."""
        if self.framing is not None:
            return self.framing
        return "single-object" if self.schema_registry is None else "confluent"

    @property
    def replication(self) -> int:
        """Replicas of a new topic, as given or by default."""
        if self.topic_replication is not None:
            return self.topic_replication
        return 1 if self.kafka is None or on_loopback(self.kafka) else 3

    def connection(self) -> KafkaConnection:
        """Return how to reach the cluster; reads certificates and the password's file.

        With `embedded` the project's broker is looked for, and started where there is none: that
        may take a second, in which nothing else happens in this thread.

        Raises:
            BadSettings: there is no address, or a file cannot be used.
            MeetingUnusable: as for `embedded_meeting.join_or_host`.
            MeetingBusy: as well.
            ServerDidNotStart: as well.
        """
        if self.kafka is None:
            raise BadSettings(problems=Problems([KAFKA_NOT_SET]))
        context: SSLContext | None = None
        problems: list[str] = []
        if self.security_protocol in {"SSL", "SASL_SSL"}:
            files = TlsFiles(
                ca=self.kafka_ca_file,
                certificate=self.kafka_certificate_file,
                key=self.kafka_key_file,
            )
            context, wrong = tls_context(files)
            problems.extend(wrong)
        password = self._password(problems)
        if problems:
            raise BadSettings(problems=Problems(problems))
        embedded = self.kafka == EMBEDDED
        return KafkaConnection(
            bootstrap=join_or_host(project_folder()).bootstrap if embedded else self.kafka,
            client_id=self.app,
            security_protocol=self.security_protocol,
            ssl_context=context,
            sasl_mechanism=self.kafka_sasl_mechanism or "SCRAM-SHA-512",
            sasl_username=self.kafka_sasl_username,
            sasl_password=password,
            compression=self.compression,
            batch_bytes=self.batch_bytes,
            unpacked_bytes=self.max_unpacked_bytes,
        )

    def _password(self, problems: list[str]) -> str | None:
        if self.kafka_sasl_password is not None:
            return self.kafka_sasl_password.get_secret_value()
        if self.kafka_sasl_password_file is None:
            return None
        password, problem = secret_in(self.kafka_sasl_password_file)
        if problem:
            problems.append(f"PENSTOCK_KAFKA_SASL_PASSWORD_FILE: {problem}.")
        return password


def load_settings(project: Project | None = None, *, needs_kafka: bool = True) -> Settings:
    """Read the environment.

    Args:
        project: gives the app's name where the environment does not; if there is none, the
            project around the working directory.
        needs_kafka: False for programs that are opened over a cluster of their own.

    Raises:
        BadSettings: with all problems at once.
        BadProject: the project was to be read, and cannot be.
    """
    project = find_project(Path.cwd()) if project is None else project
    missing = [KAFKA_NOT_SET] if needs_kafka and not _is_set("PENSTOCK_KAFKA") else []
    try:
        has_app = _is_set("PENSTOCK_APP") or project.app is None
        settings = Settings() if has_app else Settings(app=project.app)
    except BadSettings as bad:
        raise BadSettings(problems=Problems([*bad.problems, *missing])) from None
    if missing:
        raise BadSettings(problems=Problems(missing))
    return settings


def _is_set(variable: str) -> bool:
    return any(name.upper() == variable and value for name, value in os.environ.items())
