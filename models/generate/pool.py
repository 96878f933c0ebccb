"""Draw replies to any number of requests, as many at once as fit into memory: the one way to draw more than one.

Decoding waits for the weights to come from memory, and a batch brings them once for all rows. Each row is a reply of its
own: prompt, budget, least thinking, sampling, seed, limit, adapter. It is drawn as models/generate/reply.py would draw
it alone, by the same state machine and with the noise of its own seed; what floating point changes is told in
models/generate/sampling.py.

    waiting ──memory for prompt + budget + answer──▶ reading ──▶ joins the batch ──▶ leaves it at its last token
       ▲                                                            │  ▲
       └──────── memory runs short: it is read again later ─────────┤  │
                                                                    └──┴─ tokens taken back, or text forced

Between two steps at most a chunk of prompts is read, so no row waits longer. A prompt is read on the conversation's own
cache, which keeps what it has in common with the one before: k samples of a problem are read once, a system prompt once
for all that come after each other. Rows with another adapter wait until those of the attached one have ended. A model
whose caches can't stand side by side draws its rows one after the other.
"""

import copy
import math
import time
from collections import deque
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, field

import mlx.core as mx
import msgspec
from mlx_lm.generate import generation_stream, wired_limit

from models import quantities
from models.errors import NoMemory, StillroomError
from models.events import Event, Finish, Progress, Reply
from models.generate import reply as alone
from models.generate.batch import Batch, Layers, Step, can_batch
from models.generate.drawing import Drawing, Drawn, closing_tokens, read_prompt
from models.generate.kv_cache import ConversationCache
from models.generate.kv_memory import KvMemory, free_bytes
from models.generate.load import LoadedModel
from models.generate.no_numbers import no_numbers
from models.generate.sampling import Sampler
from models.generate.template import Prompt
from models.generate.thinking import ANSWER_RESERVE, Steering, grace_tokens
from models.requests import ChatRequest, Message

TOLD_EVERY = 8  # steps between two looks at how far it is
TRIMMED_EVERY = 32  # steps between two looks at whether all rows are padded
FREED_EVERY = 256  # steps after which MLX gives back what it keeps of freed memory
UNLIMITED_RESERVE = 4096  # tokens of thinking that memory is kept for where there is no budget
ONE_BY_ONE = 8  # forced tokens that a row reads in the batch, in place of drawn ones; more are read at once, beside it
GROWTH = 256  # tokens that a row which outgrew its reserve gets further memory for

_NOTHING = Reply(
    thinking="",
    answer="",
    thinking_tokens=0,
    answer_tokens=0,
    prompt_tokens=0,
    cached_tokens=0,
    ttft_s=0.0,
    tokens_per_s=0.0,
    finish="cancelled",
)


class RowEvent(msgspec.Struct, frozen=True):
    """What `reply` would have yielded of this row alone."""

    row: int
    event: Event


class RowBegun(msgspec.Struct, frozen=True):
    """What is said of a row before its first token has been said; its prompt is read next."""

    row: int


class RowDone(msgspec.Struct, frozen=True, kw_only=True):
    """A row has ended, also by being cancelled."""

    row: int
    reply: Reply
    logprob: float  # mean over the tokens that were drawn now, in nats
    seconds: float  # since its first token was to be drawn
    drawn: Drawn | None  # what a longer budget can go on from; None for a row that had not begun


class RowFailed(msgspec.Struct, frozen=True):
    """A row can't be drawn; the others go on."""

    row: int
    error: StillroomError


PoolEvent = RowBegun | RowEvent | RowDone | RowFailed | Progress
"""Progress is of all rows together: the stage "draw", tokens drawn so far."""


