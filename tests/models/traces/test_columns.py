"""Which columns count is decided by what stands in them, over the file."""

import json
from pathlib import Path
from typing import Any

import pytest

from models import errors
from models.trace_report import IN_ANSWER, Columns
from models.traces.importing import TraceImport, preview
from models.traces.trace import Trace

THOUGHT = "First I add the two numbers, then I look at the sum again, since slips are easy."


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def kept(path: Path, columns: Columns | None = None) -> list[Trace]:
    return [item for item in TraceImport().read(path, columns=columns) if isinstance(item, Trace)]


def left_out(path: Path) -> list[str]:
    job = TraceImport()
    assert not [item for item in job.read(path) if isinstance(item, Trace)]
    return [left.text for left in job.left_out]


@pytest.mark.parametrize("name", ["reasoning", "thinking", "cot", "Reasoning"])
@pytest.mark.parametrize("values", [["on"] * 3, ["high", "low", "high"], ["detailed thinking on"] * 3, ["1", "0", "1"]])
def test_a_switch_is_no_thinking(tmp_path: Path, name: str, values: list[str]) -> None:
    rows = [
        {"question": f"What is {n} + 4?", "response": f"<think>{THOUGHT}</think>{n + 4}", name: value}
        for n, value in enumerate(values)
    ]
    assert [trace.thinking for trace in kept(write(tmp_path, rows))] == [THOUGHT] * 3
    for row in rows:
        row["response"] = "It is so."
    assert {trace.thinking for trace in kept(write(tmp_path, rows))} == {""}


def test_a_summary_beside_the_whole_thinking_is_not_taken_for_it(tmp_path: Path) -> None:
    rows = [
        {"problem": f"{n} + 1?", "reasoning": "I add one.", "output": f"<think>{THOUGHT}</think>{n + 1}"}
        for n in range(3)
    ]
    assert {trace.thinking for trace in kept(write(tmp_path, rows))} == {THOUGHT}
    rows[1]["output"] = "2"  # a row without tags has the summary alone
    assert [trace.thinking for trace in kept(write(tmp_path, rows))] == [THOUGHT, "I add one.", THOUGHT]


