"""Trace sets on this disk: home/traces/NAME/, one set a folder.

    traces.jsonl    the traces, one a line: the set is what this file says
    set.json        its record: counts, the files it came from; made anew when it does not fit traces.jsonl
    report.json     what the last `add` left out and why
    excluded.json   ids left out by hand

Every change writes a draft beside traces.jsonl, waits until it is on the disk, and renames it into place: a process that
is killed at any point leaves the set as it was or as it should be. One process at a time changes a set (Busy). Files
that are added are only read.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from models import errors, events, leftovers, paths
from models.answers.known import agrees
from models.checkpoint import folders
from models.trace_report import Added, Columns, SourceFile, TraceSet
from models.traces import checks, importing
from models.traces.checks import Count, Limits
from models.traces.draft import draft_of
from models.traces.tally import Tally
from models.traces.trace import Trace, identify

DATA, RECORD, REPORT, EXCLUDED = "traces.jsonl", "set.json", "report.json", "excluded.json"
WAIT_S, TRY_AGAIN_S = 0.3, 0.01  # for somebody who is just done with a set
_LOCK = ".lock"
_BUFFER = 1 << 20
_T = TypeVar("_T")
_NAME = re.compile(r"\w[\w .()+-]{0,99}")

_decoder = msgspec.json.Decoder(Trace)
_encoder = msgspec.json.Encoder()


def all_sets() -> list[TraceSet]:
    """The records of all sets, by name; one that can't be read says why, and keeps no other from being listed."""
    found = (folder for folder in leftovers.folders(paths.traces_folder()) if (folder / DATA).is_file())
    return [_listed(name) for name in sorted(folder.name for folder in found)]


def get(name: str) -> TraceSet:
    """A set's record. Raises NotFound, and Corrupt when its traces can't be read."""
    folder = _existing(name)
    size = (folder / DATA).stat().st_size
    record = _read_json(folder / RECORD, TraceSet)
    if record is None or record.size_bytes != size:
        record = _recount(name, folder, record)
    return msgspec.structs.replace(record, name=name, excluded=len(excluded(name)))


def _listed(name: str) -> TraceSet:
    try:
        return get(name)
    except errors.StillroomError as error:
        size = (paths.traces_folder() / name / DATA).stat().st_size
        return msgspec.structs.replace(_empty(name, ""), size_bytes=size, problem=error.text)


def report(name: str) -> Added | None:
    """What the last addition from files said. Raises NotFound."""
    return _read_json(_existing(name) / REPORT, Added)


def read(name: str, with_excluded: bool = False) -> Iterator[Trace]:
    """The traces of a set in order, without those left out by hand unless asked. Raises NotFound, Corrupt."""
    out = frozenset() if with_excluded else excluded(name)
    return (trace for trace in _read_data(_existing(name) / DATA) if trace.id not in out)


def excluded(name: str) -> frozenset[str]:
    """Ids that were left out by hand."""
    return frozenset(_read_json(_existing(name) / EXCLUDED, list[str]) or ())


def exclude(name: str, ids: Iterable[str]) -> None:
    """Leave traces out by hand; they stay in the set and can be taken back. Raises NotFound for an id that isn't there."""
    wanted = set(ids)
    missing = wanted - {trace.id for trace in read(name, with_excluded=True)}
    if missing:
        raise errors.NotFound(f"There is no trace {min(missing)} in {name}.")
    with _changing(name) as folder:
        _write_json(folder / EXCLUDED, sorted(excluded(name) | wanted))


def include(name: str, ids: Iterable[str]) -> None:
    """Take traces back that were left out by hand."""
    with _changing(name) as folder:
        _write_json(folder / EXCLUDED, sorted(excluded(name) - set(ids)))


def delete(name: str) -> int:
    """Delete a set. Returns the bytes that gave back. Raises NotFound, Busy."""
    with _changing(name) as folder:
        folders.sweep(folder.parent)
        return folders.remove(folder)


def add(
    name: str,
    files: Sequence[str | Path],
    *,
    limits: Limits | None = None,
    count: Count | None = None,
    evaluation: Sequence[Path] = (),
    columns: Mapping[str, Columns] | None = None,
) -> Generator[events.Progress, None, Added]:
    """Add files to a set, which is made when it is new; returns the report.

    Rows that are there already are left out as duplicates. count: tokens of a text, for limits.max_tokens. evaluation:
    files whose problems must not be learned. columns: of a file, by its name as given, where they were chosen by hand;
    those of others are chosen by their content. Raises NotFound, BadInput, Corrupt, Unsupported for a file as a whole,
    Busy, DiskFull; then, and when closed, the set is as it was.
    """
    if not files:
        raise errors.BadInput("No file was named.", "Say which files to add.")
    sources = [Path(file) for file in files]
    job = importing.TraceImport(limits, count, evaluation)
    total = sum(map(_size, sources))
    with _writing(name) as change:
        yield from _copy(change, job)
        done = 0
        for path in sources:
            for item in job.read(path, done, total, (columns or {}).get(str(path))):
                if isinstance(item, Trace):
                    change.write(item)
                else:
                    yield item
            done += _size(path)
        before = change.record.files
        change.files = [*before, *job.files]
        added = job.result(name, change.tally.traces)
        told = _told_of_set(added, before, change.made)
        yield events.Progress(stage="read", done=total, total=total, unit="bytes")
        if added.kept:
            change.commit(told)
        elif not change.made:
            _write_json(change.folder / REPORT, told)
    return told


