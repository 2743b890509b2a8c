"""As much of Docker's engine as is asked, at a local socket, where none can be installed.

It runs nothing: it answers as the engine's HTTP interface does (Docker Engine API 1.44), and keeps
what it was asked.
"""

import json
import socketserver
import struct
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self, final

__all__ = ["EngineStandIn"]

_LOG = b"the last line\n"
_LOG_FRAME = struct.pack(">BxxxI", 1, len(_LOG)) + _LOG
"""A log comes in pieces, each with its stream (1 is stdout) and its length."""


@final
class EngineStandIn:
    """An engine that has one image, cannot pull any, and calls every container running."""

    def __init__(self, path: Path, *, image: str) -> None:
        """Listen.

        Args:
            path: of the socket.
            image: the one that it has.
        """
        self.image = image
        self.asked: list[str] = []
        self.created: dict[str, Any] = {}
        handler = type("Handler", (_Handler,), {"engine": self})
        self._server = socketserver.ThreadingUnixStreamServer(str(path), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.docker_host = f"unix://{path}"

    @property
    def done(self) -> list[str]:
        """What was done to the container, in order: the last word of each path that changes it."""
        return [path.partition("?")[0].rpartition("/")[2] for path in self.asked]

    def __enter__(self) -> Self:
        """Return the engine."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: EngineStandIn

    def address_string(self) -> str:
        """Name the client in the log; a local socket has no address."""
        return "local"

    def do_GET(self) -> None:
        """Answer what is only a question."""
        path = self.path.partition("?")[0]
        if path.endswith("/_ping"):
            self._reply(200, b"OK")
        elif path.endswith("/version"):
            self._reply_json(200, {"ApiVersion": "1.44"})
        elif path.endswith(f"/images/{self.engine.image}/json"):
            self._reply_json(200, {"Id": "sha256:1", "RepoTags": [self.engine.image]})
        elif path.endswith("/containers/json"):
            self._reply_json(200, [])
        elif path.endswith("/volumes"):
            self._reply_json(200, {"Volumes": [], "Warnings": None})
        elif "/containers/" in path and path.endswith("/json"):
            self._reply_json(
                200, {"Id": "c1", "State": {"Status": "running"}, "Config": {"Tty": False}}
            )
        elif path.endswith("/logs"):
            self._reply(200, _LOG_FRAME)
        elif path.endswith("/networks"):
            self._reply_json(200, [])
        else:
            self._reply_json(404, {"message": "not here"})

    def do_POST(self) -> None:
        """Do nothing, and say that it is done; only pulling fails."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/images/create" in self.path:
            self._reply_json(500, {"message": "registry out of reach"})
            return
        self.engine.asked.append(self.path)
        if "/containers/create" in self.path:
            self.engine.created = json.loads(body)
            self._reply_json(201, {"Id": "c1", "Warnings": []})
        else:
            self._reply(204, b"")

    def do_DELETE(self) -> None:
        """Call it removed."""
        self.engine.asked.append(f"{self.path.partition('?')[0]}/removed")
        self._reply(204, b"")

    def _reply_json(self, status: int, value: object) -> None:
        self._reply(status, json.dumps(value).encode())

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
