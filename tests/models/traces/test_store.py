import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models import errors, events, paths
from models.trace_report import Added
from models.traces import store
from models.traces.checks import Limits
from models.traces.trace import Trace, from_chat
from tests.models.traces.made import make, many
from tests.returned import result_of


def write(path: Path, traces: list[Trace]) -> Path:
    path.write_text(
        "".join(json.dumps({"problem": t.problem, "thinking": t.thinking, "answer": t.answer}) + "\n" for t in traces)
    )
    return path


def add(name: str, *files: Path, **options: object) -> Added:
    return result_of(store.add(name, files, **options))  # type: ignore[arg-type]


def test_a_file_becomes_a_set_with_its_record_and_report(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", [*many(5), *many(1)])
    before = file.read_bytes()
    added = add("sums", file)
    assert (added.rows, added.kept, added.total, added.counts) == (6, 5, 5, {"duplicate": 1})
    assert [(left.line, left.reason) for left in added.left_out] == [(6, "duplicate")]
    record = store.get("sums")
    assert (record.traces, record.problems, record.thinking, record.unchecked) == (5, 5, 5, 5)
    assert record.sources == {"a.jsonl": 5}
    assert record.files == added.files
    assert store.report("sums") == added
    assert [trace.answer for trace in store.read("sums")] == ["0", "2", "4", "6", "8"]
    assert [each.name for each in store.all_sets()] == ["sums"]
    assert file.read_bytes() == before


def test_adding_again_appends_and_leaves_out_what_is_there(tmp_path: Path) -> None:
    add("sums", write(tmp_path / "a.jsonl", many(3)))
    added = add("sums", write(tmp_path / "b.jsonl", many(5)))
    assert (added.kept, added.total) == (2, 5)
    assert {left.text for left in added.left_out} == {"It is the same as a trace of this set."}
    assert [file.name for file in store.get("sums").files] == ["a.jsonl", "b.jsonl"]
    again = add("sums", tmp_path / "b.jsonl")
    assert again.kept == 0
    assert again.notes == ["b.jsonl was added before.", "No trace was kept, the set is as it was."]
    assert store.get("sums").traces == 5


def test_two_files_at_once_know_each_other(tmp_path: Path) -> None:
    added = add("sums", write(tmp_path / "a.jsonl", many(3)), write(tmp_path / "b.jsonl", many(2)))
    assert [(left.file, left.text) for left in added.left_out] == [
        ("b.jsonl", "It is the same as row 1 of a.jsonl."),
        ("b.jsonl", "It is the same as row 2 of a.jsonl."),
    ]


def test_progress_counts_the_bytes_of_all_files_and_never_goes_back(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}.jsonl", many(50)) for n in range(3)]
    told = [event for event in store.add("sums", files) if isinstance(event, events.Progress)]
    done = [event.done for event in told]
    assert done == sorted(done)
    assert done[-1] == told[-1].total == sum(file.stat().st_size for file in files)
    assert {(event.stage, event.unit) for event in told} == {("read", "bytes")}


def test_nothing_kept_makes_no_set(tmp_path: Path) -> None:
    added = add("none", write(tmp_path / "a.jsonl", [make(answer="")]))
    assert added.notes == ["No trace was kept, so no set was made."]
    assert store.all_sets() == []
    assert list(paths.traces_folder().iterdir()) == []


@pytest.mark.parametrize("there", [False, True])
def test_a_closed_or_failed_addition_leaves_the_set_as_it_was(tmp_path: Path, there: bool) -> None:
    file = write(tmp_path / "a.jsonl", many(400))
    if there:
        add("sums", write(tmp_path / "b.jsonl", many(3)))
    before = {entry.name: entry.read_bytes() for entry in paths.traces_folder().rglob("*") if entry.is_file()}
    job = store.add("sums", [file])
    next(job)
    job.close()
    with pytest.raises(errors.NotFound):
        add("sums", file, tmp_path / "missing.jsonl")
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(errors.BadInput, match="empty"):
        add("sums", file, empty)
    assert {entry.name: entry.read_bytes() for entry in paths.traces_folder().rglob("*") if entry.is_file()} == before


def test_a_full_disk_leaves_the_set_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add("sums", write(tmp_path / "a.jsonl", many(3)))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(errors.DiskFull):
            add("sums", write(tmp_path / "b.jsonl", many(9)))
    assert store.get("sums").traces == len(list(store.read("sums"))) == 3
    assert not list(paths.traces_folder().rglob(".traces*"))


class FullDisk(io.RawIOBase):
    """Takes nothing: what was buffered fails once more when it is closed."""

    def writable(self) -> bool:
        return True

    def write(self, _: object) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("long", [1, 30_000])  # found out at the commit, and in the middle
def test_what_a_full_disk_took_half_of_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool, long: int
) -> None:
    if there:
        add("sums", write(tmp_path / "a.jsonl", many(3)))
    before = {entry.name for entry in paths.traces_folder().rglob("*")}
    rows = [make(f"What is {n}?", f"{n}, " * long, str(n)) for n in range(20)]
    file, opened = write(tmp_path / "b.jsonl", rows), Path.open

    def full(self: Path, *how: Any, **more: Any) -> Any:
        if not self.name.startswith(".traces.jsonl"):
            return opened(self, *how, **more)
        with opened(self, "wb") as half:
            half.write(b"half of it")
        return io.BufferedWriter(FullDisk(), 1 << 20)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(errors.DiskFull):
            add("sums", file)
    assert {entry.name for entry in paths.traces_folder().rglob("*")} == before


