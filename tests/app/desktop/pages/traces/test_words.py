"""What the page says, from the sentences of real imports."""

from pathlib import Path

import pytest

from app.desktop.pages.traces import words
from app.desktop.pages.traces.rows import interleaved, merged, row_of
from models.trace_report import REASON_WORDS, REASONS, LeftOut
from models.traces import export, store
from models.traces.trace import Trace
from tests.app.desktop.pages.traces.fakes import add, asked_rows, captured, write_rows


def trace(**values: object) -> Trace:
    return Trace(**{"id": "1", "problem": "p", "thinking": "t", "answer": "a", **values})  # type: ignore[arg-type]


def test_every_reason_and_shape_has_words() -> None:
    assert set(REASON_WORDS) == set(words.ADVICE) == set(REASONS)
    assert set(words.SHAPES) == set(export.SHAPES)


def test_why_a_row_was_left_out_is_said_as_in_the_picture(tmp_path: Path) -> None:
    add("here", write_rows(tmp_path / "a.jsonl", asked_rows()))
    report = store.report("here")
    assert report is not None
    said = {left.line: words.why(left) for left in report.left_out}
    assert said == {
        5: "duplicate of row 4",
        6: "longer than 8,192 tokens",
        8: "no answer after the thinking",
    }


def test_a_near_duplicate_is_said_to_be_one() -> None:
    text = "It is nearly the same as row 3 of b.jsonl."
    left = LeftOut(line=9, reason="duplicate", text=text, near=True, same_as_line=3, same_as_file="b.jsonl")
    assert words.why(left) == "near duplicate of row 3 of b.jsonl"


def test_a_report_of_before_is_read_without_its_sentence() -> None:
    left = LeftOut(line=9, reason="duplicate", text="It is the same as row 3.")
    assert words.why(left) == "duplicate"


@pytest.mark.parametrize(
    ("answer", "short"),
    [
        ("7/3", "7/3"),
        ("So it is\n\\[ \\boxed{\\frac{7}{3}} \\]", "7/3"),
        ("First \\boxed{1}, then \\boxed{x^2}", "x²"),
        ("\n\nOne line.\nAnother.", "One line."),
    ],
)
def test_an_answer_in_short_is_what_is_boxed_or_its_first_line(answer: str, short: str) -> None:
    assert words.short_answer(answer) == short


def test_a_trace_comes_from_a_chat_a_teacher_or_a_file() -> None:
    assert words.origin(captured()) == "chat"
    assert words.origin(trace(teacher="deepseek-ai/DeepSeek-R1-Distill-Qwen-14B")) == "teacher 14B"
    assert words.origin(trace(teacher="deepseek-ai/DeepSeek-R1")) == "teacher DeepSeek-R1"
    assert words.origin(trace(source="a.jsonl")) == "import"


def test_provenance_names_file_teacher_and_what_is_known() -> None:
    known = trace(source="a.jsonl", line=318, teacher="R1", licence="mit", verified=False, gold="5", history=["0"])
    assert words.provenance(known) == (
        "Row 318 of a.jsonl, written by R1, licence mit, the known answer is 5, edited"
    )  # fmt: skip
    assert words.provenance(captured()) == "Captured from a chat with R1-Distill-Qwen-7B 4-bit, budget 2,048"


def test_thinking_has_its_share_of_what_the_teacher_counted() -> None:
    assert words.thinking_tokens(trace(thinking="t" * 300, answer="a" * 100, tokens=80)) == 60
    assert words.thinking_tokens(trace(thinking="t" * 320)) == 100


def test_a_length_that_was_estimated_is_marked() -> None:
    assert row_of(trace(thinking="t" * 320, tokens=77)).length == "77"
    assert row_of(trace(thinking="t" * 320, answer="")).length == "≈ 100"


def test_rows_left_out_stand_between_the_traces_of_their_file_and_after_those_of_several(tmp_path: Path) -> None:
    left = [LeftOut(line=line, reason="broken", text="No.", file="a.jsonl") for line in (1, 3, 9)]
    rows = [(row_of(trace(id=str(line), line=line)), line) for line in (2, 4)]
    between = [row.key for row in merged(iter(rows), left, True)]
    assert between == ["a.jsonl:1", "2", "a.jsonl:3", "4", "a.jsonl:9"]
    assert [row.key for row in merged(iter(rows), left, False)] == ["2", "4", "a.jsonl:1", "a.jsonl:3", "a.jsonl:9"]
    add("one", write_rows(tmp_path / "a.jsonl", asked_rows()))
    assert interleaved(store.get("one"), store.report("one"))
    add("one", write_rows(tmp_path / "b.jsonl", [{"problem": "2 + 2?", "thinking": "t", "answer": "4"}]))
    assert not interleaved(store.get("one"), store.report("one"))
