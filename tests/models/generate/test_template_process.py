"""Templates are rendered as transformers renders them, and what means harm ends in a sentence, soon."""

import gc
import json
import os
import re
import signal
import time
from pathlib import Path

import psutil
import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from models import errors
from models.engine.client import Engine
from models.events import Done
from models.generate import template_process
from models.generate.load import load_tokenizer, read_config
from models.generate.template import template_renderer
from models.generate.template_process import TemplateProcess
from models.machine import limited_process
from models.requests import ChatRequest, Message
from tests.models.hostile import templates
from tests.tiny import TEMPLATES, make_tiny

SAID = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Héllo <b>&\n  2+2? 🙂"},
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\nFour.", "name": None},
    {"role": "user", "content": "Sure?"},
]
VARIABLES = {"add_generation_prompt": True, "enable_thinking": False, "bos_token": "<s>", "eos_token": "</s>"}

FEATURES = {
    "macro": "{% macro turn(m, end='!') %}<{{ m.role }}>{{ m['content'] }}{{ end }}{% endmacro %}"
    "{% for m in messages %}{{ turn(m) }}{% endfor %}",
    "namespace": "{% set ns = namespace(last=-1, self=2) %}{% for m in messages %}{% if m.role == 'user' %}"
    "{% set ns.last = loop.index0 %}{% endif %}{% endfor %}{{ ns.last }}{{ ns.self }}",
    "blocks are trimmed": "\n  {% if enable_thinking is defined and not enable_thinking %}\n  off\n  {% endif %}\n\n x\n",
    "tojson": "{{ messages | tojson }}{{ {'b': 1, 'a': 'ä<'} | tojson(indent=2, sort_keys=true) }}",
    "loop controls": "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.content }}{% break %}{% endfor %}",
    "generation": "{% for m in messages %}{% generation %}{{ m.content | trim }}{% endgeneration %}{% endfor %}",
    "undefined": "{{ nothing }}{{ tools is none }}{{ documents is none }}{{ tools }}{% if not custom %}.{% endif %}",
    "string methods": "{{ messages[2].content.split('</think>')[-1].lstrip('\\n') }}{{ messages[2].name is defined }}",
    "strftime": "{{ strftime_now('%Y') }}{{ strftime_now('%d %b %Y')|length }}",
    "filters": "{{ 'a b'|title|replace(' ', '_')|upper }}{{ [3, 1]|sort|join(',') }}{{ 'ä ü'|urlencode }}{{ lipsum(0) }}"
    "{{ {'a': [1]}|pprint }}{{ '<b>x</b> &amp;'|striptags }}{{ 'one two'|wordwrap(4) }}{{ 12345|filesizeformat }}",
    "dict": "{{ dict(a=1).items()|list }}{{ dict.fromkeys('ab') }}{% for k, v in {'x': 1}.items() %}{{ k }}{{ v }}{% endfor %}",
    "tokens": "{{ bos_token }}{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list }}{{ eos_token }}",
    "error text": "{% set x = '\\u00e4\\n' %}{{ x }}{{ 7 // 2 }}{{ 7 / 2 }}{{ 1 == 1.0 }}{{ none }}{{ true }}",
}


@pytest.fixture(scope="module")
def process():
    process = TemplateProcess("Tiny", seconds=0.3, memory_bytes=256 << 20)
    yield process
    process.close()


@pytest.mark.parametrize("source", [*TEMPLATES.values(), *FEATURES.values()], ids=[*TEMPLATES, *FEATURES])
def test_a_template_renders_as_transformers_renders_it(process: TemplateProcess, source: str):
    for variables in (VARIABLES, {**VARIABLES, "enable_thinking": True, "add_generation_prompt": False}):
        # apply_chat_template, which needs a tokenizer, leaves out what is None before it calls this
        said = [{key: value for key, value in message.items() if value is not None} for message in SAID]
        (theirs,), _ = render_jinja_template([said], chat_template=source, **variables)
        assert process.render(source, SAID, variables) == theirs


def test_thinking_goes_by_all_the_names_that_templates_read(process: TemplateProcess):
    source = "{% for m in messages %}{{ m.reasoning_content }}|{{ m.thinking }}|{{ m.reasoning }};{% endfor %}"
    said = [
        {"role": "assistant", "content": "x", name: name} for name in ("thinking", "reasoning", "reasoning_content")
    ]
    (theirs,), _ = render_jinja_template([said], chat_template=source)
    assert process.render(source, said, {}) == theirs


