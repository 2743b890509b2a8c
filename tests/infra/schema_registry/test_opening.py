"""The client that the settings name: what is checked, and what is never shown."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from penstock.infra.clock import SeededEntropy
from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.schema_registry.client_settings import RegistryClientSettings
from penstock.infra.schema_registry.opening import open_schema_registry
from penstock.infra.schema_registry.registry_errors import BadRegistrySettings, RegistryUnreachable
from penstock.infra.schema_registry.subject_names import SubjectRule
from penstock.infra.settings import Settings
from penstock.infra.virtual_clock import VirtualClock
from tests.infra.tls_files import CERTIFICATE, write

PASSWORD = "hunter2"  # noqa: S105 - of nobody


@dataclass(frozen=True)
class Place:
    """What settings say."""

    schema_registry: str | None = "http://localhost:8081"
    schema_registry_username: str | None = None
    schema_registry_password: SecretStr | None = None
    schema_registry_password_file: Path | None = None
    schema_registry_ca_file: Path | None = None
    subject_names: SubjectRule = "topic"


def problems(place: Place) -> tuple[str, ...]:
    """What is wrong with them."""
    with pytest.raises(BadRegistrySettings) as bad:
        open_schema_registry(place, VirtualClock(), SeededEntropy(1))
    assert PASSWORD not in str(bad.value)
    return tuple(bad.value.problems)


def test_without_a_registry_there_is_no_client() -> None:
    """And the real settings fit."""
    settings = Settings(app="shop")
    assert open_schema_registry(settings, VirtualClock(), SeededEntropy(1)) is None


def test_all_problems_at_once(tmp_path: Path) -> None:
    """Each names its variable."""
    found = problems(
        Place(
            schema_registry="https://a,ftp://b",
            schema_registry_username="alice",
            schema_registry_password_file=tmp_path / "none",
            schema_registry_ca_file=write(tmp_path, "ca.pem", "no certificate"),
        )
    )
    assert [each.split(":")[0] for each in found] == [
        "PENSTOCK_SCHEMA_REGISTRY",
        "PENSTOCK_SCHEMA_REGISTRY_PASSWORD_FILE",
        "PENSTOCK_SCHEMA_REGISTRY_CA_FILE",
    ]


def test_a_user_has_one_password(tmp_path: Path) -> None:
    """From one place."""
    file = write(tmp_path, "password", PASSWORD + "\n")
    secret = SecretStr(PASSWORD)
    assert problems(Place(schema_registry_username="alice"))
    assert problems(Place(schema_registry_password=secret))
    assert problems(
        Place(
            schema_registry_username="alice",
            schema_registry_password=secret,
            schema_registry_password_file=file,
        )
    )


def test_authorities_without_tls_are_a_mistake(tmp_path: Path) -> None:
    """Somebody believes the connection to be safe."""
    assert problems(Place(schema_registry_ca_file=write(tmp_path, "ca.pem", CERTIFICATE)))


def test_authorities_that_cannot_be_read(tmp_path: Path) -> None:
    """Told with the reason."""
    place = Place(schema_registry="https://a", schema_registry_ca_file=tmp_path / "none")
    (problem,) = problems(place)
    assert "No such file" in problem


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_knows_who_asks_and_never_tells_the_password(tmp_path: Path, scheme: str) -> None:
    """An error holds the addresses and the reason."""
    file = write(tmp_path, "password", PASSWORD + "\n")

    async def scenario(address: str) -> None:
        clock = VirtualClock()
        client = open_schema_registry(
            Place(
                schema_registry=f"{scheme}://{address}/base/",
                schema_registry_username="alice",
                schema_registry_password_file=file,
            ),
            clock,
            SeededEntropy(1),
            settings=RegistryClientSettings(rounds=1, attempt_s=30.0, call_s=60.0),
        )
        assert client is not None
        with pytest.raises(RegistryUnreachable) as away:
            await client.lookup_id(7)
        assert f"{scheme}://{address}/base gave no answer" in away.value.message
        assert PASSWORD not in str(away.value) + repr(client) + repr(away.value.__dict__)
        await client.close()

    with LoopbackPort() as port:
        asyncio.run(scenario(port.address))
