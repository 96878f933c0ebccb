"""What an evaluation is made of, as it lies on the disk and crosses the wire: contenders, card, rows, points.

A row is one reply to one problem with its verdict. A point is what the rows of one contender at one budget (and number
of votes) come to. Points are always computed from rows, never kept in their place.
"""

from pathlib import Path
from typing import Literal

import msgspec

from models import quantities
from models.evaluate.intervals import Interval
from models.evaluate.problems import LeftOut
from models.evaluate.scores import Point, titled
from models.events import ClosedBy, Event, Finish, Record
from models.machine import hardware
from models.requests import Sampling

State = Literal["new", "stopped", "done"]


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """What is evaluated, alone or against another: a model as it is, or with an adapter, or thinking calmly."""

    model: str
    adapter: str = ""  # a name of the library or a folder; empty for the model alone
    calm: bool = False  # tokens that begin a hesitation are damped while it thinks
    fingerprint: str = ""  # of the model's weights; empty before the start
    prompt_fingerprint: str = ""  # of its tokenizer, chat template and advised sampling
    adapter_fingerprint: str = ""

    @property
    def title(self) -> str:
        """What a person calls it."""
        return titled(self.model, self.adapter, self.calm)


def contender(name: str, *, calm: bool = False) -> Contender:
    """A contender as it is written: MODEL, or MODEL:ADAPTER. A folder may have a colon in its name."""
    model, colon, adapter = name.rpartition(":")
    if not colon or Path(name).expanduser().exists():
        return Contender(model=name, calm=calm)
    return Contender(model=model, adapter=adapter, calm=calm)


class TaskFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The task of an evaluation, as far as its results depend on it."""

    name: str
    title: str = ""
    source: str = ""  # where its problems came from
    licence: str = ""
    revision: str = ""
    problems: int  # that are asked
    of: int = 0  # that the task has; 0 for an endless one
    hash: str  # of problems, gold answers and verifiers, in their order


class EvaluationCard(msgspec.Struct, frozen=True, kw_only=True):
    """All that an evaluation began with: with the problems beside it, it can be asked again."""

    id: str
    created: str  # ISO 8601, UTC
    contenders: list[Contender]  # one, or two that are compared problem by problem; any number in a race
    task: TaskFacts
    think: list[int | None]  # budgets of thinking tokens in ascending order, None for no limit
    samples: int = 1  # replies to a problem
    votes: list[int] = []  # numbers of replies whose majority is scored as well; each at most `samples`
    answer_tokens: int  # room for the answer after the thinking, there never less than thinking.ANSWER_RESERVE
    sampling: Sampling = Sampling()  # as asked; what is None follows the model's family
    seed: int = 0
    race: bool = False  # who can't win any more is stopped (models/evaluate/race.py)
    versions: dict[str, str] = {}
    machine: hardware.Machine | None = None

    @property
    def is_comparison(self) -> bool:
        """Whether two are compared problem by problem."""
        return len(self.contenders) == 2 and not self.race

    @property
    def total(self) -> int:
        """Replies of the whole evaluation."""
        return len(self.contenders) * len(self.think) * self.task.problems * self.samples

    def has(self, row: "ReplyRow") -> bool:
        """Whether a row answers what this card asks."""
        return 0 <= row.contender < len(self.contenders) and row.think in self.think and 0 <= row.sample < self.samples


class ReplyRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reply and what was found of it."""

    contender: int  # its place on the card
    think: int | None  # the budget it was drawn under
    problem: str  # id
    sample: int
    thinking: str = ""
    answer: str = ""
    correct: bool | None  # None for one that was cut or never closed its thinking
    taken: str = ""  # what was taken for the answer
    vote: str = ""  # that in the form in which votes are counted
    reason: str = ""
    thinking_tokens: int = 0
    answer_tokens: int = 0
    seconds: float = 0.0  # from its start to its end; replies are drawn beside each other
    finish: Finish = "eos"
    closed_by: ClosedBy | None = None
    logprob: float = 0.0  # mean over its own tokens, in nats
    shared: bool = False  # it goes on from the thinking of the same sample at a shorter budget

    @property
    def key(self) -> tuple[int, int | None, str, int]:
        """What it answers: nothing is asked twice."""
        return self.contender, self.think, self.problem, self.sample


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """The first contender against the second, on the same problems and seeds."""

    think: int | None
    votes: int = 1
    n: int  # problems that both answered
    difference: float  # accuracy of the first minus that of the second, -1 to 1
    interval: tuple[float, float]  # 95 %
    p: float  # of the exact test, of two sides
    only_first: int  # problems that the first got right, or more often, and the second not
    only_second: int
    flipped: list[str]  # the ids of those of only_first
    lost: list[str]  # of those of only_second
    verdict: str  # in words, without the names
    sentence: str


