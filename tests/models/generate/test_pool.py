"""The pool: each row is the reply that it would be alone, token for token, whatever is drawn beside it."""

import json
import types
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import msgspec
import psutil
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models.cache import ConcatenateKVCache
from mlx_lm.utils import _get_classes

from models.errors import BadInput, Corrupt, NoMemory
from models.events import Note, Progress, Reply, Token
from models.generate import reply as alone
from models.generate.batch import Batch, can_batch
from models.generate.drawing import Drawing, Drawn
from models.generate.load import LoadedModel, load
from models.generate.pool import Pool, PoolEvent, RowBegun, RowDone, RowEvent, RowFailed, draw
from models.generate.stream import ReplyStream
from models.generate.thinking import Steering, ThinkingStep
from models.requests import ChatRequest, Message, Sampling
from tests.models.generate.test_adapters import make_adapter
from tests.models.scripted import tiny_loaded
from tests.models.scripted_rows import scripted_rows
from tests.returned import result_of, run
from tests.tiny import make_tiny

OPENED = "assistant\n<think>\n"
PHRASE_CLOSED = "directly now.\n</think>\n\n"


def ask(text: str = "2+2?", *, seed: int = 0, temperature: float = 1.0, **options: object) -> ChatRequest:
    sampling = {"seed": seed, "temperature": temperature}
    sampling |= {name: options.pop(name) for name in ("top_p", "top_k", "min_p") if name in options}
    turns = [Message(role="user", content=text)]
    return ChatRequest(
        **{
            "model": "Tiny",
            "messages": turns,
            "think": 20,
            "max_tokens": 120,
            "sampling": Sampling(**sampling),
            **options,
        }
    )


def drawn_alone(loaded: LoadedModel, request: ChatRequest) -> tuple[Reply, Drawn]:
    drawing = Drawing(loaded, request)
    list(drawing.opening())
    return result_of(alone.draw(drawing)), drawing.drawn()


def said(record: Reply) -> dict[str, object]:
    """A reply without what hangs on the clock and on the caches."""
    timing = ("ttft_s", "tokens_per_s", "thinking_s", "cached_tokens", "context_tokens")
    return {name: value for name, value in msgspec.structs.asdict(record).items() if name not in timing}


def done(events: Sequence[PoolEvent], row: int) -> RowDone:
    (event,) = (event for event in events if isinstance(event, RowDone) and event.row == row)
    return event


class Restless(nn.Module):
    """A model that ends its lines, its thinking and its replies often, so that all that can happen to a row does."""

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__()
        self.model, self.layers = loaded.model, loaded.model.layers
        often = {"\n": 4.0, "</think>": 5.0, "<|im_end|>": 3.0}
        self._often = {loaded.tokenizer.encode(text, add_special_tokens=False)[0]: more for text, more in often.items()}
        self.calls: list[tuple[int, ...]] = []

    def __call__(self, inputs: mx.array, cache: list) -> mx.array:
        self.calls.append(tuple(inputs.shape))
        logits = self.model(inputs, cache=cache)
        for token, more in self._often.items():
            logits = logits + more * (mx.arange(logits.shape[-1]) == token)
        return logits


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedModel:
    loaded = tiny_loaded(tmp_path, "opened")
    loaded.model = Restless(loaded)
    return with_short_phrase(loaded)


def with_short_phrase(loaded: LoadedModel) -> LoadedModel:
    """The tiny tokenizer knows no words: the usual phrase would be a hundred tokens."""
    family = msgspec.structs.replace(loaded.style.family, phrase="\nSo.\n", extension="\nWait")
    loaded.style = msgspec.structs.replace(loaded.style, family=family)
    return loaded


MIXED = [
    ask("2+2?", seed=1, think=12),
    ask("Say a word.", temperature=0.0, think=30),
    ask("2+2?", seed=2, think=40, think_min=25),
    ask("Something longer, so that rows are padded: " + "word " * 30, seed=3, top_p=0.8),
    ask("2+2?", seed=4, think=0, top_k=5, max_tokens=30),
    ask("And more?", seed=5, think=None, max_tokens=90, min_p=0.05),
    ask("2+2?", seed=2**40 + 6, think=60, think_min=10, top_p=0.95, top_k=20, temperature=0.6, max_tokens=200),
    ask("Calm?", seed=7, think=60, calm=True),
    ask("2+2?", seed=8, think=60, think_min=60, max_tokens=200),
]


