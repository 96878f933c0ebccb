"""Evaluate: replies of one or two contenders to a task's problems under several budgets, each checked as it ends.

Every reply has a seed of its own that follows from the evaluation's, the problem and the sample alone. So two
contenders meet the same luck, a resumed evaluation draws what it would have drawn, and under a longer budget a sample
thinks the same thoughts as under a shorter one, only further: it goes on from the shorter one's tokens.
"""

import hashlib
import logging
import platform
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx
import msgspec

from models import errors
from models.answers import majority
from models.checkpoint import fingerprint, folders
from models.checkpoint.model_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from models.evaluate import evaluations, results, run_folder, tasks
from models.evaluate.problems import Problem, Task, vote_of
from models.evaluate.records import Contender, Evaluated, EvaluationCard, ReplyRow, TaskFacts
from models.evaluate.run_folder import RowsFile, Sitting
from models.evaluate.scores import Scored
from models.events import Event, Note, Reply
from models.generate.drawing import Drawn
from models.generate.load import LoadedModel, load
from models.generate.pool import Pool, RowDone, RowFailed
from models.generate.thinking import grace_tokens
from models.library import installed
from models.machine import hardware
from models.requests import ChatRequest, Message, Sampling

log = logging.getLogger(__name__)

ANSWER_TOKENS = 2048  # room for an answer: those that repeat the whole derivation fit
CLOSING_TOKENS = 64  # of a forced close, at most


def evaluate(
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
) -> Generator[Event, None, Evaluated]:
    """Begin an evaluation; yields Note, Progress and Scored.

    think: budgets; votes: numbers of replies whose majority counts too; run: the name of the folder, made up when
    empty. Raises BadInput for what makes no sense, NotFound for a model that is not there, NoMemory and DiskFull on the
    way: what was drawn by then is kept, and `resume` goes on.
    """
    for contender in contenders:
        yield from installed.prepare(contender.model)
    name = run or evaluations.new_id(task.name)
    folder = evaluations.folder_of(name)
    card = EvaluationCard(
        id=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        contenders=[_identified(contender) for contender in contenders],
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
        versions=_versions(),
        machine=hardware.machine(),
    )
    _check(card)
    tasks.check_accepted(task)
    run_folder.create(folder, card, task)
    return (yield from resume(folder))


def resume(folder: Path) -> Generator[Event, None, Evaluated]:
    """Go on with an evaluation where it stopped; no problem is asked twice. Yields and raises as `evaluate`.

    Raises BadInput also when a model is not the one that the evaluation began with.
    """
    card, task = run_folder.read_card(folder), run_folder.read_task(folder)
    tasks.check_accepted(task)
    with folders.holding(folder / ".lock", f"The evaluation {folder.name} is under way in another process."):
        yield from _Evaluation(card, task, folder, run_folder.read_rows(folder)).events()
    return results.evaluated(folder)


