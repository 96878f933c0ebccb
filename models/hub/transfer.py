"""The bytes of one file: from the Hub or its CDN into the cache, resumed where they stopped, hashed, renamed into
place.

A file grows as blobs/HASH.stillroom.part, written through at once, so that a killed process loses what was on the wire
and no more. To go on, what is there is hashed again and the rest is asked for with a Range. Nothing that the server
says is believed: an answer must begin where it was asked to, no more than the listed size is ever read, and the file
gets its name only when its hash is the one that the listing gave. A wrong hash means to begin anew, once.

Blocking; models/library/download.py runs several of these on threads. `Connection.abort` ends them, a blocked read too.
Imports the HTTP library: only for processes that use the network.
"""

import contextlib
import errno
import hashlib
import logging
import os
import random
import re
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import filelock
import httpx2

from models import errors, quantities
from models.checkpoint import folders
from models.hub import cache, client, credentials, endpoint
from models.hub.listing import RemoteFile

log = logging.getLogger(__name__)

MAX_REDIRECTS = 5
MAX_WRONG_HASHES = 3
SYNC_EVERY_S = 10.0  # what a power cut may spoil at most, to be fetched again
SMALL_BYTES = 64 << 10
_RETRIED = (408, 425, 429)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")

Stage = Literal["queued", "wait", "verify", "download", "done"]


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait for what."""

    silence_s: float = 30.0
    tries: int = 8  # without a new byte
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    longest_retry_after_s: float = 60.0
    # waits so many seconds, or until the event is set
    sleep: Callable[[threading.Event, float], object] = lambda stop, s: stop.wait(s)


class Stopped(Exception):
    """The connection was aborted."""


class _Retry(Exception):
    """This answer is of no use and another may be. error: what to raise when none is; after_s: the server's own wish."""

    def __init__(self, error: errors.StillroomError, after_s: float | None = None) -> None:
        super().__init__(error.text)
        self.error = error
        self.after_s = after_s


class _FalseBytes(Exception):
    """The file is complete and its hash is wrong."""


