"""Prompts: who opens the thinking, how it is switched off, and what the table of families says."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, processors

from models.errors import Corrupt, Unsafe
from models.families import Family, families, family_of
from models.generate import controls
from models.generate.load import load
from models.generate.switches import find_switch
from models.generate.template import Style, build_prompt, detect, template_renderer
from models.generate.template_process import TemplateProcess
from models.requests import Message
from tests.models.finetune.families import FAMILIES, chatting
from tests.models.generate.test_running_text import sentencepiece
from tests.models.scripted import tiny_loaded
from tests.returned import result_of
from tests.tiny import make_tiny

TURNS = [
    Message(role="system", content="Be brief."),
    Message(role="user", content="Hello"),
    Message(role="assistant", content="Hi.", thinking="greet"),
    Message(role="user", content="2+2?"),
]
# Texts from the published chat templates that tell them apart.
R1 = "{{'<｜User｜>' + message['content']}}{% if add_generation_prompt %}{{'<｜Assistant｜><think>\\n'}}"
QWEN3 = "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}"


class Letters:
    """A tokenizer of characters."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        return [ord(letter) for letter in text]


def family(identifier: str) -> Family:
    return next(one for one in families() if one.id == identifier)


def chatml(turns: object, enable_thinking: bool, end: str = "") -> str:
    return "".join(f"<{turn['role']}>{turn['content']}" for turn in turns) + "<assistant>" + end


def build(style: Style, think: bool, end_on: str = "", end_off: str = "") -> object:
    render = lambda turns, on: chatml(turns, on, end_on if on else end_off)  # noqa: E731
    return build_prompt(style, TURNS, think, render, Letters())


