"""Rows: for every family, what is trained on is what chat has in front of it, token for token."""

import time
from pathlib import Path

import pytest

from models.errors import Corrupt, Unsafe
from models.families import families
from models.finetune.dataset import EncodedRow, encode, encode_all, end_of_turn
from models.finetune.examples import Example
from models.generate.drawing import read_prompt
from models.generate.stream import ReplyStream
from models.generate.template import Prompt
from models.generate.thinking import Steering, Thinking
from models.requests import ChatRequest, Message
from tests.models.finetune.families import FAMILIES, Chatting, chatting

SUM = Example("What is 2+3+4?", "2 and 3 are 5.\n\n5 and 4 are 9.", "It is 9.\n\nThat is all.", system="Be brief.")
ALL = sorted(FAMILIES)
OPENED_BY_TEMPLATE = {"r1-distill", "qwq", "qwen3-thinking", "nemotron-nano-v2", "qwen3.5"}
OPENED_FOR_THEM = {"smollm2", "plain"}


@pytest.fixture(params=ALL, scope="module")
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Chatting:
    return chatting(tmp_path_factory.mktemp("family"), request.param)


def chat_prompt(model: Chatting, example: Example) -> Prompt:
    messages = [Message(role="system", content=example.system), Message(role="user", content=example.problem)]
    think = 100 if example.thinking else 0
    return read_prompt(model, ChatRequest(model="", messages=messages, think=think))


def said_in_chat(model: Chatting, row: EncodedRow, prompt: Prompt) -> ReplyStream:
    """Draw the learned tokens in chat, one by one."""
    request = ChatRequest(model="", messages=[Message(role="user", content="")], think=1000)
    thinking = Thinking(model.style.family.tags, None, prompt.start, steering=Steering())
    stream = ReplyStream(model, request, prompt, thinking, time.perf_counter())
    for token in row.tokens[row.start :]:
        assert not stream.ended
        fed = stream.take(token)
        assert fed.force is None
        list(stream.events(fed))
    list(stream.closing())
    return stream


def test_the_table_of_families_is_covered():
    assert sorted(family.id for family in families()) == ALL


def test_a_row_is_chats_prompt_and_then_what_chat_reads_as_this_thinking_and_answer(model: Chatting):
    row = encode(SUM, model)
    prompt = chat_prompt(model, SUM)
    assert row.tokens[: row.start] == prompt.tokens
    stream = said_in_chat(model, row, prompt)
    assert stream.text == (SUM.thinking, SUM.answer)
    assert (stream.ended, stream.thinking.closed_by) == (True, "model")


def test_a_row_without_thinking_follows_the_prompt_of_thinking_off(model: Chatting):
    direct = Example(SUM.problem, "", SUM.answer, SUM.system)
    row = encode(direct, model)
    prompt = chat_prompt(model, direct)
    assert row.tokens[: row.start] == prompt.tokens
    assert said_in_chat(model, row, prompt).text == ("", SUM.answer)


def test_loss_begins_at_the_first_token_that_the_model_writes_itself(model: Chatting):
    row, family = encode(SUM, model), model.style.family
    learned = model.tokenizer.decode(row.tokens[row.start :])
    given = model.tokenizer.decode(row.tokens[: row.start])
    if family.id in OPENED_BY_TEMPLATE | OPENED_FOR_THEM:
        assert given.endswith(f"{family.open}\n")
        assert learned.startswith(SUM.thinking)
    else:
        assert learned.startswith(family.open)
    assert learned.count(family.open) + given.count(family.open) == 1


def test_the_tokens_are_those_of_the_whole_text_read_at_once(model: Chatting):
    row = encode(SUM, model)
    text = model.tokenizer.decode(row.tokens[:-1])
    assert model.tokenizer.encode(text, add_special_tokens=False) == row.tokens[:-1]


def test_a_row_ends_with_the_templates_own_end_of_turn(model: Chatting):
    row = encode(SUM, model)
    if model.style.family.id != "gpt-oss":  # its template ends earlier turns with a mark that no reply ends with
        once_more = model.render(
            [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "bcd"},
                {"role": "user", "content": "e"},
            ],
            False,
        )
        assert once_more.partition("bcd")[2].startswith(model.tokenizer.decode(row.tokens[-1:]))
    assert row.tokens[-1] in model.tokenizer.eos_token_ids


def test_r1s_template_eats_the_thinking_of_a_finished_turn_and_a_row_keeps_it(tmp_path: Path):
    model = chatting(tmp_path, "r1-distill")
    finished = f"<think>\n{SUM.thinking}\n</think>\n\n{SUM.answer}"
    turns = [{"role": "user", "content": SUM.problem}, {"role": "assistant", "content": finished}]
    assert SUM.thinking not in model.render(turns, True)
    assert SUM.thinking in model.tokenizer.decode(encode(SUM, model).tokens)


