"""`stillroom tasks` and `stillroom evaluate --replies`, for people and for programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli import evaluation_commands, main, terminal
from models import paths
from models.evaluate import run_folder
from models.evaluate.problems import Problem, Task
from models.evaluate.records import Contender, EvaluationCard, ReplyRow, TaskFacts
from models.evaluate.scores import Scored
from models.jobs.kinds.evaluate import Evaluate
from models.jobs.kinds.fetch_task import FetchTask
from models.jobs.request import JobRequest
from models.requests import Sampling

Output = pytest.CaptureFixture[str]


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    problems = [{"problem": f"What is {n}+1?", "answer": n + 1} for n in range(10)] + [{"problem": "no answer?"}]
    replies = [{"id": n, "reply": f"\\boxed{{{n + 1 if n < 6 else 0}}}"} for n in range(9)] + [
        {"id": 9, "reply": "<think>"}
    ]
    for name, rows in (("problems", problems), ("replies", replies)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(tmp_path / "problems.jsonl"), str(tmp_path / "replies.jsonl")


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_replies_are_judged_for_programs(files: tuple[str, str], capsys: Output):
    assert main.run(["evaluate", "--task", files[0], "--replies", files[1], "--json"]) == 0
    *scored, done = lines(capsys.readouterr().out)
    assert [(one["id"], one["correct"]) for one in scored] == [(str(n), n < 6 if n < 9 else None) for n in range(10)]
    assert set(scored[0]) > {
        "type", "id", "correct", "answer", "gold", "kind", "thinking_tokens", "answer_tokens", "sample", "reason",
    }  # fmt: skip
    [point] = done["points"]
    assert (done["type"], point["n"], point["correct"], point["cut"], point["accuracy"]) == ("done", 10, 6, 1, 0.6)
    assert point["interval"][0] < 0.6 < point["interval"][1]
    assert [row["line"] for row in done["unread"]] == [11]


def test_replies_are_judged_for_people(files: tuple[str, str], capsys: Output, tmp_path: Path):
    assert main.run(["evaluate", "--task", files[0], "--replies", files[1], "--out", str(tmp_path / "o.csv")]) == 0
    out = capsys.readouterr()
    assert "problems: 60 % right, between 31.3 and 83.2, on 10 problems, 1 of 10 replies cut." in out.err
    assert "7: wrong ('0' for '8')" in out.err
    assert (tmp_path / "o.csv").read_text().count("\n") == 11


@pytest.mark.parametrize(
    ("arguments", "kind", "status"),
    [
        (["--task", "nothing"], "not_found", 1),
        (["--task", "sums:99"], "bad_input", 2),
        (["--task", "math500"], "offline", 1),
    ],
)
def test_what_can_not_be_judged(arguments: list[str], kind: str, status: int, files: tuple[str, str], capsys: Output):
    assert main.run(["evaluate", *arguments, "--replies", files[1], "--json"]) == status
    assert lines(capsys.readouterr().out)[-1]["kind"] == kind


def test_the_tasks_are_listed(capsys: Output):
    assert main.run(["tasks", "--json"]) == 0
    [done] = lines(capsys.readouterr().out)
    assert {"gsm8k", "math500", "aime24", "aime25", "amc23", "multiarith", "svamp"} < {
        one["name"] for one in done["tasks"]
    }
    assert len([one for one in done["tasks"] if one["levels"] == list(range(1, 11))]) == 8
    assert main.run(["tasks"]) == 0
    assert "gsm8k" in capsys.readouterr().out


def test_a_task_is_shown_with_three_problems(files: tuple[str, str], capsys: Output):
    assert main.run(["tasks", files[0], "--json"]) == 0
    [done] = lines(capsys.readouterr().out)
    assert (done["n"], len(done["problems"]), len(done["left_out"])) == (10, 3, 1)
    assert done["problems"][0]["question"].startswith("What is 0+1?\n\nPlease reason")
    assert main.run(["tasks", "sums:3"]) == 0
    assert capsys.readouterr().out.count("→") == 3
    assert main.run(["tasks", "sums"]) == 0
    assert "in levels 1 to 10" in capsys.readouterr().out
    assert main.run(["tasks", files[0]]) == 0
    assert "Row 11 is left out: It has no answer." in capsys.readouterr().out


def test_tests_are_shown_before_they_are_accepted(tmp_path: Path, capsys: Output):
    (tmp_path / "code.jsonl").write_text(json.dumps({"problem": "f?", "tests": ["assert f() == 1"]}))
    (tmp_path / "replies.jsonl").write_text(json.dumps({"id": 0, "reply": "def f(): return 1"}))
    judge = ["evaluate", "--task", str(tmp_path / "code.jsonl"), "--replies", str(tmp_path / "replies.jsonl")]
    assert main.run(judge) == 1
    assert "--accept-tests" in capsys.readouterr().err
    assert main.run(["tasks", str(tmp_path / "code.jsonl")]) == 0
    assert "assert f() == 1" in capsys.readouterr().out
    assert main.run([*judge, "--accept-tests"]) == 0
    assert main.run(judge) == 0
    assert "100 % right" in capsys.readouterr().err


# evaluations


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[JobRequest]:
    requests: list[JobRequest] = []
    monkeypatch.setattr(evaluation_commands, "run_to_end", lambda each, json: requests.extend(each))
    return requests


def test_options_reach_the_engine_with_their_names(asked: list[JobRequest]):
    options = (
        "--task sums:4 --think off --think 256 --think unlimited --samples 3 --votes 3 --limit 20 --adapter a --calm"
        " --against other:b --kind number --temperature 0.7 --top-p 0.9 --answer-tokens 600 --seed 5 --resume"
    )
    assert main.run(["evaluate", "tiny", *options.split()]) == 0
    assert asked == [
        Evaluate(
            contenders=[Contender(model="tiny", adapter="a", calm=True), Contender(model="other", adapter="b")],
            task="sums:4",
            verifier="number",
            limit=20,
            think=[0, 256, None],
            samples=3,
            votes=[3],
            answer_tokens=600,
            sampling=Sampling(temperature=0.7, top_p=0.9),
            seed=5,
            resume=True,
        )
    ]


def test_candidates_reach_the_engine(asked: list[JobRequest]):
    assert (
        main.run(["best", "a", "b:x", "--task", "sums:4", "--think", "off", "--think", "64", "--votes", "5", "--calm"])
        == 0
    )
    four = [Contender(model=m, adapter=x, calm=calm) for calm in (False, True) for m, x in (("a", ""), ("b", "x"))]
    assert asked == [Evaluate(contenders=four, task="sums:4", think=[0, 64], votes=[5], race=True)]
    assert asked[0].title() == "Best of a, b · x, a · calm, b · x · calm on sums:4"


def test_a_published_task_is_fetched_first(asked: list[JobRequest]):
    assert main.run(["evaluate", "tiny", "--task", "gsm8k"]) == 0
    assert [type(request) for request in asked] == [FetchTask, Evaluate]


def test_a_file_is_found_from_wherever_the_engine_works(
    asked: list[JobRequest], files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(Path(files[0]).parent)
    for task in ("problems.jsonl", "./problems.jsonl", files[0]):
        assert main.run(["evaluate", "tiny", "--task", task]) == 0
    assert main.run(["evaluate", "tiny", "--task", "gsm8k=problems.jsonl"]) == 0
    assert [request.task for request in asked if isinstance(request, Evaluate)] == [files[0]] * 3 + [
        f"gsm8k={files[0]}"
    ]


def test_a_replay_takes_all_from_the_folder(asked: list[JobRequest], tmp_path: Path, capsys: Output):
    assert main.run(["evaluate", "--replay", str(tmp_path)]) == 0
    assert asked == [Evaluate(again=str(tmp_path))]
    for more in (["tiny"], ["--seed", "1"], ["--think", "8"], ["--temperature", "0"], ["--calm"]):
        assert main.run(["evaluate", *more, "--replay", str(tmp_path)]) == 2
        assert "--replay FOLDER alone" in capsys.readouterr().err
    assert len(asked) == 1


@pytest.mark.parametrize(
    "arguments",
    [["tiny"], ["--task", "sums:1"], [], ["tiny", "--task", "sums:1", "--think", "much"], ["--replies", "f"]],
)
def test_what_is_asked_wrongly(arguments: list[str], asked: list[JobRequest]):
    assert main.run(["evaluate", *arguments]) == 2
    assert asked == []


def test_a_file_whose_ending_says_nothing_is_refused_before_the_start(asked: list[JobRequest]):
    assert main.run(["evaluate", "tiny", "--task", "sums:1", "--out", "o.txt"]) == 2
    assert asked == []


@pytest.fixture
def kept() -> Path:
    """An evaluation of two, one problem short of its end."""
    problems = [Problem(id=str(n), problem=f"{n}+1?", gold=str(n + 1)) for n in range(3)]
    card = EvaluationCard(
        id="one",
        created="2026-01-01T00:00:00+00:00",
        contenders=[Contender(model="tiny"), Contender(model="tiny", adapter="tuned")],
        task=TaskFacts(name="sums", title="Sums", problems=3, of=3, hash="h"),
        think=[0],
        answer_tokens=8,
    )
    folder = paths.evaluations_folder() / "one"
    run_folder.create(folder, card, Task(name="sums", title="Sums", problems=problems))
    with run_folder.RowsFile(folder) as file:
        for contender, correct in ((0, [True, False, False]), (1, [False, True])):
            for n, right in enumerate(correct):
                file.add(ReplyRow(contender=contender, think=0, problem=str(n), sample=0, answer="1", correct=right))
    return folder


def test_what_is_listed_can_be_shown_written_and_removed(kept: Path, capsys: Output, tmp_path: Path):
    assert main.run(["evaluations", "list"]) == 0
    assert "5 of 6 replies" in capsys.readouterr().out
    assert main.run(["evaluations", "show", "one"]) == 0
    shown = capsys.readouterr().out
    assert "tiny against tiny · tuned, thinking off: No clear difference" in shown
    assert ("Only the first got right: 0" in shown, "Only the second got right: 1" in shown) == (True, True)
    for ending, sign in ((".csv", "model,adapter"), (".json", '"card"'), (".md", "| tiny · tuned |")):
        assert main.run(["evaluations", "export", "one", "--to", str(tmp_path / f"o{ending}")]) == 0
        assert sign in (tmp_path / f"o{ending}").read_text()
    assert main.run(["evaluations", "export", "one", "--to", str(tmp_path / "o.txt")]) == 2
    assert main.run(["evaluations", "rm", "one"]) == 0
    assert not kept.exists()
    capsys.readouterr()
    assert main.run(["evaluations", "show", "one"]) == 1
    assert "evaluations list" in capsys.readouterr().err
    assert main.run(["evaluations", "list"]) == 0
    assert "No evaluations yet" in capsys.readouterr().out


def test_evaluations_for_programs(kept: Path, capsys: Output):
    assert main.run(["evaluations", "list", "--json"]) == 0
    [one] = lines(capsys.readouterr().out)[-1]["evaluations"]
    assert (one["card"]["id"], one["state"], one["done"], one["total"]) == ("one", "stopped", 5, 6)
    assert main.run(["evaluations", "show", str(kept), "--json"]) == 0
    done = lines(capsys.readouterr().out)[-1]
    assert [(point["n"], point["accuracy"]) for point in done["points"]] == [(3, 1 / 3), (2, 0.5)]
    assert {"difference", "interval", "only_first", "only_second"} <= set(done["paired"])
    assert (done["paired"]["only_first"], done["paired"]["only_second"]) == (1, 1)
    assert done["folder"] == str(kept)


def test_accuracy_so_far_its_interval_and_the_time_left_are_said(capsys: Output):
    screen = terminal.Screen()
    for done in range(1, 21):
        screen.show(
            Scored(
                id="x", correct=False, answer="1", gold="2", kind="math", think=64, who="tiny",
                accuracy=0.5, interval=(0.3, 0.7), done=done, total=20, rate=0.5,
            )
        )  # fmt: skip
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 11
    assert told[4] == (
        "8 of 20 replies · tiny, thinking 64 tokens: 50 % right so far, between 30 and 70 · 30 a minute · about 24 s left"
    )