ROLES = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
HEADERS = {  # template -> what its prompt ends with
    "no header": (ROLES, "<|end|><|assistant|>"),
    "always a header": (ROLES + "<|assistant|>", "<|end|><|assistant|>"),
    "a header when asked": (ROLES + "{% if add_generation_prompt %}<|assistant|>{% endif %}", "<|end|><|assistant|>"),
    "always thinking": (ROLES + "<|assistant|><think>", "<|assistant|><think>"),
    "lines and a space": (
        "{% for m in messages %}{{ '### ' ~ m.role ~ ': ' ~ m.content ~ '\n' }}{% endfor %}", "\n### assistant:",
    ),
    "nothing but a space": (
        "{% for m in messages %}{{ '[INST] ' ~ m.content ~ ' [/INST]' if m.role == 'user' else ' ' ~ m.content ~ '</s>' }}"
        "{% endfor %}", "[/INST]",
    ),
    "closed thinking in the last turn": (
        "{% for m in messages %}<|{{ m.role }}|>{% if loop.last and m.role == 'assistant' %}<think></think>{% endif %}"
        "{{ m.content }}<|end|>{% endfor %}", "<|end|><|assistant|>",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HEADERS)
def test_the_header_of_a_reply_that_no_prompt_has_is_read_off_a_finished_turn(tmp_path: Path, kind: str):
    template, end = HEADERS[kind]
    folder = make_tiny(tmp_path)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": template}))
    loaded = result_of(load("Tiny", folder))
    asked = [{"role": turn.role, "content": turn.content} for turn in TURNS[1:]]
    for turns in (asked[:1], asked):
        assert loaded.render(turns, True).endswith(end)
        assert loaded.render(turns, True).count("assistant") == end.count("assistant") * (1 + len(turns) // 2)


@pytest.mark.parametrize(
    ("name", "architecture", "template", "expected"),
    [
        ("DeepSeek-R1-Distill-Qwen-1.5B", "qwen2", R1, "r1-distill"),
        ("my own copy", "llama", R1, "r1-distill"),
        ("DeepSeek-R1-0528-Qwen3-8B", "qwen3", R1, "r1-0528-qwen3"),
        ("QwQ-32B", "qwen2", "<think>", "qwq"),
        ("Qwen3-0.6B", "qwen3", QWEN3, "qwen3"),
        ("Qwen3-4B-Thinking-2507", "qwen3", "<think>\\n", "qwen3-thinking"),
        ("Qwen3.5-2B", "qwen3_5", QWEN3, "qwen3.5"),
        ("SmolLM3-3B", "smollm3", "enable_thinking", "smollm3"),
        ("gpt-oss-20b", "gpt_oss", "<|channel|>analysis", "gpt-oss"),
        ("Magistral-Small-2509", "mistral3", "[THINK]", "magistral"),
        ("OpenThinker-7B", "qwen2", "", "openthinker-1"),
        ("OpenThinker3-7B", "qwen2", "<think>", "think-tags"),
        ("Llama-3.1-Nemotron-Nano-8B-v1", "llama", "", "nemotron-nano-v1"),
        ("OpenReasoning-Nemotron-7B", "qwen2", "", "openreasoning-nemotron"),
        ("Phi-4-mini-reasoning", "phi3", "", "phi-4-reasoning"),
        ("Seed-OSS-36B", "seed_oss", "", "seed-oss"),
        ("starter", "llama", "<|im_start|>", "smollm2"),
        ("Llama-3.2-1B", "llama", "", "plain"),
    ],
)
def test_known_models_are_recognised(name: str, architecture: str, template: str, expected: str):
    assert family_of(name, architecture, template).id == expected


def test_think_tokens_in_the_vocabulary_are_enough():
    assert family_of("mine", "llama", "", {"<think>": 7}).id == "think-tokens"


@pytest.mark.parametrize("row", families(), ids=lambda row: row.id)
def test_every_family_can_be_closed_and_says_how(row: Family):
    assert row.open
    assert row.close
    assert row.phrase.endswith("\n")
    assert row.trained == (row.off != "none")
    assert 0 <= row.sampling.temperature <= 2
    assert row.off != "system" or (row.on_system and row.off_system)
    assert not row.title.startswith(" ")


def test_a_template_that_opens_is_found_out():
    style = detect(family("r1-distill"), lambda turns, on: chatml(turns, on, "<think>\n"))
    assert style == Style(family=family("r1-distill"), switchable=False, opened=True)


def test_a_switch_that_works_is_found_out():
    render = lambda turns, on: chatml(turns, on, "" if on else "<think>\n\n</think>\n\n")  # noqa: E731
    assert detect(family("qwen3"), render).switchable


def test_an_opened_prompt_starts_inside_the_thinking():
    prompt = build(Style(family=family("r1-distill"), switchable=False, opened=True), True, "<think>\n")
    assert (prompt.start, prompt.text.endswith("<assistant><think>\n")) == ("thinking", True)


def test_r1_has_no_system_turn():
    prompt = build(Style(family=family("r1-distill"), switchable=False, opened=True), True, "<think>\n")
    assert prompt.text.startswith("<user>Be brief.\n\nHello<assistant>Hi.<user>2+2?")


def test_a_trained_model_opens_by_itself_and_an_untrained_one_is_opened_for():
    waiting = build(Style(family=family("qwen3"), switchable=True, opened=False), True)
    assert (waiting.start, waiting.text.endswith("<assistant>")) == ("waiting", True)
    opened = build(Style(family=family("smollm2"), switchable=False, opened=False), True)
    assert (opened.start, opened.text.endswith("<assistant><think>\n")) == ("thinking", True)


def test_off_uses_the_switch_or_else_a_closed_prefill():
    own = build(Style(family=family("qwen3"), switchable=True, opened=False), False, "", "<think>\n\n</think>\n\n")
    assert (own.start, own.text.count("<think>")) == ("answer", 1)
    dead_switch = build(Style(family=family("qwen3"), switchable=False, opened=False), False)
    assert dead_switch.text.endswith("<think>\n\n</think>\n\n")
    r1 = build(Style(family=family("r1-distill"), switchable=False, opened=True), False, "<think>\n", "<think>\n")
    assert r1.text.endswith("<think>\nOkay, I think I have finished thinking.\n</think>\n\n")
    plain = build(Style(family=family("plain"), switchable=False, opened=False), False)
    assert plain.text.endswith("<assistant>")


def test_a_family_switched_by_its_system_line():
    nemotron = Style(family=family("nemotron-nano-v1"), switchable=False, opened=False)
    assert build(nemotron, True).text.startswith("<system>Be brief.\n\ndetailed thinking on<user>")
    assert build(nemotron, False).text.startswith("<system>Be brief.\n\ndetailed thinking off<user>")


def test_a_tag_in_the_users_own_words_opens_nothing():
    said = [Message(role="user", content="What does <think>")]
    style = Style(family=family("qwen3"), switchable=True, opened=False)
    assert build_prompt(style, said, True, chatml, Letters()).start == "waiting"


def test_a_real_template_is_rendered(tmp_path: Path):
    loaded = tiny_loaded(tmp_path, "hybrid")
    assert loaded.style.switchable
    prompt = build_prompt(loaded.style, TURNS, False, loaded.render, loaded.tokenizer)
    assert prompt.text.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert loaded.tokenizer.decode(prompt.tokens) == prompt.text
    assert "greet" not in prompt.text


class WithTemplate(Letters):
    """A tokenizer of characters with a chat template."""

    has_chat_template = True
    special_tokens_map = {"bos_token": "<s>"}  # noqa: RUF012 - as transformers has it

    def __init__(self, template: str) -> None:
        self.chat_template = template

    def get_chat_template(self) -> str:
        return self.chat_template

    def apply_chat_template(self) -> None: ...

    apply_chat_template.__module__ = "transformers.tokenization_utils_base"


TURN = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}<|assistant|>"
OPEN_OR_CLOSE = "{% if SWITCH %}<think>\n{% else %}</think>{% endif %}"


def prompts(template: str) -> tuple[object, object]:
    """What a template with <think> makes of a question, thinking and not."""
    tokenizer = WithTemplate(template)
    render = template_renderer(tokenizer)
    style = detect(family_of("mine", "llama", template), render)
    turns = [Message(role="user", content="2+2?")]
    return tuple(build_prompt(style, turns, think, render, tokenizer) for think in (True, False))


@pytest.mark.parametrize(
    "switch",
    [
        "thinking",
        "thinking is defined and thinking is true",
        "enable_thinking",
        "not (enable_thinking is defined and not enable_thinking)",
        "reasoning | default(false)",
        "think",
        "reasoning_effort is defined and reasoning_effort != 'none'",
        "reasoning_effort == 'medium'",
        "thinking == 'enabled'",
        "thinking_mode == 'thinking'",
        "reasoning == 'on'",
    ],
)
def test_a_switch_is_found_by_whatever_name_and_values(switch: str):
    on, off = prompts(TURN + OPEN_OR_CLOSE.replace("SWITCH", switch))
    assert (on.start, on.text, on.shut) == ("thinking", "<|user|>2+2?<|assistant|><think>\n", False)
    assert (off.start, off.text) == ("answer", "<|user|>2+2?<|assistant|></think>")


def test_a_switch_that_refuses_what_it_does_not_know_is_found():
    refusing = "{% if reasoning_effort not in ['none', 'high'] %}{{ raise_exception('no such effort') }}{% endif %}"
    template = "{% set reasoning_effort = reasoning_effort | default('none') %}" + refusing + TURN
    on, off = prompts(template + "{% if reasoning_effort == 'high' %}<think>{% endif %}")
    assert (on.text[-7:], off.text[-13:]) == ("<think>", "<|assistant|>")


def test_a_switch_that_only_changes_the_system_turn_is_enough():
    on, off = prompts("{% if thinking %}Think between <think> and </think>.{% endif %}" + TURN)
    assert on.text.startswith("Think between")
    assert (on.start, off.text) == ("waiting", "<|user|>2+2?<|assistant|>")


def test_an_effort_that_is_only_printed_is_no_switch():
    source = "{{ 'Reasoning: ' ~ reasoning_effort | default('medium') }}"
    assert find_switch(source, lambda own: f"Reasoning: {own.get('reasoning_effort', 'medium')}") == ({}, {})


@pytest.mark.parametrize("end", ["</think>", "<think>\n\n</think>\n\n", "<think></think>\n<answer>\n"])
def test_a_block_that_is_closed_already_is_not_closed_twice_and_what_cannot_be_opened_is_known(end: str):
    on, off = prompts(f"{{# <think> #}}{TURN}{{{{ {end!r} }}}}")
    assert off.text == f"<|user|>2+2?<|assistant|>{end}"
    assert (on.shut, on.start, off.shut) == (True, "waiting", False)


def test_a_close_tag_in_the_users_own_words_closes_nothing():
    said = [Message(role="user", content="What does </think>")]
    style = Style(family=family("r1-distill"), switchable=False, opened=False)
    prompt = build_prompt(style, said, False, chatml, Letters())
    assert prompt.text.endswith("</think><assistant><think>\nOkay, I think I have finished thinking.\n</think>\n\n")
    assert not build_prompt(style, said, True, chatml, Letters()).shut


def test_a_template_that_never_ends_is_stopped_while_its_switch_is_looked_for():
    endless = (
        "{% if thinking %}{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}{% endif %}"
    )
    render = template_renderer(WithTemplate(endless), TemplateProcess("this model", seconds=0.2))
    with pytest.raises(Unsafe):
        render([{"role": "user", "content": "Hello."}], True)


REFUSES = "{% if messages[0].role == 'system' %}{{ raise_exception('no system turns') }}{% endif %}"
USER_ALONE = (
    "{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}"
    "{% elif m.role == 'assistant' %}<|assistant|>{{ m.content }}{% endif %}{% endfor %}<|assistant|>"
)
ALTERNATES = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns must"
    " alternate') }}{% endif %}<|{{ m.role }}|>{{ m.content }}{% endfor %}<|assistant|>"
)


