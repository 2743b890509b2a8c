"""`penstock schema ...` as users run it: what transcripts do not show; see tests/transcripts."""

import json
from pathlib import Path

import pytest

from tests.infra.cli.shop import PROJECT, Shop
from tests.infra.git_project import commit_all, git, repository

LISTED = PROJECT + 'schemas = ["schemas"]\n'
WITHOUT_SETTINGS = {"PENSTOCK_KAFKA": "", "PENSTOCK_APP": ""}
FOREIGN = '{"type": "record", "name": "web.Clicked", "fields": [{"name": "at", "type": "long"}]}'


@pytest.fixture
def committed(shop: Shop) -> Shop:
    """The project with its schemas exported, and a foreign one, all committed."""
    repository(shop.folder)
    shop.write("pyproject.toml", PROJECT + 'schemas = ["schemas", "foreign"]\n')
    (shop.folder / "foreign").mkdir()
    shop.write("foreign/web.avsc", FOREIGN)
    assert shop.run("schema", "export", "schemas").returncode == 0
    commit_all(shop.folder)
    return shop


def test_a_build_without_settings_checks_against_a_commit(committed: Shop) -> None:
    """Neither Kafka nor an app's name is needed; what others exported is no type of ours."""
    done = committed.run(
        "schema", "check", "--against", "git:HEAD", "-o", "json", variables=WITHOUT_SETTINGS
    )
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert (report["ok"], report["against"], report["files"]) == (True, "git:HEAD", [])
    assert {each["state"] for each in report["types"]} == {"unchanged"}
    assert "web.Clicked" not in {each["type"] for each in report["types"]}


def test_a_type_that_is_gone_is_told_and_fails_nothing(committed: Shop) -> None:
    """Once its file is gone too; until then the file is what is wrong."""
    orders = committed.folder / "users_shop" / "orders.py"
    text = orders.read_text("utf-8")
    begin, end = text.index("class Trap"), text.index("class StockReserved")
    orders.write_text(text[:begin] + text[end:], "utf-8")
    done = committed.run("schema", "check", "--against", "git:main")
    assert done.returncode == 4
    assert "schemas/shop.Trap.avsc is of no type of the project" in done.stdout
    (committed.folder / "schemas" / "shop.Trap.avsc").unlink()
    done = committed.run("schema", "check", "--against", "git:main", "-o", "json")
    assert done.returncode == 0
    states = {each["type"]: each["state"] for each in json.loads(done.stdout)["types"]}
    assert states["shop.Trap"] == "gone"
    assert "web.Clicked" not in states


def test_a_repository_may_be_above_the_project_and_elsewhere_at_first(
    shop: Shop, tmp_path: Path
) -> None:
    """The folder of another time is named behind the commit."""
    repository(tmp_path)
    shop.write("pyproject.toml", LISTED)
    assert shop.run("schema", "export", "old").returncode == 0
    commit_all(tmp_path)
    (shop.folder / "old").rename(shop.folder / "schemas")
    done = shop.run("schema", "check", "--against", "git:main")
    assert (done.returncode, "PEN-I188" in done.stderr) == (3, True)
    assert shop.run("schema", "check", "--against", "git:main:old").returncode == 0


def test_a_project_without_exported_schemas_is_told_how_to_export(shop: Shop) -> None:
    """It cannot be checked against a commit."""
    repository(shop.folder)
    commit_all(shop.folder)
    done = shop.run("schema", "check", "--against", "git:main")
    assert done.returncode == 3
    assert done.stderr.startswith("penstock: PEN-I189 ")
    assert "penstock schema export schemas" in done.stderr


def test_a_project_of_files_alone_is_checked_too(shop: Shop) -> None:
    """Where the schemas are the source, and no module is listed."""
    repository(shop.folder)
    shop.write("pyproject.toml", '[tool.penstock]\napp = "shop"\nschemas = ["schemas"]\n')
    (shop.folder / "schemas").mkdir()
    shop.write("schemas/web.avsc", FOREIGN)
    commit_all(shop.folder)
    git(shop.folder, "tag", "v1")
    shop.write("schemas/web.avsc", FOREIGN.replace("long", "string"))
    done = shop.run("schema", "check", "web.Clicked", "--against", "git:v1")
    assert done.returncode == 4
    assert "at is written as long and is read as string" in done.stdout