def test_every_row_is_the_reply_that_it_is_alone_token_for_token(loaded: LoadedModel):
    single = [drawn_alone(loaded, request) for request in MIXED]
    events, ended = run(draw(loaded, MIXED, most=4))
    for (record, drawn), row in zip(single, ended, strict=True):
        assert isinstance(row, RowDone)
        assert row.drawn == drawn
        assert said(row.reply) == said(record)
    assert {record.closed_by for record, _ in single} >= {"model", "budget", "off"}
    assert any(forced.drop for _, drawn in single for forced in drawn.forced)
    assert any(rows == 4 for rows, length in loaded.model.calls if length == 1)
    assert {event.row for event in events if isinstance(event, RowBegun)} == set(range(len(MIXED)))


def test_a_row_takes_the_place_of_one_that_left_and_padding_does_not_pile_up(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("models.generate.batch.SLACK", 16)
    monkeypatch.setattr("models.generate.pool.TRIMMED_EVERY", 4)
    taken, padding = [], []
    replace, trim = Batch.replace, Batch.trim
    monkeypatch.setattr(Batch, "replace", lambda *given: taken.append(replace(*given)) or taken[-1])
    monkeypatch.setattr(Batch, "trim", lambda batch: trim(batch) or padding.append(batch._layers[0].left_padding.min()))
    requests = [ask("word " * 30, seed=0, think=30, max_tokens=100)]
    requests += [ask(seed=seed, think=5, max_tokens=10 + seed) for seed in range(1, 12)]
    ended = run(draw(loaded, requests, most=3))[1]
    assert [row.drawn for row in ended] == [drawn_alone(loaded, request)[1] for request in requests]
    assert sum(taken) > 5
    assert max(int(least.item()) for least in padding) < 16


def test_a_row_yields_the_events_of_a_single_reply(loaded: LoadedModel):
    request = MIXED[2]
    expected = [event for event in run(alone.reply(loaded, request))[0] if isinstance(event, Token | Note)]
    events, _ = run(draw(loaded, [MIXED[0], request, MIXED[3]]))
    of_row = [event.event for event in events if isinstance(event, RowEvent) and event.row == 1]
    assert [event for event in of_row if isinstance(event, Token | Note)] == expected


def test_what_a_row_draws_hangs_on_its_own_seed_alone(loaded: LoadedModel):
    request = MIXED[6]
    by_itself = run(draw(loaded, [request]))[1][0]
    for others in (MIXED[:3], MIXED[3:6], [msgspec.structs.replace(request, think=15)] * 3):
        assert run(draw(loaded, [*others, request]))[1][-1].drawn == by_itself.drawn
    other = msgspec.structs.replace(request, sampling=msgspec.structs.replace(request.sampling, seed=9))
    assert run(draw(loaded, [other]))[1][0].drawn.tokens != by_itself.drawn.tokens


def test_a_reply_without_a_seed_is_another_one_each_time(loaded: LoadedModel):
    request = ask(seed=None, think=20)
    ended = run(draw(loaded, [request] * 4))[1]
    assert len({str(row.drawn.tokens) for row in ended}) == 4


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "gemma3_text", "sliding_window": 16, "sliding_window_pattern": 2, "head_dim": 16, "query_pre_attn_scalar": 16},
        {"model_type": "qwen3_next", "head_dim": 16, "full_attention_interval": 2, "num_experts": 2, "num_experts_per_tok": 1,
         "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32, "decoder_sparse_step": 1, "mlp_only_layers": [],
         "norm_topk_prob": True, "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 16,
         "linear_value_head_dim": 16, "linear_conv_kernel_dim": 4, "partial_rotary_factor": 0.5},
    ],
    ids=["sliding windows", "recurrent states"],
)  # fmt: skip
def test_rows_of_other_caches_are_those_that_they_are_alone(tmp_path: Path, config: dict):
    folder = make_tiny(tmp_path, thinking="opened")
    whole = json.loads((folder / "config.json").read_text()) | config
    model_class, arguments = _get_classes(whole)
    mx.random.seed(0)
    model = model_class(arguments.from_dict(whole))
    (folder / "config.json").write_text(json.dumps(whole))
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())), {"format": "mlx"})
    loaded = with_short_phrase(result_of(load("Tiny", folder)))
    requests = [ask("Hm?", seed=11, think=5, max_tokens=60), MIXED[3], ask(seed=12, think=9, max_tokens=80)]
    single = [drawn_alone(loaded, request)[1] for request in requests]
    ended = run(draw(loaded, requests, most=2))[1]
    assert [row.drawn for row in ended] == single