def append(name: str, traces: Iterable[Trace], *, limits: Limits | None = None) -> Added:
    """Add traces that come from no file, such as from_chat's; those the set has already are left out, and said."""
    job = importing.TraceImport(limits)
    with _writing(name) as change:
        for _ in _copy(change, job):
            pass
        rows = kept = 0
        for trace in traces:
            rows += 1
            if job.take(trace) is None:
                kept += 1
                change.write(trace)
        if kept:
            change.commit()
        added = job.result(name, change.tally.traces)
    return msgspec.structs.replace(added, shape="traces", rows=rows, kept=kept)


def edit(
    name: str,
    trace_id: str,
    *,
    problem: str | None = None,
    thinking: str | None = None,
    answer: str | None = None,
    system: str | None = None,
) -> Trace:
    """Change a trace's texts. It gets a new id and remembers the old; what was verified is no longer.

    Raises NotFound, and BadInput when it would be left out so, or is then the same as another.
    """
    old = next((trace for trace in read(name, with_excluded=True) if trace.id == trace_id), None)
    if old is None:
        raise errors.NotFound(f"There is no trace {trace_id} in {name}.")
    texts = {"problem": problem, "thinking": thinking, "answer": answer, "system": system}
    new = _edited(old, {field: text for field, text in texts.items() if text is not None})
    if new == old:
        return old
    with _writing(name) as change:
        for trace in _read_data(change.folder / DATA):
            if trace.id == new.id and trace.id != trace_id:
                raise errors.BadInput(f"Another trace of {name} says the same.")
            change.write(new if trace.id == trace_id else trace)
        out = excluded(name)
        if trace_id in out:  # written first, so that it is never taken back by a kill; an id of no trace does no harm
            _write_json(change.folder / EXCLUDED, sorted(out | {new.id}))
        change.commit()
        if trace_id in out and new.id != trace_id:
            _write_json(change.folder / EXCLUDED, sorted(out - {trace_id} | {new.id}))
    return new


def _edited(old: Trace, texts: dict[str, str]) -> Trace:
    draft = draft_of(msgspec.structs.replace(old, closed=True, **texts))
    checks.mend(draft)
    why = checks.why_left_out(draft, Limits(other_script=1))
    if why:
        raise errors.BadInput(f"The trace can't be kept so: {why.text}")
    same_reply = (draft.thinking, draft.answer) == (old.thinking, old.answer)
    new_id = identify(draft.said)
    return msgspec.structs.replace(
        old,
        id=new_id,
        problem=draft.problem,
        thinking=draft.thinking,
        answer=draft.answer,
        system=draft.system,
        closed=True,
        verified=old.verified if same_reply and draft.problem == old.problem else agrees(draft.answer, draft.gold),
        tokens=old.tokens if same_reply else 0,
        history=[*old.history, old.id] if new_id != old.id else old.history,
    )


class _Change:
    """A draft of a set's traces; commit puts it in the place of the old ones."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        self.made = not (folder / DATA).exists()
        self.tally = Tally()
        self.record = _empty(name, _now()) if self.made else get(name)  # as it was
        self.files = self.record.files
        self._draft = folder / f".{DATA}.{os.getpid()}"
        self._draft.touch(mode=0o600)
        self._file = self._draft.open("wb", buffering=_BUFFER)
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, trace: Trace) -> None:
        """Write one more trace."""
        line = _encoder.encode(trace) + b"\n"
        self._file.write(line)
        self._hash.update(line)
        self.size_bytes += len(line)
        self.tally.add(trace)

    def commit(self, report: Added | None = None) -> None:
        """Make the draft the set. All that needs space is written before the first file takes its place."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        out = 0 if self.made else len(excluded(self.record.name))
        about = msgspec.structs.replace(self.record, files=self.files, excluded=out)
        record = self.tally.counted(about, _now(), self.size_bytes, self._hash.hexdigest())
        beside: dict[str, object] = {RECORD: record, **({REPORT: report} if report else {})}
        with contextlib.ExitStack() as drafts:
            for name, content in beside.items():
                draft = self._beside(name)
                drafts.enter_context(folders.taken_back(draft))
                folders.write_file(draft, folders.as_json(content))
            self._draft.replace(self.folder / DATA)
            for name in beside:
                self._beside(name).replace(self.folder / name)
        folders.sync(self.folder)

    def close(self) -> None:
        """Drop a draft that was not committed. On a full disk closing fails too, so its name goes first."""
        self._draft.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._file.close()

    def _beside(self, name: str) -> Path:
        return self.folder / f".{DATA}.{os.getpid()}.{name}"