def test_the_starters_template_renders_as_its_tokenizer_does(starter_folder: Path, process: TemplateProcess):
    tokenizer = load_tokenizer(starter_folder, read_config(starter_folder))
    render = template_renderer(tokenizer, process)
    turns = [{"role": "user", "content": "Hello"}]
    for thinking in (True, False):
        theirs = tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True, enable_thinking=thinking
        )
        assert render(turns, thinking) == theirs


@pytest.mark.parametrize("name", templates.ALL)
def test_a_hostile_template_ends_in_a_sentence_and_the_next_one_renders(
    process: TemplateProcess, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    source, word = templates.ALL[name]
    begun = time.monotonic()
    if word is None:
        assert "/" not in process.render(source, SAID, VARIABLES)
    else:
        with pytest.raises((errors.Unsafe, errors.Corrupt), match=word) as caught:
            process.render(source, SAID, VARIABLES)
        assert caught.value.text.isprintable()
        assert len(caught.value.text) < 400
        assert "Tiny" in caught.value.text
    assert time.monotonic() - begun < 10
    assert process.render(TEMPLATES["none"], SAID, VARIABLES).startswith("<|im_start|>system")
    assert list(tmp_path.glob("CANARY")) == []


def test_memory_is_held_where_the_system_does_not_hold_it():
    """A Mac does not enforce an address-space limit: the parent looks at the child's memory."""
    process = TemplateProcess("Tiny", seconds=20)
    process.close()
    process.process.memory_bytes = 1 << 40  # what the child is told
    process.process.start()
    process.render("x", SAID, {})
    process.process.memory_bytes = 60 << 20  # what is looked for
    grows = "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}"
    with pytest.raises(errors.Unsafe, match="60 MB"):
        process.render(grows, SAID, {})
    process.close()


def test_a_child_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limited_process, "LEAST_PATIENCE_S", 0.1)
    process = TemplateProcess("Tiny", seconds=0.1)
    process.render("x", SAID, {})
    assert process.process.child is not None
    os.kill(process.process.child.pid, signal.SIGSTOP)
    with pytest.raises(errors.Unsafe, match=r"more than 0\.1 s"):
        process.render("x", SAID, {})
    assert process.render("x", SAID, {}) == "x"
    process.close()


def test_a_child_that_was_killed_is_started_again():
    process = TemplateProcess("Tiny")
    process.render("x", SAID, {})
    assert process.process.child is not None
    process.process.child.kill()
    process.process.child.wait()
    assert process.render("y", SAID, {}) == "y"
    process.close()


def test_a_child_that_can_not_start_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(template_process, "_command", lambda: ["false"])
    process = TemplateProcess("Tiny")
    with pytest.raises(errors.WorkerDied, match="could not be started"):
        process.render("x", SAID, {})


def test_the_child_sees_little_and_ends_with_its_model(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    process = TemplateProcess("Tiny")
    process.render("x", SAID, {})
    assert process.process.child is not None
    child = psutil.Process(process.process.child.pid)
    assert "HF_TOKEN" not in child.environ()
    assert child.memory_info().rss < 60 << 20
    del process
    gc.collect()
    assert not child.is_running()


def test_a_long_conversation_is_rendered_whole(process: TemplateProcess):
    said = [{"role": "user", "content": "ä🙂\n" * 400_000}]
    text = process.render("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}", said, {})
    assert text == said[0]["content"] * 2


@pytest.mark.slow
def test_the_engine_says_it_and_the_next_chat_of_another_model_works(tmp_path: Path):
    bad, good = make_tiny(tmp_path / "bad"), make_tiny(tmp_path / "good")
    settings = json.loads((bad / "tokenizer_config.json").read_text())
    settings["chat_template"] = templates.GREEDY["repeat"][0]
    (bad / "tokenizer_config.json").write_text(json.dumps(settings))
    engine = Engine()
    try:
        said = [Message(role="user", content="Hello")]
        with pytest.raises(errors.Unsafe, match=re.compile("chat template of bad")):
            list(engine.run(ChatRequest(model=str(bad), messages=said, max_tokens=2)))
        *_, done = engine.run(ChatRequest(model=str(good), messages=said, max_tokens=2))
        assert isinstance(done, Done)
    finally:
        engine.close()
