"""Messages to prompt tokens, with each family's rules: who opens the thinking, how it is switched off, who may speak.

The table of families is data (resources/families.toml), yet what a template really does is found out by rendering it:
with thinking on and off, by whatever name its switch has (models/generate/switches.py), and looking at how the two
differ and whether the prompt ends inside an open tag or behind a closed one. A template is a program of a stranger: it
is rendered in a process of its own (models/generate/template_process.py).
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

import msgspec

from models.errors import Corrupt
from models.families import Family
from models.generate import controls
from models.generate.switches import Switch, find_switch
from models.generate.template_process import TemplateProcess
from models.generate.thinking import ThinkingState
from models.requests import Message

_PROBE = [{"role": "user", "content": "Hello."}]
_MARK = "stillroom-looks-for-this"
_TRANSFORMERS = "transformers.tokenization_utils_base"  # where the method stands that renders Jinja


class Tokenizer(Protocol):
    """The part of mlx-lm's tokenizer wrapper that is used here."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Token ids of a text."""


Render = Callable[[Sequence[dict[str, str]], bool], str]
"""Renders messages to a prompt that asks for a reply; the flag is the template's own switch of thinking."""


class Prompt(msgspec.Struct, frozen=True):
    """A prompt ready to run."""

    text: str
    tokens: list[int]
    start: ThinkingState
    shut: bool = False  # thinking is wanted, yet the template has closed it and has no switch that opens it


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """How one checkpoint is prompted, found by rendering."""

    family: Family
    switchable: bool  # its template has a switch of thinking that works
    opened: bool  # its prompt opens the tag
    takes_system: bool = True  # a system turn is in the prompt, neither refused nor dropped


def detect(family: Family, render: Render) -> Style:
    """Find out by rendering: does a switch change the prompt, does it end in an open tag, is a system turn in it."""
    on, off = render(_PROBE, True), render(_PROBE, False)
    return Style(family=family, switchable=on != off, opened=_is_open(on, family), takes_system=_takes_system(render))


def _takes_system(render: Render) -> bool:
    """Whether system turns are in the prompts of short and longer chats. Gemma's template refuses them, others know
    user and assistant alone.
    """
    longer = [*_PROBE, {"role": "assistant", "content": "Hello."}, *_PROBE]
    system = {"role": "system", "content": _MARK}
    try:
        prompts = [render([system, *turns], think) for turns in (_PROBE, longer) for think in (True, False)]
    except Corrupt:
        return False
    return all(_MARK in prompt.casefold() for prompt in prompts)


def build_prompt(
    style: Style, messages: Sequence[Message], think: bool, render: Render, tokenizer: Tokenizer
) -> Prompt:
    """Render a conversation for a reply with or without thinking. Earlier turns' thinking is left out, as all want it."""
    family = style.family
    turns = _turns(messages, style, think)
    mark, marked = controls.marker((turn["content"] for turn in turns), controls.control_texts(tokenizer, family))
    text = render([{**turn, "content": marked(turn["content"])} for turn in turns], think)
    if not text.strip():
        raise Corrupt("The model's chat template leaves nothing of this conversation.")
    shut = think and _is_closed(text, family)
    if think:
        text, start = _opened(text, style)
    else:
        text, start = _closed(text, style), "answer"
    return Prompt(text.replace(mark, ""), controls.encode(tokenizer, text, mark), start, shut)


def template_renderer(tokenizer: Any, process: TemplateProcess | None = None) -> Render:
    """Render with a tokenizer's own chat template, or in plain words when it has none.

    process: where its template is rendered, for it is a stranger's program; one is started when None. Raises Corrupt
    when the template fails on what every conversation has, Unsafe when it takes too much or reaches too far.
    """
    if not getattr(tokenizer, "has_chat_template", False) or _is_blank(tokenizer):
        before = _put_before(tokenizer)
        return lambda turns, think: before + _plain(turns)
    if not _is_jinja(tokenizer):
        return _code_renderer(tokenizer)
    place = process or TemplateProcess("this model")

    def with_variables(turns: Sequence[dict[str, str]], variables: Switch) -> str:
        known = {**tokenizer.special_tokens_map, "add_generation_prompt": True}
        return place.render(_source(tokenizer), turns, {**known, **variables})

    @cache
    def switch() -> tuple[Switch, Switch]:
        return find_switch(_source(tokenizer), lambda variables: with_variables(_PROBE, variables))

    @cache
    def header() -> str:
        return _missing_header(lambda turns, asks: with_variables(turns, {"add_generation_prompt": asks}))

    def render(turns: Sequence[dict[str, str]], think: bool) -> str:
        on, off = switch()
        text = with_variables(turns, {"enable_thinking": think, **(on if think else off)})
        return text + header() if turns and turns[-1]["role"] == "user" else text

    return render


