"""Replies of a scripted and of a random model: budgets exact to the token, on a KV cache that stays true."""

from collections.abc import Iterable
from pathlib import Path

import mlx.core as mx
import msgspec
import pytest

from models.errors import BadInput, Corrupt
from models.events import Budget, Done, Event, Note, Progress, Reply, ThinkingClosed, Token
from models.families import Advice
from models.generate.drawing import UNTRAINED_LEAST
from models.generate.kv_cache import ConversationCache
from models.generate.reply import reply
from models.generate.thinking import Steering, grace_tokens
from models.requests import ChatRequest, Message, Sampling
from tests.models.scripted import scripted, tiny_loaded
from tests.returned import with_done

GREEDY = Sampling(temperature=0.0)
LONG = " x" * 300


def ask(text: str, **options: object) -> ChatRequest:
    return ChatRequest(
        **{"model": "Tiny", "messages": [Message(role="user", content=text)], "sampling": GREEDY, **options}
    )


def run(loaded: object, request: ChatRequest, steering: Steering | None = None) -> tuple[list[Event], Reply]:
    events = list(with_done(reply(loaded, request, steering)))
    assert isinstance(events[-1], Done)
    return events, events[-1].result


def text_of(events: Iterable[Event], channel: str) -> str:
    return "".join(event.text for event in events if isinstance(event, Token) and event.channel == channel)


def closed(events: Iterable[Event]) -> ThinkingClosed:
    (event,) = (event for event in events if isinstance(event, ThinkingClosed))
    return event


def test_a_model_that_thinks_and_closes_by_itself(tmp_path: Path):
    loaded = scripted(tmp_path, {"assistant\n": "<think>\nTwo and two.\n</think>\n\nFour."})
    events, record = run(loaded, ask("2+2?", think=100))
    assert (record.thinking, record.answer, record.finish) == ("Two and two.", "Four.", "eos")
    assert (closed(events).how, record.closed_by) == ("model", "model")
    assert closed(events).tokens == record.thinking_tokens > 0
    assert [event.tokens for event in events if isinstance(event, Budget)] == [100]


@pytest.mark.parametrize("thinking", ["tokens", "opened", "none"])
def test_a_budget_holds_to_the_token(tmp_path: Path, thinking: str):
    opens = "" if thinking in ("opened", "none") else "<think>\n"
    loaded = scripted(
        tmp_path, {"assistant\n": opens + LONG, "assistant\n<think>\n": LONG, "</think>\n\n": "Four."}, thinking
    )
    events, record = run(loaded, ask("2+2?", think=20))
    assert closed(events).how == "budget"
    assert record.thinking_tokens == 20 + grace_tokens(20)
    assert record.answer == "Four."
    forced = [event.text for event in events if isinstance(event, Token) and event.forced]
    assert forced == [loaded.style.family.phrase]
    order = [type(event).__name__ + getattr(event, "channel", "") for event in events]
    assert order.index("ThinkingClosed") > order.index("Tokenthinking")
    assert order.index("ThinkingClosed") < order.index("Tokenanswer")


def test_after_a_forced_close_the_cache_holds_just_what_was_read_and_said(tmp_path: Path):
    loaded = tiny_loaded(tmp_path, "opened")
    _, record = run(loaded, ask("Hello", think=10, max_tokens=100))
    assert record.closed_by == "budget"
    held = list(loaded.cache.tokens)
    assert loaded.cache.layers[0].offset == len(held)
    fresh = ConversationCache(loaded.model)
    logits = loaded.model(mx.array(held)[None], cache=fresh.layers)[0, -1]
    assert mx.allclose(loaded.cache.layers[0].keys_and_values()[0], fresh.layers[0].keys_and_values()[0], atol=1e-4)
    assert logits.shape[-1] == len(loaded.tokenizer)


def test_stop_and_continue_says_the_same_as_a_prompt_with_the_forced_text(tmp_path: Path):
    loaded = tiny_loaded(tmp_path, "opened")
    _, record = run(loaded, ask("Hello", think=10, max_tokens=120))
    held = list(loaded.cache.tokens)
    said = held[record.prompt_tokens :]
    forced = loaded.tokenizer.encode(loaded.style.family.phrase + "</think>\n\n", add_special_tokens=False)
    prefix = held[: record.prompt_tokens + record.thinking_tokens + len(forced)]
    assert said[record.thinking_tokens :][: len(forced)] == forced
    cache = ConversationCache(loaded.model)
    logits = loaded.model(mx.array(prefix)[None], cache=cache.layers)
    again = []
    while len(prefix) + len(again) < len(held):
        again.append(int(mx.argmax(logits[0, -1]).item()))
        logits = loaded.model(mx.array(again[-1:])[None], cache=cache.layers)
    assert held[len(prefix) :] == again