def prompt_of(template: str, turns: list[Message], think: bool = False) -> str:
    tokenizer = WithTemplate(template)
    render = template_renderer(tokenizer)
    return build_prompt(detect(family("plain"), render), turns, think, render, tokenizer).text


@pytest.mark.parametrize(
    "template",
    [
        REFUSES + TURN,
        USER_ALONE,
        ALTERNATES,
        "{% if messages[0].role == 'system' and messages | length > 3 %}{{ raise_exception('') }}{% endif %}" + TURN,
        "{% if thinking %}" + USER_ALONE + "<think>{% else %}" + TURN + "{% endif %}",
        TURN.replace("m.content", "(m.content if m.role != 'system' else '')"),
    ],
)
@pytest.mark.parametrize("think", [True, False])
def test_a_system_prompt_that_a_template_refuses_or_drops_leads_the_first_question(template: str, think: bool):
    turns = "<|user|>Be brief.\n\nHello<|assistant|>Hi.<|user|>2+2?<|assistant|>"
    assert turns in prompt_of(template, TURNS, think)
    assert "<|user|>Hello<|assistant|>" in prompt_of(template, TURNS[1:2], think)


@pytest.mark.parametrize(
    "template",
    [
        TURN,
        "{% if messages[0].role == 'system' %}{{ messages[0].content | trim | upper }}{% endif %}" + USER_ALONE,
        "{% set ns = namespace(said='') %}{% for m in messages %}{% if m.role == 'system' %}{% set ns.said = m.content %}"
        "{% else %}<|{{ m.role }}|>{% if loop.last %}{{ ns.said }} {% endif %}{{ m.content }}{% endif %}{% endfor %}",
    ],
)
def test_a_system_prompt_stays_where_the_template_puts_it(template: str):
    text = prompt_of(template, TURNS)
    assert text.casefold().count("be brief.") == 1
    assert "Be brief.\n\nHello" not in text