@pytest.mark.parametrize("empty", [None, "", "  ", float("nan"), []])
def test_a_row_falls_back_to_the_next_column_it_has_filled(tmp_path: Path, empty: object) -> None:
    rows: list[dict[str, object]] = [
        {"problem": empty, "question": "1 + 1?", "thinking": empty, "reasoning": THOUGHT, "response": empty, "output": "2"},
        {"problem": "1 + 2?", "question": empty, "thinking": THOUGHT, "reasoning": empty, "response": "3", "output": empty},
        {"messages": empty, "prompt": "1 + 3?", "completion": f"<think>{THOUGHT}</think>4"},
        {"messages": empty, "conversations": [{"role": None, "from": "human", "content": None, "value": "1 + 4?"},
                                              {"from": "gpt", "value": f"<think>{THOUGHT}</think>5"}]},
    ]  # fmt: skip
    traces = kept(write(tmp_path, rows))
    assert [(trace.problem, trace.thinking, trace.answer) for trace in traces] == [
        (f"1 + {n}?", THOUGHT, str(n + 1)) for n in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize(
    "names",
    [("Question", "Complex_CoT", "Response"), ("PROBLEM", "REASONING", "SOLUTION"), ("user prompt", "modelReasoning", "Model Answer")],
)  # fmt: skip
def test_names_are_read_in_any_spelling_and_told_as_the_file_has_them(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = write(tmp_path, [dict(zip(names, (f"{n}?", THOUGHT, str(n)), strict=True)) for n in range(2)])
    assert [(trace.problem, trace.thinking, trace.answer) for trace in kept(path)] == [
        ("0?", THOUGHT, "0"),
        ("1?", THOUGHT, "1"),
    ]
    seen = preview(path)
    assert seen.shape == f"columns {names[0]}, {names[1]} and {names[2]}"
    assert seen.columns == list(names)
    assert seen.chosen == Columns(problem=names[0], thinking=names[1], answer=names[2])


def test_a_name_that_only_speaks_of_a_part_is_none(tmp_path: Path) -> None:
    row = {"problem_type": "Algebra", "system_prompt": "Be brief.", "question": "1 + 1?", "reasoning_tokens": "17",
           "response_time": "0.3 s", "answer": f"<think>{THOUGHT}</think>2"}  # fmt: skip
    (trace,) = kept(write(tmp_path, [row]))
    assert (trace.problem, trace.thinking, trace.answer, trace.system) == ("1 + 1?", THOUGHT, "2", "Be brief.")


def test_where_names_say_nothing_the_content_does(tmp_path: Path) -> None:
    rows = [
        {
            "id": f"a{n}",
            "Frage": f"Was ist {n} + 1?",
            "Antwort": f"<think>{THOUGHT}</think>{n + 1}",
            "Fach": "Mathematik",
        }
        for n in range(3)
    ]
    path = write(tmp_path, rows)
    assert [(trace.problem, trace.thinking, trace.answer) for trace in kept(path)] == [
        (f"Was ist {n} + 1?", THOUGHT, str(n + 1)) for n in range(3)
    ]
    assert preview(path).chosen == Columns(problem="Frage", thinking=IN_ANSWER, answer="Antwort")
    rows = [{"question": "1 + 1?", "r1_dump": f"<think>{THOUGHT}</think>It is 2.", "answer": "2", "url": "a.b/c"}]
    (trace,) = kept(write(tmp_path, rows))
    assert (trace.thinking, trace.answer, trace.gold, trace.verified) == (THOUGHT, "It is 2.", "2", True)
    pair = [{"prompt": "1 + 1?", "chosen": f"<think>{THOUGHT}</think>2", "rejected": "<think>A guess.</think>3"}]
    assert kept(write(tmp_path, pair))[0].answer == "2"
    two = [{"Frage": "Was ist das?", "Hinweis": "Zähle es!", "Antwort": f"<think>{THOUGHT}</think>2"}]
    assert "no shape that is known" in left_out(write(tmp_path, two))[0]


def test_many_short_answers_that_differ_are_no_state(tmp_path: Path) -> None:
    rows = [
        {"question": f"{n}?", "thought": THOUGHT, "response": f"It is {n}.", "content": "x " * n} for n in range(300)
    ]
    assert kept(write(tmp_path, rows))[299].answer == "It is 299."


def test_a_category_is_no_problem_and_a_state_no_answer(tmp_path: Path) -> None:
    rows = [
        {
            "problem": "algebra",
            "query": f"What is {n} + {n}?",
            "response": "success",
            "thought": THOUGHT,
            "output": str(2 * n),
        }
        for n in range(3)
    ]
    assert [(trace.problem, trace.answer) for trace in kept(write(tmp_path, rows))] == [
        (f"What is {n} + {n}?", str(2 * n)) for n in range(3)
    ]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ([{"role": "user", "content": "1 + 1?"}], f"<think>{THOUGHT}</think>2"),
        ('[{"Role": "User", "Content": "1 + 1?"}]', f"<think>{THOUGHT}</think>2"),
        ({"messages": [{"role": "user", "content": "1 + 1?"}]}, [{"role": "assistant", "reasoning": THOUGHT, "content": "2"}]),
        ([{"role": "user", "content": "1 + 1?"}], {"role": "assistant", "reasoning_content": THOUGHT, "content": "2"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("names", [("input", "output"), ("q", "a"), ("question", "response"), ("Prompt", "Completion")])
def test_a_conversation_may_stand_where_a_problem_does(
    tmp_path: Path, names: tuple[str, str], asked: object, answered: object
) -> None:
    (trace,) = kept(write(tmp_path, [{names[0]: asked, names[1]: answered}]))
    assert (trace.problem, trace.thinking, trace.answer) == ("1 + 1?", THOUGHT, "2")


def test_an_answer_may_be_a_message_and_an_instruction_stand_before_a_conversation(tmp_path: Path) -> None:
    said = {"role": "assistant", "content": f"<think>{THOUGHT}</think>2"}
    rows = [
        {"prompt": "1 + 1?", "completion": [said]},
        {"instruction": "What is 1 + 1?", "output": said},
        {"instruction": "Be brief.", "input": [{"role": "user", "content": "1 + 1 = ?"}], "output": "2"},
    ]
    traces = kept(write(tmp_path, rows))
    assert [(trace.system, trace.problem, trace.thinking, trace.answer) for trace in traces] == [
        ("", "1 + 1?", THOUGHT, "2"),
        ("", "What is 1 + 1?", THOUGHT, "2"),
        ("Be brief.", "1 + 1 = ?", "", "2"),
    ]


def test_of_several_samples_the_first_whole_one_that_is_not_wrong_is_taken(tmp_path: Path) -> None:
    cut, wrong, right = f"<think>{THOUGHT}", "<think>Guess.</think>3", f"<think>{THOUGHT}</think>2"
    rows = [
        {"problem": "1 + 1?", "generations": [cut, right], "finish_reasons": ["length", "stop"]},
        {"problem": "1 + 1.0?", "generations": [wrong, right], "correctness_math_verify": [False, True]},
        {"problem": "1.0 + 1?", "generations": ["2", right], "is_reasoning_complete": [False, True]},
        {"question": "1.0 + 1.0?", "reasoning": ["", THOUGHT], "responses": [None, "2"]},
    ]
    assert [(trace.thinking, trace.answer) for trace in kept(write(tmp_path, rows))] == [(THOUGHT, "2")] * 4
    assert left_out(write(tmp_path, [{"problem": "1 + 1?", "generations": [cut, cut]}])) == [
        "Its thinking never closes."
    ]
    assert left_out(write(tmp_path, [{"problem": "?", "reasoning": ["First a.", "Then b."], "answer": "2"}])) == [
        "Its reasoning is a list of 2 texts beside one answer."
    ]


@pytest.mark.parametrize(
    ("said", "verified"), [(1, True), (0.0, False), ("Correct", True), ("wrong", False), ("?", None)]
)
def test_what_the_row_says_of_its_answer_counts_before_what_is_compared(
    tmp_path: Path, said: object, verified: bool | None
) -> None:
    row = {"problem": "1 + 1?", "reasoning": THOUGHT, "response": "2", "correct_answer": "3", "is_correct": said}
    (trace,) = kept(write(tmp_path, [row]))
    assert (trace.gold, trace.verified) == ("3", False if verified is None else verified)


def test_columns_are_chosen_by_hand(tmp_path: Path) -> None:
    rows = [
        {"question": f"{n}?", "notes": f"Note {n}.", "reasoning": THOUGHT, "answer": f"<think>In it {n}.</think>{n}"}
        for n in range(2)
    ]
    path = write(tmp_path, rows)
    assert {trace.thinking for trace in kept(path)} == {THOUGHT}
    assert kept(path, Columns(thinking="notes"))[1].thinking == "Note 1."
    assert kept(path, Columns(thinking=IN_ANSWER))[1].thinking == "In it 1."
    assert preview(path, columns=Columns(thinking="notes")).chosen.thinking == "notes"
    with pytest.raises(errors.BadInput, match="no column cot") as raised:
        kept(path, Columns(thinking="cot"))
    assert "notes" in raised.value.hint


def test_a_conversation_offers_no_columns_and_takes_the_thinking_beside_it(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]
    path = write(tmp_path, [{"messages": turns, "reasoning": THOUGHT, "answer": "2"}])
    (trace,) = kept(path)
    assert (trace.thinking, trace.gold, trace.verified) == (THOUGHT, "2", True)
    assert preview(path).columns == []


CHOICE = {"message": {"role": "assistant", "reasoning": "So.", "content": "2"}}
ASKED = {"role": "user", "content": "1 + 1?"}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"messages": [ASKED], "choices": [CHOICE, CHOICE]}, "It holds 2 replies to one prompt"),
        ({"contents": [ASKED], "candidates": [{"content": {}}, {"content": {}}]}, "It holds 2 replies"),
        ({"messages": [ASKED, {"role": "assistant", "content": [{"type": "text", "text": "2"}, {"type": "image"}]}]}, "a part of type image"),
        ({"messages": [ASKED, {"role": "assistant", "content": [{"text": "2", "functionCall": {"name": "add"}}]}]}, "functionCall beside its text"),
        ({"messages": [ASKED, {"role": "assistant", "content": "2", "function_call": {"name": "add"}}]}, "calls tools"),
        ({"messages": [{**ASKED, "images": ["a.png"]}, {"role": "assistant", "content": "2"}]}, "A turn holds images"),
        ({"problem": "What is shown?", "answer": "2", "image": {"bytes": "x"}}, "Its column image holds what is no text"),
        ({"prompt": "1 + 1?", "response": "<think>So.</think>It is", "finish_reason": "length"}, "was cut off"),
        ({"model": "r1", "message": {"role": "assistant", "content": "It"}, "prompt": "1 + 1?", "done": False}, "was cut off"),
        ({"messages": [ASKED, {"role": "assistant", "content": [{"text": "2"}, {"type": "thinking", "thinking": "So."}]}]}, "goes on behind"),
        ({"messages": [ASKED, {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "2"}]}]}, "All of its thinking is redacted"),
    ],
)  # fmt: skip
def test_what_would_be_half_kept_is_left_out_and_says_why(tmp_path: Path, row: dict[str, Any], why: str) -> None:
    (text,) = left_out(write(tmp_path, [row]))
    assert why in text


