"""The report of a check: what passes, what is said, and what programs get."""

import json

from penstock.infra.cli.schema_report import CheckReport, FileFault
from penstock.infra.published_schemas.verdicts import verdicts
from penstock.infra.published_schemas.versions import of_files
from penstock.infra.schema_files.roles import roles_of
from tests.infra.avro_texts import ORDER, field, schema

MAIN = of_files("git:main", {"shop.OrderPlaced": ORDER})
BROKEN = schema(
    "shop.OrderPlaced",
    *ORDER.document["fields"],
    field("note"),
    topic="shop.orders",
    aliases=["shop.OrderMade"],
)
MADE = of_files("git:main", {"shop.OrderPlaced": ORDER, "shop.OrderMade": schema("shop.OrderMade")})
STALE = (FileFault(file="schemas/a.avsc", state="stale"),)
LEFT = (FileFault(file="schemas/b.avsc", state="left-over"),)


def report(*, good: bool, files: tuple[FileFault, ...] | None) -> CheckReport:
    """Return a report about one type."""
    candidate = {"shop.OrderPlaced": ORDER if good else BROKEN}
    published = MAIN if good else MADE
    judged = verdicts(candidate, roles_of(candidate), published)
    return CheckReport(published=published, verdicts=judged, files=files)


def test_both_questions_must_be_answered_well() -> None:
    """A file alone fails it, and so does a type."""
    assert report(good=True, files=()).passes
    assert report(good=True, files=None).passes
    assert not report(good=True, files=STALE).passes
    assert not report(good=False, files=()).passes


def test_the_last_line_says_it_all() -> None:
    """Nobody reads more in the log of a job that has passed."""
    assert report(good=True, files=()).lines() == [
        "Checked 1 type against git:main: all compatible. The exported files are as the types are."
    ]
    assert report(good=True, files=None).lines()[-1].endswith("No exported files were looked at.")
    assert report(good=False, files=STALE).lines()[-1] == (
        "Checked 1 type against git:main: 1 incompatible. 1 exported file is not as the types are."
    )
    files_alone = CheckReport(published=None, verdicts=(), files=(*STALE, *LEFT))
    assert files_alone.lines()[-1] == "2 exported files are not as the types are."


def test_only_what_helps_is_advised() -> None:
    """An export refuses a folder with left-over files, and mends all others."""
    advice = "Export the schemas again: penstock schema export schemas"
    assert advice in report(good=True, files=STALE).lines()
    assert advice not in report(good=True, files=LEFT).lines()


def test_programs_get_every_reason_with_its_type() -> None:
    """Names that stay; what was read under a former name has that."""
    document = json.loads(json.dumps(report(good=False, files=STALE).document()))
    assert (document["ok"], document["against"]) == (False, "git:main")
    assert document["files"] == [{"file": "schemas/a.avsc", "state": "stale"}]
    (told,) = document["types"]
    assert list(told) == [
        "type",
        "compatibility",
        "published",
        "state",
        "topic",
        "problems",
        "failures",
    ]
    assert [(each["type"], each["path"]) for each in told["failures"]] == [
        ("shop.OrderPlaced", "note"),
        ("shop.OrderMade", "order_id"),
        ("shop.OrderMade", "count"),
        ("shop.OrderMade", "note"),
    ]
    assert told["failures"][0]["remedy"] == "Give it a default."
    assert report(good=True, files=None).document()["files"] is None
