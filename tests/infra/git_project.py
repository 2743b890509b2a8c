"""A repository with schema files in it, made by git itself; nothing of the machine's git counts."""

import os
import subprocess
from pathlib import Path

__all__ = ["commit_all", "git", "repository"]


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, without the settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", "-c", "user.name=Test", "-c", "user.email=test@test.invalid", *arguments],
        cwd=folder,
        env={**kept, **own},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def repository(folder: Path) -> Path:
    """Make a folder a repository whose branch is main."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def commit_all(folder: Path) -> None:
    """Commit everything below a folder."""
    git(folder, "add", "--all", ".")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=all")
