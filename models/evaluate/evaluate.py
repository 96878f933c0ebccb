"""Evaluate: replies of one or two contenders to a task's problems under several budgets, each checked as it ends.

Every reply has a seed of its own that follows from the evaluation's, the problem and the sample alone. So two
contenders meet the same luck, a resumed evaluation draws what it would have drawn, and under a longer budget a sample
thinks the same thoughts as under a shorter one, only further: it goes on from the shorter one's tokens.

Problems are asked in their order, each with all its samples and budgets before the next, so that whatever is there when
it is stopped are whole problems. Two contenders take turns over blocks of problems that double in size, the second
beginning every other block: memory holds one of two models and the pool draws with one adapter at a time, so a turn may
cost a load and always costs the end of a batch. Stopped at any time, both have answered at least half of the problems
that either has, once the first block is done.
"""

import hashlib
import logging
import platform
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx
import msgspec

from models import errors
from models.checkpoint import fingerprint
from models.checkpoint.model_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from models.evaluate import evaluations, quant_costs, race, results, room, run_folder, scores, tasks
from models.evaluate.evaluations import Contents
from models.evaluate.problems import Problem, Task, vote_of
from models.evaluate.records import Contender, Evaluated, EvaluationCard, ReplyRow, TaskFacts
from models.evaluate.run_folder import RowsFile, Sitting
from models.evaluate.scores import Scored
from models.events import Event, Note, Progress, Reply
from models.generate.drawing import closing_tokens
from models.generate.load import LoadedModel, load
from models.generate.pool import Pool, RowDone, RowFailed
from models.generate.thinking import ANSWER_RESERVE, grace_tokens
from models.library import bases, installed
from models.machine import hardware
from models.requests import ChatRequest, Message, Sampling

log = logging.getLogger(__name__)

ANSWER_TOKENS = 2048  # room for an answer: those that repeat the whole derivation fit
ROWS_A_SITTING = 64
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "chat_template.jinja",
    "generation_config.json",
)


def card_of(
    contenders: Sequence[Contender],
    task: Task,
    *,
    think: Sequence[int | None],
    samples: int = 1,
    votes: Sequence[int] = (),
    answer_tokens: int = ANSWER_TOKENS,
    sampling: Sampling | None = None,
    seed: int = 0,
    run: str = "",
    race: bool = False,
) -> EvaluationCard:
    """The card of an evaluation to come.

    think: budgets; samples: replies to a problem, at least the largest of votes: numbers of replies whose majority
    counts too; run: the name of the folder, made up when empty; race: who can't win any more is stopped.
    """
    return EvaluationCard(
        id=run or evaluations.new_id(task.name),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        contenders=list(contenders),
        task=TaskFacts(
            name=task.name,
            title=task.title,
            source=task.source,
            licence=task.licence,
            revision=task.revision,
            of=task.of,
            problems=len(task.problems),
            hash=task.hash,
        ),
        think=sorted(set(think), key=lambda budget: (budget is None, budget or 0)),
        samples=max(samples, *votes, 1),
        votes=sorted({vote for vote in votes if vote > 1}),
        answer_tokens=answer_tokens,
        sampling=sampling or Sampling(),
        seed=seed,
        race=race,
    )


def resume(folder: Path) -> Generator[Event, None, Evaluated]:
    """Go on with an evaluation where it stopped; no problem is asked twice. Yields and raises as `begin`.

    Raises BadInput also when a model is not the one that the evaluation began with, Busy when another process has it.
    """
    card, task = run_folder.read_card(folder), run_folder.read_task(folder)
    tasks.check_accepted(task)
    with run_folder.holding(folder):
        yield from _Evaluation(card, task, folder, run_folder.read_rows(folder)).events()
    if card.race:
        run_folder.end(folder)
    if costs := quant_costs.keep(evaluations.open_evaluation(str(folder))):
        yield Note(costs)
    return results.evaluated(folder)


