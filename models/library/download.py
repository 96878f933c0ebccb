"""Downloads that finish: a repository of the Hub into the standard Hugging Face cache, going on where it stopped.

What the Hub says is asked through huggingface_hub's client (models/hub/client.py) and checked (models/hub/listing.py);
the revision is pinned to its commit; the disk is checked for all of it, the quantized copy too; then several
files at a time come over (models/hub/transfer.py), and the snapshot is linked when the last one is whole
(models/hub/cache.py). Half files stay when it is stopped, whichever way; hf_cache.discard removes them when it was
given up. Imports the HTTP library: only for processes that use the network.
"""

import collections
import contextlib
import queue
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import msgspec

from models import errors, paths, quantities, recipes, waiting
from models.checkpoint import bounded_files, formats, inspection, model_files
from models.events import Event, Model, Note, Progress
from models.hub import cache as hf_cache
from models.hub import client, endpoint, listing, manifests
from models.hub.transfer import Connection, RetryPolicy, Stopped, Transfer
from models.library import records

AT_ONCE = 4
TELL_EVERY_S = 0.2
RATE_OVER_S = 5.0
MARGIN_BYTES = 256 << 20  # of the disk, to stay free
_CONFIGS = ("config.json", formats.MODELOPT_CONFIG)
JOIN_S = 0.8  # what a cancel waits for threads, which end at once unless they are connecting

Clock = Callable[[], float]


def fetch(
    repo: str,
    revision: str = "main",
    recipe: str = "",
    *,
    patience: RetryPolicy | None = None,
    clock: Clock = time.monotonic,
) -> Generator[Event, None, Model]:
    """Download a repository into the standard Hugging Face cache, going on where an earlier try stopped.

    revision: a branch, tag or commit, pinned at the start; recipe: what it will be quantized to next, so that the disk
    is checked for the copy too. Returns a Model of the kind "original". Progress is in bytes of the whole download,
    what was there before included; its stages are "ask", "wait" (another process is downloading the same), "verify"
    (what is there is hashed) and "download". Closing the generator stops it within a second. Raises BadInput, NotFound,
    Denied, Offline, Unsafe, Unsupported, DiskFull, Corrupt.
    """
    repo = listing.checked_repo(repo)
    revision = listing.checked_revision(revision)
    parsed = recipes.parse(recipe) if recipe else None
    if listing.is_commit(revision) and _is_whole(repo, revision):
        return _whole(repo, revision)
    endpoint.check_use()
    patient, stop = patience or RetryPolicy(), threading.Event()
    found = yield from _listing(repo, revision, patient, stop)
    files = listing.needed(found)
    checked = manifests.checked_blobs(repo)
    _check_space(repo, files, parsed)
    notes: queue.SimpleQueue[str] = queue.SimpleQueue()
    with errors.disk_faults(f"writing {repo}", writing=True):
        connection = Connection(repo, found.commit, patient, notes.put, stop)
        transfers = [Transfer(connection, file, checked.get(file.blob, 0)) for file in files]

        def keep() -> manifests.Manifest:
            manifest = _manifest(found, revision, transfers)
            manifests.write(manifest)
            return manifest

        keep()  # before the first byte, so that what is missing of it is known
        try:
            yield from _carry(connection, transfers, notes, clock, keep, lambda: _check_config(found, files))
        except (errors.Unsupported, errors.Unsafe):
            with contextlib.suppress(errors.Busy):
                hf_cache.discard(repo)
            raise
        hf_cache.link(keep())
    return _whole(repo, found.commit)


def _whole(repo: str, commit: str) -> Model:
    """The Model of a repository whose commit is complete."""
    kept = hf_cache.find(repo)
    assert kept is not None, "it was just linked"
    whole = msgspec.structs.replace(kept, commit=commit, snapshot=hf_cache.snapshot(repo, commit), missing=[])
    return records.original(whole)