@dataclass
class Connection:
    """The connections to one repository at a commit, and who listens to them."""

    repo: str
    commit: str
    patience: RetryPolicy
    notes: Callable[[str], None]
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._token = credentials.token()
        silence_s = self.patience.silence_s
        timeout = httpx2.Timeout(silence_s, connect=min(silence_s, client.API_TIMEOUT_S), pool=None)
        self._client = httpx2.Client(verify=client.certificates(), timeout=timeout, follow_redirects=False)
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()

    def abort(self) -> None:
        """End every transfer at once, also one that waits or is blocked in a read."""
        self.stop.set()
        with self._lock:
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(one, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close what is still open. No transfer may be running."""
        self._client.close()

    def sleep(self, seconds: float) -> None:
        """Wait; raises Stopped when the connection is aborted meanwhile."""
        self.patience.sleep(self.stop, seconds)
        if self.stop.is_set():
            raise Stopped

    @contextlib.contextmanager
    def answer(self, path: str, start: int) -> Iterator[httpx2.Response]:
        """Ask for a file from a byte on; gives the answer with its body unread. The token goes to the Hub alone."""
        address = f"{endpoint.endpoint()}/{self.repo}/resolve/{self.commit}/{urllib.parse.quote(path)}"
        for _ in range(MAX_REDIRECTS):
            request = self._client.build_request("GET", address, headers=self._headers(address, start))
            response = self._client.send(request, stream=True)
            try:
                if not response.is_redirect:
                    with self._listening(response):
                        yield response
                    return
                length = response.headers.get("Content-Length", "")
                if length.isdigit() and int(length) <= SMALL_BYTES:
                    response.read()  # so that its connection can be reused
                address = _next(address, response.headers.get("Location", ""))
            finally:
                response.close()
        raise _Retry(client.portal())

    def _headers(self, address: str, start: int) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity", "User-Agent": "stillroom"}
        if start:
            headers["Range"] = f"bytes={start}-"
        if self._token is not None and _origin(address) == _origin(endpoint.endpoint()):
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    @contextlib.contextmanager
    def _listening(self, response: httpx2.Response) -> Iterator[None]:
        """Let abort know the response's socket."""
        stream = response.extensions.get("network_stream")
        line = stream.get_extra_info("socket") if stream is not None else None
        with self._lock:
            if isinstance(line, socket.socket):
                self._sockets.add(line)
        try:
            if self.stop.is_set():
                raise Stopped
            yield
        finally:
            with self._lock:
                self._sockets.discard(line)


class Transfer:
    """One file on its way. done: bytes of it that are there; received: bytes that came over the line now."""

    def __init__(self, line: Connection, file: RemoteFile, checked_ns: int = 0) -> None:
        self.file = file
        self.stage: Stage = "queued"
        self.received = 0
        self.checked_ns = checked_ns
        self._connection = line
        self._blob = cache.blob(line.repo, file.blob)
        self._part = cache.part(line.repo, file.blob)
        self.done = min(cache.present_bytes(line.repo, file.blob), file.size)

    def run(self) -> None:
        """Have the file in the cache. Raises Stopped, Corrupt, Offline, Denied, NotFound, or an OSError of the disk."""
        known = self.checked_ns and cache.size_of(self._blob) == self.file.size
        if not known or self._blob.stat().st_mtime_ns != self.checked_ns:
            self._blob.parent.mkdir(parents=True, exist_ok=True)
            with self._holding():
                if not self._is_there_already():
                    self._fetch()
        self._part.unlink(missing_ok=True)
        self.checked_ns = self._blob.stat().st_mtime_ns
        self.done = self.file.size
        self.stage = "done"

    @contextlib.contextmanager
    def _holding(self) -> Iterator[None]:
        """Hold the blob's lock; while another process does, count what it has written."""
        lock = cache.lock(self._connection.repo, self.file.blob)
        while True:
            try:
                lock.acquire(blocking=False)
                break
            except filelock.Timeout:
                self.stage = "wait"
                self.done = min(max(self.done, cache.size_of(self._part)), self.file.size)
                self._connection.sleep(0.2)
        try:
            yield
        finally:
            lock.release()

    def _is_there_already(self) -> bool:
        """Whether the blob is there and right. A partial one will be resumed, a wrong one is removed."""
        if not self._blob.exists():
            self._blob.unlink(missing_ok=True)  # a link that leads nowhere
            return False
        if cache.size_of(self._blob) == self.file.size:
            self.stage = "verify"
            digest = cache.new_digest(self.file.blob, self.file.size)
            self._hash_into(digest, self._blob)
            if digest.hexdigest() == self.file.blob:
                return True
        about = self._blob.lstat()
        if about.st_size < self.file.size and about.st_nlink == 1 and not self._blob.is_symlink():
            self._blob.replace(self._part)
        else:
            self._blob.unlink()
        return False

    def _fetch(self) -> None:
        for attempt in (1, 2):
            try:
                with open(os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b", buffering=0) as out:
                    self._grow(out.fileno())
                self._part.replace(self._blob)
                return
            except _FalseBytes:
                log.warning("The bytes of %s are not what the Hub lists (try %d)", self.file.path, attempt)
                self._part.unlink()
        raise errors.Corrupt(
            f"What the server sends for {self.file.path} of {self._connection.repo} is not what the Hub lists: "
            "its hash is another, twice.",
            "Nothing of it was kept. Try again later, or over another network.",
        )

    def _grow(self, out: int) -> None:
        """Download the rest of the partial file and check its hash. Raises _FalseBytes."""
        size = self.file.size
        if os.fstat(out).st_size > size:
            os.ftruncate(out, 0)
        digest = cache.new_digest(self.file.blob, size)
        self.stage = "verify"
        start = self._hash_into(digest, self._part)
        os.lseek(out, start, os.SEEK_SET)
        self.stage = "download"
        failures = 0
        while start < size:
            before = start
            try:
                for piece in self._pieces(start):
                    _write(out, piece)
                    digest.update(piece)
                    start += len(piece)
                    self.received += len(piece)
                    self.done = start
                if start < size:
                    text = f"The server ends {self.file.path} early every time."
                    raise _Retry(errors.Offline(text, "What came so far is kept. Try again later."))
            except _Retry as fault:
                failures = 0 if start > before else failures + 1
                self._wait(fault, failures)
        os.fsync(out)
        if digest.hexdigest() != self.file.blob:
            raise _FalseBytes

    def _pieces(self, start: int) -> Iterator[bytes]:
        """The bytes from start on, as long as one answer lasts. Raises _Retry when it ends early or is of no use."""
        synced_at = time.monotonic()
        try:
            with self._connection.answer(self.file.path, start) as response:
                skip = self._skipped(response, start)
                left = self.file.size - start
                # read to its end, an answer leaves its connection to the next one; one without a length may have none
                ends = response.headers.get("Content-Length") == str(skip + left)
                for raw in response.iter_raw():
                    if self._connection.stop.is_set():
                        raise Stopped
                    piece = raw
                    if skip:
                        piece, skip = raw[skip:], max(0, skip - len(raw))
                    if piece := piece[:left]:
                        left -= len(piece)
                        yield piece
                    if not left and not ends:
                        return
                    if time.monotonic() - synced_at > SYNC_EVERY_S:
                        synced_at = time.monotonic()
                        folders.sync(self._part)
        except (httpx2.TransportError, httpx2.InvalidURL, httpx2.StreamError) as error:
            if self._connection.stop.is_set():
                raise Stopped from None
            if isinstance(error, httpx2.ReadTimeout):
                seconds = quantities.seconds(self._connection.patience.silence_s)
                self._connection.notes(f"No data came for {seconds}; asking again.")
            told = client.unreachable(error)
            if "CERTIFICATE" in str(error).upper():
                raise told from None
            raise _Retry(told) from None

    def _skipped(self, response: httpx2.Response, start: int) -> int:
        """How many bytes of the body come before the one asked for. Raises unless the answer is what it should be."""
        headers = response.headers
        if response.status_code not in (200, 206):
            self._refuse(response)
        if "text/html" in headers.get("Content-Type", "") and not self.file.path.endswith(".html"):
            raise _Retry(client.portal())
        if response.status_code == 206:
            found = _RANGE.fullmatch(headers.get("Content-Range", ""))
            if not found or int(found[1]) != start or (found[3] != "*" and int(found[3]) != self.file.size):
                raise self._unlike_listing()
            return 0
        length = headers.get("Content-Length", "")
        if length and (not length.isdigit() or int(length) != self.file.size):
            raise self._unlike_listing()
        return start

    def _unlike_listing(self) -> _Retry:
        what = f"What the server sends for {self.file.path} of {self._connection.repo}"
        text = f"{what} is not the {quantities.size(self.file.size)} that the Hub lists."
        return _Retry(errors.Corrupt(text, "Try again later, or over another network."))

    def _refuse(self, response: httpx2.Response) -> None:
        status = response.status_code
        told = client.status_error(status, dict(response.headers), self._connection.repo)
        if status == 416:
            raise self._unlike_listing()
        if _origin(str(response.request.url)) != _origin(endpoint.endpoint()):
            # a CDN's address runs out; the next try gets a new one
            told = errors.Offline(f"The server of {self.file.path} has trouble (status {status}).", "Try again later.")
            raise _Retry(told, client.retry_after_s(response.headers))
        if status >= 500 or status in _RETRIED:
            raise _Retry(told, client.retry_after_s(response.headers))
        raise told

    def _wait(self, fault: _Retry, failures: int) -> None:
        """Wait before the next try. Raises the fault's error when there have been enough."""
        patience = self._connection.patience
        # a server that contradicts the listing will hardly change its mind
        if failures >= (MAX_WRONG_HASHES if isinstance(fault.error, errors.Corrupt) else patience.tries):
            raise fault.error
        longest = min(patience.first_wait_s * 2.0**failures, patience.longest_wait_s)
        wait = longest * random.uniform(0.5, 1.0)
        if fault.after_s is not None:
            asked = max(1, round(fault.after_s / 60))
            in_words = f"{asked} min" if fault.after_s >= 60 else quantities.seconds(fault.after_s)
            if fault.after_s > patience.longest_retry_after_s:
                self._connection.notes(f"The Hub asks to wait {in_words}.")
                text = f"{endpoint.named(first=True)} asks to wait {in_words} before it sends more."
                raise errors.Offline(text, "What came so far is kept. Go on with the download then.")
            if fault.after_s >= 5:
                self._connection.notes(f"The Hub asks to wait {in_words}.")
            wait = max(wait, fault.after_s)
        self._connection.sleep(wait)

    def _hash_into(self, digest: "hashlib._Hash", file: Path) -> int:
        """Hash what a file holds; returns how much that is."""
        total = 0
        with file.open("rb") as content:
            while piece := content.read(cache.READ_BYTES):
                if self._connection.stop.is_set():
                    raise Stopped
                digest.update(piece)
                total += len(piece)
        return total


def _next(address: str, location: str) -> str:
    """Where a redirect leads. Raises _Retry for an address from which a download could be tampered with."""
    try:
        target = urllib.parse.urljoin(address, location)
        may_be_local = endpoint.is_loopback(endpoint.endpoint())
        trusted = endpoint.is_trusted(target) and (may_be_local or not endpoint.is_loopback(target))
    except ValueError:
        trusted = False
    if not location or not trusted:
        raise _Retry(client.portal())
    return target


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urllib.parse.urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _write(out: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        written = os.write(out, view)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = view[written:]