def again(folder: Path, contenders: Sequence[Contender] = (), run: str = "") -> Generator[Event, None, Evaluated]:
    """Ask an evaluation anew from its folder alone, which stays as it is: same problems, budgets and seed.

    contenders: others than those on its card. Raises as `begin`.
    """
    card, task = run_folder.read_card(folder), run_folder.read_task(folder)
    for contender in () if contenders else card.contenders:
        yield from installed.prepare(contender.model)
        if _identified(contender) != contender:
            yield Note(f"{contender.title} has changed since the evaluation {card.id}: its replies may be others.")
    new = msgspec.structs.replace(
        card,
        id=run or evaluations.new_id(card.task.name),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        contenders=list(contenders or card.contenders),
    )
    return (yield from begin(new, task))


def begin(card: EvaluationCard, task: Task) -> Generator[Event, None, Evaluated]:
    """Begin an evaluation by its card: check all that can be known before a model is in memory, make the folder, draw.

    Yields Note, Progress and Scored. Raises BadInput for what makes no sense, Unsafe for tests that were not accepted,
    NotFound for a model that is not there, NoMemory and DiskFull on the way: what was drawn by then is kept, and
    `resume` goes on.
    """
    _check(card)
    tasks.check_accepted(task)
    for contender in card.contenders:
        yield from installed.prepare(contender.model)
    card = msgspec.structs.replace(
        card,
        contenders=[_identified(contender) for contender in card.contenders],
        versions=_versions(),
        machine=hardware.machine(),
    )
    _check_different(card.contenders)
    for model in dict.fromkeys(contender.model for contender in card.contenders):
        room.check_memory(model)
        for text in room.shortages(model, task, card.think):
            yield Note(text)
    yield Note(_sentence(scores.what_can_be_shown(len(task.problems))))
    folder = evaluations.folder_of(card.id)
    run_folder.create(folder, card, task)
    return (yield from resume(folder))


def seed_of(seed: int, problem: str, sample: int) -> int:
    """The seed of one reply: the same for all contenders and budgets."""
    digest = hashlib.blake2b(
        f"{seed}\x1f{problem}\x1f{sample}".encode("utf-8", "surrogatepass"), digest_size=4
    ).digest()
    return int.from_bytes(digest, "little") >> 1


