"""Downloads against a hub on loopback that does wrong what it is told to: they finish, and no false byte is accepted."""

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import errors, paths
from models.checkpoint import inspection
from models.engine.client import Engine
from models.events import Done, Event, Model, Note, Progress
from models.hub import cache as hf_cache
from models.hub import client, manifests
from models.hub.transfer import RetryPolicy
from models.jobs.kinds.fetch import Fetch
from models.library import download
from tests.hub.faults import Fault
from tests.hub.server import Hub, Request
from tests.hub.session import IMPATIENT, open_hub
from tests.hub.verification import verify
from tests.returned import with_done
from tests.tiny import make_tiny

REPO = "org/tiny"
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, bytes]) -> Iterator[Hub]:
    with open_hub(monkeypatch, tmp_path) as running:
        running.add(REPO, files)
        yield running


def fetch(repo: str = REPO, patience: RetryPolicy = IMPATIENT, **more: str) -> list[Event]:
    return list(with_done(download.fetch(repo, **more, patience=patience)))


def model(events: list[Event]) -> Model:
    last = events[-1]
    assert isinstance(last, Done)
    assert isinstance(last.result, Model)
    return last.result


def steps(events: list[Event]) -> list[Progress]:
    return [event for event in events if isinstance(event, Progress)]


def assert_whole(files: dict[str, bytes], found: Model) -> None:
    for name, content in files.items():
        assert (Path(found.path) / name).read_bytes() == content, name


def ranges(hub: Hub, name: str = WEIGHTS) -> list[str]:
    return [request.range for request in hub.gets(name)]


def part() -> Path:
    return next((hf_cache.folder(REPO) / "blobs").glob("*.part"))


def stop_after(n_bytes: int, hub: Hub) -> None:
    """Have a download stopped once so many bytes of the weights are there: the server says no more."""
    stall = Fault("bytes", "stall", path=WEIGHTS, after=n_bytes)
    hub.inject(stall)
    running = download.fetch(REPO, patience=RetryPolicy(silence_s=20))
    for event in running:
        if isinstance(event, Progress) and stall.seen and part().stat().st_size >= n_bytes:
            break
    running.close()


def test_a_whole_model(hub: Hub, files: dict[str, bytes]) -> None:
    events = fetch()
    found = model(events)
    assert_whole(files, found)
    assert (found.name, found.title, found.kind, found.repo) == (REPO, "tiny", "original", REPO)
    assert (found.revision, found.architecture, found.state) == (hub.repos[REPO].main, "llama", "ready")
    assert inspection.inspect(Path(found.path)).params == found.params
    total = sum(map(len, files.values()))
    first, last = steps(events)[0], steps(events)[-1]
    assert (first.done, first.total, last.done, last.total) == (0, total, total, total)
    assert hub.sent(WEIGHTS) == len(files[WEIGHTS])


def test_only_expected_requests_go_out(hub: Hub, files: dict[str, bytes]) -> None:
    fetch()
    commit = hub.repos[REPO].main
    expected = {f"/api/models/{REPO}/revision/main"} | {f"/{REPO}/resolve/{commit}/{name}" for name in files}
    assert {request.path for request in hub.requests if request.host == "hub"} == expected
    assert [request.path for request in hub.requests if request.host == "cdn"] == [
        f"/{hub.repos[REPO].file(WEIGHTS).sha256}/{WEIGHTS}"
    ]


def test_a_second_time_costs_no_byte(hub: Hub) -> None:
    fetch()
    hub.requests.clear()
    events = fetch()
    assert steps(events)[0].done == steps(events)[0].total
    assert [request.path for request in hub.requests] == [f"/api/models/{REPO}/revision/main"]
    hub.requests.clear()
    fetch(revision=hub.repos[REPO].main)
    assert hub.requests == []  # a commit that is whole needs no network at all


