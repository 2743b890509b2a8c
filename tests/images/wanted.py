"""Whether the engine has an image that a test needs: a skip where not, or a failure in CI."""

import os

import pytest

from penstock.infra.testing import docker_engine

__all__ = ["want_image"]

_IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def want_image(image: str) -> str:
    """Return the image's name where a container can be made of it.

    Args:
        image: Its name and tag; it is pulled where the engine lacks it.
    """
    obstacle = docker_engine.obstacle(image)
    if obstacle is not None:
        told = f"No container can be started: {obstacle}"
        pytest.fail(told, pytrace=False) if _IN_CI else pytest.skip(told)
    return image
