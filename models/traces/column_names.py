"""What a column is called: names in one spelling, and which part of a trace a name stands for.

Data sets write `Question`, `complex CoT`, `reasoningContent`; here they are `question`, `complex_cot` and
`reasoning_content`. A name that is in no list stands for what its last word says: `model_output` is an output,
`reasoning_tokens` no reasoning.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

PROBLEM = ("problem", "question", "instruction", "query", "prompt", "input", "user", "task", "q")
THINKING = (
    "thinking", "reasoning", "reasoning_content", "reasoning_trace", "thought", "thoughts", "cot", "chain_of_thought",
    "rationale", "message_thinking", "deepseek_reasoning", "think_content", "thinking_trajectory", "trace",
)  # fmt: skip
# Where a solution is written out; `answer` is often the bare result beside it.
WRITTEN = (
    "response", "completion", "output", "attempt", "message_content", "generation", "generations", "deepseek_solution",
    "solution", "answer", "final_answer", "target", "content", "assistant", "a",
)  # fmt: skip
GOLD = (
    "gold", "gt_answer", "gtruth_answer", "ground_truth", "ground_truth_answer", "gold_answer", "reference_answer",
    "expected_answer",
)  # fmt: skip

NEVER = 1 << 30  # the rank of a column that is no part, whatever stands in it
LONGEST = 120  # characters of a name that is looked at; a longer one is no name
_ENDINGS = {  # the last word of a name in no list: the part it stands for
    **dict.fromkeys(("problem", "question", "instruction", "query", "prompt", "input"), "problem"),
    **dict.fromkeys(
        ("thinking", "reasoning", "thought", "thoughts", "cot", "rationale", "trajectory", "trajectories"), "thinking"
    ),
    **dict.fromkeys(
        ("response", "completion", "output", "attempt", "generation", "generations", "solution", "answer", "reply",
         "responses", "completions", "outputs", "solutions", "answers"),
        "answer",
    ),
}  # fmt: skip
_SAYS_NOTHING = ("text", "content", "str", "string", "raw", "full", "body")  # as a last word: question_text
_OF_THINKING = ("steps", "process", "chain", "trace", "traces")
_KNOWN_RIGHT = frozenset(("gold", "golden", "gt", "gtruth", "truth", "reference", "expected", "correct", "true"))
_OTHERS = frozenset(("system", "negative", "rejected", "wrong", "bad", "incorrect"))
_BETWEEN = re.compile(r"[\s\-./:]+|(?<=[a-z0-9])(?=[A-Z][a-z])")


@lru_cache(4096)
def _plain(name: str) -> str:
    return "_".join(part for part in _BETWEEN.split(name) if part).casefold().strip("_") or name


def plain(name: str) -> str:
    """A name in small letters, with _ between its words."""
    return _plain(name) if len(name) <= LONGEST else name


def in_plain_names(row: Mapping[str, object]) -> dict[str, object]:
    """A row under its columns' plain names; of two columns of one name the first that is filled."""
    named: dict[str, object] = {}
    for name, value in row.items():
        key = plain(name)
        if key not in named or named[key] in (None, "", []):
            named[key] = value
    return named


@lru_cache(4096)
def part_of(name: str) -> tuple[str, int]:
    """The part of a trace that a plain name stands for, "" for none, and its rank: the lowest is the likeliest.

    The part is one of "problem", "thinking", "answer" and "gold".
    """
    for part, names in (("problem", PROBLEM), ("thinking", THINKING), ("answer", WRITTEN), ("gold", GOLD)):
        if name in names:
            return part, names.index(name)
    words = name.split("_") if len(name) <= LONGEST else []
    if not _OTHERS.isdisjoint(words):
        return "", NEVER
    while len(words) > 1 and words[-1] in _SAYS_NOTHING:
        words.pop()
    part = _ENDINGS.get(words[-1], "") if words else ""
    if len(words) > 1 and words[-1] in _OF_THINKING and _ENDINGS.get(words[-2]) == "thinking":
        part = "thinking"  # reasoning_steps
    if part == "answer" and not _KNOWN_RIGHT.isdisjoint(words[:-1]):
        part = "gold"
    return part, 100 + len(words)