def test_an_early_close_is_taken_back_from_the_cache_too(tmp_path: Path):
    script = {"<think>\n": "No.</think>", "\nWait": ", it is four. " + "y " * 30 + "</think>\n\nFour."}
    loaded = scripted(tmp_path, script, "opened")
    _, record = run(loaded, ask("2+2?", think=200, think_min=20))
    assert record.thinking.startswith("No.\nWait, it is four.")
    assert (record.answer, record.closed_by) == ("Four.", "model")
    assert loaded.cache.tokens.count(loaded.tokenizer.encode("</think>", add_special_tokens=False)[0]) == 1


def test_off_by_the_familys_own_switch(tmp_path: Path):
    loaded = scripted(tmp_path, {"<think>\n\n</think>\n\n": "Four."}, "hybrid")
    events, record = run(loaded, ask("2+2?", think=0))
    assert (record.answer, record.thinking, closed(events).how, closed(events).tokens) == ("Four.", "", "off", 0)


def test_off_by_a_closed_prefill_where_there_is_no_switch(tmp_path: Path):
    loaded = scripted(tmp_path, {"</think>\n\n": "Four."}, "opened")
    assert run(loaded, ask("2+2?", think=0))[1].answer == "Four."


def test_off_leaves_a_plain_model_alone(tmp_path: Path):
    loaded = scripted(tmp_path, {"assistant\n": "Four."}, "none")
    events, record = run(loaded, ask("2+2?", think=0))
    assert (record.answer, record.closed_by) == ("Four.", "off")
    assert not any(isinstance(event, Note) for event in events)


def test_a_plain_model_is_told_of_and_asked_to_go_on_for_a_while(tmp_path: Path):
    loaded = scripted(tmp_path, {"<think>\n": "Four.", "see it:": " and then " * 10, "</think>\n\n": "Four."}, "none")
    events, record = run(loaded, ask("2+2?", think=200))
    assert any(isinstance(event, Note) and "not trained to think" in event.text for event in events)
    assert record.thinking_tokens >= UNTRAINED_LEAST
    assert record.answer == "Four."


def test_one_with_an_adapter_has_learned_how_long_to_think(tmp_path: Path):
    loaded = scripted(
        tmp_path, {"assistant\n<think>\n": "2 + 2 = 4\n</think>\n\nFour.", "</think>\n\n": "Four."}, "none"
    )
    loaded.adapter = "sums"
    _, record = run(loaded, ask("2+2?", think=100))
    assert (record.thinking, record.answer, record.closed_by) == ("2 + 2 = 4", "Four.", "model")


def test_a_second_close_is_swallowed(tmp_path: Path):
    loaded = scripted(tmp_path, {"<think>\n": "a</think>\n</think>\n\nFour."}, "opened")
    assert run(loaded, ask("2+2?", think=50))[1].answer == "Four."


def test_answer_now_and_think_longer_while_it_runs(tmp_path: Path):
    loaded = scripted(tmp_path, {"<think>\n": LONG, "</think>\n\n": "Four."}, "opened")
    steering = Steering()
    events = []
    for event in with_done(reply(loaded, ask("2+2?", think=100), steering)):
        events.append(event)
        if isinstance(event, Token) and event.n == 6:
            steering.think_longer()
        if isinstance(event, Token) and event.n == 150:
            steering.answer_now()
    assert [event.tokens for event in events if isinstance(event, Budget)] == [100, 100 + 128]
    assert (closed(events).how, closed(events).tokens) == ("answer_now", 151)
    assert events[-1].result.answer == "Four."


def test_cancel_stops_within_a_token(tmp_path: Path):
    loaded = scripted(tmp_path, {"assistant\n": LONG}, "none")
    steering = Steering()
    events = []
    for event in with_done(reply(loaded, ask("Go", think=0), steering)):
        events.append(event)
        if isinstance(event, Token):
            steering.cancel()
    assert events[-1].result.finish == "cancelled"
    assert events[-1].result.answer_tokens <= 2


def test_cancel_stops_between_prefill_chunks(tmp_path: Path):
    loaded = scripted(tmp_path, {"assistant\n": "Hi."}, "none")
    steering = Steering()
    events = []
    for event in with_done(reply(loaded, ask("word " * 150, think=0), steering)):
        events.append(event)
        if isinstance(event, Progress):
            steering.cancel()
    assert [event.stage for event in events if isinstance(event, Progress)] == ["prefill"]
    assert events[-1].result.finish == "cancelled"
    assert loaded.cache.layers[0].offset == len(loaded.cache.tokens) == 256


def test_the_next_turn_pays_for_new_tokens_only(tmp_path: Path):
    loaded = scripted(tmp_path, {"assistant\n": "Hello to you."}, "none")
    first = Message(role="user", content="Hello")
    _, one = run(loaded, ChatRequest(model="Tiny", messages=[first], think=0, sampling=GREEDY))
    held = len(loaded.cache.tokens)
    turns = [first, Message(role="assistant", content=one.answer), Message(role="user", content="Again")]
    loaded.model.runs.clear()
    _, two = run(loaded, ChatRequest(model="Tiny", messages=turns, think=0, sampling=GREEDY))
    assert (one.cached_tokens, two.cached_tokens) == (0, held)
    assert loaded.model.runs[0] == two.prompt_tokens - held - 1


