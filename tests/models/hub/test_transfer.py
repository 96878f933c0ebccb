"""One file on its way: what is read, what is believed, what is kept."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import errors
from models.hub import cache, transfer
from models.hub.listing import RemoteFile
from tests.hub.faults import Fault
from tests.hub.repos import Repo
from tests.hub.server import Hub
from tests.hub.session import IMPATIENT, open_hub

REPO = "org/x"
CONTENT = hashlib.shake_128(b"content").digest(300_000)
BIG, SMALL = "model.safetensors", "notes.json"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with open_hub(monkeypatch, tmp_path) as running:
        running.add(REPO, {BIG: CONTENT, SMALL: b'{"a": 1}', "empty.json": b""})
        yield running


@pytest.fixture
def line(hub: Hub) -> Iterator[transfer.Connection]:
    one = transfer.Connection(REPO, hub.repos[REPO].main, IMPATIENT, lambda _: None)
    yield one
    one.close()


def remote(repo: Repo, path: str) -> RemoteFile:
    file = repo.file(path)
    return RemoteFile(path=path, size=file.size, blob=file.etag)


@pytest.mark.parametrize("path", [BIG, SMALL, "empty.json"])
def test_a_file(hub: Hub, line: transfer.Connection, path: str) -> None:
    one = transfer.Transfer(line, remote(hub.repos[REPO], path))
    one.run()
    file = hub.repos[REPO].file(path)
    assert cache.blob(REPO, file.etag).read_bytes() == file.content
    assert (one.done, one.received, one.stage) == (file.size, file.size, "done")
    assert one.checked_ns == cache.blob(REPO, file.etag).stat().st_mtime_ns


def test_a_blob_that_was_checked_is_not_read_again(
    hub: Hub, line: transfer.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = remote(hub.repos[REPO], BIG)
    first = transfer.Transfer(line, file)
    first.run()
    hub.requests.clear()
    hashed: list[str] = []
    monkeypatch.setattr(cache, "new_digest", lambda name, size: hashed.append(name))
    transfer.Transfer(line, file, first.checked_ns).run()
    assert hashed == []
    assert hub.requests == []


def test_a_blob_of_another_tool_is_checked_first(hub: Hub, line: transfer.Connection) -> None:
    file = remote(hub.repos[REPO], BIG)
    blob = cache.blob(REPO, file.blob)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(CONTENT)
    transfer.Transfer(line, file).run()
    assert hub.gets(BIG) == []
    blob.write_bytes(CONTENT[::-1])
    transfer.Transfer(line, file).run()
    assert blob.read_bytes() == CONTENT
    assert [request.range for request in hub.gets(BIG)] == [""]


def test_half_a_file_that_is_too_long(hub: Hub, line: transfer.Connection) -> None:
    file = remote(hub.repos[REPO], BIG)
    part = cache.part(REPO, file.blob)
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT + b"more")
    transfer.Transfer(line, file).run()
    assert cache.blob(REPO, file.blob).read_bytes() == CONTENT


def test_half_a_file_that_was_whole_already(hub: Hub, line: transfer.Connection) -> None:
    file = remote(hub.repos[REPO], BIG)
    part = cache.part(REPO, file.blob)
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT)
    transfer.Transfer(line, file).run()
    assert cache.blob(REPO, file.blob).read_bytes() == CONTENT
    assert hub.gets(BIG) == []


def test_a_listing_that_lies(hub: Hub, line: transfer.Connection) -> None:
    right = remote(hub.repos[REPO], BIG)
    for false in (
        RemoteFile(path=BIG, size=right.size, blob="0" * 64),
        RemoteFile(path=BIG, size=right.size - 1, blob=right.blob),
        RemoteFile(path=BIG, size=right.size + 1, blob=right.blob),
    ):
        with pytest.raises(errors.Corrupt, match=r"model\.safetensors of org/x"):
            transfer.Transfer(line, false).run()
        assert not cache.blob(REPO, false.blob).exists()


def test_hanging_up_ends_a_read_at_once(hub: Hub) -> None:
    stall = Fault("bytes", "stall", path=BIG, after=1000)
    hub.inject(stall)
    line = transfer.Connection(REPO, hub.repos[REPO].main, transfer.RetryPolicy(silence_s=60), lambda _: None)
    one = transfer.Transfer(line, remote(hub.repos[REPO], BIG))
    ended: list[BaseException] = []

    def run() -> None:
        try:
            one.run()
        except transfer.Stopped as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while one.received < 1000:
        thread.join(0.01)
    line.abort()
    thread.join(5)
    assert not thread.is_alive()
    assert len(ended) == 1
    line.close()
    assert cache.part(REPO, one.file.blob).read_bytes() == CONTENT[:1000]


def test_a_certificate_that_is_not_trusted_is_not_tried_again(
    hub: Hub, line: transfer.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx2

    asked: list[str] = []

    def refuse(_client: object, method: str, url: str, **_: object) -> None:
        asked.append(url)
        raise httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")

    monkeypatch.setattr(httpx2.Client, "build_request", refuse)
    with pytest.raises(errors.Offline, match="certificate"):
        transfer.Transfer(line, remote(hub.repos[REPO], BIG)).run()
    assert len(asked) == 1


def test_every_try_asks_the_hub_anew(hub: Hub, line: transfer.Connection) -> None:
    hub.inject(Fault("bytes", "status", path=BIG, status=403, times=2))  # a CDN's address that has run out
    transfer.Transfer(line, remote(hub.repos[REPO], BIG)).run()
    assert [request.host for request in hub.requests] == ["hub", "cdn"] * 3


def test_connections_are_used_again(hub: Hub, line: transfer.Connection) -> None:
    for path in (SMALL, BIG, "empty.json"):
        transfer.Transfer(line, remote(hub.repos[REPO], path)).run()
    assert hub.connections == {"hub": 1, "cdn": 1}


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_cdn_that_has_lost_the_file(hub: Hub, line: transfer.Connection, status: int) -> None:
    hub.inject(Fault("bytes", "status", path=BIG, status=status, times=None))
    with pytest.raises(errors.Offline, match=f"status {status}"):
        transfer.Transfer(line, remote(hub.repos[REPO], BIG)).run()
