"""`stillroom tasks` and `stillroom evaluate --replies`, for people and for programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli import main

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
    assert len(done["ladders"]) == 8
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