@dataclass
class _Evaluation:
    """One sitting: what is still to be drawn, contender by contender."""

    card: EvaluationCard
    task: Task
    folder: Path
    rows: list[ReplyRow]
    begun: float = field(default_factory=time.perf_counter)
    loaded: LoadedModel | None = None
    notes: set[str] = field(default_factory=set)
    dropped: set[race.Candidate] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.total = self.card.total
        self.known = {row.key for row in self.rows if self.card.has(row)}
        self.before = len(self.known)
        self.by_id = {problem.id: problem for problem in self.task.problems}
        self.tally = results.Tally(self.rows)
        self.running = {(number, think) for number in range(len(self.card.contenders)) for think in self.card.think}

    def events(self) -> Iterator[Event]:
        numbers = range(len(self.card.contenders))
        with RowsFile(self.folder) as file:
            for turn, block in enumerate(self._blocks()):
                if self.card.race:
                    yield from self._drop()
                for number in numbers if turn % 2 == 0 else reversed(numbers):
                    if missing := self._missing(number, block):
                        contender = self.card.contenders[number]
                        yield from self._load(contender)
                        yield from self._draw(number, contender, missing, file)

    def _blocks(self) -> Iterator[Sequence[Problem]]:
        problems = self.task.problems
        alone = len(self.card.contenders) == 1 and not self.card.race
        begin = 0
        for end in [len(problems)] if alone else race.looks(len(problems)):
            yield problems[begin:end]
            begin = end

    def _drop(self) -> Iterator[Event]:
        """Stop those that can't win any more."""
        found = race.dropped(Contents(card=self.card, task=self.task, rows=self.rows, sittings=[]))
        yield from (event for candidate, event in found.items() if candidate not in self.dropped)
        self.dropped = set(found)
        left = [one for one in race.candidates(self.card) if one not in self.dropped]
        self.running = {(one.contender, one.think) for one in left} if len(left) > 1 else set()
        missing = (self._missing(number, self.task.problems) for number in range(len(self.card.contenders)))
        self.total = len(self.known) + sum(len(budgets) for each in missing for budgets in each.values())

    def _missing(self, number: int, block: Sequence[Problem]) -> dict[tuple[str, int], list[int | None]]:
        """The budgets that each sample of a block's problems is still to be drawn under, in ascending order."""
        found = {}
        for problem in block:
            for sample in range(self.card.samples):
                budgets = [
                    think
                    for think in self.card.think
                    if (number, think) in self.running and (number, think, problem.id, sample) not in self.known
                ]
                if budgets:
                    found[problem.id, sample] = budgets
        return found

    def _load(self, contender: Contender) -> Iterator[Event]:
        if _identified(contender) != contender:
            raise errors.BadInput(
                f"{contender.title} is not what the evaluation {self.card.id} began with: its files have changed.",
                "Put the earlier one back, or start a new evaluation.",
            )
        adapter = installed.find_adapter(contender.adapter) if contender.adapter else None
        place = str(adapter) if adapter else None
        installed.mark_used(contender.model)
        path = yield from installed.prepare(contender.model)
        if self.loaded is None or self.loaded.path != path:
            self.loaded = None  # two models are never in memory at once
            mx.clear_cache()
            self.loaded = yield from load(installed.title(contender.model), path, place)
        elif not self.loaded.has_adapter(place):
            self.loaded.set_adapter(place)
        thinks = any(budget != 0 for budget in self.card.think)
        yield from self._say_once(self.loaded.record().note if thinks else "")
        if adapter:
            installed.mark_used(contender.adapter)
            yield from self._say_once(bases.mismatch(adapter, path, self.loaded.name))

    def _say_once(self, text: str) -> Iterator[Event]:
        if text and text not in self.notes:
            self.notes.add(text)
            yield Note(text)

    def _draw(
        self, number: int, contender: Contender, missing: dict[tuple[str, int], list[int | None]], file: RowsFile
    ) -> Iterator[Event]:
        """Draw what is missing of one contender; a longer budget's reply is asked for when the shorter one is there.

        A reply that finds no memory ends the evaluation, when all others that do are drawn.
        """
        assert self.loaded is not None, "loaded before"
        pool = Pool(self.loaded)
        asked: dict[int, _Asked] = {}

        def ask(problem_id: str, sample: int, former: RowDone | None = None) -> None:
            wanted = _Asked(missing[problem_id, sample].pop(0), self.by_id[problem_id], sample, former)
            row = pool.add(self._request(contender, wanted), former=former.drawn if former else None)
            asked[row] = wanted

        for problem_id, sample in missing:
            ask(problem_id, sample)
        clock = _Clock(number, file)
        no_memory: errors.NoMemory | None = None
        try:
            for event in pool.events():
                if isinstance(event, Progress):
                    yield self._progress()  # whoever stops it is heard between two replies too
                if not isinstance(event, RowDone | RowFailed):
                    continue
                wanted = asked.pop(event.row)
                if isinstance(event, RowFailed) and isinstance(event.error, errors.NoMemory):
                    no_memory = event.error
                    yield from self._say_once(f"{no_memory.text} The others go on.")
                    continue
                row = self._row(number, wanted, event)
                file.add(row)
                if self.card.race:
                    self.rows.append(row)
                clock.take(row, wanted.drawn_now(event))
                yield self._scored(row, wanted.problem)
                if missing[row.problem, row.sample]:
                    # what is said without thinking is no beginning of it
                    former = event if isinstance(event, RowDone) and wanted.think != 0 else None
                    ask(row.problem, row.sample, former)
        finally:
            clock.stop()
        if no_memory is not None:
            raise errors.NoMemory(no_memory.text, f"{no_memory.hint} Then go on with --resume.")

    def _request(self, contender: Contender, asked: "_Asked") -> ChatRequest:
        assert self.loaded is not None, "loaded before"
        card, think = self.card, asked.think
        most: int | None = card.answer_tokens
        if think != 0:  # with less for the answer, the budget would not be whole
            answer = max(card.answer_tokens, ANSWER_RESERVE)
            most = None if think is None else think + grace_tokens(think) + closing_tokens(self.loaded) + answer
        return ChatRequest(
            model=contender.model,
            messages=[Message(role="user", content=asked.problem.as_asked)],
            think=think,
            max_tokens=most,
            sampling=msgspec.structs.replace(card.sampling, seed=seed_of(card.seed, asked.problem.id, asked.sample)),
            another=card.samples > 1,
            calm=contender.calm,
        )

    def _row(self, number: int, asked: "_Asked", event: RowDone | RowFailed) -> ReplyRow:
        about = _About(number, asked.think, asked.problem.id, asked.sample)
        if isinstance(event, RowFailed):  # its prompt is too long, or the tokenizer breaks down on it
            return ReplyRow(**about._asdict(), correct=None, reason=event.error.text, finish="length")
        reply = event.reply
        if reply.finish == "cancelled":
            raise errors.Interrupted("The evaluation was stopped.")
        verdict = tasks.verdict(asked.problem, reply.answer, cut=reply.finish != "eos" or _is_open(reply))
        return ReplyRow(
            **about._asdict(),
            thinking=reply.thinking,
            answer=reply.answer,
            correct=verdict.correct,
            taken=verdict.answer,
            vote=vote_of(asked.problem, verdict),
            reason=verdict.reason,
            thinking_tokens=reply.thinking_tokens,
            answer_tokens=reply.answer_tokens,
            seconds=round(asked.seconds(event), 3),
            finish=reply.finish,
            closed_by=reply.closed_by,
            logprob=round(asked.logprob(event), 5),
            shared=asked.taken_over(event) > 0,
        )

    def _progress(self) -> Progress:
        done = len(self.known)
        return Progress(stage="evaluate", done=done, total=self.total, unit="replies", rate=self._rate(done))

    def _rate(self, done: int) -> float:
        return (done - self.before) / max(1e-9, time.perf_counter() - self.begun)

    def _scored(self, row: ReplyRow, problem: Problem) -> Scored:
        self.known.add(row.key)
        done = len(self.known)
        accuracy, interval = self.tally.take(row)
        return Scored(
            id=row.problem,
            correct=row.correct,
            answer=row.taken,
            gold=problem.gold_text,
            kind=problem.kind,
            thinking_tokens=row.thinking_tokens,
            answer_tokens=row.answer_tokens,
            sample=row.sample,
            reason=row.reason,
            contender=row.contender,
            who=self.card.contenders[row.contender].title if len(self.card.contenders) > 1 else "",
            think=row.think,
            accuracy=accuracy,
            interval=interval,
            done=done,
            total=self.total,
            rate=self._rate(done),
        )


