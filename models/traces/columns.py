"""Rows of named columns to drafts: problem, reasoning and solution under the names that data sets give them."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from models.traces import markup
from models.traces.conversations import RawTurn, fill
from models.traces.draft import Draft
from models.traces.fault import Fault

Fields = Mapping[str, object]


class DataSetColumns(NamedTuple):
    """A data set's own columns."""

    title: str
    problem: str
    thinking: str
    answer: str
    gold: str = ""  # the right answer's


KNOWN = (
    DataSetColumns("s1K-1.1 columns", "question", "deepseek_thinking_trajectory", "deepseek_attempt", "solution"),
    DataSetColumns("s1K-1.1 columns", "question", "gemini_thinking_trajectory", "gemini_attempt", "solution"),
    DataSetColumns("s1K columns", "question", "thinking_trajectories", "attempt", "solution"),
    DataSetColumns("OpenThoughts columns", "problem", "deepseek_reasoning", "deepseek_solution", "ground_truth_solution"),
    DataSetColumns("Ollama columns", "problem", "message_thinking", "message_content", "gtruth_answer"),
)  # fmt: skip
PROBLEM = ("problem", "question", "instruction", "query", "prompt", "input", "user", "task")
THINKING = (
    "thinking", "reasoning", "reasoning_content", "reasoning_trace", "thought", "thoughts", "cot", "chain_of_thought",
    "rationale", "message_thinking", "deepseek_reasoning", "think_content", "thinking_trajectory", "trace",
)  # fmt: skip
# Where a solution is written out; `answer` is often the bare result beside it.
WRITTEN = (
    "response", "completion", "output", "attempt", "message_content", "generation", "generations", "deepseek_solution",
    "solution", "answer", "final_answer", "target", "content", "assistant",
)  # fmt: skip
GOLD = (
    "gold", "gt_answer", "gtruth_answer", "ground_truth", "ground_truth_answer", "gold_answer", "reference_answer",
    "expected_answer",
)  # fmt: skip
# The strictest judge first: a checker that understands mathematics over a comparison of texts.
VERIFIED = ("verified", "math_verify_correct", "correctness_math_verify", "is_correct", "correct", "deepseek_grade")
_NAMES = {
    "teacher": ("teacher", "teacher_model", "model", "generator", "model_name"),
    "licence": ("licence", "license"),
    "source": ("source", "dataset", "data_source", "source_type"),
}
_CALCULATOR = re.compile(r"<<[^<>\n]*>>")  # GSM8K writes 48/2 = <<48/2=24>>24


def text_of(value: object) -> str:
    """A cell as text; a list of texts gives its first, as columns of several samples mean it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return next((entry for entry in value if isinstance(entry, str) and entry.strip()), "")
    return ""


def read(row: Fields) -> Draft | None:
    """A draft of a row, or None when its columns are of no known shape."""
    if "instruction" in row and "output" in row:
        return _alpaca(row)
    there = [known for known in KNOWN if known.problem in row and known.thinking in row and known.answer in row]
    known = next((known for known in there if _filled(row, known.thinking)), there[0] if there else None)
    if known:
        draft = Draft(known.title, problem=text_of(row[known.problem]), gold=text_of(row.get(known.gold)))
        return _filled_in(draft, row, known.thinking, known.answer)
    asked = next((name for name in PROBLEM if name in row), None)
    if asked is None:
        return None
    if isinstance(row[asked], list | dict):
        kind = "list" if isinstance(row[asked], list) else "object"
        return Draft("columns", "", fault=Fault("broken", f"Its {asked} is a {kind}, not text."))
    answer = text_of(row.get("answer"))
    if asked in ("question", "problem") and "\n####" in answer:
        return _gsm8k(asked, row, answer)
    return _generic(asked, row)


def _generic(asked: str, row: Fields) -> Draft | None:
    thinking = next((name for name in THINKING if name in row), None)
    there = [name for name in WRITTEN if name in row and name != asked]
    written = next((name for name in there if _filled(row, name)), there[0] if there else None)
    if written is None:
        return None
    draft = Draft("columns")
    _ask(draft, asked, row)
    if thinking and _filled(row, thinking):
        draft.title = _title(asked, thinking, written)
        _filled_in(draft, row, thinking, written)
        draft.where = ""  # the title names the column
    elif written == "solution" and _filled(row, "answer") and _filled(row, "solution"):
        # LIMO, MATH: the solution is the way there, the answer what comes out
        draft.title = _title(asked, "solution", "answer")
        draft.take_reply(text_of(row["solution"]))
        if not draft.thinking:
            draft.thinking, draft.answer = draft.answer, text_of(row["answer"])
            draft.where = "solution taken as thinking"
        draft.gold = text_of(row["answer"])
    else:
        draft.title = _title(asked, thinking or "", written)
        draft.take_reply(text_of(row[written]))
    if written != "answer" and not draft.gold:
        draft.gold = text_of(row.get("answer"))
    return draft


def _ask(draft: Draft, asked: str, row: Fields) -> None:
    """Take the problem; of a prompt in a chat template's markup its turns, and whether it opens the thinking."""
    text = text_of(row[asked])
    unwrapped = markup.unwrap(text)
    if unwrapped is None:
        draft.problem, stub = text, text if asked == "prompt" else text_of(row.get("prompt"))
    else:
        turns = list(unwrapped.turns)
        stub = turns.pop()[1] if turns[-1][0] == "assistant" else ""
        fill(draft, [RawTurn(role, said) for role, said in (*turns, ("assistant", "-"))])
        draft.answer = ""
    draft.opened = stub.rstrip().endswith("<think>")
    if draft.opened and asked == "prompt":
        draft.problem = draft.problem.rstrip().removesuffix("<think>")


