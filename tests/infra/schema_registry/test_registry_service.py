"""What we serve: the calls of the REST API over the real catalogue."""

import asyncio
import json

import pytest

from penstock.infra.memory.fault import Fault, Loss
from penstock.infra.memory.request_kind import RequestKind
from penstock.infra.schema_registry.registry_service import ServiceSettings
from penstock.schemas.schema import AvroSchema
from tests.infra.schema_registry.served import Served, play
from tests.infra.schema_registry.texts import schema, text

OLD = text(fields={"order_id": "string"})
NEW = text(fields={"order_id": "string", "note": ("string", "")})
BROKEN = text(fields={"order_id": "string", "sum": "long"})
SHIPPED = text("Shipped", fields={"parcel": "string"})
S = "shop.orders-value"


def test_an_empty_registry() -> None:
    """Everything has an answer."""

    async def scenario(served: Served) -> None:
        assert await served.get("/") == {}
        assert await served.get("/subjects") == []
        assert await served.get("/schemas") == []
        assert await served.get("/schemas/types") == ["AVRO"]
        assert await served.get("/config") == {"compatibilityLevel": "BACKWARD_TRANSITIVE"}
        assert await served.get("/mode") == {"mode": "READWRITE"}
        assert await served.code("GET", "/schemas/ids/1") == 40403
        assert await served.code("GET", f"/subjects/{S}/versions") == 40401
        assert await served.code("GET", f"/subjects/{S}/versions/1") == 40401
        assert await served.code("GET", f"/subjects/{S}/versions/latest") == 40401
        assert await served.code("POST", f"/subjects/{S}", {"schema": OLD}) == 40401
        assert await served.code("GET", f"/config/{S}") == 40408
        assert await served.code("GET", f"/mode/{S}") == 40409
        assert await served.get(f"/mode/{S}?defaultToGlobal=true") == {"mode": "READWRITE"}

    play(scenario)


def test_versions_ids_and_subjects() -> None:
    """One schema has one id, whatever its subjects; a subject numbers its versions."""

    async def scenario(served: Served) -> None:
        old = await served.register(S, OLD)
        new = await served.register(S, NEW)
        assert await served.register(S, OLD) == old
        assert await served.register("copy", OLD) == old != new
        assert await served.get("/subjects") == ["copy", S]
        assert await served.get("/subjects?subjectPrefix=shop") == [S]
        assert await served.get(f"/subjects/{S}/versions") == [1, 2]
        latest = await served.get(f"/subjects/{S}/versions/latest")
        assert latest == {"subject": S, "version": 2, "id": new, "schema": latest["schema"]}
        assert AvroSchema.parse(latest["schema"]) == AvroSchema.parse(NEW)
        assert await served.get(f"/subjects/{S}/versions/2/schema") == json.loads(NEW)
        assert await served.get(f"/subjects/{S}/versions/2/referencedby") == []
        assert await served.code("GET", f"/subjects/{S}/versions/3") == 40402
        assert (await served.get(f"/schemas/ids/{new}"))["schema"] == latest["schema"]
        assert await served.get(f"/schemas/ids/{new}/schema") == json.loads(NEW)
        assert await served.get(f"/schemas/ids/{old}/subjects") == ["copy", S]
        assert await served.get(f"/schemas/ids/{new}/versions") == [{"subject": S, "version": 2}]
        assert [each["version"] for each in await served.get("/schemas")] == [1, 1, 2]
        assert [each["id"] for each in await served.get("/schemas?latestOnly=true")] == [old, new]
        assert await served.get("/subjects?offset=1&limit=5") == [S]
        assert await served.get("/subjects?limit=1") == ["copy"]
        assert await served.get("/subjects?deletedOnly=true") == []
        assert await served.get(f"/subjects/{S}/versions?offset=1") == [2]
        assert [each["version"] for each in await served.get("/schemas?offset=1&limit=1")] == [1]
        assert await served.get(f"/schemas/ids/{old}/subjects?offset=2") == []
        assert len(await served.get(f"/schemas/ids/{old}/versions?limit=1")) == 1

    play(scenario)


def test_looking_up() -> None:
    """What differs in docs alone is the same schema; what differs in its meaning is none."""

    async def scenario(served: Served) -> None:
        number = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
        known = await served.register(S, text(fields={"sum": number}))
        status, body = await served.ask(
            "POST", f"/subjects/{S}", {"schema": text(fields={"sum": number}, doc="Said anew.")}
        )
        assert (status, body["id"], body["version"]) == (200, known, 1)
        other = text(fields={"sum": {**number, "scale": 4}})
        assert await served.code("POST", f"/subjects/{S}", {"schema": other}) == 40403
        assert await served.code("POST", f"/subjects/{S}/versions", {"schema": other}) == 409

    play(scenario)


def test_compatibility() -> None:
    """What a client is told beforehand is what a registration does."""

    async def scenario(served: Served) -> None:
        check = f"/compatibility/subjects/{S}/versions"
        assert await served.ask("POST", f"{check}/latest", {"schema": BROKEN}) == (
            200,
            {"is_compatible": True},
        )
        assert await served.code("POST", f"{check}/1", {"schema": BROKEN}) == 40401
        await served.register(S, OLD)
        await served.register(S, SHIPPED)
        for target in (f"{check}/latest", f"{check}/1", check):
            _, body = await served.ask("POST", f"{target}?verbose=True", {"schema": BROKEN})
            assert body["is_compatible"] is False
            assert any("sum" in line for line in body["messages"])
        assert await served.code("POST", f"{check}/3", {"schema": BROKEN}) == 40402
        _, body = await served.ask("POST", check, {"schema": NEW})
        assert body == {"is_compatible": True}
        status, refusal = await served.ask("POST", f"/subjects/{S}/versions", {"schema": BROKEN})
        assert (status, refusal["error_code"]) == (409, 409)
        assert "sum" in refusal["message"]
        assert "\n" not in refusal["message"]
        assert "\\n" not in refusal["message"]

    play(scenario)


DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 12}
FREE = text(fields={"sum": "long"}, compatibility="NONE")
STRICT = text(fields={"order_id": "string", "count": "long"}, compatibility="FULL")


@pytest.mark.parametrize(
    ("registered", "candidate", "fits"),
    [
        ([OLD], FREE, True),
        ([text(fields={"a": "long"}, compatibility="NONE")], STRICT, False),
        ([OLD, text(fields={"note": ("string", "")})], OLD, True),
        (
            [text("Paid", fields={"total": DECIMAL | {"scale": 2}})],
            text("Paid", fields={"total": DECIMAL | {"scale": 4}}, compatibility="NONE"),
            False,
        ),
    ],
)
def test_the_question_is_answered_as_the_registration(
    registered: list[str], candidate: str, *, fits: bool
) -> None:
    """By what the candidate declares, too; what is registered may be again; one meaning each."""

    async def scenario(served: Served) -> None:
        for each in registered:
            await served.register(S, each)
        target = f"/compatibility/subjects/{S}/versions?verbose=true"
        _, body = await served.ask("POST", target, {"schema": candidate})
        assert body["is_compatible"] is fits
        assert bool(body["messages"]) is not fits
        status, _ = await served.ask("POST", f"/subjects/{S}/versions", {"schema": candidate})
        assert status == (200 if fits else 409)

    play(scenario)


def test_another_meaning_elsewhere_is_told_beforehand() -> None:
    """A fingerprint has one meaning on the whole topic."""

    async def scenario(served: Served) -> None:
        two, four = (text("Paid", fields={"t": DECIMAL | {"scale": each}}) for each in (2, 4))
        await served.register("elsewhere", two)
        for version in ("", "/latest"):
            target = f"/compatibility/subjects/{S}/versions{version}?verbose=true"
            _, body = await served.ask("POST", target, {"schema": four})
            assert body["is_compatible"] is False
            assert "decimal(12, 2)" in body["messages"][0]
        assert await served.code("POST", f"/subjects/{S}/versions", {"schema": four}) == 409

    play(scenario)


def test_levels() -> None:
    """Of a subject, and of all; whoever sets one sees it at once, and other processes do."""

    async def scenario(served: Served) -> None:
        await served.register(S, OLD)
        assert await served.get(f"/config/{S}") == {"compatibilityLevel": "BACKWARD_TRANSITIVE"}
        level = {"compatibility": "NONE"}
        assert await served.ask("PUT", f"/config/{S}", level) == (200, level)
        assert await served.get(f"/config/{S}") == {"compatibilityLevel": "NONE"}
        await served.register(S, BROKEN)
        assert await served.ask("PUT", "/config", {"compatibility": "FULL"}) == (
            200,
            {"compatibility": "FULL"},
        )
        assert await served.get("/config") == {"compatibilityLevel": "FULL"}
        assert await served.get("/config/new?defaultToGlobal=true") == {
            "compatibilityLevel": "FULL"
        }
        other = await served.catalogue()
        await other.refresh()
        assert other.level_of(S) == "NONE"

    play(scenario)


def test_what_others_write_is_seen() -> None:
    """A list may be old by `fresh_s`; what is not known is looked for at once."""
    fresh_s = ServiceSettings().fresh_s

    async def scenario(served: Served) -> None:
        other = await served.catalogue()
        assert await served.get("/subjects") == []
        found = await other.register(S, schema())
        assert (await served.get(f"/schemas/ids/{found.id}"))["schema"] == found.schema.text
        await other.register("b", schema())
        await served.clock.sleep_until(served.clock.monotonic() + fresh_s)
        assert await served.get("/subjects") == ["b", S]

    play(scenario)


def test_many_questions_are_few_readings() -> None:
    """A page of a Kafka UI asks for dozens of things at once."""

    async def scenario(served: Served) -> None:
        questions = (served.ask("GET", path) for path in ["/subjects", "/schemas/ids/77"] * 50)
        answers = await asyncio.gather(*questions)
        assert [status for status, _ in answers] == [200, 404] * 50
        assert served.service.statistics().readings <= 2
        assert served.service.statistics().answers == 50
        assert served.service.statistics().refusals == 50

    play(scenario)


def test_while_the_cluster_is_away() -> None:
    """What is known is given; what is not is an error of ours, and nothing missing."""

    async def scenario(served: Served) -> None:
        known = await served.register(S, OLD)
        await served.get("/subjects")
        served.away(Fault(request=RequestKind.LIST_OFFSETS, loses=Loss.REQUEST, times=1_000))
        await served.clock.sleep_until(served.clock.monotonic() + 1.0)
        assert (await served.get(f"/schemas/ids/{known}"))["schema"]
        assert (await served.get(f"/subjects/{S}/versions/1"))["id"] == known
        assert await served.code("GET", f"/schemas/ids/{known + 1}") == 50001
        assert await served.code("GET", "/subjects") == 50001
        assert await served.code("GET", f"/subjects/{S}/versions/latest") == 50001
        assert served.service.statistics().failures == 3

    play(scenario)


@pytest.mark.parametrize("subject", ["a/b", "ä", "a b", "%2F", "...", "a#b?c"])
def test_subjects_of_any_kind(subject: str) -> None:
    """They come back as they were given."""

    async def scenario(served: Served) -> None:
        client = served.client()
        await client.register(subject, schema())
        assert await client.subjects() == (subject,)
        (version,) = await client.versions(subject)
        assert version.subject == subject
        await client.close()

    play(scenario)