def test_other_tools_find_it(hub: Hub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    found = model(fetch())
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    cache = paths.hub_cache()
    offline = huggingface_hub.snapshot_download(REPO, cache_dir=cache, local_files_only=True)
    assert Path(offline) == Path(found.path)
    hub.requests.clear()
    patterns = ["*.json", "model*.safetensors", "*.py", "tokenizer.model", "*.txt", "*.jinja"]  # mlx-lm's
    online = huggingface_hub.snapshot_download(REPO, cache_dir=cache, endpoint=hub.url, allow_patterns=patterns)
    assert Path(online) == Path(found.path)
    assert [request.path for request in hub.requests if "/api/" not in request.path] == []


def test_only_what_running_takes(hub: Hub, files: dict[str, bytes]) -> None:
    more = {
        "README.md": b"# Hello",
        "LICENSE": b"Apache",
        "modeling.py": b"import os",
        "pytorch_model.bin": b"pickle",
        "pytorch_model.bin.index.json": b"{}",
        "consolidated.safetensors": b"the same again",
        "onnx/model.onnx": b"onnx",
        "original/config.json": b"{}",
        ".gitattributes": b"",
        "tokenizer.model": b"pieces",
        "chat_template.jinja": b"{{ messages }}",
    }
    hub.add("org/more", {**files, **more})
    found = model(fetch("org/more"))
    wanted = {*files, "LICENSE", "tokenizer.model", "chat_template.jinja"}
    assert {path.name for path in Path(found.path).iterdir()} == wanted


@pytest.mark.parametrize(
    ("holds", "kind", "words"),
    [
        ({"config.json": b"{}", "pytorch_model.bin": b"x"}, errors.Unsafe, "pickle"),
        ({"model-Q4.gguf": b"GGUF"}, errors.Unsupported, "GGUF"),
        ({"adapter_model.safetensors": b"x", "adapter_config.json": b"{}"}, errors.Unsupported, "adapter"),
        ({"model.safetensors": b"x"}, errors.Unsupported, "config.json"),
        ({"README.md": b"x"}, errors.Unsupported, "no weights"),
        ({"model.safetensors": b"x", "config.json": b'{"model_type": "frogs"}'}, errors.Unsupported, "frogs"),
    ],
)
def test_what_can_t_run_is_refused_unread(
    hub: Hub, holds: dict[str, bytes], kind: type[errors.StillroomError], words: str
) -> None:
    hub.add("org/other", holds)
    with pytest.raises(kind, match=words):
        fetch("org/other")
    assert hub.sent() == 0
    assert not hf_cache.folder("org/other").exists()


def test_a_foreign_format_is_told_before_its_weights_come(hub: Hub, files: dict[str, bytes]) -> None:
    config = json.loads(files["config.json"]) | {"quantization_config": {"quant_method": "hqq"}}
    foreign = {**files, "config.json": json.dumps(config).encode()}
    hub.add("org/Tiny-4bit-HQQ", foreign, tags=["base_model:quantized:org/tiny"])
    with pytest.raises(errors.Unsupported, match="org/Tiny-4bit-HQQ is in the format HQQ") as refused:
        fetch("org/Tiny-4bit-HQQ")
    assert "`stillroom pull org/tiny`" in refused.value.hint
    assert hub.sent() == len(foreign["config.json"])
    assert not hf_cache.folder("org/Tiny-4bit-HQQ").exists()


def test_a_format_that_the_hub_tells_costs_no_byte(hub: Hub) -> None:
    told = {"model_type": "llama", "quantization_config": {"quant_method": "bitsandbytes"}}
    hub.inject(Fault("info", "change", change=lambda info: {**info, "config": told}))
    with pytest.raises(errors.Unsupported, match="bitsandbytes"):
        fetch()
    assert hub.sent() == 0


@pytest.mark.parametrize("deed", ["cut", "reset"])
def test_it_goes_on_where_the_line_broke(hub: Hub, files: dict[str, bytes], deed: str) -> None:
    hub.inject(Fault("bytes", deed, path=WEIGHTS, after=100_000, times=3))  # type: ignore[arg-type]
    assert_whole(files, model(fetch()))
    starts = [int(text[6:-1]) for text in ranges(hub)[1:]]
    assert starts == sorted(starts)
    assert len(starts) == 3
    assert starts[0] > 0
    assert deed == "reset" or starts == [100_000, 200_000, 300_000]  # a reset may take what was on its way along


def test_a_line_that_breaks_every_time_before_a_large_piece(hub: Hub, files: dict[str, bytes]) -> None:
    hub.inject(Fault("bytes", "cut", path=WEIGHTS, after=40_000, times=None))
    assert_whole(files, model(fetch()))
    assert len(ranges(hub)) == -(-len(files[WEIGHTS]) // 40_000)  # more tries than are made without a new byte


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_what_may_pass_is_tried_again(hub: Hub, files: dict[str, bytes], status: int) -> None:
    hub.inject(Fault("resolve", "status", status=status, times=3), Fault("info", "status", status=503))
    assert_whole(files, model(fetch()))


def test_without_a_new_byte_it_ends_and_keeps_what_it_has(hub: Hub, files: dict[str, bytes]) -> None:
    hub.inject(Fault("bytes", "cut", path=WEIGHTS, after=100_000), Fault("bytes", "cut", path=WEIGHTS, times=None))
    with pytest.raises(errors.Offline, match="can't be reached"):
        fetch()
    assert part().stat().st_size == 100_000
    assert len(ranges(hub)) == 1 + IMPATIENT.tries
    hub.faults.clear()
    hub.requests.clear()
    assert_whole(files, model(fetch()))
    assert ranges(hub) == ["bytes=100000-"]


def test_the_waits_grow_and_the_server_s_wish_is_heeded(hub: Hub) -> None:
    waits: list[float] = []
    patience = RetryPolicy(sleep=lambda _stop, seconds: waits.append(seconds))
    wish = Fault("bytes", "status", path=WEIGHTS, status=429, headers={"Retry-After": "20"})
    hub.inject(Fault("bytes", "status", path=WEIGHTS, status=500, times=4), wish)
    events = fetch(patience=patience)
    assert [low * 0.5 <= wait <= low for low, wait in zip((1, 2, 4, 8), waits, strict=False)] == [True] * 4
    assert 20 <= waits[4] <= 30
    assert Note(text="The Hub asks to wait 20 s.") in events


def test_a_server_that_asks_to_wait_for_a_day_is_not_waited_for(hub: Hub) -> None:
    hub.inject(Fault("bytes", "status", path=WEIGHTS, status=429, headers={"Retry-After": "86400"}))
    with pytest.raises(errors.Offline, match="asks to wait 1440 min"):
        fetch()


def test_silence_is_ended(hub: Hub, files: dict[str, bytes]) -> None:
    hub.inject(Fault("bytes", "stall", path=WEIGHTS, after=150_000))
    events = fetch()
    assert_whole(files, model(events))
    assert Note(text="No data came for 0.3 s; asking again.") in events
    assert ranges(hub) == ["", "bytes=150000-"]


def test_a_silent_api_has_a_time_limit(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "API_TIMEOUT_S", 0.2)
    monkeypatch.setattr(client, "TRIES", 1)
    hub.inject(Fault("info", "stall", times=None))
    with pytest.raises(errors.Offline, match="does not answer in time"):
        fetch()


@pytest.mark.parametrize("place", ["info", "bytes"])
@pytest.mark.timeout(30)
def test_it_is_stopped_at_once_when_nothing_comes(hub: Hub, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "API_TIMEOUT_S", 3600)  # this and the silence are what it would wait for otherwise
    stall = Fault(place, "stall", path="*" if place == "info" else WEIGHTS, times=None)  # type: ignore[arg-type]
    hub.inject(stall)
    running = download.fetch(REPO, patience=RetryPolicy(silence_s=3600))
    for _ in running:
        if stall.seen:
            break
    running.close()
    assert place == "info" or not [one.name for one in threading.enumerate() if one.name.startswith("fetch-")]


@pytest.mark.parametrize("path", [WEIGHTS, "tokenizer.json"])
def test_false_bytes_are_fetched_once_more(hub: Hub, files: dict[str, bytes], path: str) -> None:
    hub.inject(Fault("bytes", "flip", path=path, after=5000))
    assert_whole(files, model(fetch()))
    assert ranges(hub, path) == ["", ""]


@pytest.mark.parametrize("path", [WEIGHTS, "tokenizer.json"])
def test_false_bytes_are_never_accepted(hub: Hub, path: str) -> None:
    hub.inject(Fault("bytes", "flip", path=path, after=5000, times=None))
    with pytest.raises(errors.Corrupt, match=path):
        fetch()
    name = hub.repos[REPO].file(path).etag
    assert not hf_cache.blob(REPO, name).exists()
    assert not hf_cache.part(REPO, name).exists()
    assert not hf_cache.snapshot(REPO, hub.repos[REPO].main).exists()


def test_progress_never_goes_back(hub: Hub) -> None:
    hub.inject(Fault("bytes", "flip", path=WEIGHTS, after=5000), Fault("bytes", "cut", after=200_000, times=4))
    told = steps(fetch())
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert {one.total for one in told} == {told[0].total}


@pytest.mark.parametrize("deed", ["false_range", "wrong_range", "ignore_range"])
def test_a_range_that_is_answered_wrongly(hub: Hub, files: dict[str, bytes], deed: str) -> None:
    hub.inject(Fault("bytes", "cut", path=WEIGHTS, after=100_000))
    hub.inject(Fault("bytes", deed, path=WEIGHTS, ranged=True))  # type: ignore[arg-type]
    assert_whole(files, model(fetch()))
    expected = {
        "false_range": ["", "bytes=100000-", ""],  # seen by its hash
        "wrong_range": ["", "bytes=100000-", "bytes=100000-"],  # seen by its header
        "ignore_range": ["", "bytes=100000-"],  # what was there already is read past
    }
    assert ranges(hub) == expected[deed]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("bytes", "lengthen", path=WEIGHTS, after=500, times=None),
        Fault("bytes", "shorten", path=WEIGHTS, after=500, times=None),
        Fault("bytes", "status", path=WEIGHTS, status=416, times=None),
    ],
    ids=["longer", "shorter", "beyond"],
)
def test_another_size_than_listed_is_refused(hub: Hub, fault: Fault) -> None:
    fault.seen = 0
    hub.inject(fault)
    with pytest.raises(errors.Corrupt, match=r"model\.safetensors of org/tiny is not the 435\.6 kB"):
        fetch()