class _About(NamedTuple):
    contender: int
    think: int | None
    problem: str
    sample: int


@dataclass(frozen=True)
class _Asked:
    think: int | None
    problem: Problem
    sample: int
    former: RowDone | None  # the same sample under a shorter budget, from whose tokens it goes on

    def taken_over(self, event: RowDone) -> int:
        """Tokens that a reply has of the one before it; the rest was drawn now."""
        if self.former is None or self.former.drawn is None or event.drawn is None:
            return 0
        pairs = zip(self.former.drawn.tokens, event.drawn.tokens, strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    def drawn_now(self, event: RowDone | RowFailed) -> int:
        """Tokens that were drawn for it and for no other."""
        if isinstance(event, RowFailed) or event.drawn is None:
            return 0
        return len(event.drawn.tokens) - self.taken_over(event)

    def seconds(self, event: RowDone) -> float:
        """What all of its tokens took, those that were taken over at the pace at which they were drawn."""
        taken = self.taken_over(event)
        if not taken or self.former is None or self.former.drawn is None:
            return event.seconds
        return event.seconds + self.former.seconds * taken / len(self.former.drawn.tokens)

    def logprob(self, event: RowDone) -> float:
        """The mean over all of its tokens."""
        taken, now = self.taken_over(event), self.drawn_now(event)
        if not taken or self.former is None:
            return event.logprob
        return (taken * self.former.logprob + now * event.logprob) / (taken + now)


class _Clock:
    """How long the replies of one contender took together, shared out to budgets by the tokens that were drawn.

    They are drawn side by side, so a budget has no time of its own. It is written now and then: a kill takes little.
    """

    def __init__(self, contender: int, file: RowsFile) -> None:
        self._contender, self._file = contender, file
        self._drawn: dict[int | None, int] = {}
        self._rows = 0
        self._since = time.perf_counter()
        mx.reset_peak_memory()

    def take(self, row: ReplyRow, drawn: int) -> None:
        self._drawn[row.think] = self._drawn.get(row.think, 0) + drawn
        self._rows += 1
        if self._rows >= ROWS_A_SITTING:
            self.stop()

    def stop(self) -> None:
        now, peak, total = time.perf_counter(), mx.get_peak_memory(), sum(self._drawn.values())
        for think, tokens in self._drawn.items() if total else ():
            seconds = (now - self._since) * tokens / total
            self._file.add_sitting(
                Sitting(contender=self._contender, think=think, seconds=seconds, tokens=tokens, peak_bytes=peak)
            )
        self._drawn, self._rows, self._since = {}, 0, now


def _is_open(reply: Reply) -> bool:
    """Whether it thought and never closed its thinking."""
    return bool(reply.thinking) and reply.closed_by is None


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in ("mlx", "mlx-lm")}}


