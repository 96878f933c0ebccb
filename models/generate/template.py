"""Messages to prompt tokens, with each family's rules: who opens the thinking, how it is switched off, who may speak.

The table of families is data (resources/families.toml), yet what a template really does is found out by rendering it:
with thinking on and off, and looking at how the two differ and whether the prompt ends inside an open tag. A template
is a program of a stranger: it is rendered in a process of its own (models/generate/template_process.py).
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from models.errors import Corrupt
from models.families import Family
from models.generate.template_process import TemplateProcess
from models.generate.thinking import ThinkingState
from models.quantities import one_line
from models.requests import Message

_TRANSFORMERS = "transformers.tokenization_utils_base"  # where the method stands that renders Jinja


class Tokenizer(Protocol):
    """The part of mlx-lm's tokenizer wrapper that is used here."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Token ids of a text."""


Render = Callable[[Sequence[dict[str, str]], bool], str]
"""Renders messages to a prompt that asks for a reply; the flag is the template's enable_thinking."""


class Prompt(msgspec.Struct, frozen=True):
    """A prompt ready to run: its text, its token ids and where its thinking stands."""

    text: str
    tokens: list[int]
    start: ThinkingState


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """How one checkpoint thinks, found by rendering."""

    family: Family
    switchable: bool  # its switch works
    opened: bool  # its prompt opens the tag


def detect(family: Family, render: Render) -> Style:
    """Find out by rendering: does enable_thinking change the prompt, and does the prompt end in an open tag."""
    probe = [{"role": "user", "content": "Hello."}]
    on, off = render(probe, True), render(probe, False)
    return Style(family=family, switchable=on != off, opened=_is_open(on, family))


def build_prompt(
    style: Style, messages: Sequence[Message], think: bool, render: Render, tokenizer: Tokenizer
) -> Prompt:
    """Render a conversation for a reply with or without thinking. Earlier turns' thinking is left out, as all want it."""
    rendered = render(_turns(messages, style.family, think), think)
    text, start = _opened(rendered, style) if think else (_closed(rendered, style), "answer")
    return Prompt(text, _encoded(tokenizer, text), start)


def _encoded(tokenizer: Tokenizer, text: str) -> list[int]:
    try:
        return tokenizer.encode(text, add_special_tokens=False)
    except BaseException as error:
        # a pattern of tokenizer.json without end makes the tokenizers library panic, which is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise Corrupt(f"The model's tokenizer fails on this conversation: {one_line(error)}.") from error


def template_renderer(tokenizer: Any, process: TemplateProcess | None = None) -> Render:
    """Render with a tokenizer's own chat template, or in plain words when it has none.

    process: where its template is rendered, for it is a stranger's program; one is started when None. Raises Corrupt
    when the template fails on what every conversation has, Unsafe when it takes too much or reaches too far.
    """
    if not getattr(tokenizer, "has_chat_template", False):
        return lambda turns, enable_thinking: _plain(turns)
    if not _is_jinja(tokenizer):
        return _code_renderer(tokenizer)
    place = process or TemplateProcess("this model")

    def render(turns: Sequence[dict[str, str]], enable_thinking: bool) -> str:
        asked = {"add_generation_prompt": True, "enable_thinking": enable_thinking}
        return place.render(_source(tokenizer), turns, {**tokenizer.special_tokens_map, **asked})

    return render


def _is_jinja(tokenizer: Any) -> bool:
    """Whether the template is the checkpoint's, and not a function of mlx-lm or transformers that knows the format."""
    method = type(getattr(tokenizer, "_tokenizer", tokenizer)).apply_chat_template
    return getattr(tokenizer, "_chat_template", None) is None and method.__module__ == _TRANSFORMERS


def _code_renderer(tokenizer: Any) -> Render:
    def render(turns: Sequence[dict[str, str]], enable_thinking: bool) -> str:
        try:
            text = tokenizer.apply_chat_template(
                list(turns), tokenize=False, add_generation_prompt=True, enable_thinking=enable_thinking
            )
        except Exception as error:
            raise Corrupt(f"The model's chat format can't hold this conversation: {error}.") from error
        return str(text)

    return render


def _source(tokenizer: Any) -> str:
    try:
        return str(tokenizer.get_chat_template())
    except ValueError as error:  # several templates, and none of them the default
        raise Corrupt("The model has several chat templates and does not say which is meant for chats.") from error


def _turns(messages: Sequence[Message], family: Family, think: bool) -> list[dict[str, str]]:
    system = [message.content for message in messages if message.role == "system" and message.content]
    switch = (family.on_system if think else family.off_system) if family.off == "system" else ""
    lead = "\n\n".join([*system, switch] if switch else system)
    turns = [{"role": message.role, "content": message.content} for message in messages if message.role != "system"]
    if not lead:
        return turns
    if family.system == "user" and turns:
        return [{"role": "user", "content": f"{lead}\n\n{turns[0]['content']}"}, *turns[1:]]
    return [{"role": "system", "content": lead}, *turns]


def _opened(text: str, style: Style) -> tuple[str, ThinkingState]:
    """A prompt that thinks: opened by the template, to be opened by the model, or opened here for one never trained."""
    if _is_open(text, style.family):
        return text, "thinking"
    if style.family.trained:
        return text, "waiting"
    return f"{text}{style.family.open}\n", "thinking"


def _closed(text: str, style: Style) -> str:
    """A prompt that answers at once: by the family's own switch, or with thinking opened and closed in the prefill."""
    family = style.family
    if _is_open(text, family):
        return f"{text.rstrip()}{family.off_text}{family.close}\n\n"
    own_switch = family.off in ("none", "system") or (family.off == "kwarg" and style.switchable)
    return text if own_switch else f"{text}{family.open}{family.off_text}{family.close}\n\n"


def _is_open(text: str, family: Family) -> bool:
    return text.rstrip().endswith(family.open)


def _plain(turns: Sequence[dict[str, str]]) -> str:
    labels = {"system": "", "user": "User: ", "assistant": "Assistant: "}
    lines = [f"{labels.get(turn['role'], '')}{turn['content']}" for turn in turns]
    return "\n\n".join([*lines, "Assistant:"])