def test_an_endless_body_is_read_to_its_size_and_no_further(hub: Hub, files: dict[str, bytes]) -> None:
    hub.inject(Fault("bytes", "endless", path=WEIGHTS))
    assert_whole(files, model(fetch()))


def test_a_body_without_a_length_that_ends_early(hub: Hub, files: dict[str, bytes]) -> None:
    hub.inject(Fault("bytes", "chunked", path=WEIGHTS, after=120_000))
    assert_whole(files, model(fetch()))
    assert ranges(hub) == ["", "bytes=120000-"]


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"../../../../escape"', "X-Linked-ETag": '"../../../../escape"'},
        {"ETag": '"/tmp/escape"', "X-Linked-ETag": '"/tmp/escape"'},
        {"X-Repo-Commit": "../.."},
        {"X-Linked-Size": "99999999999999999"},
        {"Content-Disposition": 'attachment; filename="../../escape"'},
    ],
)
def test_headers_name_nothing(hub: Hub, files: dict[str, bytes], tmp_path: Path, headers: dict[str, str]) -> None:
    hub.inject(Fault("resolve", "headers", headers=headers, times=None))
    hub.inject(Fault("bytes", "headers", headers=headers, times=None))
    assert_whole(files, model(fetch()))
    assert not [path for path in tmp_path.rglob("*escape*")]
    assert not Path("/tmp/escape").exists()