def _is_blank(tokenizer: Any) -> bool:
    template = getattr(tokenizer, "chat_template", None)
    return isinstance(template, str) and not template.strip()


def _missing_header(render: Callable[[Sequence[dict[str, str]], bool], str]) -> str:
    """What a template puts before a finished reply, where it can't ask for one; empty where it can.

    render: with and without the variable that asks. It is read off an earlier turn: some put closed thinking into the
    last one.
    """
    asked, answered = _MARK + "-asked", _MARK + "-answered"
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    try:
        prompt = render(turns[:1], True)
        if prompt != render(turns[:1], False):
            return ""
        finished = render([*turns, *_PROBE], True)
    except Corrupt:
        return ""
    ends, (between, found, _) = prompt.rpartition(asked)[2], finished.rpartition(asked)[2].partition(answered)
    # the space before the reply belongs to its first token
    header = between.removeprefix(ends).rstrip(" ") if found and between.startswith(ends) else ""
    return header if header.strip() else ""


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


def _turns(messages: Sequence[Message], style: Style, think: bool) -> list[dict[str, str]]:
    """The turns as the template gets them; where it has no place for a system text, that leads the first user turn."""
    family = style.family
    system = [message.content for message in messages if message.role == "system" and message.content]
    switch = (family.on_system if think else family.off_system) if family.off == "system" else ""
    lead = "\n\n".join([*system, switch] if switch else system)
    turns = [{"role": message.role, "content": message.content} for message in messages if message.role != "system"]
    if not lead:
        return turns
    if style.takes_system and family.system == "system":
        return [{"role": "system", "content": lead}, *turns]
    first = next((turn for turn in turns if turn["role"] == "user"), None)
    if first is None:
        return [{"role": "user", "content": lead}, *turns]
    first["content"] = f"{lead}\n\n{first['content']}"
    return turns


def _opened(text: str, style: Style) -> tuple[str, ThinkingState]:
    """A prompt that thinks: opened by the template, to be opened by the model, or opened here for one never trained."""
    if _is_open(text, style.family):
        return text, "thinking"
    if style.family.trained or _is_closed(text, style.family):
        return text, "waiting"
    return f"{text}{style.family.open}\n", "thinking"


def _closed(text: str, style: Style) -> str:
    """A prompt that answers at once: by the template's or the family's switch, or with closed thinking in the prefill."""
    family = style.family
    if _is_open(text, family):
        return f"{text.rstrip()}{family.off_text}{family.close}\n\n"
    own_switch = family.off in ("none", "system") or style.switchable
    return text if own_switch or _is_closed(text, family) else f"{text}{family.open}{family.off_text}{family.close}\n\n"


def _is_open(text: str, family: Family) -> bool:
    return text.rstrip().endswith(family.open)


def _is_closed(text: str, family: Family) -> bool:
    """Whether the prompt ends behind thinking that is closed; a tag that opens the answer may follow."""
    _, closed, after = text.rpartition(family.close)
    return bool(closed) and re.fullmatch(r"\s*(<(answer|response|output)>\s*)?", after) is not None


def _put_before(tokenizer: Any) -> str:
    """What a tokenizer puts before a text by itself, such as <s>; a template would say it."""
    bare = tokenizer.encode(_MARK, add_special_tokens=False)
    whole = tokenizer.encode(_MARK, add_special_tokens=True)
    places = range(len(whole) - len(bare) + 1)
    at = next((at for at in places if whole[at : at + len(bare)] == bare), 0)
    return str(tokenizer.decode(whole[:at])) if at else ""


def _plain(turns: Sequence[dict[str, str]]) -> str:
    labels = {"system": "", "user": "User: ", "assistant": "Assistant: "}
    lines = [f"{labels.get(turn['role'], '')}{turn['content']}" for turn in turns]
    return "\n\n".join([*lines, "Assistant:"])