@pytest.mark.parametrize("written", [1, 2, 3])  # traces, record, report
def test_a_set_changes_with_all_that_stands_beside_it_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    add("sums", write(tmp_path / "a.jsonl", many(3)))
    before = {entry.name: entry.read_bytes() for entry in (paths.traces_folder() / "sums").iterdir()}
    calls = iter(range(1, 100))

    def full(_: int) -> None:
        if next(calls) == written:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(errors.DiskFull):
            add("sums", write(tmp_path / "b.jsonl", many(9)))
    assert {entry.name: entry.read_bytes() for entry in (paths.traces_folder() / "sums").iterdir()} == before


CHILD = """
import sys
from pathlib import Path
from models.traces import store
print("ready", flush=True)
while True:
    for n in (1, 2):
        for _ in store.add("sums", [Path(sys.argv[1], f"{n}.jsonl")]):
            pass
        store.exclude("sums", [])
    store.delete("other") if (paths.traces_folder() / "other" / "traces.jsonl").exists() else None
    for _ in store.add("other", [Path(sys.argv[1], "1.jsonl")]):
        pass
    first = next(store.read("sums"))
    store.edit("sums", first.id, answer=first.answer + "1")
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_whole_sets(tmp_path: Path, home: Path) -> None:
    write(tmp_path / "1.jsonl", many(60))
    write(tmp_path / "2.jsonl", many(90))
    least = {"sums": add("sums", tmp_path / "1.jsonl").total, "other": 0}
    for kill in range(8):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.01 + 0.017 * kill)  # any moment will do
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        for name in least:
            if name == "other" and not (paths.traces_folder() / name / store.DATA).exists():
                continue
            traces = list(store.read(name, with_excluded=True))
            assert len(traces) >= least[name]
            assert name == "sums" or len(traces) == 60
            assert store.get(name).traces == len(traces)
            assert len({trace.id for trace in traces}) == len(traces)
            least["sums"] = max(least["sums"], len(traces)) if name == "sums" else least["sums"]
    assert add("sums", tmp_path / "2.jsonl").total >= 90
    assert not list((paths.traces_folder() / "sums").glob(".traces*")), "what the killed left behind is swept"


def test_a_record_that_does_not_fit_is_made_anew(tmp_path: Path) -> None:
    add("sums", write(tmp_path / "a.jsonl", many(3)))
    record = store.get("sums")
    folder = paths.traces_folder() / "sums"
    extra = msgspec.json.encode(make("New?", "", "Yes.", verified=True)) + b"\n"
    (folder / "traces.jsonl").write_bytes((folder / "traces.jsonl").read_bytes() + extra)
    healed = store.get("sums")
    assert (healed.traces, healed.verified, healed.thinking) == (4, 1, 3)
    assert (healed.created, healed.files) == (record.created, record.files)
    (folder / "set.json").write_text("{")
    assert store.get("sums").traces == 4


def test_a_damaged_line_is_told_with_its_number(tmp_path: Path) -> None:
    add("sums", write(tmp_path / "a.jsonl", many(3)))
    data = paths.traces_folder() / "sums" / "traces.jsonl"
    lines = data.read_bytes().splitlines(keepends=True)
    data.write_bytes(lines[0] + b"{\n" + lines[2])
    with pytest.raises(errors.Corrupt, match="Line 2"):
        list(store.read("sums"))


def test_left_out_by_hand_and_taken_back(tmp_path: Path) -> None:
    add("sums", write(tmp_path / "a.jsonl", many(4)))
    first, second, *_ = store.read("sums")
    store.exclude("sums", [first.id, second.id])
    assert len(list(store.read("sums"))) == 2
    assert len(list(store.read("sums", with_excluded=True))) == 4
    assert store.get("sums").excluded == 2
    store.include("sums", [first.id])
    assert store.excluded("sums") == {second.id}
    with pytest.raises(errors.NotFound, match="ffff"):
        store.exclude("sums", ["ffff"])
    assert add("sums", write(tmp_path / "b.jsonl", many(2))).kept == 0, (
        "what was left out by hand does not come in again"
    )


def test_an_edited_trace_remembers_its_ids(tmp_path: Path) -> None:
    store.append("chat", [make(verified=True, tokens=7), make("B?")])
    old = next(iter(store.read("chat")))
    store.exclude("chat", [old.id])
    new = store.edit("chat", old.id, thinking=" One and one.\r\n")
    assert (new.thinking, new.verified, new.tokens, new.history) == ("One and one.", None, 0, [old.id])
    assert store.excluded("chat") == {new.id}
    newest = store.edit("chat", new.id, answer="Two")
    assert newest.history == [old.id, new.id]
    assert [trace.id for trace in store.read("chat", with_excluded=True)] == [newest.id, make("B?").id]
    assert store.edit("chat", newest.id, answer="Two") == newest
    with pytest.raises(errors.BadInput, match="think"):
        store.edit("chat", newest.id, answer="a </think> b")
    with pytest.raises(errors.BadInput, match="Nothing follows"):
        store.edit("chat", newest.id, answer=" ")
    with pytest.raises(errors.BadInput, match="Another"):
        store.edit("chat", newest.id, problem="B?", thinking="One more.", answer="2")
    with pytest.raises(errors.NotFound):
        store.edit("chat", old.id, answer="3")


def test_what_repeats_a_row_or_passes_the_limit_says_so_in_fields(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.jsonl", many(3)), tmp_path / "b.jsonl"
    write(second, [*many(1), from_chat("Long?", "word " * 900, "1", "a model")])
    added = add("sums", first, second, limits=Limits(max_tokens=500))
    repeated, long = added.left_out
    assert (repeated.same_as_line, repeated.same_as_file, repeated.near, repeated.limit) == (1, "a.jsonl", False, None)
    assert (long.limit, long.same_as_line) == (500, None)
    again = add("sums", first)
    assert {left.same_as_line for left in again.left_out} == {0}


def test_traces_of_a_chat_are_checked_and_come_in_once() -> None:
    good = from_chat("1 + 1?", "One more.", "2", "a model", 512, system="Be brief.", verified=True)
    cut = from_chat("1 + 2?", "Two more", "3", "a model", 16, closed_by="budget")
    direct = from_chat("1 + 3?", "", "4", "a model", closed_by="off")
    added = store.append("chat", [good, cut, direct, good])
    assert (added.rows, added.kept, added.total) == (4, 2, 2)
    assert [left.reason for left in added.left_out] == ["not_closed", "duplicate"]
    assert list(store.read("chat")) == [good, direct]
    assert (good.teacher, good.budget, good.source, good.closed) == ("a model", 512, "chat", True)
    assert store.get("chat").teachers == {"a model": 2}


def test_a_set_can_be_looked_at_while_it_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the traces' rename and their record a reader counts anew: it must not write where the change writes."""
    add("sums", write(tmp_path / "a.jsonl", many(4)))
    seen: list[int] = []
    rename = Path.replace

    def look_in_between(self: Path, target: Path) -> Path:
        done = rename(self, target)
        if target.name == store.DATA:
            thread = threading.Thread(target=lambda: seen.append(store.get("sums").traces))
            thread.start()
            thread.join()
        return done

    wrote: list[str] = []
    monkeypatch.setattr(Path, "replace", look_in_between)
    monkeypatch.setattr(store, "_write_json", lambda path, _: wrote.append(path.name))
    assert store.append("sums", many(6)).kept == 2
    assert seen == [6]
    assert wrote == []
    assert store.get("sums").traces == 6


