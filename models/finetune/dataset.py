"""Traces to rows of tokens: exactly what the model will have in front of it in chat, with the place where loss begins.

    tokens = prompt, as models/generate/template.py builds it for chat + thinking + close tag + answer + end of turn

The prompt comes from the same build_prompt as in chat, so the template never sees the thinking and can't strip it, as
R1-Distill's does with any finished assistant turn. Loss begins at the first token that the model itself writes in
chat. Where the template opens the thinking (R1-Distill, QwQ), or Stillroom does (models never trained to think), the
open tag belongs to the prompt; where the model writes it (Qwen3, R1-0528), it is the first token that is learned.

Rows that are too long are left out, never cut: a cut row teaches never to close.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec

from models.families import Family
from models.generate.template import Prompt, Render, Style, build_prompt
from models.requests import Message

MARK = "stillroom-marks-the-end"


class Example(msgspec.Struct, frozen=True):
    """A problem, the thinking that leads to its answer (empty: answered at once), and the answer."""

    problem: str
    thinking: str
    answer: str
    system: str = ""


class ChatModel(Protocol):
    """The part of a loaded model (models/generate/load.py) that encoding needs."""

    @property
    def tokenizer(self) -> Any: ...
    @property
    def style(self) -> Style: ...
    @property
    def render(self) -> Render: ...


class EncodedRow(msgspec.Struct, frozen=True):
    """Token ids of a conversation; those from index `start` on are learned."""

    tokens: list[int]
    start: int

    @property
    def trained(self) -> int:
        """How many tokens the loss looks at."""
        return len(self.tokens) - self.start


class Encoded(msgspec.Struct, frozen=True):
    """The rows of a data set and how many examples were left out: too long, with nothing to learn, or with a tag or an
    end of turn inside their text."""

    rows: list[EncodedRow]
    too_long: int = 0
    empty: int = 0
    malformed: int = 0


def encode_all(examples: Iterable[Example], model: ChatModel, max_tokens: int) -> Encoded:
    """Encode a data set and leave out what can't be learned from. max_tokens: of a whole row."""
    rows: list[EncodedRow] = []
    too_long = empty = malformed = 0
    end = end_of_turn(model)
    for example in examples:
        if not example.answer.strip() or not example.problem.strip():
            empty += 1
            continue
        row = encode(example, model, end)
        if _is_malformed(example, row, model):
            malformed += 1
        elif len(row.tokens) > max_tokens:
            too_long += 1
        elif row.trained < 1:
            empty += 1
        else:
            rows.append(row)
    return Encoded(rows, too_long, empty, malformed)


def encode(example: Example, model: ChatModel, end: int | None = None) -> EncodedRow:
    """Encode one example. end: the token that ends a turn, found out when None."""
    prompt = prompt_for(example, model)
    text = reply_text(example, model.style.family, prompt)
    ids = _continuation(model.tokenizer, prompt, text)
    closing = end_of_turn(model) if end is None else end
    return EncodedRow([*prompt.tokens, *ids, closing], len(prompt.tokens))


def prompt_for(example: Example, model: ChatModel) -> Prompt:
    """The example's problem as chat would put it to the model, with thinking on when the example has some."""
    system = [Message(role="system", content=example.system)] if example.system else []
    messages = [*system, Message(role="user", content=example.problem)]
    return build_prompt(model.style, messages, bool(example.thinking.strip()), model.render, model.tokenizer)


def reply_text(example: Example, family: Family, prompt: Prompt) -> str:
    """The target text after that prompt, without the end of turn."""
    thinking, answer = example.thinking.strip(), example.answer.strip()
    if not thinking:
        return answer
    if family.open.endswith("<|message|>"):  # harmony's channels stand without newlines around them
        opened = "" if prompt.start == "thinking" else family.open
        return f"{opened}{thinking}{family.close}{answer}"
    body = f"{thinking}\n{family.close}\n\n{answer}"
    if prompt.start == "waiting":
        return f"{family.open}\n{body}"
    return body if prompt.text.endswith("\n") else f"\n{body}"


def end_of_turn(model: ChatModel) -> int:
    """The token with which the template ends an assistant's turn; one of those that end a reply in chat."""
    tokenizer = model.tokenizer
    said = (("user", "Hello."), ("assistant", MARK), ("user", "And?"))
    turns = [{"role": role, "content": content} for role, content in said]
    _, _, after = model.render(turns, False).partition(MARK)
    places = {token: after.find(tokenizer.decode([token])) for token in tokenizer.eos_token_ids}
    found = [token for token, place in places.items() if place >= 0]
    return int(min(found, key=lambda token: places[token]) if found else tokenizer.eos_token_id)


def data_hash(rows: Sequence[EncodedRow], valid: Sequence[EncodedRow]) -> str:
    """A hash of all tokens and masks, in their order."""
    digest = hashlib.sha256()
    for part in (rows, valid):
        digest.update(msgspec.json.encode(part))
        digest.update(b"\n")
    return digest.hexdigest()


def _continuation(tokenizer: Any, prompt: Prompt, text: str) -> list[int]:
    """Tokens of a text that follows a prompt whose own tokens stay as they are.

    Read together with the prompt where that leaves its tokens alone (a sentencepiece tokenizer would put a space before
    a text by itself); else by itself, since in chat the prompt's tokens are fixed before the first one is drawn.
    """
    together: list[int] = tokenizer.encode(prompt.text + text, add_special_tokens=False)
    length = len(prompt.tokens)
    if together[:length] == prompt.tokens:
        return together[length:]
    alone: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return alone


def _is_malformed(example: Example, row: EncodedRow, model: ChatModel) -> bool:
    """Whether the example's own text has tags of the family or ends a turn in its middle."""
    family = model.style.family
    text = f"{example.thinking}\n{example.answer}"
    tags = family.open in text or family.close in text
    return tags or any(token in model.tokenizer.eos_token_ids for token in row.tokens[row.start : -1])