@pytest.mark.parametrize("sha", ["../../x", "main", "ABCDEF" * 7, "", None, "0" * 39, "0" * 64, 7])
def test_a_commit_that_is_none(hub: Hub, tmp_path: Path, sha: object) -> None:
    hub.inject(Fault("info", "change", change=lambda info: {**info, "sha": sha}))
    with pytest.raises(errors.Unsafe, match="commit"):
        fetch()
    assert not (tmp_path / "hf").exists()


HOSTILE_NAMES = [
    "../evil.json",
    "a/../../evil.json",
    "/etc/evil.json",
    "..\\evil.json",
    "C:\\evil.json",
    "C:evil.json",
    "evil\0.json",
    "evil\n.json",
    "a//evil.json",
    "./evil.json",
    "e" * 300 + ".json",
    "\ud800.json",
    "",
    7,
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_that_leads_elsewhere(hub: Hub, tmp_path: Path, name: object) -> None:
    row = {"rfilename": name, "size": 3, "blobId": "0" * 40}
    hub.inject(Fault("info", "change", change=lambda info: {**info, "siblings": [*info["siblings"], row]}))
    with pytest.raises(errors.Unsafe, match="can't be stored safely"):
        fetch()
    assert not (tmp_path / "hf").exists()


def test_names_that_a_mac_s_disk_takes_for_one(hub: Hub, files: dict[str, bytes]) -> None:
    hub.add("org/twins", {**files, "Config.json": b"{}"})
    with pytest.raises(errors.Unsafe, match="for one file"):
        fetch("org/twins")
    hub.add("org/accents", {**files, "caf\u00e9.json": b"1", "cafe\u0301.json": b"2"})
    with pytest.raises(errors.Unsafe, match="for one file"):
        fetch("org/accents")


@pytest.mark.parametrize(
    "lie",
    [
        {"blobId": "../../x", "lfs": None},
        {"lfs": {"sha256": "../../x", "size": 435_560, "pointerSize": 1}},
        {"lfs": {"sha256": "0" * 63, "size": 435_560, "pointerSize": 1}},
        {"lfs": {"sha256": "0" * 64, "size": -1, "pointerSize": 1}},
        {"lfs": {"sha256": "0" * 64, "size": 1 << 60, "pointerSize": 1}},
        {"lfs": {"sha256": "0" * 64, "size": "many", "pointerSize": 1}},
    ],
)
def test_hashes_and_sizes_that_are_none(hub: Hub, tmp_path: Path, lie: dict[str, object]) -> None:
    def change(info: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, object]]]:
        return {
            **info,
            "siblings": [{**row, **lie} if row["rfilename"] == WEIGHTS else row for row in info["siblings"]],
        }

    hub.inject(Fault("info", "change", change=change))
    with pytest.raises(errors.Corrupt):
        fetch()
    assert not (tmp_path / "hf").exists()


