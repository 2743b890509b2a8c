from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from penstock.infra.testing.compose_file import BadComposeFile, ComposeFile, read_compose
from penstock.infra.testing.compose_service import Condition, HealthCheck, Service
from penstock.infra.testing.compose_values import Mount, PublishedPort

FULL = """
name: shop
x-ours: &ours
  image: ours
  build: {context: ., dockerfile: Dockerfile, args: {A: b}}
  environment: {HOST: "db:${PORT:-1}", COUNT: 3}
services:
  worker:
    <<: *ours
    command: run "my worker"
    depends_on:
      setup: {condition: service_completed_successfully}
      db: {condition: service_healthy}
    deploy: {replicas: 2}
    stop_grace_period: 1m30s
    restart: on-failure
  setup:
    <<: *ours
    command: [topic, apply]
    depends_on: [db]
  db:
    image: "db:${VERSION}"
    environment: [PLAIN=yes, "EMPTY="]
    ports: ["127.0.0.1:${PORT:-1}:80"]
    volumes: [data:/data, ./conf:/conf:ro]
    healthcheck: {test: db ping, interval: 2s, timeout: 500ms, start_period: 1s, retries: 4}
    restart: "no"
volumes:
  data:
"""


def problems_of(text: str) -> tuple[str, ...]:
    """What is wrong with a text."""
    with pytest.raises(BadComposeFile) as caught:
        read_compose(text, {})
    return caught.value.problems


def problems_with(**words: str) -> tuple[str, ...]:
    """What is wrong with a service that has these words besides an image."""
    lines = "".join(f"    {word}: {value}\n" for word, value in words.items())
    return problems_of(f"services:\n  one:\n    image: a\n{lines}")


def test_everything_that_is_known() -> None:
    """Each word arrives in its form, with variables, merged keys and defaults."""
    file = read_compose(FULL, {"VERSION": "7", "PORT": "5432"})
    db, setup, worker = file.services
    assert file.volumes == ("data",)
    assert db == Service(
        name="db",
        image="db:7",
        command=None,
        environment={"PLAIN": "yes", "EMPTY": ""},
        waits_for={},
        health=HealthCheck(
            test=("CMD-SHELL", "db ping"),
            interval_s=2.0,
            timeout_s=0.5,
            start_period_s=1.0,
            retries=4,
        ),
        ports=(PublishedPort(outside=5432, inside=80),),
        mounts=(
            Mount(source="data", target="/data", read_only=False),
            Mount(source="./conf", target="/conf", read_only=True),
        ),
        grace_s=10.0,
        restart=None,
        replicas=1,
    )
    assert setup.command == ("topic", "apply")
    assert setup.waits_for == {"db": Condition.STARTED}
    assert worker.command == ("run", "my worker")
    assert worker.environment == {"HOST": "db:5432", "COUNT": "3"}
    assert worker.waits_for == {"setup": Condition.COMPLETED, "db": Condition.HEALTHY}
    assert (worker.grace_s, worker.restart) == (90.0, "on-failure")
    assert worker.containers == ("worker-1", "worker-2")
    assert db.containers == ("db",)


def test_unknown_words_are_errors() -> None:
    """A word that is passed over would make a test of something else than users start."""
    (told,) = problems_with(volume="[a:/b]")
    assert told == "one has 'volume', which is not known; did you mean volumes?"
    (told,) = problems_with(privileged="true")
    assert told == "one has 'privileged', which is not known."
    (told,) = problems_with(healthcheck="{test: ping, start_interval: 1s}")
    assert "healthcheck has 'start_interval'" in told
    assert problems_of("services: {}\nnetworks: {}\n")


