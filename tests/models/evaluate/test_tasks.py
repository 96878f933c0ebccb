"""Tasks by name: files with every fault, sets of traces, ladders, and those of the Hub."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models import errors
from models.evaluate import problems, tasks
from models.evaluate.problems import Problem, Task
from models.events import Progress
from models.traces import store
from models.traces.trace import Trace, identify, said
from tests.hub.faults import Fault
from tests.hub.server import Hub
from tests.hub.session import IMPATIENT, open_hub
from tests.returned import result_of, run


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def loaded(name: object, **choice: Any) -> Task:
    return result_of(tasks.load(str(name), **choice))


def fetched(name: str) -> Task:
    result_of(tasks.fetch(name, patience=IMPATIENT))
    return loaded(name)


def problem(tmp_path: Path, **row: Any) -> Problem:
    """The problem of a file with that row alone."""
    return loaded(written(tmp_path / "one.jsonl", [{"problem": "Q?", **row}])).problems[0]


def test_a_file_with_every_fault_keeps_what_is_good(tmp_path: Path):
    rows: list[Any] = [
        {"problem": "1+1?", "answer": 2},
        "{broken",
        {"problem": "", "answer": "3"},
        {"problem": "2+2?", "answer": ""},
        {"problem": " 1 + 1 ?", "answer": "2"},
        {"problem": "bool?", "answer": True},
        {"problem": "nan?", "answer": "x"},
        '{"problem": "no number", "answer": NaN}',
        {"problem": "how far?", "answer": "tall", "kind": "number"},
        {"problem": "unit?", "answer": "5", "unit": "florps"},
        {"problem": "what kind?", "answer": "5", "kind": "poem"},
        {"problem": "which?", "answer": "Berlin", "choices": ["Paris", "Rome"]},
        {"problem": "brace?", "answer": "\\frac{1}{2"},
        {"problem": "how close?", "answer": "5", "tolerance": "wide"},
        {"problem": "run?", "answer": "", "tests": "assert ("},
        [1, 2],
        "null",
        "",
        {"problem": "same id", "answer": "1", "id": "a"},
        {"problem": "same id again", "answer": "1", "id": "a"},
        {"problem": "surrogate \ud83d", "answer": "1"},
        {"answer": "1"},
    ]
    task = loaded(written(tmp_path / "mixed.jsonl", rows))
    assert [(one.id, one.problem, one.gold) for one in task.problems] == [
        ("0", "1+1?", "2"),
        ("1", "bool?", "true"),
        ("2", "nan?", "x"),
        ("a", "same id", "1"),
    ]
    reasons = [(row.line, row.reason) for row in task.left_out]
    assert reasons == [
        (2, "broken"), (3, "no_problem"), (4, "no_answer"), (5, "duplicate"), (8, "no_answer"), (9, "unreadable"),
        (10, "unreadable"), (11, "broken"), (12, "unreadable"), (13, "unreadable"), (14, "broken"), (15, "unreadable"),
        (16, "broken"), (17, "broken"), (20, "duplicate"), (21, "encoding"), (22, "no_problem"),
    ]  # fmt: skip
    assert all(row.text.endswith(".") for row in task.left_out)
    assert task.left_out[3].text == "It is the same problem as row 1."


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.json", b'[{"problem": "a?", "answer": 1}, {"problem": "b?", "answer": 2}]'),
        ("rows.json", b'{"data": [{"question": "a?", "target": 1}, {"question": "b?", "target": 2}]}'),
        ("rows.csv", b"Problem,Answer\na?,1\nb?,2\n"),
        ("rows.csv", "\ufeffproblem;answer\r\na?;1\r\nb?;2\r\n".encode()),
        ("rows.tsv", b"problem\tanswer\na?\t1\nb?\t2\n"),
        ("rows.jsonl", '{"problem": "a?", "answer": 1}\n{"problem": "b?", "answer": 2}'.encode("utf-16")),
    ],
)
def test_files_of_every_shape(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    assert [(one.problem, one.gold) for one in loaded(tmp_path / name).problems] == [("a?", "1"), ("b?", "2")]


@pytest.mark.parametrize(
    ("row", "kind", "gold"),
    [
        ({"answer": 5}, "math", "5"),
        ({"answer": 2.0}, "math", "2"),
        ({"answer": "5", "unit": "m"}, "number", "5"),
        ({"answer": ["red", "blue"]}, "several", ["red", "blue"]),
        ({"answer": ["5"]}, "math", "5"),
        ({"answer": "B", "choices": ["x", "y"]}, "choice", "B"),
        ({"answer": "y", "choices": {"a": "x", "b": "y"}}, "choice", "y"),
        ({"answer": 1, "choices": ["x", "y"]}, "choice", "B"),
        ({"answerKey": "D", "choices": {"text": ["x", "y"], "label": ["C", "D"]}}, "choice", "D"),
        ({"answer": "B", "choices": "x | y"}, "choice", "B"),
        ({"answer": "B", "choices": '["x", "y"]'}, "choice", "B"),
        ({"answer": "B", "A": "x", "B": "y"}, "choice", "B"),
        ({"answer": "", "tests": ["assert f() == 1"]}, "python", ""),
        ({"answer": "5", "kind": "Exact"}, "exact", "5"),
        ({"answer": "so\n#### 1,000"}, "math", "1,000"),
        ({"solution": "hence $\\boxed{7}$."}, "math", "7"),
    ],
)
def test_the_kind_follows_from_what_a_row_has(tmp_path: Path, row: dict[str, Any], kind: str, gold: Any):
    made = problem(tmp_path, **row)
    assert (made.kind, made.gold) == (kind, gold)


def test_a_kind_that_was_asked_for(tmp_path: Path):
    file = written(
        tmp_path / "words.jsonl", [{"problem": "a?", "answer": "b"}, {"problem": "c?", "answer": "d", "kind": "math"}]
    )
    assert loaded(file, kind="exact").kinds == ["exact", "math"]


def test_a_problem_as_it_is_asked(tmp_path: Path):
    task = loaded(
        written(
            tmp_path / "a.jsonl",
            [{"problem": "What is {x}?", "answer": "5"}, {"problem": "Which?", "answer": "A", "choices": ["p", "q"]}],
        )
    )
    asked = [one.question for one in task.problems]
    assert asked[0].startswith("What is {x}?\n\nPlease reason step by step")
    assert asked[1].startswith("Which?\n\nA) p\nB) q\n\nPlease reason")
    as_it_is = Problem(id="0", problem="Put it in \\boxed{}.", gold="1")
    assert problems.asked(as_it_is, tasks.prompts()).question == "Put it in \\boxed{}."


def test_a_task_is_known_by_its_content(tmp_path: Path):
    file = written(tmp_path / "a.jsonl", [{"problem": "a?", "answer": "1"}])
    before = loaded(file)
    copy = written(tmp_path / "b.jsonl", [{"problem": "a?", "answer": "1"}])
    assert loaded(copy).hash == before.hash
    assert loaded(written(file, [{"problem": "a?", "answer": "2"}])).hash != before.hash


def test_some_of_the_problems_by_seed(tmp_path: Path):
    file = written(tmp_path / "many.jsonl", [{"problem": f"{n}+1?", "answer": n + 1} for n in range(50)])
    some = loaded(file, limit=5, seed=3).problems
    assert some == loaded(file, limit=5, seed=3).problems != loaded(file, limit=5, seed=4).problems
    assert [int(one.gold) for one in some] == [int(one.id) + 1 for one in some]  # each keeps its number
    assert len(loaded(file, limit=99).problems) == loaded(file, limit=5).of == 50


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("nothing", errors.NotFound, "no task 'nothing'"),
        ("there/is.jsonl", errors.NotFound, "no file"),
        ("sums", errors.BadInput, "levels 1 to 10, and none is named"),
        ("sums:12", errors.BadInput, "no level 12"),
        ("sums:-1", errors.BadInput, "no level -1"),
        ("sums:high", errors.BadInput, "no level 'high'"),
        ("traces:nobody", errors.NotFound, "nobody"),
        ("traces:x:half", errors.BadInput, "no part 'half'"),
        ("math500", errors.NotFound, "MATH-500 is not on this disk yet"),
    ],
)
def test_a_name_that_is_none(name: str, error: type[errors.StillroomError], words: str):
    with pytest.raises(error, match=words):
        loaded(name)


@pytest.mark.parametrize("content", ["", "\n\n", "{}\n", '{"problem": "a?"}\n', "no table at all"])
def test_a_file_without_problems(tmp_path: Path, content: str):
    (tmp_path / "empty.jsonl").write_text(content)
    with pytest.raises(errors.BadInput):
        loaded(tmp_path / "empty.jsonl")


@pytest.mark.parametrize("name", ["sums:4", "traces:kept", "gsm8k"])
def test_a_name_stays_what_it_is(name: str):
    assert tasks.name_of(name) == name


def test_a_file_is_called_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = written(tmp_path / "a.jsonl", [{"problem": "a?", "answer": "1"}])
    monkeypatch.chdir(tmp_path)
    assert loaded("a.jsonl").name == tasks.name_of("a.jsonl") == str(file)
    assert loaded("gsm8k=a.jsonl").name == tasks.name_of("gsm8k=a.jsonl") == "gsm8k"


def test_a_number_of_problems_that_is_none(tmp_path: Path):
    with pytest.raises(errors.BadInput, match="1 or more, not 0"):
        loaded("sums:1", limit=0)


def test_a_ladder_is_a_task():
    task = loaded("calendar:4", limit=7, seed=2)
    assert [len(task.problems), task.kinds, task.title] == [7, ["exact"], "Calendar and clock, level 4"]
    assert task.problems[0].question == task.problems[0].problem
    assert tasks.verdict(task.problems[0], f"It is {task.problems[0].gold}.").correct
    assert task.of == 0
    assert loaded("calendar:4", limit=3, seed=2).problems == task.problems[:3]
    assert [one.id for one in tasks.ladder_shown("sums").problems] == ["level 1", "level 6", "level 10"]


def trace(number: int, gold: str, answer: str = "") -> Trace:
    asked, thought = f"{number}+1?", f"{number} and 1{answer}"
    return Trace(
        id=identify(said(asked, thought, gold or "x")), problem=asked, thinking=thought, answer=gold or "x", gold=gold
    )


def test_the_gold_answers_of_a_set_of_traces():
    store.append("kept", [trace(n, str(n + 1) if n else "") for n in range(60)] + [trace(1, "2", " again")])
    task = loaded("traces:kept")
    assert len(task.problems) == 59
    assert {one.reason for one in task.left_out} == {"no_answer"}
    held_out = loaded("traces:kept:held-out").problems
    assert 0 < len(held_out) < 20
    assert {one.problem for one in held_out} < {one.problem for one in task.problems}
    store.append("none", [trace(1, "")])
    with pytest.raises(errors.BadInput, match="No problem of none has a gold answer"):
        loaded("traces:none")


def test_tests_run_only_when_they_were_accepted(tmp_path: Path):
    file = written(tmp_path / "code.jsonl", [{"problem": "f?", "tests": ["assert f() == 1"]}])
    task = loaded(file)
    with pytest.raises(errors.Unsafe, match="1 tests on this computer"):
        tasks.check_accepted(task)
    tasks.accept(task)
    tasks.check_accepted(task)
    tasks.check_accepted(loaded(written(tmp_path / "copy.jsonl", [{"problem": "g?", "tests": ["assert f() == 1"]}])))
    with pytest.raises(errors.Unsafe):
        tasks.check_accepted(loaded(written(file, [{"problem": "f?", "tests": ["assert f() == 2"]}])))


# From here on: the Hub.

ROWS = b"".join(
    json.dumps({"question": f"What is {n}+1?", "answer": f"so\n#### {n + 1}"}).encode() + b"\n" for n in range(400)
)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with open_hub(monkeypatch, tmp_path) as opened:
        opened.add(
            "datasets/openai/gsm8k",
            {"README.md": b"#", "main/test.jsonl": ROWS, "main/train.jsonl": b"{}"},
            licence="mit",
        )
        yield opened


def test_a_built_in_task_is_fetched_once_and_then_found_without_the_network(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(errors.NotFound, match="GSM8K is not on this disk yet"):
        loaded("gsm8k")
    seen, _ = run(tasks.fetch("gsm8k", patience=IMPATIENT))
    task = loaded("gsm8k")
    assert (len(task.problems), task.problems[7].gold, task.licence) == (400, "8", "MIT")
    assert task.revision == hub.repos["datasets/openai/gsm8k"].main
    assert [event.stage for event in seen if isinstance(event, Progress)][-1] == "download"
    assert not hub.gets("train.jsonl")
    asked = len(hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetched("gsm8k").hash == task.hash
    assert len(hub.requests) == asked


def test_the_cache_is_the_standard_one(hub: Hub):
    from huggingface_hub import try_to_load_from_cache

    from models import paths

    task = fetched("gsm8k")
    known = try_to_load_from_cache(
        "openai/gsm8k", "main/test.jsonl", repo_type="dataset", revision=task.revision, cache_dir=paths.hub_cache()
    )
    assert Path(str(known)).read_bytes() == ROWS


def test_a_download_goes_on_and_false_bytes_are_refused(hub: Hub):
    hub.inject(Fault("bytes", "cut", path="*test.jsonl", after=5000))
    assert len(fetched("gsm8k").problems) == 400
    assert [one.range for one in hub.gets("test.jsonl")] == ["", "bytes=5000-"]


def test_bytes_that_the_hub_does_not_list_are_refused(hub: Hub):
    hub.inject(Fault("bytes", "flip", path="*test.jsonl", after=100, times=2))
    with pytest.raises(errors.Corrupt, match="not what the Hub lists"):
        fetched("gsm8k")


def test_a_data_set_that_is_not_there_or_has_no_such_file(hub: Hub):
    with pytest.raises(errors.NotFound, match="There is no repository"):
        fetched("math500")
    hub.add("datasets/HuggingFaceH4/MATH-500", {"README.md": b"#"})
    with pytest.raises(errors.NotFound, match="has no file"):
        fetched("math500")


@pytest.mark.parametrize("packed", ["snappy", "zstd"])
def test_a_parquet_file_is_read_without_pyarrow(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: str):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [
        {"question": f"Which is {n}?", "choices": {"text": [str(n), "x"], "label": ["A", "B"]}, "answerKey": "A"}
        for n in range(9)
    ]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "x.parquet", compression=packed)
    hub.add("datasets/allenai/ai2_arc", {"ARC-Challenge/test-00000-of-00001.parquet": tmp_path / "x.parquet"})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    if packed == "zstd":
        with pytest.raises(errors.Unsupported, match="Zstandard") as caught:
            fetched("arc")
        assert "arc=FILE" in caught.value.hint
    else:
        assert [one.question.count("A) ") for one in fetched("arc").problems] == [1] * 9


def test_a_built_in_task_from_a_file(tmp_path: Path):
    (tmp_path / "mine.jsonl").write_bytes(ROWS)
    task = loaded(f"gsm8k={tmp_path / 'mine.jsonl'}")
    assert (task.name, len(task.problems), task.problems[0].gold) == ("gsm8k", 400, "1")
    rows = [{"Body": "Ann has 3.", "Question": "How many?", "Answer": 3.0}] * 2
    svamp = loaded(f"svamp={written(tmp_path / 'svamp.jsonl', rows)}")
    assert [one.problem for one in svamp.problems] == ["Ann has 3. How many?"] * 2  # a published set stays as it is


def test_every_built_in_task_names_what_a_user_must_know():
    for task in tasks.built_in():
        assert all(
            (task.title, task.about, task.licence, task.source, task.repo, task.files, task.problem, task.answer)
        )
        assert tasks.prompts()[task.kind].count("{problem}") == 1