@pytest.mark.parametrize("deed", ["html", "half_json"])
def test_a_login_page_instead_of_the_api(hub: Hub, deed: str) -> None:
    hub.inject(Fault("info", deed, times=None))  # type: ignore[arg-type]
    with pytest.raises(errors.Offline, match="login page"):
        fetch()


def test_json_of_another_shape(hub: Hub) -> None:
    for content in ([], {"id": 3}, {"id": REPO, "siblings": 5}, {"id": REPO, "siblings": [{}]}, "hello", None):
        hub.inject(Fault("info", "change", change=lambda _, content=content: content))
        with pytest.raises((errors.Offline, errors.Unsafe)):
            fetch()


def test_a_login_page_instead_of_a_file(hub: Hub, files: dict[str, bytes]) -> None:
    hub.inject(Fault("bytes", "html", path="config.json", times=2))
    assert_whole(files, model(fetch()))
    hub.add("org/second", {**files, "config.json": files["config.json"] + b" "})
    hub.inject(Fault("bytes", "html", path="config.json", times=None))
    with pytest.raises(errors.Offline, match="login page"):
        fetch("org/second")


def test_what_was_downloaded_by_half_counts_at_the_start(hub: Hub, files: dict[str, bytes]) -> None:
    stop_after(200_000, hub)
    hub.requests.clear()
    events = fetch()
    assert_whole(files, model(events))
    assert ranges(hub) == ["bytes=200000-"]
    assert steps(events)[0].done >= 200_000
    assert not list((hf_cache.folder(REPO) / "blobs").glob("*.part"))