def test_what_is_redacted_is_left_out_of_the_thinking_and_of_earlier_turns(tmp_path: Path) -> None:
    redacted, thought = {"type": "redacted_thinking", "data": "Eo8="}, {"type": "thinking", "thinking": THOUGHT}
    said = {"type": "text", "text": "2"}
    turns = [ASKED, {"role": "assistant", "content": [redacted, said]}, ASKED,
             {"role": "assistant", "content": [thought, redacted, said]}]  # fmt: skip
    (trace,) = kept(write(tmp_path, [{"messages": turns}]))
    assert (trace.thinking, trace.answer, trace.turns[1].content) == (THOUGHT, "2", "2")
    logged = {
        "request": {"messages": [ASKED]},
        "response": {"role": "assistant", "content": [thought, said], "stop_reason": "end_turn"},
    }
    (trace,) = kept(write(tmp_path, [logged]))
    assert (trace.problem, trace.thinking, trace.answer) == ("1 + 1?", THOUGHT, "2")


def test_a_thought_part_of_gemini_is_thinking(tmp_path: Path) -> None:
    parts = [{"text": THOUGHT, "thought": True}, {"text": "2"}]
    row = {"contents": [{"role": "user", "parts": [{"text": "1 + 1?"}]}, {"role": "model", "parts": parts}]}
    (trace,) = kept(write(tmp_path, [row]))
    assert (trace.problem, trace.thinking, trace.answer) == ("1 + 1?", THOUGHT, "2")


