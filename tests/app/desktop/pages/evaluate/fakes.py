"""Evaluations on a private disk, jobs that evaluate, and what their workers say."""

import math
import random
from collections.abc import Sequence
from typing import Any

from models.evaluate import evaluations, run_folder
from models.evaluate.intervals import Interval
from models.evaluate.problems import Problem, Task
from models.evaluate.records import Contender, EvaluationCard, ReplyRow, TaskFacts
from models.evaluate.run_folder import RowsFile, Sitting
from models.evaluate.scores import Scored
from models.events import ClosedBy, Model
from models.jobs.kinds.evaluate import Evaluate
from models.jobs.queue import Job
from tests.app.desktop.pages.models.fakes import model
from tests.app.desktop.staged_queue import StagedQueue

SMALL, LARGE, ADAPTER = "r1-distill-qwen-1.5b-4bit", "r1-distill-qwen-7b-4bit", "my-student"
GIB = 2**30
BUDGETS: tuple[int | None, ...] = (0, 512, 2048, 8192)
GOOD = {SMALL: (0.31, 0.1, 121.0, 1.6), LARGE: (0.41, 0.16, 41.0, 5.1), ADAPTER: (0.36, 0.12, 121.0, 1.6)}
ASKED = (
    ("Find the sum of all $x$ with $|2x - 7| = 3$.", "7", "A number of distance 3/2 from 7/2: 2 and 5, whose sum is 7."),
    ("How many positive divisors does 360 have?", "24", "$360 = 2^3 \\cdot 3^2 \\cdot 5$, so $4 \\cdot 3 \\cdot 2 = 24$."),
    ("A square and a circle have the same perimeter. What is the ratio of their areas?", "\\frac{\\pi}{4}",
     "Perimeter $p$: the areas are $p^2/16$ and $p^2/(4\\pi)$."),
    ("What is the remainder when $7^{100}$ is divided by 5?", "1", "$7 \\equiv 2$, and $2^4 \\equiv 1$, so $2^{100} \\equiv 1$."),
    ("In how many ways can 5 people sit around a round table?", "24", "Fix one of them: $4! = 24$."),
    ("Solve $\\log_2 (x^2 - 6x) = 3 + \\log_2 (1 - x)$.", "-4", "$x^2 - 6x = 8 - 8x$, hence $x = 2$ or $x = -4$; only $-4$ is allowed."),
    ("The line $y = 3x + c$ touches the parabola $y = x^2 + 5x + 4$. What is $c$?", "3", "The discriminant of $x^2 + 2x + 4 - c$ is zero."),
    ("What is the area of the triangle with sides 13, 14 and 15?", "84", "Heron: $s = 21$, and $\\sqrt{21 \\cdot 8 \\cdot 7 \\cdot 6} = 84$."),
)  # fmt: skip


