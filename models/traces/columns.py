"""Rows of named columns to drafts: problem, reasoning and solution from the columns that were chosen for them."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from models.answers import tags
from models.trace_report import IN_ANSWER
from models.traces import markup
from models.traces.cells import is_filled, is_nothing, text_of
from models.traces.column_choice import Choice
from models.traces.conversations import RawTurn, fill, was_cut
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
_KNOWN_THINKING = frozenset(known.thinking for known in KNOWN)
# The strictest judge first: a checker that understands mathematics over a comparison of texts.
VERIFIED = ("verified", "math_verify_correct", "correctness_math_verify", "is_correct", "correct", "deepseek_grade")
_NAMES = {
    "teacher": ("teacher", "teacher_model", "model", "generator", "model_name"),
    "licence": ("licence", "license"),
    "source": ("source", "dataset", "data_source", "source_type"),
}
_TRUTH = {
    **dict.fromkeys(("true", "yes", "1", "1.0", "correct", "right", "pass", "passed"), True),
    **dict.fromkeys(("false", "no", "0", "0.0", "incorrect", "wrong", "fail", "failed"), False),
}
_LONGEST_NAME = 200  # characters of a teacher, licence or source; what is longer is no name
_WHOLE = ("closed", "is_reasoning_complete")  # whether the reply ended by itself
RESULTS = ("answer", "final_answer", "target")  # beside a reply: the known answer
_NOT_TEXT = ("image", "images", "audio", "audios", "video", "videos")
_CALCULATOR = re.compile(r"<<[^<>\n]*>>")  # GSM8K writes 48/2 = <<48/2=24>>24


def read(row: Fields, choice: Choice) -> Draft | None:
    """A draft of a row under plain names, or None when its columns are of no known shape."""
    asked, written = _first(row, choice.problem), _first(row, choice.answer)
    if asked and isinstance(row[asked], list | dict):
        kind = "list" if isinstance(row[asked], list) else "object"
        return Draft("columns", "", fault=Fault("broken", f"Its {choice.own(asked)} is a {kind}, not text."))
    if choice.by_hand:
        return _generic(asked, row, choice)
    if asked in ("instruction", "input") and "instruction" in row and written == "output":
        return _alpaca(row, choice)
    of_known = [known for known in KNOWN if all(name in row for name in known[1:4]) and _is_filled(row, known.problem)]
    whole = next((known for known in of_known if all(_is_filled(row, name) for name in known[1:4])), None)
    elsewhere = any(_is_filled(row, name) for name in choice.thinking if name not in _KNOWN_THINKING)
    if whole or (of_known and (_is_filled(row, of_known[0].answer) or not elsewhere)):
        return _of_data_set(row, whole or of_known[0], choice)
    answer = text_of(row.get("answer"))
    alone = written == "answer" and not thinking_column(row, choice, "answer")
    if asked in ("question", "problem") and "\n####" in answer and alone:
        return _gsm8k(asked, row, answer, choice)
    return _generic(asked, row, choice)


def _of_data_set(row: Fields, known: DataSetColumns, choice: Choice) -> Draft:
    draft = Draft(known.title, problem=text_of(row[known.problem]), gold=text_of(row.get(known.gold)))
    draft.columns = choice.taken(known.problem, known.thinking, known.answer)
    thinking = known.thinking if _is_filled(row, known.thinking) else thinking_column(row, choice, known.answer)
    return _take(draft, row, thinking, known.answer, choice)


def _generic(asked: str, row: Fields, choice: Choice) -> Draft | None:
    written = _first(row, tuple(name for name in choice.answer if name != asked))
    if not asked or not written:
        return None
    thinking = thinking_column(row, choice, written)
    draft = Draft("columns", columns=choice.taken(asked, thinking, written))
    _ask(draft, asked, row)
    given = choice.thinking or choice.by_hand
    if written == "solution" and _is_filled(row, "answer") and _is_filled(row, "solution") and not given:
        # LIMO, MATH: the solution is the way there, the answer what comes out
        draft.title = _title(asked, "solution", "answer", choice)
        draft.take_reply(text_of(row["solution"]))
        draft.thinking, draft.answer = draft.answer, text_of(row["answer"])
        draft.where = "solution taken as thinking"
        draft.gold = text_of(row["answer"])
        draft.columns = choice.taken(asked, "solution", "answer")
        return draft
    _take(draft, row, thinking, written, choice)
    draft.title = _title(asked, thinking, written, choice)
    if thinking not in ("", IN_ANSWER):
        draft.where = ""  # the title names the column
    results = (name for name in RESULTS if name not in (written, thinking, asked))
    draft.gold = next((text for name in results if (text := text_of(row.get(name)).strip())), "")
    return draft


def thinking_column(row: Fields, choice: Choice, written: str = "") -> str:
    """The column of a row's thinking, IN_ANSWER where it stands in tags inside `written`, "" for none."""
    for name in choice.thinking:
        if name == IN_ANSWER:
            if written and tags.split_reply(text_of(row.get(written))).found in ("tags", "closed", "open"):
                return IN_ANSWER
        elif name != written and _is_filled(row, name) and not is_nothing(text_of(row[name])):
            return name
    return ""


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