def test_what_is_whole_is_not_hashed_again_after_a_kill(hub: Hub, files: dict[str, bytes]) -> None:
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    small = {name: content for name, content in files.items() if name != WEIGHTS}
    repo = hub.add("org/two", {**small, names[0]: b"x" * 50_000, names[1]: b"y" * 60_000})
    hub.inject(Fault("bytes", "stall", path=names[1], after=100))
    running = download.fetch("org/two", patience=RetryPolicy(silence_s=20))
    kept: dict[str, int] = {}
    while not kept.get(names[0]):
        next(running)
        manifest = manifests.read("org/two", repo.main)
        kept = {file.path: file.checked_ns for file in manifest.files} if manifest else {}
    assert kept[names[0]] == hf_cache.blob("org/two", repo.file(names[0]).sha256).stat().st_mtime_ns
    assert kept[names[1]] == 0
    running.close()  # type: ignore[attr-defined]


def test_half_a_file_that_was_damaged_meanwhile(hub: Hub, files: dict[str, bytes]) -> None:
    stop_after(200_000, hub)
    with part().open("r+b") as file:
        file.write(b"\xff" * 10)
    assert_whole(files, model(fetch()))


def test_a_damaged_blob_is_found_and_mended(hub: Hub, files: dict[str, bytes]) -> None:
    found = model(fetch())
    blob = (Path(found.path) / WEIGHTS).resolve()
    content = bytearray(blob.read_bytes())
    content[1000] ^= 1
    blob.write_bytes(content)
    os.utime(blob, ns=(1, 1))
    assert_whole(files, model(fetch()))


def test_a_blob_cut_short_is_gone_on_with(hub: Hub, files: dict[str, bytes]) -> None:
    found = model(fetch())
    os.truncate((Path(found.path) / WEIGHTS).resolve(), 300_000)
    hub.requests.clear()
    assert hf_cache.missing(REPO, found.revision) == [WEIGHTS]
    assert_whole(files, model(fetch(revision=found.revision)))
    assert ranges(hub) == ["bytes=300000-"]


def test_a_blob_that_others_link_to_is_never_written(hub: Hub, files: dict[str, bytes], tmp_path: Path) -> None:
    found = model(fetch())
    blob = (Path(found.path) / WEIGHTS).resolve()
    os.truncate(blob, 300_000)
    os.link(blob, tmp_path / "imported")
    assert_whole(files, model(fetch(revision=found.revision)))
    assert (tmp_path / "imported").stat().st_size == 300_000


def test_a_branch_that_moves_meanwhile(hub: Hub, files: dict[str, bytes]) -> None:
    repo = hub.repos[REPO]
    first = repo.main
    newer = {**files, "config.json": files["config.json"] + b" "}
    hub.inject(Fault("bytes", "call", path="config.json", before=lambda: repo.commit(newer) and None))
    assert model(fetch()).revision == first
    assert repo.main != first
    hub.requests.clear()
    second = model(fetch())
    assert second.revision == repo.main
    assert_whole(newer, second)
    assert ranges(hub, WEIGHTS) == []  # unchanged files are shared
    assert (hf_cache.folder(REPO) / "refs" / "main").read_text() == repo.main
    assert model(fetch(revision=first)).revision == first


def test_another_commit_than_asked_for(hub: Hub) -> None:
    commit = hub.repos[REPO].main
    hub.inject(Fault("info", "change", change=lambda info: {**info, "sha": "0" * 40}))
    with pytest.raises(errors.Unsafe, match="another commit"):
        fetch(revision=commit)


def test_a_full_disk_is_seen_before_the_first_byte(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=download.MARGIN_BYTES + 450_000))
    fetch()  # that is enough without the copy
    hf_cache.delete(REPO)
    hub.requests.clear()
    with pytest.raises(errors.DiskFull, match=r"takes 442\.4 kB and its 4-bit copy 122\.5 kB, and 268\.9 MB are free"):
        fetch(recipe="4bit")
    assert hub.sent() == 0