@contextlib.contextmanager
def _writing(name: str) -> Iterator[_Change]:
    """Change a set's traces; without a commit it stays as it was, and one that is new vanishes."""
    folder = leftovers.find_folder(paths.traces_folder(), name)
    if folder is None and not _NAME.fullmatch(name):
        fault = f"{name!r} can't be the name of a set of traces."
        raise errors.BadInput(fault, "Use letters, digits, spaces and . ( ) + - _ alone.")
    folder = folder or paths.traces_folder() / name
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with _locked(folder):
            try:
                for left in folder.glob(f".{DATA}.*"):
                    left.unlink()  # of a process that was killed: the lock is ours
                change = _Change(name, folder)
                with contextlib.closing(change):
                    yield change
            finally:
                if not (folder / DATA).exists():
                    shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise errors.from_os_error(error, "writing traces", writing=True) from error


@contextlib.contextmanager
def _changing(name: str) -> Iterator[Path]:
    """Hold a set that exists, to change what stands beside its traces."""
    folder = _existing(name)
    try:
        with _locked(folder):
            yield folder
    except OSError as error:
        raise errors.from_os_error(error, "writing traces", writing=True) from error


@contextlib.contextmanager
def _locked(folder: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold a set's lock. Raises Busy when somebody else has it for longer."""
    until = time.monotonic() + wait_s
    with open(folder / _LOCK, "wb", opener=paths.owners_alone) as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    fault = f"Another process is changing the traces {folder.name}."
                    raise errors.Busy(fault, "Wait until it is done.") from error
            time.sleep(TRY_AGAIN_S)
        yield


def _copy(change: _Change, job: importing.TraceImport) -> Iterator[events.Progress]:
    """Carry the set's own traces over into the draft, and let the import know them."""
    if change.made:
        return
    data = change.folder / DATA
    total, done, next_step = data.stat().st_size, 0, 0
    for trace in _read_data(data):
        change.write(trace)
        job.know(trace)
        done = change.size_bytes
        if done >= next_step:
            next_step = done + importing.STEP
            yield events.Progress(stage="index", done=min(done, total), total=total, unit="bytes")


def _told_of_set(added: Added, before: Sequence[SourceFile], made: bool) -> Added:
    known = {file.sha256 for file in before}
    notes = [f"{file.name} was added before." for file in added.files if file.sha256 in known]
    if not added.kept:
        notes.append("No trace was kept, so no set was made." if made else "No trace was kept, the set is as it was.")
    return msgspec.structs.replace(added, notes=[*added.notes, *notes])


def _read_data(data: Path) -> Iterator[Trace]:
    with data.open("rb", buffering=_BUFFER) as file:
        for number, line in enumerate(file, 1):
            try:
                yield _decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                fault = f"Line {number} of the traces {data.parent.name} is damaged."
                raise errors.Corrupt(fault, f"Mend or remove that line of {data}.") from error


def _recount(name: str, folder: Path, old: TraceSet | None) -> TraceSet:
    """Make a record anew from the traces themselves."""
    stat = (folder / DATA).stat()
    tally = Tally()
    for trace in _read_data(folder / DATA):
        tally.add(trace)
    with (folder / DATA).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    changed = datetime.fromtimestamp(stat.st_mtime, UTC).isoformat(timespec="seconds")
    about = msgspec.structs.replace(old, name=name, excluded=0) if old else _empty(name, changed)
    record = tally.counted(about, changed, stat.st_size, digest.hexdigest())
    # a disk that can't be written to can still be read, and whoever changes the set now writes its record himself
    with contextlib.suppress(OSError, errors.Busy), _locked(folder, 0):
        if (folder / DATA).stat().st_mtime_ns == stat.st_mtime_ns:
            _write_json(folder / RECORD, record)
    return record


def _empty(name: str, created: str) -> TraceSet:
    return TraceSet(name=name, created=created, changed=created, traces=0, size_bytes=0, data_hash="")


def _existing(name: str) -> Path:
    folder = leftovers.find_folder(paths.traces_folder(), name)
    if folder is None or not (folder / DATA).is_file():
        hint = "`stillroom traces list` shows those there are, `stillroom traces add NAME FILE` takes others in."
        raise errors.NotFound(f"There are no traces named {name}.", hint)
    return folder


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError as error:
        raise errors.NotFound(f"There is no file {path}.") from error
    except OSError as error:
        raise errors.from_os_error(error, "reading traces") from error


def _read_json(path: Path, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _write_json(path: Path, content: object) -> None:
    folders.replace_file(path, folders.as_json(content))
    folders.sync(path.parent)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