def again(folder: Path, contenders: Sequence[Contender] = (), run: str = "") -> Generator[Event, None, Evaluated]:
    """Ask an evaluation anew from its folder alone, which stays as it is: same problems, budgets and seed.

    contenders: others than those on its card. Raises as `evaluate`.
    """
    card, task = run_folder.read_card(folder), run_folder.read_task(folder)
    name = run or evaluations.new_id(card.task.name)
    new = msgspec.structs.replace(
        card,
        id=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        contenders=[_identified(contender) for contender in contenders or card.contenders],
        versions=_versions(),
        machine=hardware.machine(),
    )
    run_folder.create(evaluations.folder_of(name), new, task)
    return (yield from resume(evaluations.folder_of(name)))


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

    def __post_init__(self) -> None:
        card = self.card
        self.total = len(card.contenders) * len(card.think) * len(self.task.problems) * card.samples
        self.known = {row.key for row in self.rows}
        self.before = len(self.known)
        self.by_id = {problem.id: problem for problem in self.task.problems}
        self.tally = results.Tally(self.rows)

    def events(self) -> Iterator[Event]:
        with RowsFile(self.folder) as file:
            for number, contender in enumerate(self.card.contenders):
                if any(self._missing(number)):
                    yield from self._load(contender)
                    yield from self._draw(number, contender, file)

    def _missing(self, number: int) -> Iterator[tuple[int | None, Problem, int]]:
        """What is not drawn yet: budgets first, then samples, then problems, so that a curve grows evenly."""
        for think in self.card.think:
            for sample in range(self.card.samples):
                for problem in self.task.problems:
                    if (number, think, problem.id, sample) not in self.known:
                        yield think, problem, sample

    def _load(self, contender: Contender) -> Iterator[Event]:
        if _identified(contender) != contender:
            raise errors.BadInput(
                f"{contender.title} is not what the evaluation {self.card.id} began with: its files have changed.",
                "Put the earlier one back, or start a new evaluation.",
            )
        adapter = str(installed.find_adapter(contender.adapter)) if contender.adapter else None
        if self.loaded is None or self.loaded.name != contender.model:
            self.loaded = None  # two models are never in memory at once
            mx.clear_cache()
            path = yield from installed.prepare(contender.model)
            self.loaded = yield from load(contender.model, path, adapter)
            if note := self.loaded.record().note:
                yield Note(note)
        elif not self.loaded.has_adapter(adapter):
            self.loaded.set_adapter(adapter)

    def _draw(self, number: int, contender: Contender, file: RowsFile) -> Iterator[Event]:
        """Draw what is missing of one contender; a longer budget's reply is asked for when the shorter one is there."""
        assert self.loaded is not None, "loaded before"
        waiting: dict[tuple[str, int], list[int | None]] = {}
        for think, problem, sample in self._missing(number):
            waiting.setdefault((problem.id, sample), []).append(think)
        pool = Pool(self.loaded)
        asked: dict[int, _Asked] = {}

        def ask(problem_id: str, sample: int, former: Drawn | None = None) -> None:
            think = waiting[problem_id, sample].pop(0)
            wanted = _Asked(think, self.by_id[problem_id], sample, former is not None)
            asked[pool.add(self._request(contender, wanted), former=former)] = wanted

        for problem_id, sample in waiting:
            ask(problem_id, sample)
        clock = _Clock(number)
        try:
            for event in pool.events():
                if not isinstance(event, RowDone | RowFailed):
                    continue
                wanted = asked.pop(event.row)
                row = self._row(number, wanted, event)
                clock.take(row)
                file.add(row)
                yield self._scored(row, wanted.problem)
                if waiting[row.problem, row.sample]:
                    ask(row.problem, row.sample, event.drawn if isinstance(event, RowDone) else None)
        finally:
            for sitting in clock.sittings():
                file.add_sitting(sitting)

    def _request(self, contender: Contender, asked: "_Asked") -> ChatRequest:
        card, think = self.card, asked.think
        thinking = None if think is None else think + grace_tokens(think) + CLOSING_TOKENS if think else 0
        return ChatRequest(
            model=contender.model,
            messages=[Message(role="user", content=asked.problem.question)],
            think=think,
            max_tokens=None if thinking is None else thinking + card.answer_tokens,
            sampling=msgspec.structs.replace(card.sampling, seed=seed_of(card.seed, asked.problem.id, asked.sample)),
            votes=min(card.samples, majority.MOST),
            calm=contender.calm,
        )

    def _row(self, number: int, asked: "_Asked", event: RowDone | RowFailed) -> ReplyRow:
        about = _About(number, asked.think, asked.problem.id, asked.sample)
        if isinstance(event, RowFailed):
            if not isinstance(event.error, errors.BadInput):  # a prompt that is too long is one; no memory is not
                raise event.error
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
            seconds=round(event.seconds, 3),
            finish=reply.finish,
            closed_by=reply.closed_by,
            logprob=round(event.logprob, 5),
            shared=asked.shared,
        )

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
            think=row.think,
            accuracy=accuracy,
            interval=interval,
            done=done,
            total=self.total,
            rate=(done - self.before) / max(1e-9, time.perf_counter() - self.begun),
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
    shared: bool  # it goes on from a shorter budget's tokens


class _Clock:
    """How long the replies of one contender took together, by budget: the time since the last one is the next one's."""

    def __init__(self, contender: int) -> None:
        self._contender = contender
        self._spent: dict[int | None, tuple[float, int]] = {}
        self._since = time.perf_counter()
        mx.reset_peak_memory()

    def take(self, row: ReplyRow) -> None:
        now = time.perf_counter()
        seconds, tokens = self._spent.get(row.think, (0.0, 0))
        self._spent[row.think] = seconds + now - self._since, tokens + row.thinking_tokens + row.answer_tokens
        self._since = now

    def sittings(self) -> list[Sitting]:
        peak = mx.get_peak_memory()
        return [
            Sitting(contender=self._contender, think=think, seconds=seconds, tokens=tokens, peak_bytes=peak)
            for think, (seconds, tokens) in self._spent.items()
        ]


def _is_open(reply: Reply) -> bool:
    """Whether it thought and never closed its thinking."""
    return bool(reply.thinking) and reply.closed_by is None


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in ("mlx", "mlx-lm")}}


def _identified(contender: Contender) -> Contender:
    """A contender with the fingerprints of its files as they are now. Raises NotFound."""
    adapter = installed.find_adapter(contender.adapter) if contender.adapter else None
    return msgspec.structs.replace(
        contender,
        fingerprint=fingerprint.of(installed.find(contender.model)),
        adapter_fingerprint=_adapter_fingerprint(adapter) if adapter else "",
    )


def _adapter_fingerprint(folder: Path) -> str:
    digest = hashlib.sha256((folder / ADAPTER_CONFIG).read_bytes())
    with (folder / ADAPTER_WEIGHTS).open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _check(card: EvaluationCard) -> None:
    if not card.task.problems:
        raise errors.BadInput(
            f"The task {card.task.name} has no problem.", "Choose another task or a file with problems."
        )
    if not card.think:
        raise errors.BadInput("No budget was given.", "Add --think, as in --think off --think 512.")
    if not 1 <= len(card.contenders) <= 2:
        raise errors.BadInput("One model is evaluated, or two are compared.")
    if card.contenders[0] == card.contenders[-1] and len(card.contenders) == 2:
        raise errors.BadInput("A model can't be compared with itself.", "Choose another model, adapter or budget.")
    if card.answer_tokens < 1:
        raise errors.BadInput(f"An answer needs at least one token: {card.answer_tokens}.")
    if card.samples > 1 and card.sampling.temperature == 0:
        raise errors.BadInput(
            "At temperature 0 all samples of a problem are the same.", "Ask for one, or raise the temperature."
        )
