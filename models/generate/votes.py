"""Several replies to one prompt, drawn side by side in one batch; the answer that most of them agree on is given.

The prompt is read once, on the conversation's own cache, which stays as it is: mlx-lm's batch copies it for each row.
Decoding waits for the weights to come from memory, and a batch brings them once for all rows, so five replies take far
less than five times as long. A row whose state machine wants text forced leaves the batch with its cache, has tokens
taken back, and joins again with the forced tokens ahead of it: its budget is as exact as that of a reply alone.

Nothing is said before the vote is decided, since what a row thinks may be voted down: until then there is Progress.
"""

import itertools
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

import mlx.core as mx
import msgspec
import psutil
from mlx_lm.generate import BatchGenerator, generation_stream, wired_limit

from models.answers import majority
from models.answers.canonical import canonical
from models.errors import NoMemory, Unsupported
from models.events import Candidate, Event, Finish, Progress, Reply
from models.generate import reply
from models.generate.kv_cache import ConversationCache
from models.generate.load import MEMORY_MARGIN, LoadedModel
from models.generate.stream import ReplyStream
from models.generate.thinking import ANSWER_RESERVE, Steering, ThinkingStep, grace_tokens
from models.requests import ChatRequest

TOLD_EVERY = 8  # steps of the batch between two looks at how far it is
NO_END = 1 << 30  # a row's end is told by its own count, so that the batch never ends one before it was looked at
BATCH_COPIES = 2  # a row that leaves or joins has the batch's cache copied

# Reading a logprob on the stream that computes the next step would wait for that step.
reading_stream = mx.new_thread_local_stream(mx.default_device())


def vote(loaded: LoadedModel, request: ChatRequest, steering: Steering | None = None) -> Generator[Event, None, Reply]:
    """Answer a conversation by `request.votes` replies; yields as `reply` does, with the votes in the Reply.

    Progress has the stage "votes": in the unit "votes" how many have ended, in the unit "tokens" how many are drawn.
    Steering is for all of them. A cancelled vote gives what most of the ended ones say, or nothing. Raises BadInput
    also when all would be the same, NoMemory when their caches do not fit, Unsupported when the model runs in no batch.
    """
    run = _Batch(loaded, request, steering or Steering())
    with wired_limit(loaded.model, [generation_stream]):
        return (yield from run.events())


class _Drawn(Protocol):
    """What mlx-lm's batch says of a row after a step; `token` is in the row's cache by then."""

    uid: int
    token: int
    logprobs: mx.array


@dataclass
class _Draw:
    stream: ReplyStream
    steering: Steering
    context: list[int]  # what its cache holds or is about to
    events: list[Event] = field(default_factory=list)  # kept for when it is elected
    logprob: float = 0.0  # sum over drawn tokens
    finish: Finish | None = None

    def add(self, step: ThinkingStep) -> None:
        self.events += self.stream.events(step)

    def end(self, finish: Finish) -> None:
        self.finish = finish
        self.events += self.stream.closing()

    def vote(self) -> majority.Vote:
        answer = self.stream.text[1]
        mean = self.logprob / max(1, self.stream.drawn)
        return majority.Vote(canonical(answer), mean, cut=self.finish != "eos")


