"""Votes of a scripted and of a random model: every row of the batch as exact as a reply alone."""

import types
from collections.abc import Iterable
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import msgspec
import psutil
import pytest

from models.errors import BadInput, Corrupt, NoMemory
from models.events import Done, Event, Note, Progress, Reply, ThinkingClosed, Token
from models.families import Advice
from models.generate.kv_cache import ConversationCache
from models.generate.pool import Pool
from models.generate.reply import reply
from models.generate.thinking import Steering, grace_tokens
from models.generate.votes import _Poll, vote
from models.requests import ChatRequest, Message, Sampling
from tests.models.scripted import tiny_loaded
from tests.models.scripted_rows import scripted_rows
from tests.returned import result_of, with_done

SURELY = Sampling(temperature=0.5, seed=0)  # a scripted token is then drawn but once in e**40 times
OPENED = "assistant\n<think>\n"
PHRASE_CLOSED = "directly now.\n</think>\n\n"


def ask(votes: int, **options: object) -> ChatRequest:
    turns = [Message(role="user", content="2+2?")]
    return ChatRequest(
        **{"model": "Tiny", "messages": turns, "sampling": SURELY, "votes": votes, "think": 100, **options}
    )


def run(loaded: object, request: ChatRequest, steering: Steering | None = None) -> tuple[list[Event], Reply]:
    events = list(with_done(vote(loaded, request, steering)))
    assert isinstance(events[-1], Done)
    return events, events[-1].result


def text_of(events: Iterable[Event], channel: str) -> str:
    return "".join(event.text for event in events if isinstance(event, Token) and event.channel == channel)


def lines(*answers: str) -> list[str]:
    """What each row thinks and answers, each by another way."""
    return [f"{way} way.</think>\n\nIt is {answer}." for way, answer in zip("abcdefghi", answers, strict=False)]


def test_the_majority_is_given_as_if_it_had_been_the_only_reply(tmp_path: Path):
    loaded = scripted_rows(tmp_path, {OPENED: lines("41", "42", "40", "42", "42")})
    events, record = run(loaded, ask(5))
    assert (record.answer, record.agreement, record.finish, record.closed_by) == ("It is 42.", 3, "eos", "model")
    assert [ballot.canonical for ballot in record.votes] == ["41", "42", "40", "42", "42"]
    assert [ballot.thinking[0] for ballot in record.votes] == list("abcde")
    assert all(ballot.counted and ballot.finish == "eos" for ballot in record.votes)
    assert text_of(events, "answer") == record.answer
    assert text_of(events, "thinking").strip() == record.thinking
    assert [event.how for event in events if isinstance(event, ThinkingClosed)] == ["model"]


def test_nothing_is_said_before_the_vote_is_decided(tmp_path: Path):
    loaded = scripted_rows(tmp_path, {OPENED: lines("41", "42", "42 now")})
    events, _ = run(loaded, ask(3))
    progress = [index for index, event in enumerate(events) if isinstance(event, Progress)]
    assert max(progress) < min(index for index, event in enumerate(events) if isinstance(event, Token))
    ended = [event.done for event in events if isinstance(event, Progress) and event.unit == "votes"]
    assert (ended[0], ended[-1]) == (0, 3)
    drawn = [event.done for event in events if isinstance(event, Progress) and event.unit == "tokens"]
    assert drawn == sorted(drawn)
    assert drawn[0] == 3 * 8


def test_the_prompt_is_read_once_and_all_rows_go_together(tmp_path: Path):
    loaded = scripted_rows(tmp_path, {OPENED: lines("1", "2", "3", "4")})
    _, record = run(loaded, ask(4))
    assert loaded.model.batches[:3] == [1, 4, 4]
    assert loaded.cache.tokens == loaded.cache.tokens[: record.prompt_tokens - 1]
    assert loaded.cache.layers[0].offset == record.prompt_tokens - 1
    assert run(loaded, ask(4))[1].cached_tokens == record.prompt_tokens - 1


