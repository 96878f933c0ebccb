"""Traces to rows of tokens: exactly what the model will have in front of it in chat, with the place where loss begins.

    tokens = prompt, as models/generate/template.py builds it for chat + thinking + close tag + answer + end of turn

The prompt comes from the same build_prompt as in chat, so the template never sees the thinking and can't strip it, as
R1-Distill's does with any finished assistant turn. Loss begins at the first token that the model itself writes in
chat. Where the template opens the thinking (R1-Distill, QwQ), or Stillroom does (models never trained to think), the
open tag belongs to the prompt; where the model writes it (Qwen3, R1-0528), it is the first token that is learned.
Earlier turns stand in the prompt as in chat, without their thinking: of a conversation of which every reply is learned,
each is a row by itself.

Rows that are too long are left out, never cut: a cut row teaches never to close.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from models.chat_request import conversation
from models.errors import BadInput, Corrupt, Unsafe
from models.families import Family
from models.finetune.examples import Example
from models.generate.template import Prompt, Render, Style, build_prompt
from models.traces.trace import Turn

MARK = "stillroom-marks-the-end"
MOST_UNSAFE = 3  # examples


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
    refused: dict[str, int] = {}  # those that template or tokenizer refuse, by what was said of them
    kept: list[int] = []  # of each row, the place of its example


def encode_all(examples: Iterable[Example], model: ChatModel, max_tokens: int) -> Encoded:
    """Encode a data set and leave out what can't be learned from. max_tokens: of a whole row.

    Raises Unsafe when the template does what no template should on one example after the other.
    """
    rows: list[EncodedRow] = []
    kept: list[int] = []
    too_long = empty = malformed = unsafe = 0
    refused: Counter[str] = Counter()
    end = end_of_turn(model)
    for place, example in enumerate(examples):
        if not example.answer.strip() or not example.problem.strip():
            empty += 1
            continue
        try:
            row = encode(example, model, end)
        except (BadInput, Corrupt, Unsafe) as error:
            unsafe += isinstance(error, Unsafe)
            if unsafe > MOST_UNSAFE:  # each takes seconds until it is stopped
                raise
            refused[error.text] += 1
            continue
        if _is_malformed(example, row, model):
            malformed += 1
        elif len(row.tokens) > max_tokens:
            too_long += 1
        elif row.trained < 1:
            empty += 1
        else:
            rows.append(row)
            kept.append(place)
    return Encoded(rows, too_long, empty, malformed, dict(refused), kept)


def encode(example: Example, model: ChatModel, end: int | None = None) -> EncodedRow:
    """Encode one example. end: the token that ends a turn, found out when None."""
    prompt = prompt_for(example, model)
    text = reply_text(example, model.style.family, prompt)
    ids = _continuation(model.tokenizer, prompt, text)
    closing = end_of_turn(model) if end is None else end
    return EncodedRow([*prompt.tokens, *ids, closing], len(prompt.tokens))


def prompt_for(example: Example, model: ChatModel) -> Prompt:
    """What chat would put to the model, earlier turns included, with thinking on when the example has some."""
    messages = conversation(example.system, [*example.turns, Turn("user", example.problem)])
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
    after = ""
    for tried in (turns, turns[:2]):  # there are templates for one question alone
        with suppress(Corrupt):
            _, _, after = model.render(tried, False).partition(MARK)
            break
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
