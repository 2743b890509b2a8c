"""A user's project for transcripts of commands."""

from tests.infra.cli.conftest import shop

__all__ = ["shop"]