def test_every_rows_budget_is_exact(tmp_path: Path):
    script = {
        OPENED: ["a" + " x" * 200, "b way.</think>\n\nFour.", "c y\n" + "z\n" * 200, "d" + " w" * 200],
        PHRASE_CLOSED: ["Five."],
    }
    loaded = scripted_rows(tmp_path, script)
    _, record = run(loaded, ask(4, think=20))
    tokens = [ballot.tokens - len(loaded.tokenizer.encode(ballot.answer)) for ballot in record.votes]
    assert tokens[0] == tokens[3] == 20 + grace_tokens(20)
    assert tokens[2] in (20, 21)  # it closed at the end of a line
    assert (record.answer, record.agreement, record.closed_by) == ("Five.", 3, "budget")
    phrase = "directly now."
    assert [phrase in ballot.thinking for ballot in record.votes] == [True, False, True, True]


@pytest.mark.parametrize(
    "options",
    [
        {"think": 20},  # a forced close
        {"think": 200, "think_min": 20},  # an early close that is taken back
        {"think": 100},  # the end of the reply while it thinks
        {"think": 100, "max_tokens": 30},  # a limit
        {"think": 0},
    ],
)
def test_rows_say_what_single_replies_say(tmp_path: Path, options: dict, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("models.answers.majority.is_decided", lambda *_: False)
    rows = ["a way.</think>\n\nIt is 1.", "b" + " x" * 50 + "</think>\n\nIt is 2.", "c that's all"]
    script = {
        OPENED: rows,
        "\nWait": ["no." + " y" * 20 + "</think>\n\nSo 3."],
        PHRASE_CLOSED: ["Four."],
        "that's all</think>\n\n": ["Five."],
        "assistant\n<think>\n\n</think>\n\n": ["Six."],
    }
    together = run(scripted_rows(tmp_path, script), ask(3, **options))[1].votes
    for row, ballot in zip(rows, together, strict=True):
        loaded = scripted_rows(tmp_path, {**script, OPENED: [row]})
        alone = result_of(reply(loaded, ask(1, **options)))
        assert (ballot.thinking, ballot.answer) == (alone.thinking, alone.answer)
        assert ballot.tokens == alone.thinking_tokens + alone.answer_tokens
        assert ballot.finish == alone.finish


class Breaking(nn.Module):
    """A model that ends its lines often, so that rows reach the close of their thinking at different steps."""

    def __init__(self, model: nn.Module, newline: int) -> None:
        super().__init__()
        self.model = model
        self.layers = model.layers
        self.newline = newline

    def __call__(self, inputs: mx.array, cache: list) -> mx.array:
        logits = self.model(inputs, cache=cache)
        return logits + 4.0 * (mx.arange(logits.shape[-1]) == self.newline)


def test_rows_that_left_and_joined_again_attend_to_all_they_read_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    loaded = tiny_loaded(tmp_path, "opened")
    loaded.model = Breaking(loaded.model, loaded.tokenizer.encode("\n")[0])
    poll = _Poll(loaded, ask(4, think=12, max_tokens=300, sampling=Sampling(temperature=1.0, seed=5)), Steering())
    drawings = []
    done = Pool._done
    monkeypatch.setattr(Pool, "_done", lambda pool, row, record: drawings.append(row.drawn) or done(pool, row, record))
    list(poll.draw())
    forced = loaded.tokenizer.encode(loaded.style.family.phrase + "</think>\n\n", add_special_tokens=False)
    assert len({drawing.stream.thinking.tokens for drawing in drawings}) > 2
    for drawing in drawings:
        logits = loaded.model(mx.array(drawing.context)[None], cache=ConversationCache(loaded.model).layers)[0]
        logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        prompt = len(drawing.prompt.tokens)
        close = prompt + drawing.stream.thinking.tokens
        assert drawing.context[close : close + len(forced)] == forced
        drawn = [at for at in range(prompt, len(drawing.context)) if not close <= at < close + len(forced)]
        assert len(drawn) == drawing.stream.drawn
        logprob = sum(logprobs[at - 1, drawing.context[at]].item() for at in drawn)
        assert logprob / len(drawn) == pytest.approx(drawing.mean_logprob, abs=1e-4)


def test_a_random_models_rows_stay_within_budget_and_limit(tmp_path: Path):
    loaded = tiny_loaded(tmp_path, "opened")
    request = ask(4, think=12, max_tokens=300, sampling=Sampling(temperature=1.0, seed=3))
    _, record = run(loaded, request)
    closing = loaded.tokenizer.encode(loaded.style.family.phrase + "</think>\n\n", add_special_tokens=False)
    for ballot in record.votes:
        assert ballot.tokens <= 300 - (len(closing) if "directly now." in ballot.thinking else 0)
    assert len({ballot.answer for ballot in record.votes}) > 1


def test_a_seed_makes_a_vote_again(tmp_path: Path):
    loaded = tiny_loaded(tmp_path, "opened")
    request = ask(3, think=10, max_tokens=80, sampling=Sampling(temperature=1.0, seed=7))
    first, again = run(loaded, request)[1].votes, run(loaded, request)[1].votes
    assert first == again
    other = msgspec.structs.replace(request, sampling=Sampling(temperature=1.0, seed=8))
    assert run(loaded, other)[1].votes != first


def test_the_rest_is_stopped_once_it_can_change_nothing(tmp_path: Path):
    slow = "d" + " and" * 60 + ".</think>\n\nIt is 41."
    loaded = scripted_rows(tmp_path, {OPENED: [*lines("42", "42", "42"), slow, "e" + slow]})
    _, record = run(loaded, ask(5, think=1000))
    assert (record.agreement, record.answer, record.finish) == (3, "It is 42.", "eos")
    assert [ballot.finish for ballot in record.votes] == ["eos", "eos", "eos", "cancelled", "cancelled"]
    assert [ballot.counted for ballot in record.votes] == [True, True, True, False, False]
    assert record.votes[3].thinking.startswith("d and")


def test_a_cut_reply_has_no_vote_beside_whole_ones(tmp_path: Path):
    script = {OPENED: ["a way.</think>\n\nIt is 7", *("b way.</think>\n\n" + "1" * 700 for _ in range(2))]}
    _, record = run(scripted_rows(tmp_path, script), ask(3, max_tokens=600))
    assert [ballot.finish for ballot in record.votes] == ["eos", "length", "length"]
    assert (record.answer, record.agreement) == ("It is 7", 1)


def test_cancelled_before_a_reply_has_ended_nothing_is_said(tmp_path: Path):
    loaded = scripted_rows(tmp_path, {OPENED: ["a" + " x" * 200, "b" + " x" * 200]})
    steering = Steering()
    events = []
    for event in with_done(vote(loaded, ask(2, think=None), steering)):
        events.append(event)
        if isinstance(event, Progress) and event.unit == "tokens":
            steering.cancel()
    record = events[-1].result
    assert (record.finish, record.thinking, record.answer, record.agreement) == ("cancelled", "", "", 0)
    assert [ballot.finish for ballot in record.votes] == ["cancelled", "cancelled"]
    assert all(0 < ballot.tokens <= 10 for ballot in record.votes)
    assert not any(isinstance(event, Token) for event in events)


def test_cancelled_later_gives_what_most_of_the_ended_say(tmp_path: Path):
    slow = [way + " x" * 200 for way in "cde"]
    loaded = scripted_rows(tmp_path, {OPENED: [*lines("41", "41"), *slow]})
    steering = Steering()
    events = []
    for event in with_done(vote(loaded, ask(5, think=None), steering)):
        events.append(event)
        if isinstance(event, Progress) and event.unit == "votes" and event.done == 2:
            steering.cancel()
    record = events[-1].result
    assert (record.finish, record.answer, record.agreement) == ("cancelled", "It is 41.", 2)


def test_cancelled_while_the_prompt_is_read(tmp_path: Path):
    loaded = scripted_rows(tmp_path, {OPENED: lines("1", "2")})
    request = msgspec.structs.replace(ask(2), messages=[Message(role="user", content="word " * 150)])
    steering = Steering()
    events = []
    for event in with_done(vote(loaded, request, steering)):
        events.append(event)
        steering.cancel()
    assert events[-1].result.finish == "cancelled"
    assert set(loaded.model.batches) == {1}


def test_answer_now_and_think_longer_are_for_all_rows(tmp_path: Path):
    script = {OPENED: ["a" + " x" * 400, "b" + " x" * 400], PHRASE_CLOSED: ["Five."]}
    loaded = scripted_rows(tmp_path, script)
    steering = Steering()
    steering.think_longer()
    events = []
    for event in with_done(vote(loaded, ask(2, think=20), steering)):
        events.append(event)
        if isinstance(event, Progress) and event.unit == "tokens" and event.done >= 2 * 100:
            steering.answer_now()
    record = events[-1].result
    assert (record.closed_by, record.agreement, record.budget) == ("answer_now", 2, 20 + 128)
    assert [ballot.tokens for ballot in record.votes] == [record.votes[0].tokens] * 2
    assert record.thinking_tokens < 110


def test_off_is_told_once(tmp_path: Path):
    loaded = scripted_rows(tmp_path, {"</think>\n\n": ["1 1", "2 2", "2 2"]})
    events, record = run(loaded, ask(3, think=0))
    assert record.answer == "2 2"
    assert [event.how for event in events if isinstance(event, ThinkingClosed)] == ["off"]


def test_a_cache_that_can_not_be_cut_is_filled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script = {OPENED: ["a.</think>\n\nIt is 1.", "b" + " x" * 30 + "</think>\n\nSo 3."]}
    script["\nWait"] = ["no." + " y" * 20 + "</think>\n\nSo 3."]
    whole = run(scripted_rows(tmp_path, script), ask(2, think=200, think_min=20))[1].votes
    loaded = scripted_rows(tmp_path, script)
    monkeypatch.setattr("models.generate.kv_cache.can_trim_prompt_cache", lambda _layers: False)
    again = run(loaded, ask(2, think=200, think_min=20))[1].votes
    assert [ballot.answer for ballot in again] == [ballot.answer for ballot in whole] == ["So 3.", "So 3."]


def test_memory_that_is_not_there_is_told_with_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    loaded = tiny_loaded(tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(available=(512 << 20) + 1000))
    monkeypatch.setattr(mx, "get_cache_memory", lambda: 0)
    with pytest.raises(NoMemory, match=r"needs .* of memory for its context, .* are free"):
        list(vote(loaded, ask(4)))


def test_rows_end_before_memory_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    loaded = tiny_loaded(tmp_path, "opened")
    per_token = 2 * 2 * 16 * 2 * 4  # keys and values, heads, head size, layers, float32
    free = (512 << 20) + per_token * 2 * 300
    monkeypatch.setattr("models.generate.pool.ANSWER_RESERVE", 64)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(available=free))
    monkeypatch.setattr(mx, "get_cache_memory", lambda: 0)
    events, record = run(loaded, ask(2, think=None, sampling=Sampling(temperature=1.0, seed=2)))
    assert record.budget is None
    assert all(ballot.tokens <= 256 - record.prompt_tokens for ballot in record.votes)
    cut = [event.text for event in events if isinstance(event, Note)]
    assert cut in ([], ["The reply was cut: there is no memory for a longer one."])