def test_the_disk_fills_up_meanwhile(hub: Hub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = os.write, 0

    def write_some(out: int, piece: bytes) -> int:
        nonlocal written
        written += len(piece)
        if written > 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(out, piece)

    monkeypatch.setattr(os, "write", write_some)
    with pytest.raises(errors.DiskFull):
        fetch()
    monkeypatch.undo()


def test_offline_by_choice(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(errors.Offline, match="HF_HUB_OFFLINE"):
        fetch()
    assert hub.requests == []


def test_nobody_there(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.hub import client

    monkeypatch.setattr(client, "TRIES", 1)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(errors.Offline, match=r"The Hub at 127\.0\.0\.1:9 \(HF_ENDPOINT\) can't be reached"):
        fetch()


@pytest.mark.parametrize("address", ["http://mirror.example", "ftp://mirror.example", "mirror.example", "file:///etc"])
def test_an_endpoint_that_is_not_safe(hub: Hub, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(errors.BadInput, match=r"HF_ENDPOINT|https"):
        fetch()


@pytest.mark.parametrize("repo", ["", "a/b/c", "../x", "a--b", "a/..", "-a/b", "a/b.git", "a b", "a/b\n", "é/b"])
def test_names_that_are_no_repository(hub: Hub, repo: str) -> None:
    with pytest.raises(errors.BadInput):
        fetch(repo)
    assert hub.requests == []


@pytest.mark.parametrize("revision", ["", "../x", "/abs", "a//b", ".hidden", "a/.b", "x.lock", "a\\b", "a\n"])
def test_names_that_are_no_revision(hub: Hub, revision: str) -> None:
    with pytest.raises(errors.BadInput):
        fetch(revision=revision)
    assert hub.requests == []


def test_a_revision_that_is_not_there(hub: Hub) -> None:
    with pytest.raises(errors.NotFound, match="no such revision"):
        fetch(revision="v9")


def test_missing_and_private_look_the_same(hub: Hub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("org/private", files, private=True)
    for repo in ("org/private", "org/nothing"):
        with pytest.raises(errors.NotFound, match="or it is private") as caught:
            fetch(repo)
        assert "token" in caught.value.hint
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert_whole(files, model(fetch("org/private")))


def test_a_gated_repository(hub: Hub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("org/gated", files, gated=True)
    with pytest.raises(errors.Denied, match="accepted its terms") as caught:
        fetch("org/gated")
    assert f"{hub.url}/org/gated" in caught.value.hint
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert_whole(files, model(fetch("org/gated")))


def test_a_token_that_is_no_longer_valid(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_expired_secret")
    with pytest.raises(errors.Denied, match="no longer valid") as caught:
        fetch()
    assert "HF_TOKEN" in caught.value.hint
    assert "hf_expired_secret" not in caught.value.text + caught.value.hint


def test_a_token_that_expires_meanwhile(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.inject(Fault("info", "call", before=lambda: setattr(hub, "token", "hf_new")))
    with pytest.raises(errors.Denied, match="no longer valid"):
        fetch()


def test_a_repository_that_is_deleted_meanwhile(hub: Hub) -> None:
    hub.inject(Fault("bytes", "call", path="config.json", before=lambda: hub.repos.clear()))
    with pytest.raises(errors.NotFound, match=r"There is no repository org/tiny"):
        fetch()


def test_the_token_goes_to_the_hub_alone(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    caplog.set_level("DEBUG")
    hub.inject(Fault("bytes", "flip", path=WEIGHTS), Fault("bytes", "status", path=WEIGHTS, status=500))
    events = fetch()
    by_host: dict[str, list[Request]] = {"hub": [], "cdn": []}
    for request in hub.requests:
        by_host[request.host].append(request)
    assert all(request.authorized for request in by_host["hub"])
    assert by_host["cdn"]
    assert not any(hub.token in str(request.headers) + request.path for request in by_host["cdn"])
    assert hub.token not in repr(events) + caplog.text
    assert hub.cdn_url not in "".join(record.getMessage() for record in caplog.records if record.levelname != "DEBUG")


@pytest.mark.slow
def test_through_an_engine_process(
    hub: Hub, files: dict[str, bytes], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.add("org/gated", files, gated=True)
    engine = Engine()
    try:
        stall = Fault("bytes", "stall", path=WEIGHTS, after=200_000)
        hub.inject(stall)
        running = engine.run(Fetch(repo="org/gated"))
        for event in running:
            if isinstance(event, Progress) and event.done >= 200_000:
                break
        running.close()  # type: ignore[attr-defined]
        events = list(engine.run(Fetch(repo="org/gated")))
    finally:
        engine.close()
    assert_whole(files, model(events))
    assert ranges(hub) == ["", "bytes=200000-"]
    assert hub.token not in (home / "logs" / "engine.log").read_text()


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "http://cdn.example/x", "//[", "", "file:///etc/passwd"])
def test_a_redirect_to_where_nothing_is_safe(hub: Hub, location: str) -> None:
    hub.inject(Fault("resolve", "headers", path=WEIGHTS, headers={"Location": location}, times=None))
    with pytest.raises(errors.Offline):
        fetch()


def test_redirects_in_a_circle(hub: Hub) -> None:
    circle = f"{hub.url}/{REPO}/resolve/main/{WEIGHTS}"
    hub.inject(Fault("resolve", "headers", path=WEIGHTS, headers={"Location": circle}, times=None))
    with pytest.raises(errors.Offline):
        fetch()


def test_another_process_that_downloads_the_same(hub: Hub, files: dict[str, bytes]) -> None:
    lock = hf_cache.lock(REPO, hub.repos[REPO].file(WEIGHTS).sha256)
    lock.acquire()
    stages = set()
    running = download.fetch(REPO, patience=RetryPolicy(sleep=lambda stop, s: stop.wait(0.02)))
    for event in with_done(running):
        if isinstance(event, Progress):
            stages.add(event.stage)
            if event.stage == "wait" and lock.is_locked:
                assert ranges(hub) == []
                lock.release()
        elif isinstance(event, Done):
            assert isinstance(event.result, Model)
            assert_whole(files, event.result)
    assert "wait" in stages


_CHILD = """
import sys
from models.library import download
from tests.returned import with_done
for event in with_done(download.fetch(sys.argv[1])):
    print(type(event).__name__, getattr(event, "done", ""), flush=True)
"""


def _child() -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", _CHILD, "org/big"], stdout=subprocess.PIPE, text=True)


def test_killed_in_the_middle_it_loses_next_to_nothing(hub: Hub, files: dict[str, bytes]) -> None:
    weights = hashlib.shake_128(b"weights").digest(12_000_000)
    hub.add("org/big", {**files, "model.safetensors": weights})
    hub.rate = 12e6
    with _child() as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("Progress") and int(line.split()[1]) > 2_000_000:
                break
        os.kill(child.pid, signal.SIGKILL)
        child.stdout.close()
    hub.rate = 0
    there = next((hf_cache.folder("org/big") / "blobs").glob("*.part")).stat().st_size
    found = model(fetch("org/big"))
    assert (Path(found.path) / WEIGHTS).read_bytes() == weights
    assert ranges(hub)[1] == f"bytes={there}-"
    assert hub.sent(WEIGHTS) - len(weights) <= 1_000_000


@pytest.mark.slow
def test_two_processes_at_once(hub: Hub, files: dict[str, bytes]) -> None:
    weights = hashlib.shake_128(b"weights").digest(3_000_000)
    hub.add("org/big", {**files, "model.safetensors": weights})
    hub.rate = 6e6
    children = [_child(), _child()]
    for child in children:
        said, _ = child.communicate(timeout=60)
        assert child.returncode == 0
        assert said.splitlines()[-1].startswith("Done")
    assert hub.sent(WEIGHTS) == len(weights)
    assert [right for _, right in verify("org/big")] == [True] * len(files)


def test_the_manifest_says_what_belongs_there(hub: Hub, files: dict[str, bytes]) -> None:
    found = model(fetch())
    manifest = manifests.read(REPO, found.revision)
    assert manifest is not None
    assert {file.path: file.size for file in manifest.files} == {name: len(content) for name, content in files.items()}
    assert all(file.checked_ns for file in manifest.files)