class _Batch:
    def __init__(self, loaded: LoadedModel, request: ChatRequest, steering: Steering) -> None:
        self.begun = time.perf_counter()
        reply.check_request(request)
        advice = reply.advice_for(loaded, request)
        majority.check_votes(request.votes, advice.temperature)
        if not all(hasattr(layer, "merge") for layer in loaded.cache.layers):
            raise Unsupported(f"{loaded.name} can't draw several replies at once.", "Ask for a single vote.")
        self.loaded = loaded
        self.request = request
        self.steering = steering
        self.prompt = reply.read_prompt(loaded, request)
        self.room = reply.room_for_reply(loaded, self.prompt, request.max_tokens)
        self.sampler = reply.sampler_for(advice)
        self.rows: dict[int, _Draw] = {}  # by the number the batch gave it last
        self.all_rows: list[_Draw] = []
        self.drawn = 0
        self.first_token_at = 0.0

    def events(self) -> Generator[Event, None, Reply]:
        if self.request.sampling.seed is not None:
            mx.random.seed(self.request.sampling.seed)
        cached = self.loaded.cache.reuse(self.prompt.tokens)
        ahead = self.prompt.tokens[cached:-1]
        read = yield from reply.prefill(self.loaded, ahead, self.steering)
        self.room = room_in_memory(self.loaded, self.request, self.room)
        self.all_rows = [self._row() for _ in range(self.request.votes)]
        yield from self.all_rows[0].stream.opening()
        for row in self.all_rows[1:]:
            deque(row.stream.opening(), maxlen=0)  # told once for all
        if read:
            yield from self._decode()
        return (yield from self._outcome(cached))

    def _row(self) -> _Draw:
        steering = Steering()
        thinking = reply.thinking_for(self.loaded, self.request, self.prompt, self.room, steering)
        stream = ReplyStream(self.loaded, self.request, self.prompt, thinking, self.begun)
        return _Draw(stream, steering, list(self.prompt.tokens))

    def _decode(self) -> Iterator[Event]:
        """Draw until the vote is decided or cancelled."""
        count = len(self.all_rows)
        batch = BatchGenerator(
            self.loaded.model, sampler=self.sampler, completion_batch_size=count, prefill_batch_size=count
        )
        with closing(batch):
            # The batch copies what it is given: one cache serves all rows.
            caches = [self.loaded.cache.layers] * count
            uids = batch.insert([self.prompt.tokens[-1:]] * count, [NO_END] * count, caches)
            self.rows = dict(zip(uids, self.all_rows, strict=True))
            yield self._ended_so_far()
            for step in itertools.count(1):
                if self._step(batch):
                    yield self._ended_so_far()
                    if majority.is_decided([row.vote() for row in self._finished()], len(self.rows)):
                        return
                if not self.rows or self.steering.cancelled:
                    return
                if step % TOLD_EVERY == 0:
                    rate = round(self._rate(), 2)
                    yield Progress(stage="votes", done=self.drawn, total=0, unit="tokens", rate=rate)

    def _step(self, batch: BatchGenerator) -> bool:
        """Draw a token for every row; returns whether a reply ended."""
        self._steer()
        drawn: list[_Drawn] = batch.next_generated()
        if not self.drawn and drawn:
            self.first_token_at = time.perf_counter()
        self._note_logprobs(drawn)
        before = len(self.rows)
        for one in drawn:
            self._take(batch, one.uid, one.token)
        return len(self.rows) < before

    def _steer(self) -> None:
        """Pass the user's steering on to every row; each follows it at its own next token."""
        while self.steering.longer:
            self.steering.longer -= 1
            for row in self.rows.values():
                row.steering.think_longer()
        if self.steering.answer:
            for row in self.rows.values():
                row.steering.answer_now()

    def _note_logprobs(self, drawn: list[_Drawn]) -> None:
        if not drawn:
            return
        with mx.stream(reading_stream):
            values: Any = mx.stack([one.logprobs[one.token] for one in drawn]).tolist()
            for one, value in zip(drawn, values, strict=True):
                row = self.rows[one.uid]
                row.logprob += value
                if row.stream.drawn % reply.CHECK_EVERY == 0:
                    reply.check_numbers(one.logprobs, self.loaded)
        self.drawn += len(drawn)

    def _take(self, batch: BatchGenerator, uid: int, token: int) -> None:
        row = self.rows[uid]
        row.context.append(token)
        step = row.stream.take(token)
        row.add(step)
        if step.force is not None:
            self._force(batch, uid, step)
        elif row.stream.ended:
            self._end(batch, uid, "eos")
        elif self._left(row) <= 0:
            row.add(row.stream.cut())
            self._end(batch, uid, "length")

    def _force(self, batch: BatchGenerator, uid: int, step: ThinkingStep) -> None:
        """Drop and force tokens as a row's state machine asks."""
        row = self.rows[uid]
        [(layers, _)] = batch.remove([uid], return_prompt_caches=True).values()
        cache = ConversationCache(self.loaded.model)
        cache.layers, cache.tokens = layers, list(row.context)
        cache.take_back(step.drop)
        if step.drop:
            del row.context[-step.drop :]
        row.context += row.stream.forced
        del self.rows[uid]
        if self._left(row) <= 0:
            row.end("length")
            return
        [uid] = batch.insert([row.context[len(cache.tokens) :]], [NO_END], [cache.layers])
        self.rows[uid] = row

    def _end(self, batch: BatchGenerator, uid: int, finish: Finish) -> None:
        batch.remove([uid])
        self.rows.pop(uid).end(finish)

    def _left(self, row: _Draw) -> int:
        return self.room - (len(row.context) - len(self.prompt.tokens))

    def _finished(self) -> list[_Draw]:
        return [row for row in self.all_rows if row.finish in ("eos", "length")]

    def _ended_so_far(self) -> Progress:
        done, total = len(self.all_rows) - len(self.rows), len(self.all_rows)
        return Progress(stage="votes", done=done, total=total, unit="votes")

    def _rate(self) -> float:
        """Tokens a second of all rows together, from the first on."""
        seconds = time.perf_counter() - self.first_token_at
        return (self.drawn - len(self.all_rows)) / seconds if self.drawn > len(self.all_rows) else 0.0

    def _outcome(self, cached: int) -> Generator[Event, None, Reply]:
        """Replay the events of the elected reply, as if it had been the only one."""
        rate = round(self._rate(), 2)
        finished = self._finished()
        for row in self.rows.values():
            row.end("cancelled")
        if not finished:
            return self._nothing_said(cached, rate)
        index, agreement = majority.winner([row.vote() for row in finished])
        row = finished[index]
        yield from row.events
        record = row.stream.record(row.finish or "eos", cached, len(row.context))
        return msgspec.structs.replace(
            record,
            tokens_per_s=rate,
            finish="cancelled" if self.steering.cancelled and self.rows else record.finish,
            votes=self._candidates(finished),
            agreement=agreement,
        )

    def _candidates(self, finished: list[_Draw]) -> list[Candidate]:
        """All rows as they stand, in the order they were started in."""
        votes = [row.vote() for row in finished]
        counting = {id(row) for row, counts in zip(finished, majority.counted(votes), strict=True) if counts}
        return [_candidate(row, id(row) in counting) for row in self.all_rows]

    def _nothing_said(self, cached: int, rate: float) -> Reply:
        """The record of a vote that was cancelled before a reply had ended; what there was is in its candidates."""
        record = self.all_rows[0].stream.record("cancelled", cached, len(self.loaded.cache.tokens))
        nothing: dict[str, Any] = {"thinking": "", "answer": "", "thinking_tokens": 0, "answer_tokens": 0}
        votes = self._candidates([])
        return msgspec.structs.replace(record, **nothing, closed_by=None, tokens_per_s=rate, votes=votes)