def test_a_model_without_batches_draws_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    loaded = tiny_loaded(tmp_path, "opened")
    request = ask(3, think=10, max_tokens=80, sampling=Sampling(temperature=1.0, seed=7))
    together = run(loaded, request)
    monkeypatch.setattr("models.generate.pool.can_batch", lambda _layers: False)
    apart = run(loaded, request)
    assert apart[1].votes == together[1].votes
    assert [event for event in apart[0] if isinstance(event, Token)] == [
        event for event in together[0] if isinstance(event, Token)
    ]


def test_votes_that_would_be_the_same_are_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="all votes would be the same"):
        list(vote(tiny_loaded(tmp_path), ask(3, sampling=Sampling(temperature=0.0))))


def test_a_model_advised_to_be_greedy_is_drawn_from_for_votes(tmp_path: Path):
    loaded = tiny_loaded(tmp_path)
    loaded.sampling = Advice(temperature=0.0)
    request = ask(3, think=0, max_tokens=20, sampling=Sampling(seed=1))
    _, record = run(loaded, request)
    assert len({ballot.answer for ballot in record.votes}) == 3


def test_numbers_that_are_none_stop_the_vote(tmp_path: Path):
    loaded = tiny_loaded(tmp_path)
    loaded.model.model.norm.weight = mx.full(loaded.model.model.norm.weight.shape, float("nan"))
    with pytest.raises(Corrupt, match=r"model\.norm\.weight holds what is no number"):
        list(vote(loaded, ask(2, think=0)))