def _alpaca(row: Fields) -> Draft:
    problem = "\n\n".join(part for part in (text_of(row["instruction"]), text_of(row.get("input"))) if part.strip())
    draft = Draft("Alpaca (instruction, input, output)", problem=problem)
    thinking = next((name for name in THINKING if _filled(row, name)), "")
    return _filled_in(draft, row, thinking, "output")


def _filled_in(draft: Draft, row: Fields, thinking: str, answer: str) -> Draft:
    """The draft with the reply from these columns; an empty one of thinking leaves it to the answer's."""
    if _filled(row, thinking):
        draft.take_parts(text_of(row[thinking]), text_of(row[answer]), thinking)
    else:
        draft.take_reply(text_of(row[answer]))
    return draft


def _gsm8k(asked: str, row: Fields, answer: str) -> Draft:
    solution, _, number = answer.rpartition("####")
    draft = Draft("GSM8K (question, answer with ####)", problem=text_of(row[asked]))
    draft.thinking = _CALCULATOR.sub("", solution).strip()
    draft.answer = draft.gold = number.strip()
    draft.where = "solution taken as thinking, without its <<calculator marks>>"
    return draft


def _title(asked: str, thinking: str, written: str) -> str:
    if {asked, written} == {"prompt", "completion"}:
        return "prompt and completion"
    if written == "response":
        return f"{asked} and response"
    return f"columns {', '.join(name for name in (asked, thinking) if name)} and {written}"


_DESCRIBING = frozenset((*GOLD, *VERIFIED, *(name for names in _NAMES.values() for name in names), "closed"))


def describe(draft: Draft, row: Fields) -> None:
    """Take what a row says about itself: teacher, licence, source, the right answer, whether it was verified or cut."""
    if not _DESCRIBING.isdisjoint(row):
        draft.teacher, draft.licence, draft.source = (_first(row, names) for names in _NAMES.values())
        draft.gold = draft.gold or next((text for name in GOLD if (text := text_of(row.get(name)).strip())), "")
        draft.verified = next((known for name in VERIFIED if (known := _truth(row.get(name))) is not None), None)
        if row.get("closed") in (False, "false", "False"):
            draft.closed = False
    draft.gold = draft.gold.strip()
    system = row.get("system") or row.get("system_prompt")
    if isinstance(system, str) and not draft.system:
        other = Draft("")
        fill(other, [RawTurn("system", system)])
        draft.system = other.system


def _filled(row: Fields, name: str) -> bool:
    return bool(text_of(row.get(name)).strip())


def _first(row: Fields, names: tuple[str, ...]) -> str:
    return next((value for name in names if isinstance(value := row.get(name), str) and value), "")


def _truth(value: object) -> bool | None:
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(value.lower())
    return None