def test_a_prompts_tokens_stay_when_the_thinking_would_merge_with_its_end(tmp_path: Path):
    model = chatting(tmp_path, "r1-distill")
    plain = model.tokenizer.encode

    class Merging:
        eos_token_ids = model.tokenizer.eos_token_ids
        eos_token_id = model.tokenizer.eos_token_id
        decode = staticmethod(model.tokenizer.decode)

        def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
            before, newline_2, after = text.partition("\n2")  # one token, were they read together
            tail = [9999, *plain(after, add_special_tokens=False)] if newline_2 else []
            return plain(before, add_special_tokens=False) + tail

    merging = Chatting(Merging(), model.style, model.render)
    row = encode(SUM, merging)
    assert row.tokens[: row.start] == chat_prompt(merging, SUM).tokens == chat_prompt(model, SUM).tokens
    assert row == encode(SUM, model)


def test_a_tokenizer_that_puts_a_space_before_every_text_is_read_with_the_prompt(tmp_path: Path):
    model = chatting(tmp_path, "r1-distill")
    plain = model.tokenizer.encode

    class Spaced:
        eos_token_ids = model.tokenizer.eos_token_ids
        eos_token_id = model.tokenizer.eos_token_id
        decode = staticmethod(model.tokenizer.decode)

        def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
            return plain(f" {text}", add_special_tokens=add_special_tokens)

    row = encode(SUM, Chatting(Spaced(), model.style, model.render))
    assert model.tokenizer.decode(row.tokens[row.start :]).startswith("2 and")


def test_long_rows_are_left_out_and_never_cut(tmp_path: Path):
    model = chatting(tmp_path, "qwen3")
    length = len(encode(SUM, model).tokens)
    assert encode_all([SUM], model, length).rows == [encode(SUM, model)]
    shorter = encode_all([SUM], model, length - 1)
    assert (shorter.rows, shorter.too_long) == ([], 1)


@pytest.mark.parametrize("example", [Example("a", "b", " \n"), Example(" ", "b", "c")])
def test_what_has_nothing_to_ask_or_to_learn_is_left_out(tmp_path: Path, example: Example):
    encoded = encode_all([example], chatting(tmp_path, "qwen3"), 100)
    assert (encoded.rows, encoded.empty) == ([], 1)


@pytest.mark.parametrize("thinking", ["so </think> and", "<think> twice", "done<|im_end|>more"])
def test_tags_and_ends_of_turn_inside_the_text_are_left_out(tmp_path: Path, thinking: str):
    encoded = encode_all([Example("a", thinking, "c")], chatting(tmp_path, "qwen3"), 1000)
    assert (encoded.rows, encoded.malformed) == ([], 1)


def test_one_row_that_the_template_refuses_is_left_out_with_its_reason(tmp_path: Path):
    model = chatting(tmp_path, "qwen3")
    render = model.render

    def refusing(turns: list[dict[str, str]], think: bool) -> str:
        if "bad" in turns[-1]["content"]:
            raise Corrupt("The chat template of M failed: not that.")
        return render(turns, think)

    model.render = refusing
    encoded = encode_all([SUM, Example("bad", "", "c"), Example("bad too", "b", "c"), SUM], model, 1000)
    assert len(encoded.rows) == 2
    assert (encoded.kept, encoded.refused) == ([0, 3], {"The chat template of M failed: not that.": 2})


def test_a_row_that_the_tokenizer_breaks_down_on_is_left_out(tmp_path: Path):
    model = chatting(tmp_path, "qwen3")
    plain = model.tokenizer.encode

    class Fragile:
        eos_token_ids = model.tokenizer.eos_token_ids
        eos_token_id = model.tokenizer.eos_token_id
        decode = staticmethod(model.tokenizer.decode)

        def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
            if "endless" in text:
                raise Corrupt("The tokenizer fails: regex.")
            return plain(text, add_special_tokens=add_special_tokens)

    encoded = encode_all([Example("a", "", "endless"), SUM], Chatting(Fragile(), model.style, model.render), 1000)
    assert (len(encoded.rows), sum(encoded.refused.values())) == (1, 1)


def test_a_template_that_runs_away_on_each_row_stops_it(tmp_path: Path):
    model = chatting(tmp_path, "qwen3")
    asked = []

    def endless(turns: list[dict[str, str]], think: bool) -> str:
        if len(turns) > 1:
            return ""  # for the end of a turn
        asked.append(turns)
        raise Unsafe("it ran for more than 2 s")

    model.render = endless
    with pytest.raises(Unsafe):
        encode_all([Example(str(n), "", "c") for n in range(50)], model, 1000)
    assert len(asked) == 4


@pytest.mark.parametrize("most", [1, 2])
def test_a_template_for_one_question_alone_ends_its_reply_all_the_same(tmp_path: Path, most: int):
    model = chatting(tmp_path, "qwen3")
    render, usual = model.render, end_of_turn(model)

    def short(turns: list[dict[str, str]], think: bool) -> str:
        if len(turns) > most:
            raise Corrupt("one question alone")
        return render(turns, think)

    model.render = short
    assert end_of_turn(model) == (usual if most == 2 else model.tokenizer.eos_token_id)
    assert len(encode_all([Example("a", "b", "c")], model, 1000).rows) == 1


def test_end_of_turn_falls_back_on_the_tokenizers_own(tmp_path: Path):
    model = chatting(tmp_path, "gpt-oss")
    assert end_of_turn(model) == model.tokenizer.eos_token_id