@pytest.mark.parametrize("where", ["topic", "registry"])
def test_servers_that_are_away_are_told_as_such(shop: Shop, where: str) -> None:
    """One line, exit 5."""
    variables = {"PENSTOCK_SCHEMA_REGISTRY": f"http://{shop.kafka}"}
    for words in (("check", "--against", where), ("list", "--from", where)):
        done = shop.run("schema", *words, variables=variables)
        assert done.returncode == 5, done.stderr
        assert (done.stdout, done.stderr.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    "words",
    [
        ("check", "--against", "git:-x"),
        ("check", "--against", "nowhere"),
        ("list", "--from", "git:"),
        ("diff", "shop.OrderPlaced"),
        ("diff", "a", "b", "--against", "topic"),
        ("show",),
        ("generate", "--to", "x", "--package", "y"),
    ],
)
def test_wrong_usage_is_2(shop: Shop, words: tuple[str, ...]) -> None:
    """Told before anything is read."""
    assert shop.run("schema", *words).returncode == 2


def test_two_files_are_compared_without_a_project(shop: Shop) -> None:
    """From wherever one stands."""
    (shop.folder / "pyproject.toml").unlink()
    shop.write("old.avsc", FOREIGN)
    shop.write("new.avsc", FOREIGN.replace('"long"', '"long", "default": 0'))
    done = shop.run("schema", "diff", "old.avsc", "new.avsc", "-o", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [each["kind"] for each in told["changes"]] == ["default-changed"]
    assert (told["new_reads_old"], told["old_reads_new"]) == (True, True)
    assert shop.run("schema", "list").returncode == 3


def test_a_schema_is_shown_as_json_with_the_schema_in_it(shop: Shop) -> None:
    """By its name, and by its fingerprint."""
    shown = json.loads(shop.run("schema", "show", "shop.OrderPlaced", "-o", "json").stdout)
    assert shown["schema"]["topic"] == shown["topic"] == "shop.orders"
    again = shop.run("schema", "show", shown["fingerprint"], "-o", "json")
    assert json.loads(again.stdout) == shown


def test_what_is_generated_of_an_export_has_the_same_schemas(shop: Shop) -> None:
    """Export, make classes, export those: the files are the same, byte for byte."""
    assert shop.run("schema", "export", "schemas").returncode == 0
    done = shop.run(
        "schema", "generate", "schemas", "--to", "made", "--package", "made", "-o", "json"
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    modules = sorted({each["module"] for each in made["classes"]})
    assert (modules, made["left_out"]) == (["made.shop", "made.stock"], {})
    shop.write("pyproject.toml", f"[tool.penstock]\nmodules = {json.dumps(modules)}\n")
    assert shop.run("schema", "export", "again").returncode == 0
    first, again = (
        {path.name: path.read_bytes() for path in (shop.folder / name).iterdir()}
        for name in ("schemas", "again")
    )
    assert first == again


def test_generating_twice_changes_nothing_and_never_replaces_by_itself(shop: Shop) -> None:
    """A file that somebody has changed stays until --force."""
    shop.write("web.avsc", FOREIGN)
    words = ("schema", "generate", "web.avsc", "--to", "made", "--package", "made", "-o", "json")
    shop.run(*words)
    states = {each["state"] for each in json.loads(shop.run(*words).stdout)["files"]}
    assert states == {"unchanged"}
    shop.write("made/web.py", "mine = 1\n")
    done = shop.run(*words)
    assert (done.returncode, "web.py would be replaced" in done.stderr) == (3, True)
    assert shop.run(*words, "--force").returncode == 0
    assert "class Clicked" in (shop.folder / "made" / "web.py").read_text("utf-8")
