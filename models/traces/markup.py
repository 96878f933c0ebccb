"""Chat templates' own tokens in a text: prompts that were stored with them, and replies that must not hold any.

A raw dump keeps the prompt as the model saw it, `<｜User｜>…<｜Assistant｜><think>`; that is unwrapped into turns. In a
problem, thinking or answer the same tokens would end a turn or begin one when a tokenizer meets them, so a trace that
holds any is left out.
"""

import re
from functools import cache
from typing import NamedTuple

from models.answers import tags
from models.traces.conversations import ROLES

_ROLE = r"(system|user|assistant|human|gpt|model|developer)"
# Each: what begins a turn, with the role as a group; whatever stands before the first is the system's.
_HEADERS = {
    "ChatML": re.compile(rf"<\|im_start\|>{_ROLE}\n", re.IGNORECASE),
    "Llama 3": re.compile(rf"<\|start_header_id\|>{_ROLE}<\|end_header_id\|>\s*", re.IGNORECASE),
    "DeepSeek": re.compile(r"<｜(User|Assistant)｜>"),
    "Zephyr": re.compile(rf"<\|{_ROLE}\|>\n?", re.IGNORECASE),
    "Gemma": re.compile(rf"<start_of_turn>{_ROLE}\n", re.IGNORECASE),
}
_BEGIN = re.compile(r"\A\s*(?:<\|begin_of_text\|>|<｜begin▁of▁sentence｜>|<bos>|<s>|<\|endoftext\|>)")
_INSTRUCTED = re.compile(r"\[/?(?:INST|THINK|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)\]")


class Unwrapped(NamedTuple):
    """Turns of a text in chat markup: (role, text) with role system, user or assistant; and the template's name."""

    turns: list[tuple[str, str]]
    template: str


def unwrap(text: str) -> Unwrapped | None:
    """Undo a chat template; None when the text is in none that is known."""
    if "[INST]" in text:
        return _unwrap_mistral(text)
    if "<|" not in text and "<｜" not in text and "<start_of_turn>" not in text:
        return None
    text = _BEGIN.sub("", text)
    for name, header in _HEADERS.items():
        marks = list(header.finditer(text))
        if not marks:
            continue
        turns = [("system", text[: marks[0].start()])] if text[: marks[0].start()].strip() else []
        ends = [mark.start() for mark in marks[1:]] + [len(text)]
        turns += [(ROLES[mark[1].lower()], text[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)]
        return Unwrapped([(role, tags.without_end(said).strip()) for role, said in turns], name)
    return None


def _unwrap_mistral(text: str) -> Unwrapped | None:
    turns = []
    # no pattern: one that looks for each end takes the square of the text's length where there is none
    for part in text.split("[INST]")[1:]:
        asked, closed, said = part.partition("[/INST]")
        if not closed:
            return None
        turns += [("user", asked.strip()), ("assistant", said.partition("</s>")[0].strip())]
    if turns and not turns[-1][1]:
        turns.pop()
    return Unwrapped(turns, "Mistral") if turns else None


@cache
def _tokens() -> re.Pattern[str]:
    # one literal "<" first, so that the search jumps from one to the next
    family = "|".join(re.escape(tag[1:]) for tag in sorted(tags.all_tags()) if tag.startswith("<"))
    return re.compile(
        rf"<(?:\|[A-Za-z_][\w :.-]{{0,40}}\|>|｜[^｜\n]{{1,40}}｜>|/?s>|</?SYS>>|(?:start|end)_of_turn>|{family})"
    )


def control_token(text: str) -> str:
    """The first template token or think tag in a text, or nothing."""
    if "<" in text and (match := _tokens().search(text)):
        return match[0]
    if "[" in text and (match := _INSTRUCTED.search(text)):
        return match[0]
    return ""