@dataclass(eq=False)
class _Row:
    number: int
    request: ChatRequest
    adapter: str | None
    steering: Steering
    former: Drawn | None
    drawing: Drawing | None = None
    opened: bool = False
    cached: int = 0
    ahead: deque[int] = field(default_factory=deque)  # tokens to be read before the next is drawn
    begun: float = 0.0

    @property
    def drawn(self) -> Drawing:
        assert self.drawing is not None, "a row is prepared before it is read"
        return self.drawing

    @property
    def longest(self) -> float:
        """Tokens that it may think at most."""
        think, most = self.request.think, self.request.max_tokens
        return min(math.inf if think is None else think, math.inf if most is None else most)

    @property
    def reserve(self) -> int:
        """Tokens that memory is kept for: prompt, budget and answer, or what it has and a little."""
        drawing, think = self.drawn, self.request.think
        thinking = UNLIMITED_RESERVE if think is None else think + grace_tokens(think) if think else 0
        expected = thinking + closing_tokens(drawing.loaded) + ANSWER_RESERVE
        return max(len(drawing.prompt.tokens) + min(drawing.room, expected), len(drawing.context) + GROWTH)


@dataclass
class _Started:
    """A step under way, and those of its rows that draw a token in it; the others read what was forced."""

    step: Step
    rows: list[_Row]
    drawing: set[_Row]