TYPED = "What do <|im_end|>, <think>, </think> and <|im_start|>assistant do? <<think>"


@pytest.mark.parametrize("place", ["user", "assistant", "system"])
@pytest.mark.parametrize("thinking", ["tokens", "opened", "hybrid"])
def test_control_tokens_that_are_typed_are_text(tmp_path: Path, place: str, thinking: str):
    loaded = tiny_loaded(tmp_path, thinking)
    prompts = []
    for text in ("What?", TYPED):
        said = {"system": "Be brief.", "user": "Hello", "assistant": "Hi.", place: text}
        turns = [Message(role=role, content=content) for role, content in said.items()]
        turns.append(Message(role="user", content="And?"))
        prompts.append(build_prompt(loaded.style, turns, True, loaded.render, loaded.tokenizer))
    plain, typed = prompts
    added = set(loaded.tokenizer.get_added_vocab().values())
    assert [t for t in typed.tokens if t in added] == [t for t in plain.tokens if t in added]
    assert loaded.tokenizer.decode(typed.tokens) == typed.text == plain.text.replace("What?", TYPED)
    assert typed.start == plain.start


def test_a_conversation_without_control_tokens_is_encoded_as_ever(tmp_path: Path):
    loaded = tiny_loaded(tmp_path, "opened")
    prompt = build_prompt(loaded.style, TURNS, True, loaded.render, loaded.tokenizer)
    assert prompt.tokens == loaded.tokenizer.encode(prompt.text, add_special_tokens=False)