def _alpaca(row: Fields, choice: Choice) -> Draft:
    problem = "\n\n".join(part for part in (text_of(row["instruction"]), text_of(row.get("input"))) if part.strip())
    thinking = thinking_column(row, choice, "output")
    taken = choice.taken("instruction", thinking, "output")
    draft = Draft("Alpaca (instruction, input, output)", problem=problem, columns=taken)
    return _take(draft, row, thinking, "output", choice)


def _take(draft: Draft, row: Fields, thinking: str, answer: str, choice: Choice) -> Draft:
    """The draft with the reply from these columns."""
    if thinking in ("", IN_ANSWER):
        draft.take_reply(text_of(row[answer]))
        return draft
    cell = row[thinking]
    draft.take_parts(text_of(cell), text_of(row[answer]), choice.own(thinking))
    several = sum(isinstance(entry, str) and bool(entry.strip()) for entry in cell) if isinstance(cell, list) else 1
    if several > 1:
        draft.fault = Fault("broken", f"Its {choice.own(thinking)} is a list of {several} texts beside one answer.")
    return draft


def _gsm8k(asked: str, row: Fields, answer: str, choice: Choice) -> Draft:
    solution, _, number = answer.rpartition("####")
    taken = choice.taken(asked, "answer", "answer")
    draft = Draft("GSM8K (question, answer with ####)", problem=text_of(row[asked]), columns=taken)
    draft.thinking = _CALCULATOR.sub("", solution).strip()
    draft.answer = draft.gold = number.strip()
    draft.where = "solution taken as thinking, without its <<calculator marks>>"
    return draft


def _title(asked: str, thinking: str, written: str, choice: Choice) -> str:
    if thinking in ("", IN_ANSWER):
        if {asked, written} == {"prompt", "completion"}:
            return "prompt and completion"
        if written == "response":
            return f"{choice.own(asked)} and {choice.own(written)}"
        thinking = ""
    named = [choice.own(name) for name in (asked, thinking) if name]
    return f"columns {', '.join(named)} and {choice.own(written)}"


def describe(draft: Draft, row: Fields, choice: Choice) -> None:
    """Take what a row says about itself: teacher, licence, source, the right answer, whether it was verified or cut."""
    draft.teacher, draft.licence, draft.source = (_name(row, names) for names in _NAMES.values())
    gold = next((text for name in choice.gold if (text := text_of(row.get(name)).strip())), "")
    draft.gold = (gold or draft.gold).strip()
    draft.verified = next((known for name in VERIFIED if (known := _truth(row.get(name))) is not None), None)
    if was_cut(row) or any(_truth(row.get(name)) is False for name in _WHOLE):
        draft.closed = False
    if not draft.fault and (held := next((name for name in _NOT_TEXT if row.get(name)), "")):
        draft.fault = Fault("broken", f"Its column {held} holds what is no text.")
    system = row.get("system") or row.get("system_prompt")
    if isinstance(system, str) and not draft.system:
        other = Draft("")
        fill(other, [RawTurn("system", system)])
        draft.system = other.system


def _is_filled(row: Fields, name: str) -> bool:
    return bool(text_of(row.get(name)).strip())


def _first(row: Fields, names: tuple[str, ...]) -> str:
    """The first of these columns that the row has filled, else the first it has, else nothing."""
    there = [name for name in names if name in row]
    return next((name for name in there if is_filled(row[name])), there[0] if there else "")


def _name(row: Fields, names: tuple[str, ...]) -> str:
    values = (row.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME), "")


def _truth(value: object) -> bool | None:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int | float):
        return _TRUTH.get(str(value).strip().lower())
    return None