def test_what_prompts_have_in_common_is_read_once(loaded: LoadedModel):
    system = Message(role="system", content="Think. " * 20)
    problems = ["What is one and one?", "What is one and two?"]
    requests = [
        msgspec.structs.replace(ask(seed=seed), messages=[system, Message(role="user", content=problem)])
        for problem in problems
        for seed in range(3)
    ]
    first, *_ = [Drawing(loaded, request).prompt.tokens for request in requests]
    run(draw(loaded, requests))
    read = [length for rows, length in loaded.model.calls if length > 1]
    assert [length for length in read if length > 40] == [len(first) - 1]
    assert len(read) >= 2


def test_a_long_prompt_is_read_in_chunks_between_steps(loaded: LoadedModel):
    events, ended = run(draw(loaded, [MIXED[8], ask("word " * 150, seed=1, think=0, max_tokens=5)]))
    calls = loaded.model.calls
    chunks = [index for index, (_, length) in enumerate(calls) if length > 200]
    assert len(chunks) >= 3
    assert max(length for _, length in calls) == alone.chunk_tokens()
    assert all((1, 1) in calls[left:right] for left, right in pairwise(chunks))
    told = [event.event for event in events if isinstance(event, RowEvent) and event.row == 1]
    assert sum(isinstance(event, Progress) and event.stage == "prefill" for event in told) >= 2
    assert [row.reply.finish for row in ended][1] == "length"


def test_rows_join_and_are_cancelled_while_others_are_drawn(loaded: LoadedModel):
    pool = Pool(loaded)
    long = ask(seed=8, think=100, think_min=100, max_tokens=300)
    pool.add(long)
    stopped = pool.add(msgspec.structs.replace(long, sampling=Sampling(seed=9, temperature=1.0)))
    events: list[PoolEvent] = []
    for event in pool.events():
        events.append(event)
        drawn = sum(isinstance(seen, RowEvent) and isinstance(seen.event, Token) for seen in events)
        if drawn == 30 and len(pool._steerings) == 2:
            late = pool.add(MIXED[0])
        if drawn >= 60:
            pool.cancel(stopped)
    assert done(events, stopped).reply.finish == "cancelled"
    assert 0 < done(events, stopped).reply.thinking_tokens < 60
    assert done(events, late).drawn == drawn_alone(loaded, MIXED[0])[1]
    assert done(events, 0).drawn == drawn_alone(loaded, long)[1]
    order = [event.row for event in events if isinstance(event, RowDone)]
    assert order.index(late) < order.index(0)  # it left the moment it was done


def test_all_are_cancelled_at_once_also_those_that_wait(loaded: LoadedModel):
    steering = Steering()
    events = []
    for event in draw(loaded, MIXED, steering, most=2):
        events.append(event)
        if isinstance(event, Progress):
            steering.cancel()
    ended = [event for event in events if isinstance(event, RowDone)]
    assert len(ended) == len(MIXED)
    assert sum(row.reply.finish == "cancelled" for row in ended) >= len(MIXED) - 2
    assert sum(row.drawn is None for row in ended) >= len(MIXED) - 4


def test_answer_now_and_think_longer_are_for_all_rows(tmp_path: Path):
    script = {OPENED: ["a" + " x" * 400, "b" + " x" * 400], PHRASE_CLOSED: ["Five."]}
    loaded = scripted_rows(tmp_path, script)
    steering = Steering()
    steering.think_longer()
    source = draw(
        loaded,
        [ask(think=20, max_tokens=None, temperature=0.0), ask(think=30, max_tokens=None, temperature=0.0)],
        steering,
    )
    events = []
    for event in source:
        events.append(event)
        if isinstance(event, Progress) and event.done >= 2 * 100:
            steering.answer_now()
    first, second = done(events, 0).reply, done(events, 1).reply
    assert (first.closed_by, second.closed_by) == ("answer_now", "answer_now")
    assert (first.budget, second.budget) == (148, 158)
    assert 100 <= first.thinking_tokens == second.thinking_tokens < 110


def test_a_row_that_can_not_be_drawn_leaves_the_others_alone(loaded: LoadedModel):
    requests = [MIXED[0], ask("word " * 600), ask(think=-1), MIXED[1]]
    ended = run(draw(loaded, requests))[1]
    assert [type(row) for row in ended] == [RowDone, RowFailed, RowFailed, RowDone]
    assert "holds 2,048" in ended[1].error.text
    assert isinstance(ended[2].error, BadInput)
    assert ended[3].drawn == drawn_alone(loaded, MIXED[1])[1]