def _candidate(row: _Draw, counts: bool) -> Candidate:
    thinking, answer = row.stream.text
    return Candidate(
        answer=answer,
        thinking=thinking,
        canonical=canonical(answer),
        tokens=row.stream.thinking.tokens + row.stream.thinking.answer_tokens,
        finish=row.finish or "cancelled",
        counted=counts,
    )


def room_in_memory(loaded: LoadedModel, request: ChatRequest, room: int) -> int:
    """How many of `room` tokens every reply can have in memory, the prompt having been read.

    Raises NoMemory when that is less than the budget and an answer.
    """
    held = max(1, len(loaded.cache.tokens))
    token_bytes = BATCH_COPIES * request.votes * loaded.cache.bytes_per_token
    free = psutil.virtual_memory().available - MEMORY_MARGIN
    budget = request.think or 0
    asked = min(room, budget + (grace_tokens(budget) if budget else 0) + ANSWER_RESERVE)
    fits = free // token_bytes - held if token_bytes else room
    if fits < asked:
        needed = token_bytes * (held + asked)
        raise NoMemory(
            f"{request.votes} votes need {needed / 1e9:.1f} GB of memory for their context,"
            f" {max(0, free) / 1e9:.1f} GB are free.",
            "Ask for fewer votes or a smaller thinking budget, or start a new chat.",
        )
    return min(room, fits)
