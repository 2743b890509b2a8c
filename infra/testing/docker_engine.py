"""The question whether containers can be started here.

Only an engine behind a local socket counts: ports are published on 127.0.0.1 of the engine's
machine, and behind any other kind of address that is not this machine. The socket is asked by
hand first, because the docker library takes a fifth of a second to import and leaks its socket
when nobody answers.
"""

import importlib
import importlib.util
import os
import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

__all__ = ["answers", "obstacle", "socket_path"]

_PING = b"GET /_ping HTTP/1.0\r\n\r\n"
_PING_LIMIT_S = 5.0

_PULL_LIMIT_S = 60
"""For each answer of the engine while it pulls an image."""


def obstacle(image: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Say why a container of this image cannot be started.

    An image that the engine does not have is pulled.

    Args:
        image: name and tag.
        environment: DOCKER_HOST is honoured.

    Returns:
        The reason, in one clause; None where nothing stands in the way.
    """
    if importlib.util.find_spec("testcontainers") is None:
        return "testcontainers is not installed (penstock[testing])"
    path = socket_path(environment)
    if path is None:
        return f"DOCKER_HOST={environment['DOCKER_HOST']} is no local socket"
    if not answers(path):
        return f"no Docker engine answers at {path}"
    return _image_obstacle(image, environment)


def socket_path(environment: Mapping[str, str]) -> Path | None:
    """Find the engine's socket.

    Args:
        environment: DOCKER_HOST is honoured.

    Returns:
        Its path, whether it exists or not; None where the engine is elsewhere.
    """
    host = environment.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    scheme, _, path = host.partition("://")
    return Path(path) if scheme == "unix" else None


def answers(path: Path) -> bool:
    """Ask an engine whether it is there.

    Args:
        path: its socket.

    Returns:
        True where something answered a ping as an engine does.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PING_LIMIT_S)
            connection.connect(str(path))
            connection.sendall(_PING)
            status_line = connection.recv(64)
    except OSError:
        return False
    return b" 200 " in status_line


def _image_obstacle(image: str, environment: Mapping[str, str]) -> str | None:
    docker = importlib.import_module("docker")  # here, because it comes with an optional extra
    try:
        with closing(
            docker.from_env(timeout=_PULL_LIMIT_S, environment=dict(environment))
        ) as engine:
            try:
                engine.images.get(image)
            except docker.errors.NotFound:
                engine.images.pull(image)
    except (docker.errors.DockerException, OSError) as failure:  # OSError: its time-outs
        return f"the image {image} cannot be had: {failure}"
    return None
