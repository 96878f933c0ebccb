"""The hub on loopback: enough of the Hub's HTTP for huggingface_hub's client, and a CDN on another port.

Files kept with LFS are redirected to the CDN, the others are answered by the hub itself, both with Range. Every request
is in `hub.requests`, with the bytes of its body that were written to the socket.
"""

import http.server
import json
import re
import socket
import struct
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.hub.faults import Deed, Fault, Place
from tests.hub.repos import File, Repo, files_of

PORTAL = b"<!DOCTYPE html><html><body><h1>Welcome to the hotel</h1><form>Room number</form></body></html>"
PACE_BYTES = 32 << 10
_API = "/api/models/"


@dataclass
class Request:
    """A request as it was answered. authorized: it carried a token; host: which of the two servers; sent: body bytes."""

    host: str
    method: str
    path: str
    range: str
    authorized: bool
    headers: dict[str, str] = field(repr=False)
    status: int = 0
    sent: int = 0


class Hub:
    """Two servers that run while the object is open. token: what opens gated and private repositories.

    rate: bytes a second of all bodies together, 0 for as fast as it goes.
    """

    def __init__(self, rate: float = 0.0, token: str = "hf_right", port: int = 0) -> None:
        self.token = token
        self.rate = rate
        self.repos: dict[str, Repo] = {}
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.connections = {"hub": 0, "cdn": 0}  # how many were made
        self.watch: Callable[[Request], object] = lambda request: None  # called with every request as it comes
        self.closing = threading.Event()
        self._paced_until = 0.0
        self._lock = threading.Lock()
        self._servers = {"hub": _serve(self, "hub", port), "cdn": _serve(self, "cdn", 0)}
        self.url = f"http://127.0.0.1:{self._servers['hub'].server_port}"
        self.cdn_url = f"http://127.0.0.1:{self._servers['cdn'].server_port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving; answers that stall end."""
        self.closing.set()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def add(self, repo_id: str, files: Mapping[str, bytes | Path] | Path, **about: Any) -> Repo:
        """Have a repository, of these files or of those below a folder. about: other fields of Repo."""
        repo = Repo(repo_id, **about)
        repo.commit(files_of(files) if isinstance(files, Path) else files)
        self.repos[repo_id] = repo
        return repo

    def inject(self, *faults: Fault) -> None:
        """Do these wrong from now on."""
        self.faults.extend(faults)

    def sent(self, path: str = "") -> int:
        """Body bytes of all files written to sockets, or of those whose path ends so."""
        asked = [request for request in self.requests if not request.path.startswith("/api/")]
        return sum(request.sent for request in asked if request.path.endswith(path))

    def gets(self, path: str) -> list[Request]:
        """The requests that asked for bytes of a file, as they came."""
        return [one for one in self.requests if one.method == "GET" and one.path.endswith(path) and one.status != 302]

    def striking(self, place: Place, path: str, ranged: bool) -> list[Fault]:
        """The fault that a request meets, the first that fits, or none: of several each waits for its turn."""
        with self._lock:
            return next(([fault] for fault in self.faults if fault.strikes(place, path, ranged)), [])

    def pace(self, n_bytes: int) -> None:
        """Wait until so many bytes may go out."""
        if not self.rate:
            return
        with self._lock:
            now = time.monotonic()
            self._paced_until = max(self._paced_until, now) + n_bytes / self.rate
            wait = self._paced_until - now
        self.closing.wait(wait)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no news."""


def _serve(hub: Hub, host: str, port: int) -> _Server:
    server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"hub": hub, "host": host}))
    threading.Thread(target=server.serve_forever, args=(0.02,), name=f"test-{host}", daemon=True).start()
    return server


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub
    host: str
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def setup(self) -> None:
        self.hub.connections[self.host] += 1
        super().setup()

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        self.query = urllib.parse.parse_qs(url.query)
        self.seen = Request(
            self.host,
            self.command,
            path,
            self.headers.get("Range", ""),
            "Authorization" in self.headers,
            dict(self.headers),
        )
        self.hub.requests.append(self.seen)
        self.hub.watch(self.seen)
        if self.host == "cdn":
            self._cdn(path)
        elif path == "/api/models":
            self._search()
        elif path.startswith(_API):
            self._model(path.removeprefix(_API))
        elif path.startswith("/api/datasets/"):  # a data set stands in `repos` under its address, "datasets/owner/name"
            self._model(path.removeprefix("/api/"))
        elif path == "/api/whoami-v2":
            self._whoami()
        else:
            self._resolve(path.lstrip("/"))

    def _search(self) -> None:
        words = self.query.get("search", [""])[0].lower().split()
        limit = int(self.query.get("limit", ["1000"])[0])
        wanted = set(self.query.get("filter", []))
        found = [
            repo.summary()
            for repo in sorted(self.hub.repos.values(), key=lambda repo: -repo.downloads)
            if all(word in repo.id.lower() for word in words) and (not repo.private or self._let_in())
        ]
        self._json("search", self.path, [one for one in found if wanted <= set(one["tags"])][:limit])

    def _model(self, rest: str) -> None:
        repo, rest = self._repo(rest)
        if repo is None or (repo.private and not self._let_in()):
            return self._no_repo()
        kind, _, revision = rest.partition("/")
        if kind == "tree":
            revision = revision.partition("/")[0]
        commit = repo.resolve(revision or "main")
        if commit is None:
            return self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if self._wrong_token():
            return self._error(401, "", "Invalid credentials in Authorization header")
        if kind == "tree":
            return self._json("tree", repo.id, [file.entry() for file in repo.commits[commit].values()])
        return self._json("info", repo.id, repo.info(commit, "blobs" in self.query))

    def _whoami(self) -> None:
        if not self._let_in():
            return self._error(401, "", "Invalid credentials in Authorization header")
        return self._json("info", "whoami", {"type": "user", "name": "tester", "auth": {"type": "access_token"}})

    def _resolve(self, path: str) -> None:
        repo, rest = self._repo(path)
        if repo is None or not rest.startswith("resolve/") or (repo.private and not self._let_in()):
            return self._no_repo()
        revision, _, name = rest.removeprefix("resolve/").partition("/")
        commit = repo.resolve(revision)
        if commit is None:
            return self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if self._wrong_token():
            return self._error(401, "", "Invalid credentials in Authorization header")
        if repo.gated and not self._let_in():
            status = 403 if self.seen.authorized else 401
            return self._error(status, "GatedRepo", f"Access to model {repo.id} is restricted.")
        file = repo.commits[commit].get(name)
        if file is None:
            return self._error(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": commit, "ETag": f'"{file.etag}"'}
        struck = self.hub.striking("resolve", name, "Range" in self.headers)
        if file.lfs:
            headers |= {
                "X-Linked-Size": str(file.size),
                "X-Linked-ETag": f'"{file.etag}"',
                "Location": f"{self.hub.cdn_url}/{file.sha256}/{urllib.parse.quote(name)}?repo={repo.id}&commit={commit}",
            }
            if self._struck(struck):
                return None
            return self._send(302, {**headers, **_headers(struck)}, b"")
        if self._struck(struck):
            return None
        return self._file(file, {**headers, **_headers(struck)})

    def _cdn(self, path: str) -> None:
        repo = self.hub.repos.get(self.query.get("repo", [""])[0])
        files = repo.commits[self.query["commit"][0]] if repo else {}
        name = path.lstrip("/").partition("/")[2]
        if name not in files:
            return self._send(403, {}, b"")
        return self._file(files[name], {"ETag": f'"{files[name].sha256}"'})

    def _file(self, file: File, headers: dict[str, str]) -> None:
        struck = self.hub.striking("bytes", file.path, "Range" in self.headers) if self.command == "GET" else []
        if self._struck(struck):
            return
        deeds = {fault.deed: fault for fault in struck}
        start, stop, status = 0, file.size, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and "ignore_range" not in deeds:
            start, status = int(asked[1]), 206
            stop = min(int(asked[2]) + 1 if asked[2] else file.size, file.size)
            if start >= file.size:
                return self._send(416, {"Content-Range": f"bytes */{file.size}"}, b"")
            said = start
            if "wrong_range" in deeds or "false_range" in deeds:
                start = max(0, start - 1000)
                said = start if "wrong_range" in deeds else said
            headers["Content-Range"] = f"bytes {said}-{said + stop - start - 1}/{file.size}"
        body = _Body(file, start, stop, deeds)
        if body.length is None:
            headers["Connection"] = "close"
            self.close_connection = True
        else:
            headers["Content-Length"] = str(body.length)
        self._head(status, {"Content-Type": "application/octet-stream", **headers, **_headers(struck)})
        if self.command == "GET":
            self._pour(body, deeds)

    def _pour(self, body: "_Body", deeds: dict[Deed, Fault]) -> None:
        """Send a body, and end it as the faults say."""
        stop_at = min((deeds[deed].after for deed in ("cut", "reset", "stall") if deed in deeds), default=None)
        for piece in body.pieces():
            step = PACE_BYTES if self.hub.rate else len(piece)
            for at in range(0, len(piece), step):
                part = piece[at : at + step]
                if stop_at is not None:
                    part = part[: max(0, stop_at - self.seen.sent)]
                self.hub.pace(len(part))
                if part:
                    self.wfile.write(part)
                    self.seen.sent += len(part)
                if stop_at is not None and self.seen.sent >= stop_at:
                    return self._break(deeds)
                if self.hub.closing.is_set():
                    self.close_connection = True
                    return None
        if stop_at is not None:
            return self._break(deeds)
        return None

    def _break(self, deeds: dict[Deed, Fault]) -> None:
        self.close_connection = True
        if "stall" in deeds:
            self.hub.closing.wait()
        elif "reset" in deeds:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            _close(self)

    def _json(self, place: Place, path: str, content: Any) -> None:
        struck = self.hub.striking(place, path, False)
        if self._struck(struck):
            return None
        for fault in struck:
            content = fault.change(content)
        body = json.dumps(content).encode()
        if any(fault.deed == "half_json" for fault in struck):
            body = body[: len(body) // 2]
        for fault in struck:
            if fault.deed in ("stall", "cut", "reset"):
                self._head(200, {"Content-Type": "application/json", "Content-Length": str(len(body))})
                self.wfile.write(body[: fault.after])
                return self._break({fault.deed: fault})
        return self._send(200, {"Content-Type": "application/json", **_headers(struck)}, body)

    def _struck(self, struck: list[Fault]) -> bool:
        """Do what comes in the place of any answer; whether something did."""
        for fault in struck:
            fault.before()
            if fault.deed == "status":
                self._send(fault.status, fault.headers, b"")
                return True
            if fault.deed == "html":
                self._send(200, {"Content-Type": "text/html"}, PORTAL)
                return True
        return False

    def _repo(self, path: str) -> tuple[Repo | None, str]:
        """The repository that a path begins with, and the rest of the path."""
        for repo in self.hub.repos.values():
            if path == repo.id or path.startswith(f"{repo.id}/"):
                return repo, path[len(repo.id) + 1 :]
        return None, ""

    def _let_in(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.hub.token}"

    def _wrong_token(self) -> bool:
        return self.seen.authorized and not self._let_in()

    def _no_repo(self) -> None:
        if self._wrong_token():
            return self._error(401, "", "Invalid credentials in Authorization header")
        return self._error(404 if self.seen.authorized else 401, "RepoNotFound", "Repository not found")

    def _error(self, status: int, code: str, text: str) -> None:
        headers = {"X-Error-Message": text, **({"X-Error-Code": code} if code else {})}
        self._send(status, {"Content-Type": "application/json", **headers}, json.dumps({"error": text}).encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self._head(status, {"Content-Length": str(len(body)), **headers})
        if self.command == "GET":
            self.wfile.write(body)
            self.seen.sent += len(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.seen.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


class _Body:
    """The bytes of an answer, as the faults make them. length: None when it is not told."""

    def __init__(self, file: File, start: int, stop: int, deeds: dict[Deed, Fault]) -> None:
        self._file, self._start, self._stop, self._deeds = file, start, stop, deeds
        for deed in ("shorten", "chunked"):
            if deed in deeds:
                self._stop = min(stop, start + deeds[deed].after)
        self._more = deeds["lengthen"].after if "lengthen" in deeds else 0
        told = "endless" not in deeds and "chunked" not in deeds
        self.length = self._stop - start + self._more if told else None

    def pieces(self) -> Iterator[bytes | memoryview]:
        at = self._start
        for piece in self._file.chunks(self._start, self._stop):
            yield self._flipped(piece, at)
            at += len(piece)
        if self._more:
            yield bytes(self._more)
        while "endless" in self._deeds:
            yield bytes(1 << 20)

    def _flipped(self, piece: bytes | memoryview, at: int) -> bytes | memoryview:
        fault = self._deeds.get("flip")
        if fault is None or not at <= fault.after < at + len(piece):
            return piece
        changed = bytearray(piece)
        changed[fault.after - at] ^= 0xFF
        return bytes(changed)


def _headers(struck: list[Fault]) -> dict[str, str]:
    return {name: value for fault in struck if fault.deed == "headers" for name, value in fault.headers.items()}


def _close(handler: _Handler) -> None:
    """Close the socket under the handler's files, so that the reset goes out at once."""
    handler.rfile.close()
    handler.connection.close()