def test_an_answer_with_a_close_tag_is_not_cut_by_a_template_that_cuts_thinking(tmp_path: Path):
    loaded = tiny_loaded(tmp_path, "opened")
    turns = [*TURNS[1:2], Message(role="assistant", content="It ends in </think> always."), TURNS[3]]
    text = build_prompt(loaded.style, turns, True, loaded.render, loaded.tokenizer).text
    assert "It ends in </think> always." in text


def test_the_pieces_around_a_mark_get_no_space_of_sentencepiece():
    tokenizer = sentencepiece()
    mark, marked = controls.marker(["Is <think> w?"], controls.control_texts(tokenizer, family("qwen3")))
    tokens = controls.encode(tokenizer, marked("Is <think> w?"), mark)
    assert tokenizer.decode(tokens) == "Is <think> w?"
    assert tokenizer.convert_tokens_to_ids("<think>") not in tokens


def test_frequent_text_that_was_added_to_a_vocabulary_controls_nothing(tmp_path: Path):
    loaded = tiny_loaded(tmp_path, "tokens")
    loaded.tokenizer._tokenizer.add_tokens(["<table>", "    "])
    found = controls.control_texts(loaded.tokenizer, family("think-tokens"))
    assert found == {"<think>", "</think>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"}


@pytest.mark.parametrize("ends", [False, True])
def test_what_a_tokenizer_puts_before_a_text_begins_a_prompt_without_a_template(tmp_path: Path, ends: bool):
    folder = make_tiny(tmp_path)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": None}))
    inner = Tokenizer.from_file(str(folder / "tokenizer.json"))
    marks = [(text, inner.token_to_id(text)) for text in ("<|im_start|>", "<|im_end|>")]
    inner.post_processor = processors.TemplateProcessing(
        single="<|im_start|> $A" + " <|im_end|>" * ends, special_tokens=marks
    )
    inner.save(str(folder / "tokenizer.json"))
    loaded = result_of(load("Base", folder))
    prompt = build_prompt(loaded.style, TURNS[1:2], False, loaded.render, loaded.tokenizer)
    own = loaded.tokenizer.encode("User: Hello\n\nAssistant:", add_special_tokens=False)
    assert prompt.tokens == [marks[0][1], *own]