class _TransferPool:
    """Threads that download the files of one repository, each one file after another."""

    def __init__(self, transfers: list[Transfer], stop: threading.Event) -> None:
        self.fault: BaseException | None = None
        self._left: queue.SimpleQueue[Transfer] = queue.SimpleQueue()
        self._stop = stop
        for one in transfers:
            self._left.put(one)
        count = min(AT_ONCE, len(transfers))
        self._threads = [threading.Thread(target=self._work, name=f"fetch-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def busy(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def join(self, seconds: float) -> None:
        """Wait for all threads, for so many seconds at most."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        with contextlib.suppress(queue.Empty, Stopped):
            while not self._stop.is_set():
                one = self._left.get_nowait()
                try:
                    one.run()
                except Stopped:
                    raise
                except BaseException as error:  # raised again in the thread that waits for the pool
                    self.fault = self.fault or error
                    self._stop.set()


class _Rate:
    """Bytes per second over the last few seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: collections.deque[tuple[float, int]] = collections.deque([(clock(), 0)])

    def at(self, received: int) -> float:
        """The rate, given the bytes received so far."""
        now = self._clock()
        self._seen.append((now, received))
        while len(self._seen) > 2 and now - self._seen[1][0] >= RATE_OVER_S:
            self._seen.popleft()
        since, before = self._seen[0]
        return (received - before) / (now - since) if now > since else 0.0


def _carry(
    connection: Connection,
    transfers: list[Transfer],
    notes: "queue.SimpleQueue[str]",
    clock: Clock,
    keep: Callable[[], object],
    check: Callable[[], None],
) -> Iterator[Event]:
    """Download all files into the cache, reporting progress.

    keep: called when another weight file is complete; check: called when the configuration is, before anything else
    comes.
    """
    total = sum(one.file.size for one in transfers)
    rate, seen = _Rate(clock), set[str]()
    shown = sum(one.done for one in transfers)
    yield _progress("download", shown, total, 0.0)
    kept = 0
    first = [one for one in transfers if one.file.path in _CONFIGS]
    pool = _TransferPool([], connection.stop)
    try:
        for group in (first, [one for one in transfers if one not in first]):
            pool = _TransferPool(group, connection.stop)
            while pool.busy():
                pool.join(TELL_EVERY_S)
                whole = sum(one.stage == "done" for one in transfers if one.file.is_weights)
                if whole > kept:
                    kept = whole
                    keep()  # what is whole and right now is not hashed again if this process is killed
                while not notes.empty():
                    if (text := notes.get()) not in seen:
                        seen.add(text)
                        yield Note(text=text)
                # a file that is begun anew, since its bytes were false, takes nothing back from what was shown
                shown = max(shown, sum(one.done for one in transfers))
                yield _progress(_stage(transfers), shown, total, rate.at(sum(one.received for one in transfers)))
            if pool.fault is not None:
                raise pool.fault
            if group is first:
                check()
        yield _progress("download", total, total, rate.at(sum(one.received for one in transfers)))
    finally:
        connection.abort()
        pool.join(JOIN_S)
        if not pool.busy():
            connection.close()


def _stage(transfers: list[Transfer]) -> str:
    stages = {one.stage for one in transfers}
    return next((stage for stage in ("download", "verify", "wait") if stage in stages), "download")


def _progress(stage: str, done: int, total: int, rate: float) -> Progress:
    return Progress(stage=stage, done=done, total=total, unit="bytes", rate=rate)


def _is_whole(repo: str, commit: str) -> bool:
    known = manifests.read(repo, commit)
    return known is not None and hf_cache.snapshot(repo, commit).is_dir() and not hf_cache.missing(repo, commit)


def _listing(
    repo: str, revision: str, patience: RetryPolicy, stop: threading.Event
) -> Generator[Event, None, listing.Listing]:
    """What the Hub says of the repository, and that it can be run."""
    try:
        found = yield from waiting.waited_for(
            lambda: client.model_listing(repo, revision, lambda seconds: patience.sleep(stop, seconds)),
            lambda: _progress("ask", 0, 0, 0.0),
        )
    except GeneratorExit:
        stop.set()
        raise
    if listing.is_commit(revision) and found.commit != revision:
        text = f"The Hub answers with another commit of {repo} than was asked for."
        raise errors.Unsafe(text, "It is not downloaded.")
    found.check_format()
    if found.architecture and not inspection.can_run(found.architecture):
        text = f"{repo} is of the architecture {found.architecture!r}, which Stillroom can't run."
        raise errors.Unsupported(text, "Nothing was downloaded.")
    return found


def _check_config(found: listing.Listing, files: list[listing.RemoteFile]) -> None:
    """Look at config.json itself: the Hub tells only a part of it. Raises Unsupported, and Corrupt where it is none."""
    blobs = {file.path: hf_cache.blob(found.repo, file.blob) for file in files if file.path in _CONFIGS}
    config, modelopt = (
        bounded_files.read_json(blobs[name], model_files.MAX_CONFIG_BYTES) if name in blobs else {} for name in _CONFIGS
    )
    found.check_format(formats.with_modelopt(config, modelopt))


def _manifest(found: listing.Listing, revision: str, transfers: list[Transfer]) -> manifests.Manifest:
    files = ((one.file, one.checked_ns) for one in transfers)
    kept = [manifests.Kept(path=file.path, size=file.size, blob=file.blob, checked_ns=ns) for file, ns in files]
    repo, commit = found.repo, found.commit
    return manifests.Manifest(repo=repo, commit=commit, revision=revision, files=kept, licence=found.licence)


def _check_space(repo: str, files: list[listing.RemoteFile], recipe: recipes.Recipe | None) -> None:
    """Raise DiskFull when the download, and the quantized copy that comes after it, will not fit."""
    to_come = {file.blob: file.size - min(file.size, hf_cache.present_bytes(repo, file.blob)) for file in files}
    download = sum(to_come.values())
    weights = sum(file.size for file in files if file.is_weights)
    copy = int(weights * recipe.bits_per_weight() / 16) if recipe else 0
    cache, models = _existing(paths.hub_cache()), paths.models_folder()
    one_disk = cache.stat().st_dev == models.stat().st_dev
    parts = [f"downloading {repo} takes {quantities.size(download)}"]
    if recipe and one_disk:
        parts.append(f"its {recipe.title} copy {quantities.size(copy)}")
    _check_disk(cache, download + (copy if one_disk else 0), " and ".join(parts))
    if recipe and not one_disk:
        _check_disk(models, copy, f"the {recipe.title} copy of {repo} takes {quantities.size(copy)}")


def _check_disk(folder: Path, needed: int, what: str) -> None:
    free = shutil.disk_usage(folder).free
    if needed and free < needed + MARGIN_BYTES:
        text = f"{what[0].upper()}{what[1:]}, and {quantities.size(free)} are free on the disk of {folder}."
        raise errors.DiskFull(text, f"Free {quantities.size(needed + MARGIN_BYTES - free)} and try again.")


def _existing(folder: Path) -> Path:
    """The folder, or its nearest parent that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder
