"""Replies made elsewhere, judged and scored: every way a row may say what it is about, and every fault it may have."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from models import errors
from models.evaluate import replies, tasks
from models.evaluate.problems import Problem, Task, asked
from models.evaluate.replies import Evaluated
from models.evaluate.scores import Scored
from tests.returned import run

TASK = Task(
    name="two",
    title="Two",
    problems=[
        Problem(id="0", problem="What is 2+2?", gold="4", group="sums"),
        Problem(id="x", problem="What is 3+3?", gold="6", group="sums"),
        Problem(id="2", problem="Which is it?", gold="B", kind="choice", choices={"A": "p", "B": "q"}),
    ],
)
TASK = structs.replace(TASK, problems=[asked(problem, tasks.prompts()) for problem in TASK.problems])


def judged(tmp_path: Path, *rows: Any, **choice: Any) -> tuple[list[Scored], Evaluated]:
    file = tmp_path / "replies.jsonl"
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    seen, result = run(replies.score_replies(TASK, file, **choice))
    return [event for event in seen if isinstance(event, Scored)], result


@pytest.mark.parametrize(
    "row",
    [
        {"problem": "What is 2+2?", "reply": "4"},
        {"problem": " what is 2 + 2 ?", "reply": "4"},
        {"problem": TASK.problems[0].question, "reply": "\\boxed{4}"},
        {"id": "0", "reply": "4"},
        {"id": 0, "reply": "4"},
        {"id": "somebody's own", "problem": "What is 2+2?", "reply": "4"},
        {"question": "What is 2+2?", "Response": "<think>5?</think>4"},
        {"id": 0, "reply": "thinking\n</think>\n4"},
        {"id": 0, "reply": "4", "reasoning_content": "so \\boxed{5}"},
        {"id": 0, "thinking": "<think>\\boxed{5}</think>", "answer": "4"},
        {"id": 0, "message": {"content": "4", "reasoning_content": "hm"}},
        {"id": 0, "choices": [{"finish_reason": "stop", "message": {"content": "4"}}]},
    ],
)
def test_a_right_reply_in_every_shape(tmp_path: Path, row: dict[str, Any]):
    [scored], _ = judged(tmp_path, row)
    assert (scored.id, scored.correct, scored.answer, scored.gold) == ("0", True, "4", "4")


@pytest.mark.parametrize(
    "row",
    [
        {"reply": "<think>it is \\boxed{4}"},
        {"reply": "\\boxed{4} bec", "finish_reason": "length"},
        {"reply": "\\boxed{4}", "closed": False},
        {"reply": "", "reasoning_content": "it is \\boxed{4}"},
        {"choices": [{"finish_reason": "length", "message": {"content": "4"}}]},
    ],
)
def test_a_reply_that_was_cut(tmp_path: Path, row: dict[str, Any]):
    [scored], result = judged(tmp_path, {"id": 0, **row})
    assert scored.correct is None
    assert (result.points[0].cut, result.points[0].correct) == (1, 0)


def test_several_replies_a_problem_and_their_majority(tmp_path: Path):
    rows = [{"id": 0, "reply": said} for said in ("4", "5", "4.0", "<think>")] + [{"id": "x", "reply": "7"}]
    scored, result = judged(tmp_path, *rows, votes=3)
    assert [(one.id, one.sample) for one in scored] == [("0", 0), ("0", 1), ("0", 2), ("0", 3), ("x", 0)]
    each, majority = result.points
    assert (each.accuracy, each.n, each.samples) == (0.25, 2, 5)
    assert majority.votes == 3
    assert majority.accuracy > each.accuracy
    assert result.unanswered == 1
    assert "1 problem has no reply." in result.sentences()


def test_rows_that_can_not_be_judged_have_a_line_and_a_reason(tmp_path: Path):
    scored, result = judged(
        tmp_path,
        {"id": 0, "reply": "4"},
        "{broken",
        {"id": "nobody", "reply": "4"},
        {"problem": "What is 9+9?", "reply": "18"},
        {"reply": "4"},
        {"id": 0},
        "17",
        {"id": 0, "reply": None},
    )
    assert len(scored) == 1
    assert [(row.line, row.reason) for row in result.left_out] == [
        (2, "broken"), (3, "unknown"), (4, "unknown"), (5, "no_problem"), (6, "no_answer"), (7, "broken"), (8, "no_answer"),
    ]  # fmt: skip
    assert "7 rows of the replies left out (line 2, 3, 4, 5, 6 …)." in result.sentences()


def test_a_file_without_a_reply_to_the_task(tmp_path: Path):
    with pytest.raises(errors.BadInput, match=r"holds no reply to a problem of Two\. Row 1: No problem"):
        judged(tmp_path, {"problem": "else?", "reply": "1"})
    with pytest.raises(errors.NotFound):
        run(replies.score_replies(TASK, tmp_path / "nowhere.jsonl"))


def test_a_table_of_them(tmp_path: Path):
    judged(
        tmp_path,
        {"id": 0, "reply": 'She said "4"\n4', "thinking_tokens": 3},
        {"id": "x", "reply": "<think>"},
        table=tmp_path / "out.csv",
    )
    with (tmp_path / "out.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["correct"], first["thinking_tokens"], first["reply"]) == ("True", "3", 'She said "4"\n4')
    assert (second["correct"], second["reason"]) == ("", "Its thinking never closed.")


def test_a_table_that_can_not_be_written(tmp_path: Path):
    with pytest.raises(errors.StillroomError, match="writing"):
        judged(tmp_path, {"id": 0, "reply": "4"}, table=tmp_path / "no" / "folder.csv")


def test_tests_that_nobody_accepted_are_not_run(tmp_path: Path):
    task = Task(
        name="code", title="Code", problems=[Problem(id="0", problem="f?", kind="python", tests=["assert f() == 1"])]
    )
    file = tmp_path / "replies.jsonl"
    file.write_text(json.dumps({"id": 0, "reply": "```python\ndef f(): return 1\n```"}))
    with pytest.raises(errors.Unsafe, match="Code judges answers by running"):
        run(replies.score_replies(task, file))
    tasks.accept(task)
    seen, result = run(replies.score_replies(task, file))
    assert result.points[0].accuracy == 1.0
    assert seen[0].reason == "The test holds."  # type: ignore[attr-defined]