# Their files hold nothing that others do not: what is recorded or their name tells them.
BY_NAME_ALONE = {"magistral-2506", "openthinker-1", "nemotron-nano-v1", "openreasoning-nemotron", "smollm2"}


@pytest.mark.parametrize("identifier", [one for one in FAMILIES if one not in BY_NAME_ALONE])
def test_every_family_is_known_and_prompted_alike_under_a_neutral_name(tmp_path: Path, identifier: str):
    named = chatting(tmp_path / "named", identifier)
    _, architecture, template, _ = FAMILIES[identifier]
    if identifier == "phi-4-reasoning":
        template += "{# Thought and Solution: <think> #}"
    found = family_of("house model", architecture, template, named.tokenizer.get_vocab())
    assert found.id == identifier
    for think in (True, False):
        style = detect(found, named.render)
        assert build_prompt(style, TURNS, think, named.render, named.tokenizer) == build_prompt(
            named.style, TURNS, think, named.render, named.tokenizer
        )


@pytest.mark.parametrize(
    ("architecture", "template", "vocabulary", "expected"),
    [
        ("llama", "", ["<seed:think>"], "seed-oss"),
        ("seed_oss", "", [], "seed-oss"),
        ("llama", "", ["[THINK]"], "magistral"),
        ("qwen2", "", ["<|begin_of_thought|>"], "openthinker-1"),
        ("qwen2", "structured as <|begin_of_thought|>", [], "openthinker-1"),
        ("llama", "{% set system = 'detailed thinking off' %}", [], "nemotron-nano-v1"),
        ("llama", "a helpful AI assistant named SmolLM", [], "smollm2"),
        ("phi3", "", ["<think>"], "phi-4-reasoning"),
        ("qwen3_moe", "<|im_start|>assistant\\n<think>\\n", [], "qwen3-thinking"),
        ("qwen3_moe", "enable_thinking", [], "qwen3"),
        ("llama", "", [], "plain"),
    ],
)
def test_a_family_is_known_by_what_its_files_say(
    architecture: str, template: str, vocabulary: list[str], expected: str
):
    assert family_of("house model", architecture, template, vocabulary).id == expected


def test_files_come_before_the_record_and_that_before_the_name():
    assert family_of("Magistral-Seed-OSS-Phi-4-reasoning", "llama", "[THINK]", (), "qwq").id == "magistral"
    assert family_of("house model", "qwen2", "<think>", (), "qwq").id == "qwq"
    assert family_of("Seed-OSS", "qwen2", "", (), "openthinker-1").id == "openthinker-1"
    assert family_of("QwQ", "qwen2", "<think>", (), "a family of tomorrow").id == "qwq"


def with_template(folder: Path, template: str) -> Path:
    settings = json.loads((make_tiny(folder) / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": template}))
    return folder


@pytest.mark.parametrize("template", ["", " \n"])
def test_a_template_without_a_letter_is_none(tmp_path: Path, template: str):
    loaded = result_of(load("Base", with_template(tmp_path, template)))
    prompt = build_prompt(loaded.style, TURNS[1:2], False, loaded.render, loaded.tokenizer)
    assert prompt.text == "User: Hello\n\nAssistant:"


@pytest.mark.parametrize("template", ["{# nothing #}", "{% if false %}{{ messages }}{% endif %} "])
def test_a_template_that_says_nothing_is_refused_in_a_sentence(tmp_path: Path, template: str):
    loaded = result_of(load("Base", with_template(tmp_path, template)))
    with pytest.raises(Corrupt, match="leaves nothing of this conversation"):
        build_prompt(loaded.style, TURNS[1:2], False, loaded.render, loaded.tokenizer)