class Dropped(Event, frozen=True, kw_only=True, tag="dropped"):
    """A candidate can't win any more and is asked nothing further."""

    who: str
    think: int | None
    votes: int
    n: int  # problems after which it was seen
    leader: str  # who leads by then
    difference: float  # of its accuracy to the leader's, below 0
    interval: tuple[float, float]

    def line(self) -> str:
        """Who is out, and by how much."""
        low, high = self.interval
        behind = f"{100 * -self.difference:.1f} points behind {self.leader}"
        if high < 0:
            behind += f", between {100 * -high:.1f} and {100 * -low:.1f}"
        return f"{self.who} can't win any more: {behind}, after {self.n:,} problems."


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a candidate of a race stands. The differences are to the best one, which has none."""

    contender: int
    think: int | None
    votes: int
    title: str
    n: int  # problems that it answered
    accuracy: float
    interval: Interval
    seconds: float | None  # a problem
    peak_bytes: int | None
    dropped: bool  # it could not win any more
    difference: float | None  # on the problems that both answered
    difference_interval: Interval | None
    only_it: int = 0  # problems that it got right and the best one did not
    only_best: int = 0


class Race(msgspec.Struct, frozen=True, kw_only=True):
    """Which candidate is best."""

    standings: list[Standing]  # the best one first
    level: float  # of each interval of a difference, so that all hold together
    sentence: str


class Evaluated(Record, frozen=True, kw_only=True, tag="evaluated"):
    """What an evaluation came to, or the judging of replies that were made elsewhere."""

    task: str
    title: str
    points: list[Point]
    paired: Paired | None = None  # at the longest budget, where two are compared
    comparisons: list[Paired] = msgspec.field(default_factory=list)  # at each budget and number of votes
    race: Race | None = None  # which is best, where that was asked
    id: str = ""
    folder: str = ""
    notes: list[str] = msgspec.field(default_factory=list)
    seconds: float = 0.0
    left_out: list[LeftOut] = msgspec.field(default_factory=list)  # rows of the replies, as is unread of the task
    unread: list[LeftOut] = msgspec.field(default_factory=list)
    unanswered: int = 0  # problems without a reply

    def sentences(self) -> list[str]:
        """The scores, and what was left out of them."""
        lines = [point.sentence() if point.model else f"{self.title}: {point.sentence()}" for point in self.points]
        lines += [pair.sentence for pair in self.comparisons]
        lines += [self.race.sentence] if self.race else []
        for rows, what in ((self.left_out, "of the replies"), (self.unread, "of the task")):
            if rows:
                places = ", ".join(str(row.line) for row in rows[:5]) + (" …" if len(rows) > 5 else "")
                lines.append(f"{quantities.counted(len(rows), 'row')} {what} left out (line {places}).")
        if self.unanswered:
            lines.append(f"{quantities.counted(self.unanswered, 'problem has', 'problems have')} no reply.")
        return [*lines, *self.notes, *([f"Kept in {self.folder}."] if self.folder else [])]