def test_all_problems_are_told_at_once() -> None:
    """Whoever mends the file does it once."""
    told = problems_with(ports="[80]", restart="sometimes", deploy="{replicas: 0}", command="'\"'")
    assert [text.split()[1].rstrip(":") for text in told] == [
        "command",
        "ports",
        "restart",
        "deploy",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"environment": "{A: true}"}, "environment: A is no text"),
        ({"environment": "{A: }"}, "environment: A is no text"),
        ({"environment": "[[A]]"}, "environment is no list of texts"),
        ({"environment": "{A: '${B}'}"}, "needs the variable B"),
        ({"depends_on": "{two: {condition: service_healthy}}"}, "waits for two, which is none"),
        ({"depends_on": "{one: {condition: service_happy}}"}, "has a condition that is none of"),
        ({"depends_on": "[one]"}, "in a circle: one"),
        ({"volumes": "[data:/data]"}, "mounts data, which volumes does not name"),
        ({"healthcheck": "{test: [ping]}"}, "begins with neither CMD nor CMD-SHELL"),
        ({"healthcheck": "{test: ping, retries: 1.5}"}, "retries is no whole number"),
        ({"stop_grace_period": "30"}, "is no duration"),
        ({"deploy": "{replicas: 21}"}, "replicas is above 20"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(words: dict[str, str], told: str) -> None:
    """Each problem names the service and the word."""
    (found,) = problems_with(**words)
    assert told in found
    assert "one" in found


def test_a_service_without_an_image() -> None:
    """Nothing is built here, so `build` alone is not enough."""
    (told,) = problems_of("services:\n  one:\n    build: {context: .}\n")
    assert "one: image is no text" in told


def test_names() -> None:
    """Names that are no host names, and names that two containers would have, are refused."""
    (told,) = problems_of("services:\n  One_1:\n    image: a\n")
    assert "'One_1' is no name" in told
    (told,) = problems_of(
        "services:\n  a:\n    image: a\n    deploy: {replicas: 2}\n  a-1:\n    image: a\n"
    )
    assert told == "Two containers would be called a-1."


@pytest.mark.parametrize("text", ["", "[]", "services: []", "a: [", "services:\n a: 1\n a: 2\n"])
def test_no_compose_file(text: str) -> None:
    """Whatever is not one is told so, whether it is YAML or not."""
    assert problems_of(text)


services = st.dictionaries(
    st.sampled_from("abcdefgh"), st.sets(st.sampled_from("abcdefgh")), min_size=1
)


@given(services)
def test_order(waits: dict[str, set[str]]) -> None:
    """Every service stands behind all that it waits for; where that cannot be it is an error."""
    known = {name: sorted(others & waits.keys()) for name, others in waits.items()}
    document = {"services": {name: {"image": "a", "depends_on": on} for name, on in known.items()}}
    if _has_a_circle(known):
        with pytest.raises(BadComposeFile, match="in a circle"):
            read_compose(_dumped(document), {})
        return
    file = read_compose(_dumped(document), {})
    placed: list[str] = []
    for service in file.services:
        assert service.waits_for.keys() <= set(placed)
        placed.append(service.name)
    assert sorted(placed) == sorted(waits)


def _has_a_circle(waits: dict[str, list[str]]) -> bool:
    """Take away what waits for nothing until nothing more goes; a circle is what stays."""
    left = dict(waits)
    while free := [name for name, on in left.items() if not set(on) & left.keys()]:
        for name in free:
            del left[name]
    return bool(left)


WORDS = "services volumes image command environment depends_on healthcheck ports deploy test a x-a"

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.fixed_dictionaries({"services": st.dictionaries(st.just("one"), junk, min_size=1)}))
def test_whatever_it_is_there_is_an_answer(document: Any) -> None:
    """A file, or an error with problems; never another exception."""
    assert _outcome(_dumped(document))


def _outcome(text: str) -> ComposeFile | tuple[str, ...]:
    try:
        return read_compose(text, {})
    except BadComposeFile as bad:
        return bad.problems


def _dumped(document: Any) -> str:
    written = StringIO()
    YAML(typ="safe", pure=True).dump(document, written)
    return written.getvalue()