def test_one_process_at_a_time(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", many(4))
    add("sums", file)
    job = store.add("sums", [file])
    next(job)
    with pytest.raises(errors.Busy, match="sums"):
        store.append("sums", many(1))
    with pytest.raises(errors.Busy):
        store.delete("sums")
    job.close()
    assert store.delete("sums") > 0
    with pytest.raises(errors.NotFound):
        store.get("sums")
    assert list(paths.traces_folder().iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "a\nb", "x" * 200])
def test_a_name_is_one_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(errors.BadInput, match="name"):
        add(name, write(tmp_path / "a.jsonl", many(1)))
    with pytest.raises(errors.NotFound):
        store.get(name)


def test_lengths_are_counted_when_there_is_a_counter(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", [make(), make("Long?", "word " * 50)])
    added = add("sums", file, limits=Limits(max_tokens=20), count=lambda text: len(text.split()))
    assert [left.text for left in added.left_out] == ["It has 52 tokens, the limit is 20."]
    assert not added.estimated
    assert add("more", file, limits=Limits(max_tokens=20)).estimated


def test_limits_that_are_none_are_refused() -> None:
    for wrong in ({"max_tokens": 0}, {"near": 1.5}, {"other_script": -1}):
        with pytest.raises(errors.BadInput):
            Limits(**wrong)  # type: ignore[arg-type]


def test_a_damaged_set_keeps_no_other_from_being_listed(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"problem": "1 + 1?", "reasoning": "one and one", "solution": "2"}\n')
    for name in ("good", "bad"):
        for _ in store.add(name, [file]):
            pass
    data = paths.traces_folder() / "bad" / store.DATA
    data.write_bytes(b"{" + data.read_bytes())
    bad, good = store.all_sets()
    assert (good.name, good.traces, good.problem) == ("good", 1, "")
    assert (bad.name, bad.traces) == ("bad", 0)
    assert bad.problem
