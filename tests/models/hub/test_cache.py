"""The cache tells what is there and what is missing, and gives back what it says."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import errors, paths
from models.hub import cache as hf_cache
from models.hub import manifests
from models.library import download
from tests.hub.faults import Fault
from tests.hub.server import Hub
from tests.hub.session import IMPATIENT, open_hub
from tests.hub.verification import verify
from tests.tiny import make_tiny

REPO = "org/tiny"
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = make_tiny(tmp_path_factory.mktemp("tiny"))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, bytes]) -> Iterator[Hub]:
    with open_hub(monkeypatch, tmp_path) as running:
        running.add(REPO, files)
        yield running


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fetch(revision: str = "main") -> None:
    for _ in download.fetch(REPO, revision, patience=IMPATIENT):
        pass


def fetch_half(hub: Hub) -> None:
    hub.inject(Fault("bytes", "cut", path=WEIGHTS, after=100_000), Fault("bytes", "cut", path=WEIGHTS, times=None))
    with pytest.raises(errors.Offline):
        fetch()
    hub.faults.clear()


def write_foreign(cache: Path, repo: str, names: dict[str, bytes]) -> Path:
    """A repository as another tool leaves it."""
    commit = "c" * 40
    place = cache / ("models--" + repo.replace("/", "--"))
    linked = place / "snapshots" / commit
    for folder in (place / "blobs", place / "refs", linked):
        folder.mkdir(parents=True)
    (place / "refs" / "main").write_text(commit)
    for number, (name, content) in enumerate(names.items()):
        blob = place / "blobs" / f"{number:040}"
        blob.write_bytes(content)
        (linked / name).symlink_to(os.path.relpath(blob, linked))
    return place


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.hub_cache() == tmp_path / ".cache" / "huggingface" / "hub"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert paths.hub_cache() == Path("/x/huggingface/hub")
    monkeypatch.setenv("HF_HOME", "~/hf")
    assert paths.hub_cache() == tmp_path / "hf" / "hub"
    assert paths.hf_home() == tmp_path / "hf"
    monkeypatch.setenv("HUGGINGFACE_HUB_CACHE", "/old")
    assert paths.hub_cache() == Path("/old")
    monkeypatch.setenv("HF_HUB_CACHE", "$HOME/new")
    assert paths.hub_cache() == tmp_path / "new"


def test_an_empty_one(cache: Path) -> None:
    assert hf_cache.repos() == []
    assert hf_cache.find(REPO) is None
    assert hf_cache.sweep() == 0
    with pytest.raises(errors.NotFound):
        hf_cache.delete(REPO)
    assert hf_cache.discard(REPO) == 0


def test_a_whole_repository(hub: Hub, files: dict[str, bytes]) -> None:
    fetch()
    (found,) = hf_cache.repos()
    assert (found.repo, found.commit, found.missing, found.complete) == (REPO, hub.repos[REPO].main, [], True)
    assert found.snapshot == hf_cache.snapshot(REPO, found.commit)
    assert found.size_bytes == sum(map(len, files.values()))
    assert found.modified.endswith("+00:00")
    assert dict(verify(REPO)) == dict.fromkeys(files, True)


def test_half_of_one(hub: Hub, files: dict[str, bytes]) -> None:
    fetch_half(hub)
    (found,) = hf_cache.repos()
    assert (found.snapshot, found.missing, found.complete) == (None, [WEIGHTS], False)
    assert found.size_bytes == sum(map(len, files.values())) - len(files[WEIGHTS]) + 100_000
    assert hf_cache.missing(REPO, found.commit) == [WEIGHTS]


def test_what_was_lost_or_damaged(hub: Hub) -> None:
    fetch()
    commit = hub.repos[REPO].main
    linked = hf_cache.snapshot(REPO, commit)
    blob = (linked / "config.json").resolve()
    content = blob.read_bytes()
    blob.write_bytes(content[:-1] + b" ")
    assert hf_cache.missing(REPO, commit) == []  # of the right size: that takes reading it
    assert [path for path, right in verify(REPO) if not right] == ["config.json"]
    blob.unlink()
    assert hf_cache.missing(REPO, commit) == ["config.json"]
    assert [path for path, right in verify(REPO) if not right] == ["config.json"]
    assert not hf_cache.repos()[0].complete


def test_a_repository_of_another_tool(cache: Path, files: dict[str, bytes]) -> None:
    place = write_foreign(cache, "org/other", files)
    found = hf_cache.find("org/other")
    assert found is not None
    assert found.complete
    index = b'{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}'
    write_foreign(cache, "org/half", {"model.safetensors.index.json": index, "model-00001-of-00002.safetensors": b"x"})
    assert hf_cache.missing("org/half", "c" * 40) == ["config.json", "model-00002-of-00002.safetensors"]
    (place / "snapshots" / ("c" * 40) / "config.json").resolve().unlink()
    assert hf_cache.missing("org/other", "c" * 40) == ["config.json"]
    with pytest.raises(errors.NotFound):
        hf_cache.missing("org/other", "d" * 40)
    (cache / "models--org--odd").write_text("no folder")
    (cache / "datasets--org--x").mkdir()
    assert [one.repo for one in hf_cache.repos()] == ["org/half", "org/other"]


def test_deleting_gives_back_what_it_says(hub: Hub, tmp_path: Path, files: dict[str, bytes]) -> None:
    fetch()
    place = hf_cache.folder(REPO)
    small = sum(path.stat().st_size for path in place.rglob("*") if path.is_file() and not path.is_symlink())
    os.link(hf_cache.blob(REPO, hub.repos[REPO].file(WEIGHTS).sha256), tmp_path / "imported")
    assert hf_cache.delete(REPO) == small - len(files[WEIGHTS])
    assert (tmp_path / "imported").read_bytes() == files[WEIGHTS]
    assert hf_cache.repos() == []
    assert manifests.of_repo(REPO) == []
    assert [path.name for path in paths.hub_cache().iterdir()] == [".locks"]


def test_nothing_is_deleted_while_it_comes(hub: Hub) -> None:
    fetch_half(hub)
    with hf_cache.lock(REPO, hub.repos[REPO].file(WEIGHTS).sha256):
        for remove in (hf_cache.delete, hf_cache.discard):
            with pytest.raises(errors.Busy):
                remove(REPO)
    assert hf_cache.repos()[0].size_bytes > 100_000
    assert hf_cache.discard(REPO) > 100_000
    assert hf_cache.repos() == []


def test_discarding_leaves_what_is_whole(hub: Hub, files: dict[str, bytes]) -> None:
    fetch()
    first = hub.repos[REPO].main
    hub.repos[REPO].commit({**files, WEIGHTS: files[WEIGHTS][::-1]})
    fetch_half(hub)
    assert len(manifests.of_repo(REPO)) == 2
    assert hf_cache.discard(REPO) == 100_000
    assert [one.commit for one in manifests.of_repo(REPO)] == [first]
    assert hf_cache.find(REPO) is not None
    assert hf_cache.missing(REPO, first) == []


def test_sweeping(hub: Hub) -> None:
    fetch_half(hub)
    blobs = hf_cache.folder(REPO) / "blobs"
    fresh, stale = blobs / "aa.11111111.incomplete", blobs / "bb.22222222.incomplete"
    for file in (fresh, stale):
        file.write_bytes(b"x" * 1000)
    old = time.time() - 2 * hf_cache.STALE_S
    os.utime(stale, (old, old))
    ours = hf_cache.part(REPO, hub.repos[REPO].file(WEIGHTS).sha256)
    os.utime(ours, (old, old))
    left = paths.hub_cache() / ".stillroom-deleted-1-1"
    left.mkdir()
    (left / "blob").write_bytes(b"x" * 500)
    assert hf_cache.sweep() == 1500
    assert fresh.exists()
    assert ours.exists()  # a download will go on with it
    assert not stale.exists()
    assert not left.exists()
    fetch()
    ours.write_bytes(b"x")
    assert hf_cache.sweep() == 1
    assert not ours.exists()


def test_two_commits_share_what_is_the_same(hub: Hub, files: dict[str, bytes]) -> None:
    fetch()
    first = hub.repos[REPO].main
    hub.repos[REPO].commit({**files, "config.json": files["config.json"] + b"\n"})
    fetch()
    (found,) = hf_cache.repos()
    assert found.commit == hub.repos[REPO].main
    assert found.size_bytes == sum(map(len, files.values())) + len(files["config.json"]) + 1
    assert hf_cache.missing(REPO, first) == []


def test_a_disk_without_links(hub: Hub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    monkeypatch.setattr(os, "link", refuse)
    fetch()
    linked = hf_cache.snapshot(REPO, hub.repos[REPO].main)
    assert {path.name: path.read_bytes() for path in linked.iterdir()} == files
    assert not any(path.is_symlink() for path in linked.iterdir())
    hub.requests.clear()
    fetch(hub.repos[REPO].main)
    assert hub.requests == []


def test_a_damaged_manifest_is_as_none(hub: Hub) -> None:
    fetch()
    (manifest,) = manifests.of_repo(REPO)
    (manifests.place(REPO) / f"{manifest.commit}.json").write_bytes(b'{"repo": 3')
    assert manifests.of_repo(REPO) == []
    assert hf_cache.repos()[0].complete
    fetch()
    assert len(manifests.of_repo(REPO)) == 1


def test_many_are_listed_without_reading_weights(
    cache: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        write_foreign(cache, f"org/model-{number:02}", files)
    opened: list[str] = []
    really_open = open

    def seen(path: str, *more: object, **options: object) -> object:
        opened.append(str(path))
        return really_open(path, *more, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", seen)
    assert len(hf_cache.repos()) == 20
    assert all(
        path.startswith(str(manifests.place("org/model-00"))[:-2]) for path in opened
    )  # ours, which are not there