@pytest.mark.parametrize(
    ("first", "mark"), [("sep=;", ";"), ('"sep=;"', ";"), ("SEP=|", "|"), ("sep=\t", "\t"), ("sep=,;;", ",")]
)
@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_excels_own_first_line_says_the_delimiter(tmp_path: Path, first: str, mark: str, codec: str) -> None:
    path = tmp_path / "rows.csv"
    lines = [first, mark.join(("question", "thinking", "answer")), mark.join(("1 + 1?", '"So; it, is"', "2"))]
    path.write_bytes("\r\n".join(lines).encode(codec))
    (trace,) = kept(path)
    assert (trace.problem, trace.thinking, trace.answer, trace.line) == ("1 + 1?", "So; it, is", "2", 3)


def test_a_sentence_never_carries_a_rows_whole_text(tmp_path: Path) -> None:
    long = "x" * 100_000
    rows: list[dict[str, Any]] = [
        {long: 1},
        {"messages": [{"role": long, "content": "a"}]},
        {"teacher": long, "problem": "?", "answer": "1"},
    ]
    job = TraceImport()
    traces = [item for item in job.read(write(tmp_path, rows)) if isinstance(item, Trace)]
    assert max(len(left.text) for left in job.left_out) <= 500
    wide = {f"c{n}": "1" for n in range(600)}
    assert left_out(write(tmp_path, [wide])) == ["It has 600 columns, more than any row of traces."]
    assert [trace.teacher for trace in traces] == [""]