def test_earlier_thinking_is_not_sent_again(tmp_path: Path):
    loaded = scripted(tmp_path, {"assistant\n<think>\n": "hm</think>\n\nHello."}, "opened")
    turns = [
        Message(role="user", content="Hello"),
        Message(role="assistant", content="Hello.", thinking="a secret"),
        Message(role="user", content="Again"),
    ]
    run(loaded, ChatRequest(model="Tiny", messages=turns, think=50, sampling=GREEDY))
    assert "secret" not in loaded.tokenizer.decode(loaded.cache.tokens)


def test_the_answer_keeps_its_share_of_a_small_total(tmp_path: Path):
    loaded = scripted(tmp_path, {"<think>\n": LONG, "</think>\n\n": " word" * 100}, "opened")
    events, record = run(loaded, ask("Go", think=400, max_tokens=400))
    assert any(isinstance(event, Note) and "400" in event.text for event in events)
    assert record.closed_by == "budget"
    assert record.answer_tokens > 100
    assert record.finish in ("eos", "length")


def test_length_is_told_when_the_answer_is_cut(tmp_path: Path):
    loaded = scripted(tmp_path, {"assistant\n": LONG}, "none")
    _, record = run(loaded, ask("Go", think=0, max_tokens=7))
    assert (record.finish, record.answer_tokens) == ("length", 7)
    assert record.notes == ["The reply was cut at 7 tokens."]


def test_a_full_context_is_told(tmp_path: Path):
    loaded = scripted(tmp_path, {"assistant\n": "".join(f" {n}" for n in range(400))}, "none", context=256)
    _, record = run(loaded, ask("Go", think=0))
    assert (record.finish, record.context_tokens) == ("length", 256)
    assert record.notes == ["The reply was cut: the context of 256 tokens is full."]


def test_a_seed_makes_a_reply_again(tmp_path: Path):
    loaded = tiny_loaded(tmp_path)
    request = ask("Hello", think=0, max_tokens=20, sampling=Sampling(temperature=1.0, seed=7))
    assert run(loaded, request)[1].answer == run(loaded, request)[1].answer


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"think": -3}, "can't be negative: -3"),
        ({"think": 10, "think_min": 20}, "more than the budget"),
        ({"max_tokens": 0}, "at least one token"),
        ({"messages": []}, "no message to answer"),
        ({"messages": [Message(role="user", content="word " * 500)]}, "holds 512"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(tmp_path: Path, options: dict, words: str):
    loaded = tiny_loaded(tmp_path, context=512)
    with pytest.raises(BadInput, match=words):
        list(reply(loaded, ask("Hello", **options)))


def test_numbers_that_are_none_stop_the_reply(tmp_path: Path):
    loaded = tiny_loaded(tmp_path)
    loaded.model.model.norm.weight = mx.full(loaded.model.model.norm.weight.shape, float("nan"))
    with pytest.raises(Corrupt, match=r"its weight model\.norm\.weight holds what is no number"):
        list(reply(loaded, ask("Hello", think=0)))


def test_an_answer_that_loops_is_stopped_and_said_to_be(tmp_path: Path):
    loaded = scripted(tmp_path, {"assistant\n": " again and" * 400}, "none", context=4096)
    events, record = run(loaded, ask("Go", think=0))
    assert record.finish == "length"
    assert record.answer_tokens < 450
    (said,) = [event.text for event in events if isinstance(event, Note)]
    assert record.notes == [said]
    assert "repeat itself" in said


def test_another_version_of_a_greedy_models_reply_is_another_one(tmp_path: Path):
    loaded = tiny_loaded(tmp_path)
    loaded.sampling = Advice(temperature=0.0)
    request = ask("Hello", think=0, max_tokens=20, sampling=Sampling(seed=3))
    again = msgspec.structs.replace(request, another=True)
    first = run(loaded, request)[1].answer
    assert run(loaded, request)[1].answer == first
    assert run(loaded, again)[1].answer != first


def test_the_space_after_a_forced_text_stays(tmp_path: Path):
    script = {"assistant\n<think>\n": "one</think>\n\nno", "\nWait": " the end</think>", "</think>\n\n": " the answer"}
    loaded = scripted(tmp_path, script, "opened")
    _, record = run(loaded, ask("2+2?", think=100, think_min=5))
    assert record.thinking.startswith("one\nWait the end")


def test_it_is_said_where_thinking_cannot_be_switched_on(tmp_path: Path):
    loaded = scripted(tmp_path, {"</think>": "Four."}, "tokens")
    plain = loaded.render
    loaded.render = lambda turns, think: plain(turns, think) + "</think>"
    events, record = run(loaded, ask("2+2?", think=100))
    assert record.answer == "Four."
    assert [event.text for event in events if isinstance(event, Note)] == record.notes
    assert "Tiny answers without thinking" in record.notes[0]
    assert not run(loaded, ask("2+2?", think=0))[1].notes