def _identified(contender: Contender) -> Contender:
    """A contender with the fingerprints of its files as they are now. Raises NotFound."""
    model = installed.find(contender.model)
    adapter = installed.find_adapter(contender.adapter) if contender.adapter else None
    return msgspec.structs.replace(
        contender,
        fingerprint=fingerprint.of(model),
        prompt_fingerprint=_hash_of(model / name for name in TOKENIZER_FILES),
        adapter_fingerprint=_hash_of([adapter / ADAPTER_CONFIG, adapter / ADAPTER_WEIGHTS]) if adapter else "",
    )


def _hash_of(files: Iterable[Path]) -> str:
    """Of all bytes of those that are there."""
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _check(card: EvaluationCard) -> None:
    """Raise BadInput for what can be seen without a model."""
    if not card.task.problems:
        raise errors.BadInput(
            f"The task {card.task.name} has no problem.", "Choose another task or a file with problems."
        )
    if not card.think:
        raise errors.BadInput("No budget was given.", "Add --think, as in --think off --think 512.")
    if any(budget is not None and budget < 0 for budget in card.think):
        raise errors.BadInput(f"A thinking budget can't be negative: {min(budget or 0 for budget in card.think)}.")
    if card.race and len(race.candidates(card)) < 2:
        raise errors.BadInput(
            "One candidate is the best of one.", "Name another model or adapter, or give several --think or --votes."
        )
    if not 1 <= len(card.contenders) <= 2 and not card.race:
        raise errors.BadInput("One model is evaluated, or two are compared.")
    if card.answer_tokens < 1:
        raise errors.BadInput(f"An answer needs at least one token: {card.answer_tokens}.")
    if card.samples > 1 and card.sampling.temperature == 0:
        raise errors.BadInput(
            "At temperature 0 all samples of a problem are the same.", "Ask for one, or raise the temperature."
        )


def _check_different(contenders: Sequence[Contender]) -> None:
    """Raise BadInput for one that is compared with itself, under another name too."""
    if len({(one.fingerprint, one.prompt_fingerprint, one.adapter_fingerprint, one.calm) for one in contenders}) < len(
        contenders
    ):
        raise errors.BadInput(
            f"{_twice(contenders).title} can't be compared with itself.",
            "Choose another model, adapter, or --calm for one.",
        )


def _twice(contenders: Sequence[Contender]) -> Contender:
    """The first that is another one too."""
    prints = [(one.fingerprint, one.prompt_fingerprint, one.adapter_fingerprint, one.calm) for one in contenders]
    return next(one for one, own in zip(contenders, prints, strict=True) if prints.count(own) > 1)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
