"""Requests from strangers: a call that has been judged, or a refusal of the API."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.schema_registry.api_call import (
    LATEST,
    ApiCall,
    CheckCompatibility,
    ListSchemas,
    ListSubjects,
    ListTypes,
    ListVersions,
    LookUp,
    Page,
    ReadLevel,
    ReadMode,
    ReadSchema,
    ReadVersion,
    Register,
    Root,
    SetLevel,
    SubjectsOfId,
    VersionsOfId,
)
from penstock.infra.schema_registry.call_reading import (
    MAX_SUBJECT,
    ApiRequest,
    Refused,
    api_call,
)
from penstock.infra.schema_registry.refusal import ApiCode
from penstock.schemas.compatibility_levels import Level
from tests.infra.schema_registry.texts import schema, text

JSON = "application/vnd.schemaregistry.v1+json"
S = "shop.orders-value"


def request(
    method: str, target: str, fields: Any = None, *, media_type: str = JSON, body: bytes = b""
) -> ApiRequest:
    """A request as a client sends it."""
    path, _, query = target.partition("?")
    return ApiRequest(
        method=method,
        path=path.encode(),
        query=query.encode(),
        media_type=media_type,
        body=body if fields is None else json.dumps(fields).encode(),
    )


def code_of(asked: ApiRequest) -> int | None:
    """The code of the refusal; None for a call."""
    try:
        api_call(asked)
    except Refused as no:
        return no.refusal.code
    return None


@pytest.mark.parametrize(
    ("target", "call"),
    [
        ("/", Root()),
        ("//", Root()),
        ("/subjects/", ListSubjects(prefix="")),
        ("/subjects?subjectPrefix=shop.&deleted=true", ListSubjects(prefix="shop.")),
        ("/subjects?subjectPrefix=:*:", ListSubjects(prefix="")),
        ("/subjects?offset=2&limit=3", ListSubjects(prefix="", page=Page(offset=2, limit=3))),
        ("/subjects?offset=-2&limit=-1", ListSubjects(prefix="")),
        ("/subjects?deletedOnly=true&limit=3", ListSubjects(prefix="", page=Page(limit=0))),
        (f"/subjects/{S}/versions", ListVersions(subject=S)),
        (f"/subjects/{S}/versions?limit=1", ListVersions(subject=S, page=Page(limit=1))),
        (f"/subjects/{S}/versions/3", ReadVersion(subject=S, version=3, part="")),
        (f"/subjects/{S}/versions/latest", ReadVersion(subject=S, version=LATEST, part="")),
        (f"/subjects/{S}/versions/-1/schema", ReadVersion(subject=S, version=0, part="schema")),
        (
            f"/subjects/{S}/versions/1/referencedby",
            ReadVersion(subject=S, version=1, part="referencedby"),
        ),
        ("/schemas", ListSchemas(prefix="", latest_only=False)),
        ("/schemas?latestOnly=true&subjectPrefix=a", ListSchemas(prefix="a", latest_only=True)),
        ("/schemas?offset=1", ListSchemas(prefix="", latest_only=False, page=Page(offset=1))),
        ("/schemas/types", ListTypes()),
        ("/schemas/ids/7?subject=&fetchMaxId=false", ReadSchema(id=7, raw=False)),
        ("/schemas/ids/7/schema", ReadSchema(id=7, raw=True)),
        ("/schemas/ids/7/subjects", SubjectsOfId(id=7)),
        ("/schemas/ids/7/versions", VersionsOfId(id=7)),
        ("/schemas/ids/7/versions?offset=4", VersionsOfId(id=7, page=Page(offset=4))),
        ("/schemas/ids/7/subjects?limit=4", SubjectsOfId(id=7, page=Page(limit=4))),
        ("/config", ReadLevel(subject=None, or_default=False)),
        (f"/config/{S}?defaultToGlobal=True", ReadLevel(subject=S, or_default=True)),
        ("/mode", ReadMode(subject=None, or_default=False)),
        (f"/mode/{S}", ReadMode(subject=S, or_default=False)),
    ],
)
def test_what_is_read(target: str, call: ApiCall) -> None:
    """By GET, and by HEAD, which asks the same."""
    assert api_call(request("GET", target)) == call
    assert api_call(request("HEAD", target, media_type="")) == call


def test_what_carries_a_schema() -> None:
    """Registering, looking up, and asking before."""
    fields: dict[str, Any] = {
        "schema": text(),
        "schemaType": "AVRO",
        "references": [],
        "metadata": None,
    }
    assert api_call(request("POST", f"/subjects/{S}/versions?normalize=true", fields)) == Register(
        subject=S, schema=schema()
    )
    assert api_call(request("POST", f"/subjects/{S}", fields)) == LookUp(subject=S, schema=schema())
    check = "/compatibility/subjects/x/versions"
    for target, version, verbose in (
        (f"{check}/latest?verbose=True", LATEST, True),
        (f"{check}/2", 2, False),
        (f"{check}?verbose=false", None, False),
    ):
        assert api_call(request("POST", target, fields)) == CheckCompatibility(
            subject="x", version=version, schema=schema(), verbose=verbose
        )


@pytest.mark.parametrize("subject", [None, S])
def test_setting_a_level(subject: str | None) -> None:
    """In any case of letters, as other registries take it."""
    target = "/config" if subject is None else f"/config/{subject}"
    found = api_call(request("PUT", target, {"compatibility": "full"}))
    assert found == SetLevel(subject=subject, level=Level.FULL)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=80).filter(str.isprintable))
def test_a_subject_may_hold_any_printable_character(subject: str) -> None:
    """Slashes and percent signs too: it is split before it is unquoted."""
    found = api_call(request("GET", f"/subjects/{quote(subject, safe='')}/versions"))
    assert found == ListVersions(subject=subject)


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "X"]),
    st.lists(
        st.sampled_from(
            ["subjects", "versions", "schemas", "ids", "config", "mode", "compatibility", "latest"]
        )
        | st.text("0123456789%aA-é/", max_size=5),
        max_size=9,
    ),
    st.binary(max_size=20),
    st.binary(max_size=60) | st.just(json.dumps({"schema": text()}).encode()),
)
def test_any_request_is_a_call_or_a_refusal(
    method: str, parts: list[str], query: bytes, body: bytes
) -> None:
    """Nothing else is raised, and no refusal is a server's error."""
    asked = ApiRequest(
        method=method,
        path="/".join(["", *parts]).encode(),
        query=query,
        media_type="application/json",
        body=body,
    )
    code = code_of(asked)
    assert code is None or 400 <= int(str(code)[:3]) < 500


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/nope", ApiCode.UNSUPPORTED_PATH),
        ("/schemas/ids", ApiCode.UNSUPPORTED_PATH),
        ("/schemas/ids/7/nope", ApiCode.UNSUPPORTED_PATH),
        ("/subjects/a/b/c", ApiCode.UNSUPPORTED_PATH),
        ("/" + "a/" * 1_000, ApiCode.UNSUPPORTED_PATH),
        ("/config/a/b", ApiCode.UNSUPPORTED_PATH),
        ("/subjects/a", ApiCode.METHOD_NOT_ALLOWED),
        ("/compatibility/subjects/a/versions", ApiCode.METHOD_NOT_ALLOWED),
        ("/schemas/ids/x", ApiCode.SCHEMA_NOT_FOUND),
        ("/schemas/ids/0", ApiCode.SCHEMA_NOT_FOUND),
        (f"/schemas/ids/{2**31}", ApiCode.SCHEMA_NOT_FOUND),
        (f"/schemas/ids/{'9' * 5_000}", ApiCode.SCHEMA_NOT_FOUND),
        ("/schemas/ids/%D9%A3", ApiCode.SCHEMA_NOT_FOUND),  # an Arabic three
        ("/subjects/a/versions/0", ApiCode.INVALID_VERSION),
        ("/subjects/a/versions/-2", ApiCode.INVALID_VERSION),
        ("/subjects/a/versions/newest", ApiCode.INVALID_VERSION),
        ("/subjects/%00/versions", ApiCode.INVALID_SUBJECT),
        ("/subjects/a%0Ab/versions", ApiCode.INVALID_SUBJECT),
        (f"/subjects/{'a' * (MAX_SUBJECT + 1)}/versions", ApiCode.INVALID_SUBJECT),
        ("/subjects//versions", ApiCode.INVALID_SUBJECT),
        ("/subjects/%FF/versions", ApiCode.BAD_REQUEST),
        ("/subjects?limit=some", ApiCode.BAD_REQUEST),
        ("/subjects?offset=1" + "0" * 5_000, ApiCode.BAD_REQUEST),
        ("/subjects?" + "&".join(["a=1"] * 100), ApiCode.BAD_REQUEST),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_refused_of_a_path(target: str, code: ApiCode) -> None:
    """With the codes that clients know."""
    assert code_of(request("GET", target)) == code


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("DELETE", "/subjects/a"),
        ("DELETE", "/subjects/a/versions/1"),
        ("DELETE", "/subjects/a?permanent=true"),
        ("DELETE", "/config/a"),
        ("DELETE", "/mode/a"),
        ("PUT", "/mode"),
        ("PUT", "/mode/a?force=true"),
    ],
)
def test_what_is_not_permitted(method: str, target: str) -> None:
    """Nothing is deleted, and there is one mode; the reason is said."""
    assert code_of(request(method, target, {"mode": "READONLY"})) == ApiCode.OPERATION_NOT_PERMITTED


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, ApiCode.INVALID_SCHEMA),
        ({"schema": " "}, ApiCode.INVALID_SCHEMA),
        ({"schema": 7}, ApiCode.INVALID_SCHEMA),
        ({"schema": "{"}, ApiCode.INVALID_SCHEMA),
        ({"schema": '"string"'}, ApiCode.INVALID_SCHEMA),
        ({"schema": "[" * 100_000}, ApiCode.INVALID_SCHEMA),
        ({"schema": " " * 600_000 + text()}, ApiCode.INVALID_SCHEMA),
        ({"schema": text(), "schemaType": "PROTOBUF"}, ApiCode.INVALID_SCHEMA),
        ({"schema": text(), "schemaType": ["AVRO"]}, ApiCode.INVALID_SCHEMA),
        ({"schema": text(), "references": [{"name": "a"}]}, ApiCode.INVALID_SCHEMA),
        ({"schema": text(), "ruleSet": {"domainRules": []}}, ApiCode.INVALID_SCHEMA),
        ({"schema": text(), "metadata": {"tags": {}}}, ApiCode.INVALID_SCHEMA),
        ({"schema": text(), "id": 7}, ApiCode.OPERATION_NOT_PERMITTED),
        ({"schema": text(), "version": [1]}, ApiCode.OPERATION_NOT_PERMITTED),
        ([text()], ApiCode.BAD_REQUEST),
    ],
)
def test_what_is_refused_of_a_body(fields: Any, code: ApiCode) -> None:
    """What would be dropped silently is refused, too."""
    assert code_of(request("POST", f"/subjects/{S}/versions", fields)) == code


def test_defaults_that_clients_send_are_no_wish() -> None:
    """Confluent's clients in Java send a version of -1, or an id of 0."""
    fields = {"schema": text(), "id": -1, "version": 0, "schemaType": None, "ruleSet": {}}
    assert code_of(request("POST", f"/subjects/{S}/versions", fields)) is None


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
def test_what_a_page_could_send_unasked_changes_nothing(media_type: str) -> None:
    """These media types a browser sends to a foreign server without asking it first."""
    asked = request("POST", f"/subjects/{S}/versions", {"schema": text()}, media_type=media_type)
    assert code_of(asked) == ApiCode.MEDIA_TYPE


@pytest.mark.parametrize("level", [None, "STRICT", 7, ["FULL"], "FULL "])
def test_levels_that_there_are_not(level: object) -> None:
    """By Confluent's code."""
    asked = request("PUT", "/config", {"compatibility": level})
    assert code_of(asked) == ApiCode.INVALID_COMPATIBILITY_LEVEL