def task(count: int = 40, name: str = "math500", title: str = "MATH-500", of: int = 500) -> Task:
    """A task of the problems above, again and again."""
    problems = [
        Problem(id=str(number), problem=ASKED[number % len(ASKED)][0] + " " * (number // len(ASKED)), gold=ASKED[number % len(ASKED)][1])
        for number in range(count)
    ]  # fmt: skip
    return Task(name=name, title=title, problems=problems, licence="MIT", of=of)


def library() -> list[Model]:
    """Two models, an adapter, a broken one."""
    return [
        model("starter", "SmolLM2 135M Instruct", 0.0917, bits=8.5, params=134_515_008),
        model(LARGE, "R1-Distill-Qwen-7B", 4.3, bits=4.5),
        model(SMALL, "R1-Distill-Qwen-1.5B", 1.0, bits=4.5),
        model(ADAPTER, "my-student", 0.04, kind="adapter", base=SMALL, bits=0.0),
        model("half", "R1-Distill-Qwen-14B", 3.1, state="broken", problem="2 of its 4 files of weights are missing."),
    ]


def contender(name: str, **values: Any) -> Contender:
    """One of those above."""
    if name == ADAPTER:
        return Contender(model=SMALL, adapter=ADAPTER, **values)
    return Contender(model=name, **values)


def evaluation(
    name: str,
    contenders: Sequence[Contender],
    asked: Task | None = None,
    think: Sequence[int | None] = BUDGETS,
    day: int = 1,
    share: float = 1.0,
    samples: int = 1,
    votes: Sequence[int] = (),
    seed: int = 1,
    race: bool = False,
    ended: bool = False,
) -> str:
    """An evaluation on the disk. share: of its replies, how many are there; ended: a race that was decided."""
    asked = asked or task()
    card = EvaluationCard(
        id=name, created=f"2025-11-{day:02}T10:00:00+00:00", contenders=list(contenders), think=list(think),
        task=TaskFacts(name=asked.name, title=asked.title, problems=len(asked.problems), of=asked.of, hash=asked.hash),
        samples=samples, votes=list(votes), answer_tokens=2048, seed=seed, race=race,
    )  # fmt: skip
    folder = evaluations.folder_of(name)
    run_folder.create(folder, card, asked)
    rows = [
        reply(number, one, budget, problem, sample, place)
        for number, one in enumerate(contenders)
        for place, problem in enumerate(asked.problems)
        for sample in range(samples)
        for budget in think
    ]
    rows = rows[: round(share * len(rows))]
    with RowsFile(folder) as file:
        for row in rows:
            file.add(row)
        for number, one in enumerate(contenders):
            _, _, speed, memory = GOOD.get(one.adapter or one.model, GOOD[SMALL])
            for budget in think:
                mine = [row for row in rows if (row.contender, row.think) == (number, budget)]
                tokens = sum(row.thinking_tokens + row.answer_tokens for row in mine)
                file.add_sitting(Sitting(contender=number, think=budget, seconds=tokens / speed, tokens=tokens, peak_bytes=int(memory * GIB)))  # fmt: skip
    if ended:
        run_folder.end(folder)
    return name


def reply(number: int, one: Contender, think: int | None, problem: Problem, sample: int, place: int) -> ReplyRow:
    """A reply that is right more often the longer its model thinks."""
    first, more, _, _ = GOOD.get(one.adapter or one.model, GOOD[SMALL])
    allowed = 32768 if think is None else think
    chance = min(0.97, first + more * math.log2(1 + allowed / 128) / 2)
    hard = random.Random(f"hard {problem.id}").random()
    luck = random.Random(f"luck {problem.id} {sample} {one.title}").random()
    length = random.Random(f"length {problem.id} {sample}")
    used = min(allowed, int(length.lognormvariate(6.6, 0.7)))
    cut = length.random() < 0.05 and one.model == SMALL and allowed > 1000
    right = 0.6 * hard + 0.4 * luck < chance
    why = ASKED[place % len(ASKED)][2]
    gold = str(problem.gold)
    closed: ClosedBy | None = "off" if not allowed else None if cut else "budget" if used >= allowed else "model"
    thinking = (
        f"Let me think. {why} Wait, let me check that again. {why}\n\nSo the answer should be {gold}."
        if allowed
        else ""
    )
    taken = "" if cut else gold if right else str(length.randint(2, 90))
    return ReplyRow(
        contender=number, think=think, problem=problem.id, sample=sample, thinking=thinking,
        answer="" if cut else f"{why}\n\n$$\\boxed{{{taken}}}$$", correct=None if cut else right, taken=taken, vote=taken,
        reason="The thinking never closed." if cut else "" if right else f"{taken} is not {gold}.", thinking_tokens=used,
        answer_tokens=0 if cut else 60 + length.randint(0, 90), seconds=round((used + 90) / 41, 2),
        finish="length" if cut else "eos", closed_by=closed, shared=bool(allowed and allowed > 512),
    )  # fmt: skip


def put(jobs: StagedQueue, run: str, contenders: Sequence[Contender], race: bool = False, **values: Any) -> Job:
    """Put a job of an evaluation into the queue as if it had been there."""
    request = Evaluate(contenders=list(contenders), task="math500", think=list(BUDGETS), run=run, seed=1, race=race)
    return jobs.put(request, **{"created": "2025-11-24T10:00:00+00:00", **values})


def scored(done: int, total: int, accuracy: float, half: float, think: int | None = 8192, rate: float = 0.9, contender: int = 0) -> Scored:  # fmt: skip
    """A reply was judged; the accuracy so far, and its interval."""
    return Scored(
        id="7", correct=True, answer="84", gold="84", kind="math", contender=contender, think=think, accuracy=accuracy,
        interval=Interval(accuracy - half, accuracy + half), done=done, total=total, rate=rate,
    )  # fmt: skip