class Pool:
    """Replies that are drawn side by side.

    most: rows at once, None for what fits into memory; steering: for all of them. Rows may be added and cancelled between
    two events, by the thread that draws.
    """

    def __init__(self, loaded: LoadedModel, steering: Steering | None = None, *, most: int | None = None) -> None:
        self._loaded = loaded
        self._steering = steering or Steering()
        self._most = most
        self._adapter = loaded.adapter
        self._batch = Batch(loaded.model)
        self._memory = KvMemory(loaded)
        self._sampler: Sampler | None = None  # of the rows as they stand
        self._rendered: tuple[tuple[list[Message], bool], Prompt] | None = None
        self._steerings: list[Steering] = []  # by a row's number
        self._waiting: deque[_Row] = deque()
        self._reading: _Row | None = None
        self._joining: list[tuple[_Row, Layers]] = []
        self._rows: list[_Row | None] = []  # of the batch, in its order; None where one has left and none has come
        self._started: _Started | None = None
        self._steps = 0
        self._drawn = 0
        self._first_token_at = 0.0
        self.most_rows = 0  # that were ever drawn at once
        self.peak_bytes = 0  # that the caches of the batch ever took

    def add(
        self,
        request: ChatRequest,
        *,
        adapter: str | None = "",
        steering: Steering | None = None,
        former: Drawn | None = None,
    ) -> int:
        """Add a row and return its number, by which events call it. Its request's votes make it one of several samples.

        adapter: folder of one of the loaded model's, None for the model alone, "" for what is attached; steering: its
        own; former: a row that ended, with the same request and seed but for the budget, from whose tokens it goes on.
        """
        row = _Row(
            number=len(self._steerings),
            request=request,
            adapter=self._adapter if adapter == "" else adapter,
            steering=steering or Steering(),
            former=former,
        )
        self._steerings.append(row.steering)
        self._waiting.append(row)
        return row.number

    def cancel(self, row: int) -> None:
        """Stop a row; it ends as "cancelled" with what it has."""
        self._steerings[row].cancel()

    @property
    def running(self) -> int:
        """Rows that have not ended."""
        return len(self._all())

    @property
    def rate(self) -> float:
        """Tokens a second of all rows together, from the first on."""
        seconds = time.perf_counter() - self._first_token_at
        after = self._drawn - self.most_rows
        return round(after / seconds, 2) if self._first_token_at and after > 0 else 0.0

    def events(self) -> Iterator[PoolEvent]:
        """Draw until no row is left; the adapter that was attached is then attached again.

        Raises Corrupt or NoMemory when the model returns no numbers. What is wrong with one row is its RowFailed.
        """
        try:
            with wired_limit(self._loaded.model, [generation_stream]):
                while self.running:
                    yield from self._turn()
        finally:
            if not self._loaded.has_adapter(self._adapter):
                self._loaded.set_adapter(self._adapter)

    def _turn(self) -> Iterator[PoolEvent]:
        """Read a chunk of prompts at most, start a step, and look at what the one before it drew."""
        self._steer()
        yield from self._stop_cancelled()
        if not can_batch(self._loaded.cache.layers):
            yield from self._one_alone()
            return
        yield from self._read()
        before = self._started
        self._started = self._start() if self._rows else None
        if before is not None:
            yield from self._look(before)

    def _steer(self) -> None:
        """Pass on what is asked of all; each row follows it at its own next token."""
        asked = self._steering
        longer, asked.longer = asked.longer, 0
        if not (asked.cancelled or asked.answer or longer):
            return
        for row in self._all():
            row.steering.longer += longer
            row.steering.answer = row.steering.answer or asked.answer
            row.steering.cancelled = row.steering.cancelled or asked.cancelled

    @property
    def _batched(self) -> list[_Row]:
        return [row for row in self._rows if row is not None]

    def _all(self) -> list[_Row]:
        reading = [] if self._reading is None else [self._reading]
        return [*self._batched, *(row for row, _ in self._joining), *reading, *self._waiting]

    def _stop_cancelled(self) -> Iterator[PoolEvent]:
        cancelled = [row for row in self._all() if row.steering.cancelled]
        if not cancelled:
            return
        stopped = set(cancelled)
        self._leave(stopped)
        self._joining = [joining for joining in self._joining if joining[0] not in stopped]
        self._waiting = deque(row for row in self._waiting if row not in stopped)
        if self._reading in cancelled:
            self._reading = None
        for row in cancelled:
            yield from self._end(row, "cancelled")

    # waiting and reading

    def _read(self) -> Iterator[PoolEvent]:
        left = alone.chunk_tokens()
        while left > 0:
            if self._reading is None:
                yield from self._admit()
            row = self._reading
            if row is None:
                break
            cache, context = self._loaded.cache, row.drawn.context
            ahead = context[len(cache.tokens) : -1]
            part = ahead[:left]
            if part:
                alone.read(self._loaded, part, cache)
                left -= len(part)
            if len(part) < len(ahead):
                total = len(context) - 1
                done = Progress(stage="prefill", done=len(cache.tokens), total=total, unit="tokens", rate=0.0)
                yield RowEvent(row.number, done)
                continue
            self._reading = None
            self._joining.append((row, copy.deepcopy(cache.layers)))
            row.ahead = deque(context[-1:])
        self._join()

    def _join(self) -> None:
        """Have rows that are read take the places of those that left, and join; places that stay empty are given up."""
        joining, self._joining = self._joining, []
        if joining:
            self._sampler = None
        empty = [place for place, row in enumerate(self._rows) if row is None]
        while joining and empty and self._batch.replace(empty[0], joining[0][1]):
            self._rows[empty.pop(0)] = joining.pop(0)[0]
        if empty:
            self._batch.keep([place for place, row in enumerate(self._rows) if row is not None])
            if self._started is not None:
                self._started.rows = [row for place, row in enumerate(self._started.rows) if place not in empty]
            self._rows = list(self._batched)
            if not self._rows:
                self._started = None
        if joining:
            self._batch.join([layers for _, layers in joining])
            self._rows += [row for row, _ in joining]
        self.most_rows = max(self.most_rows, len(self._rows))
        self.peak_bytes = max(self.peak_bytes, self._batch.nbytes)

    def _admit(self) -> Iterator[PoolEvent]:
        """Have the next row read, if there is one and memory for it."""
        while self._reading is None and (row := self._next()) is not None:
            try:
                fits = self._prepare(row)
            except StillroomError as error:
                self._waiting.remove(row)
                yield RowFailed(row.number, error)
                continue
            if not fits:
                return
            self._waiting.remove(row)
            first = not row.opened
            if first:
                yield from self._open(row)
                if row.drawn.finish is not None:  # all of it was known
                    yield from self._end(row, row.drawn.finish)
                    continue
            held = self._loaded.cache.reuse(row.drawn.context)
            if first:
                row.cached = min(held, len(row.drawn.prompt.tokens) - 1)
            self._reading = row

    def _open(self, row: _Row) -> Iterator[PoolEvent]:
        row.opened, row.begun = True, time.perf_counter()
        yield from (RowEvent(row.number, event) for event in row.drawn.opening())
        yield RowBegun(row.number)

    def _next(self) -> _Row | None:
        """The row to be read next: of those that wait for the adapter that is attached, the one that may become longest.

        A long row that begins last would be drawn alone when the others have ended. When no row waits for that adapter
        and none is drawn with it, the first one that waits.
        """
        beside = len(self._batched) + len(self._joining)
        if not self._waiting or (self._most is not None and beside >= self._most):
            return None
        attached = {adapter: self._loaded.has_adapter(adapter) for adapter in {row.adapter for row in self._waiting}}
        fitting = (row for row in self._waiting if attached[row.adapter])
        return max(fitting, key=lambda row: row.longest, default=None if beside else self._waiting[0])

    def _prepare(self, row: _Row) -> bool:
        """Prepare a row to be read; returns whether memory has room for it beside the others."""
        if not self._loaded.has_adapter(row.adapter):
            self._loaded.set_adapter(row.adapter)
        if row.drawing is None:
            row.drawing = Drawing(self._loaded, row.request, row.steering, prompt=self._prompt(row), former=row.former)
        others = [*self._batched, *(joining for joining, _ in self._joining)]
        held = self._batch.nbytes
        self._limit(row, self._memory.longest(held))
        longest = max(each.reserve for each in [*others, row])
        return not others or self._memory.fits(len(others) + 1, longest, held)

    def _prompt(self, row: _Row) -> Prompt:
        """The prompt of a row; samples of a problem that come after each other have it rendered once."""
        asked = row.request.messages, row.request.think != 0
        if self._rendered is None or self._rendered[0] != asked:
            self._rendered = asked, read_prompt(self._loaded, row.request)
        return self._rendered[1]

    def _limit(self, row: _Row, longest: int) -> None:
        """Have a row end before memory does. longest: tokens that fit. Raises NoMemory for less than budget and answer."""
        if longest >= row.drawn.room + len(row.drawn.prompt.tokens):
            return
        least = ANSWER_RESERVE + len(row.drawn.prompt.tokens) if row.request.think is None else row.reserve
        if longest < least:
            raise NoMemory(
                f"The reply needs {quantities.memory(self._memory.needed(1, least))} of memory for its context,"
                f" {quantities.memory(free_bytes())} are free.",
                "Close other programs or ask for a smaller thinking budget.",
            )
        row.drawn.limit(longest)

    def _make_room(self) -> None:
        """Have the youngest rows wait when those that have outgrown their reserve leave no memory for them."""
        while len(rows := self._batched) > 1:
            longest = max(row.reserve for row in rows)
            if self._memory.fits(len(rows), longest, self._batch.nbytes):
                return
            youngest = min(rows, key=lambda row: row.drawn.stream.drawn)
            self._leave([youngest])
            self._waiting.appendleft(youngest)

    # decoding

    def _start(self) -> _Started:
        rows = self._batched  # no place is empty
        drawing = set() if self._started is None else self._started.drawing
        if self._sampler is None:
            calm = any(row.request.calm for row in rows)
            hesitations = self._loaded.hesitations if calm else []
            self._sampler = Sampler([row.drawn.sampling for row in rows], hesitations)
        given = [row.ahead.popleft() if row.ahead else None for row in rows]
        numbers = [row.drawn.stream.drawn + (row in drawing) for row in rows]
        step = self._batch.start(given, self._sampler, numbers, [row.drawn.calm for row in rows])
        return _Started(step, rows, {row for row in rows if not row.ahead})

    def _look(self, started: _Started) -> Iterator[PoolEvent]:
        """Give each row the token that a step drew for it."""
        tokens, logprobs, are_numbers = started.step.values()
        if not are_numbers:
            raise no_numbers(self._loaded)
        self._first_token_at = self._first_token_at or time.perf_counter()
        ended, cut = [], []
        for row, token, logprob in zip(started.rows, tokens, logprobs, strict=True):
            if row not in started.drawing:
                continue
            self._drawn += 1
            drawing = row.drawn
            drawing.score(logprob)
            try:
                for event in drawing.take(token):
                    yield RowEvent(row.number, event)
            except StillroomError as error:  # its tokenizer breaks down on it
                self._leave([row])
                yield RowFailed(row.number, error)
                continue
            if drawing.finish is not None:
                ended.append(row)
            elif drawing.forced:
                self._under_way.drawing.discard(row)
                row.ahead.extend(drawing.stream.forced)
                if drawing.drop or len(row.ahead) > ONE_BY_ONE:
                    cut.append(row)
        self._take_back(cut)
        self._leave(ended)
        for row in ended:
            yield from self._end(row, row.drawn.finish or "eos")
        yield from self._told()

    def _told(self) -> Iterator[PoolEvent]:
        self._steps += 1
        if self._steps % FREED_EVERY == 0:
            mx.clear_cache()
            self.peak_bytes = max(self.peak_bytes, self._batch.nbytes)
            self._make_room()
        if self._steps % TRIMMED_EVERY == 0 and all(self._rows):
            self._batch.trim()
        if self._steps % TOLD_EVERY == 0:
            yield Progress(stage="draw", done=self._drawn, total=0, unit="tokens", rate=self.rate)

    @property
    def _under_way(self) -> _Started:
        assert self._started is not None, "rows of a step have another one under way"
        return self._started

    def _take_back(self, cut: list[_Row]) -> None:
        """Have rows leave the batch, and join it again with what they keep of their caches and what was forced."""
        kept = []
        for row in cut:
            drawing = row.drawn
            cache = ConversationCache(self._loaded.model)
            cache.layers = self._batch.extract(self._rows.index(row))
            cache.tokens = [0] * (len(drawing.context) - len(drawing.stream.forced) + drawing.drop)
            cache.take_back(drawing.drop)
            kept.append(cache)
        self._leave(cut)
        for row, cache in zip(cut, kept, strict=True):
            if cache.tokens:
                ahead = row.drawn.context[len(cache.tokens) :]
                if len(ahead) > ONE_BY_ONE:
                    alone.read(self._loaded, ahead[:-1], cache)
                    ahead = ahead[-1:]
                row.ahead = deque(ahead)
                self._joining.append((row, cache.layers))
            else:  # it could not be cut
                self._waiting.appendleft(row)

    def _leave(self, rows: Collection[_Row]) -> None:
        """Take rows out of the batch; their places are empty until the next step."""
        if not rows:
            return
        self._rows = [None if row in rows else row for row in self._rows]
        self._sampler = None
        if self._started is not None:
            self._started.drawing.difference_update(rows)

    def _end(self, row: _Row, finish: Finish) -> Iterator[PoolEvent]:
        if row.drawing is None or not row.opened:
            yield RowDone(row=row.number, reply=_NOTHING, logprob=0.0, seconds=0.0, drawn=None)
            return
        drawing = row.drawing
        drawing.finish = finish
        yield from (RowEvent(row.number, event) for event in drawing.stream.closing())
        yield self._done(row, drawing.stream.record(finish, row.cached, len(drawing.context)))

    def _done(self, row: _Row, record: Reply) -> RowDone:
        return RowDone(
            row=row.number,
            reply=record,
            logprob=row.drawn.mean_logprob,
            seconds=round(time.perf_counter() - row.begun, 3),
            drawn=row.drawn.drawn(),
        )

    def _one_alone(self) -> Iterator[PoolEvent]:
        """Draw the next row by itself, to its end."""
        row = self._next()
        assert row is not None, "rows are waiting, and nothing else is drawn"
        self._waiting.remove(row)
        try:
            self._prepare(row)
        except StillroomError as error:
            yield RowFailed(row.number, error)
            return
        self.most_rows = 1
        yield from self._open(row)
        drawing = alone.draw(row.drawn, scored=True)
        while True:
            self._steer()
            try:
                event = next(drawing)
            except StopIteration as end:
                yield self._done(row, end.value)
                return
            yield RowEvent(row.number, event)


def draw(
    loaded: LoadedModel, requests: Sequence[ChatRequest], steering: Steering | None = None, *, most: int | None = None
) -> Generator[PoolEvent, None, list[RowDone | RowFailed]]:
    """Draw a reply to each of the requests; returns how each ended, in their order. Arguments as Pool's."""
    pool = Pool(loaded, steering, most=most)
    for request in requests:
        pool.add(request)
    ended: dict[int, RowDone | RowFailed] = {}
    for event in pool.events():
        if isinstance(event, RowDone | RowFailed):
            ended[event.row] = event
        yield event
    return [ended[row] for row in range(len(requests))]