def test_a_row_that_the_tokenizer_breaks_down_on_leaves_the_others_alone(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
):
    take = ReplyStream.take

    def fragile(stream: ReplyStream, token: int) -> ThinkingStep:
        if stream.request is MIXED[1] and stream.drawn == 5:
            raise Corrupt("The tokenizer fails.")
        return take(stream, token)

    expected = [drawn_alone(loaded, request)[1] for request in MIXED[:3]]
    monkeypatch.setattr(ReplyStream, "take", fragile)
    ended = run(draw(loaded, MIXED[:3]))[1]
    assert [type(row) for row in ended] == [RowDone, RowFailed, RowDone]
    assert [ended[0].drawn, ended[2].drawn] == [expected[0], expected[2]]


def test_a_model_without_batches_draws_one_after_the_other(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch):
    expected = [drawn_alone(loaded, request)[1] for request in MIXED[:4]]
    monkeypatch.setattr("models.generate.pool.can_batch", lambda _layers: False)
    loaded.model.calls.clear()
    events, ended = run(draw(loaded, [*MIXED[:4], ask(think=-1)]))
    assert [row.drawn for row in ended[:4]] == expected
    assert isinstance(ended[4], RowFailed)
    assert all(rows == 1 for rows, _ in loaded.model.calls)
    assert all(row.logprob < 0 for row in ended[:4])
    assert sorted(event.row for event in events if isinstance(event, RowBegun)) == [0, 1, 2, 3]


def test_caches_that_can_not_be_put_side_by_side_are_known(loaded: LoadedModel):
    assert can_batch(loaded.cache.layers)
    assert not can_batch([ConcatenateKVCache()])


def test_numbers_that_are_none_stop_the_pool(tmp_path: Path):
    loaded = tiny_loaded(tmp_path)
    loaded.model.lm_head.weight = mx.zeros(loaded.model.lm_head.weight.shape)
    with pytest.raises(NoMemory, match="no numbers"):
        run(draw(loaded, [ask(), ask()]))


# memory


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(available=(512 << 20) + size))
    monkeypatch.setattr(mx, "get_cache_memory", lambda: 0)


TOKEN_BYTES = 2 * 2 * 16 * 2 * 4  # keys and values, heads, head size, layers, float32


def test_how_many_rows_are_drawn_at_once_follows_from_the_memory_that_is_free(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
):
    requests = [MIXED[0], MIXED[1], MIXED[4], MIXED[5]]
    expected = [drawn_alone(loaded, request)[1] for request in requests]
    seen = []
    for rows in (1, 3):
        free(monkeypatch, 2 * TOKEN_BYTES * 768 * rows)
        pool = Pool(loaded)
        for request in requests:
            pool.add(request)
        events = list(pool.events())
        assert [done(events, row).drawn for row in range(len(requests))] == expected
        seen.append(pool.most_rows)
        assert 0 < pool.peak_bytes <= 2 * TOKEN_BYTES * 768 * rows
    assert seen[0] < seen[1]


