"""Schema files of a commit, read by git itself: what counts, what does not, and how it fails."""

import os
from pathlib import Path

import pytest

from penstock.infra.published_schemas.committed_files import (
    GitHasNoSchemas,
    GitRefused,
    published_in_git,
)
from penstock.infra.published_schemas.place import GitPlace
from penstock.infra.schema_files.export import file_text
from penstock.infra.schema_files.texts import BadSchemaFiles
from tests.infra.avro_texts import ORDER, field, schema
from tests.infra.git_project import commit_all, git, repository

MAIN = GitPlace(ref="main")
OTHER = schema("shop.Other", field("size", doc="größer"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a folder of a repository, with two schemas in its commit."""
    root = repository(tmp_path / "repository")
    folder = root / "services" / "shop"
    (folder / "schemas" / "inner").mkdir(parents=True)
    (folder / "schemas" / "shop.OrderPlaced.avsc").write_text(file_text(ORDER), "utf-8")
    (folder / "schemas" / "inner" / "ü \t[x].avsc").write_text(file_text(OTHER), "utf-8")
    (folder / "schemas" / "README.md").write_text("no schema", "utf-8")
    (root / "elsewhere.avsc").write_text("no schema", "utf-8")
    commit_all(root)
    return folder


def names(project: Path, place: GitPlace = MAIN, path: str = "schemas") -> list[str]:
    """Return the types that are found."""
    return sorted(published_in_git(place, [project / path], project).versions)


def test_the_files_of_a_folder_are_read(project: Path) -> None:
    """In folders inside of it too, whatever their names; other files do not count."""
    published = published_in_git(MAIN, [project / "schemas"], project)
    assert published.place == "git:main"
    assert published.latest() == {"shop.OrderPlaced": ORDER, "shop.Other": OTHER}
    assert not published.keeps_versions


def test_the_commit_counts_and_not_the_working_tree(project: Path) -> None:
    """Neither what was changed since, nor what was removed, nor what is only staged."""
    (project / "schemas" / "shop.OrderPlaced.avsc").unlink()
    (project / "schemas" / "new.avsc").write_text("{", "utf-8")
    git(project, "add", "--all", ".")
    assert names(project) == ["shop.OrderPlaced", "shop.Other"]


def test_older_commits_and_tags_have_their_own(project: Path) -> None:
    """By whatever name git knows them."""
    git(project, "tag", "v1")
    (project / "schemas" / "inner" / "ü \t[x].avsc").unlink()
    commit_all(project)
    assert names(project) == ["shop.OrderPlaced"]
    commit = git(project, "rev-parse", "HEAD~1").strip()
    for ref in ("main~1", "v1", commit, commit[:10], "HEAD^", "refs/tags/v1"):
        assert names(project, GitPlace(ref=ref)) == ["shop.OrderPlaced", "shop.Other"]


def test_a_file_that_is_named_itself_counts_whatever_its_suffix(project: Path) -> None:
    """As on the disk."""
    (project / "order.json").write_text(file_text(ORDER), "utf-8")
    commit_all(project)
    assert names(project, path="order.json") == ["shop.OrderPlaced"]


def test_the_top_of_the_repository_may_be_meant(project: Path) -> None:
    """Then everything in it is read, and what is no schema is told."""
    with pytest.raises(BadSchemaFiles, match=r"main:elsewhere\.avsc: PEN-A1 "):
        names(project, path="../..")


def test_names_are_paths_and_never_patterns(project: Path) -> None:
    """A folder called `*` is a folder."""
    for path in ("*", ":(top)", "schema?"):
        with pytest.raises(GitHasNoSchemas):
            names(project, path=path)


def test_a_commit_without_schemas_is_an_error_that_says_how_to_export(project: Path) -> None:
    """A check against nothing would pass."""
    with pytest.raises(GitHasNoSchemas) as refused:
        names(project, path="contracts")
    assert refused.value.paths == "services/shop/contracts"
    assert "penstock schema export" in refused.value.message
    assert refused.value.exit_code == 3


def test_what_is_wrong_with_files_is_told_at_once(project: Path) -> None:
    """A link, a file that is too large, one that is no JSON, each with commit and path."""
    folder = project / "schemas"
    (folder / "link.avsc").symlink_to("shop.OrderPlaced.avsc")
    (folder / "large.avsc").write_text(" " * 5_000_000, "utf-8")
    (folder / "broken.avsc").write_bytes(b"\xff")
    commit_all(project)
    with pytest.raises(BadSchemaFiles) as refused:
        names(project)
    told = list(refused.value.problems)
    assert [problem.partition(": ")[0] for problem in told] == [
        "main:services/shop/schemas/large.avsc",
        "main:services/shop/schemas/link.avsc",
        "main:services/shop/schemas/broken.avsc",
    ]
    assert "link" in told[1]


@pytest.mark.parametrize("ref", ["nobody", "0" * 40, "deadbeef"])
def test_a_commit_that_is_not_there(project: Path, ref: str) -> None:
    """The message says what a shallow clone needs."""
    with pytest.raises(GitRefused) as refused:
        names(project, GitPlace(ref=ref))
    assert "git fetch" in refused.value.message
    assert refused.value.exit_code == 3


def test_a_folder_outside_of_every_repository(tmp_path: Path) -> None:
    """What git says comes first."""
    with pytest.raises(GitRefused, match="not a git repository"):
        published_in_git(MAIN, [tmp_path / "schemas"], tmp_path)


def test_a_path_outside_of_the_repository(project: Path) -> None:
    """Git is not asked for it."""
    with pytest.raises(GitRefused, match="outside of the repository"):
        names(project, path="../../../x")


def test_without_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container without it gets a sentence."""
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(GitRefused, match="git cannot be started"):
        names(project)


def test_the_repository_is_the_one_around_the_project(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook of another repository runs with GIT_DIR, and git would believe that."""
    other = repository(tmp_path / "other")
    commit_all(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert names(project) == ["shop.OrderPlaced", "shop.Other"]


def test_a_submodule_is_another_repository(project: Path, tmp_path: Path) -> None:
    """Its files are not in the commit."""
    inner = repository(tmp_path / "inner")
    (inner / "x.avsc").write_text("{", "utf-8")
    commit_all(inner)
    git(
        project,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(inner),
        "schemas/foreign",
    )
    commit_all(project)
    assert names(project) == ["shop.OrderPlaced", "shop.Other"]