def test_rows_that_outgrow_their_reserve_have_the_youngest_wait(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("models.generate.pool.ANSWER_RESERVE", 4)
    monkeypatch.setattr("models.generate.pool.UNLIMITED_RESERVE", 4)
    monkeypatch.setattr("models.generate.pool.GROWTH", 64)
    monkeypatch.setattr("models.generate.pool.FREED_EVERY", 16)
    requests = [ask("word " * 28, seed=seed, think=0, max_tokens=140) for seed in range(3, 6)]
    expected = [drawn_alone(loaded, request)[1] for request in requests]
    free(monkeypatch, 2 * TOKEN_BYTES * 256 * 3)
    pool = Pool(loaded)
    for request in requests:
        pool.add(request)
    events = list(pool.events())
    assert pool.most_rows == 3
    # it was read again in one go what it had drawn before
    assert any(rows == 1 and length > 100 for rows, length in loaded.model.calls[-2000:])
    assert [done(events, row).drawn for row in range(3)] == expected


def test_rows_that_would_bring_nothing_wait(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch):
    requests = [ask(seed=seed, think=0, max_tokens=12) for seed in range(12)]
    seen = []
    for weights in (loaded.weights_bytes, 1 << 30):
        monkeypatch.setattr("models.generate.kv_memory.ALWAYS_WORTHWHILE", 4)
        loaded.weights_bytes = weights
        pool = Pool(loaded)
        for request in requests:
            pool.add(request)
        list(pool.events())
        seen.append(pool.most_rows)
    assert 4 <= seen[0] < seen[1] == 12


def test_memory_that_not_even_one_has_is_told_with_the_numbers(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch):
    free(monkeypatch, 1000)
    (row,) = run(draw(loaded, [ask(max_tokens=None)]))[1]
    assert isinstance(row, RowFailed)
    assert isinstance(row.error, NoMemory)
    assert "needs" in row.error.text


# adapters


def test_rows_with_other_adapters_are_drawn_in_groups(tmp_path: Path):
    base = make_tiny(tmp_path / "tiny", thinking="opened")
    adapters = [None, *(make_adapter(tmp_path / name, base, seed=seed) for seed, name in enumerate(("one", "two")))]
    loaded = result_of(load("Tiny", base, adapters[1]))
    expected = {}
    for adapter in adapters:
        loaded.set_adapter(adapter)
        expected[adapter] = [drawn_alone(loaded, ask(seed=seed))[1].tokens for seed in range(2)]
    assert len({str(tokens) for tokens in expected.values()}) == 3
    loaded.set_adapter(adapters[1])
    switched = []
    original = loaded.set_adapter
    loaded.set_adapter = lambda adapter: (switched.append(adapter), original(adapter))[1]
    pool = Pool(loaded)
    rows = [(pool.add(ask(seed=seed), adapter=adapter), adapter, seed) for seed in range(2) for adapter in adapters]
    wrong = pool.add(ask(), adapter=str(tmp_path / "none"))
    attached = pool.add(ask(seed=1))
    events = list(pool.events())
    for row, adapter, seed in rows:
        assert done(events, row).drawn.tokens == expected[adapter][seed]
    assert done(events, attached).drawn.tokens == expected[adapters[1]][1]
    assert [event.row for event in events if isinstance(event, RowFailed)] == [wrong]
    assert len(switched) == 4  # to two others, to the one that is not there, and back
    assert loaded.has_adapter(adapters[1])


# going on with a longer budget


@pytest.mark.parametrize("least", [0, 25])
def test_a_longer_budget_goes_on_from_the_tokens_of_the_shorter_one(loaded: LoadedModel, least: int):
    former: Drawn | None = None
    for think in (10, 50, 120):
        request = ask(seed=1, think=think, think_min=min(least, think), max_tokens=400)
        expected, drawn = drawn_alone(loaded, request)
        pool = Pool(loaded)
        pool.add(request, former=former)
        loaded.model.calls.clear()
        ended = done(list(pool.events()), 0)
        assert ended.drawn == drawn
        assert said(ended.reply) == said(expected)
        steps = sum(length == 1 for _, length in loaded.model.calls)
        if think == 120:
            assert drawn.tokens[:50] == former.tokens[:50]
            assert steps <= len(drawn.tokens) - 50 + sum(len(forced.tokens) for forced in drawn.forced)
        former = ended.drawn


def test_what_the_model_had_closed_itself_is_known_without_a_step(tmp_path: Path):
    loaded = scripted_rows(tmp_path, {OPENED: ["a way.</think>\n\nIt is 4."]})
    first = run(draw(loaded, [ask(think=50, temperature=0.0, max_tokens=None)]))[1][0]
    loaded.model.batches.clear()
    pool = Pool(loaded)
    pool.add(ask(think=100, temperature=0.0, max_tokens=None), former=first.drawn)
    again = done(list(pool.events()), 0)
    assert again.reply.answer == first.reply.answer == "It is 4."
    assert (again.reply.finish, again.reply.budget) == ("eos", 100)
    assert loaded.model.batches == []


@pytest.mark.parametrize(
    "changed", [ask("3+3?", think=30), ask(think=30, seed=1), ask(think=30, temperature=0.5), ask(think=30, calm=True)]
)
def test_what_was_drawn_in_another_way_is_passed_over(loaded: LoadedModel, changed: ChatRequest):
    first = run(draw(loaded, [ask(think=20)]))[1][0]
    pool = Pool(loaded)
    pool.add(changed, former=first.drawn)
    assert done(list(pool.events()), 0).drawn == drawn_alone(loaded, changed)[1]


def test_a_reply_alone_has_the_cache_that_the_chat_goes_on_from(loaded: LoadedModel):
    fresh: Callable[[], Reply] = lambda: result_of(alone.reply(loaded, MIXED[2]))  # noqa: E731
    before = said(fresh())
    run(draw(loaded, MIXED[:3]))
    assert said(fresh()) == before
