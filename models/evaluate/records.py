"""What an evaluation is made of, as it lies on the disk and crosses the wire: contenders, card, rows, points.

A row is one reply to one problem with its verdict. A point is what the rows of one contender at one budget (and number
of votes) come to. Points are always computed from rows, never kept in their place.
"""

from typing import Literal

import msgspec

from models import budgets, quantities
from models.events import ClosedBy, Event, Finish, Progress, Record
from models.machine import hardware
from models.requests import Sampling

State = Literal["new", "stopped", "done"]


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """What is evaluated, alone or against another: a model as it is, or with an adapter, or thinking calmly."""

    model: str
    adapter: str = ""  # a name of the library or a folder; empty for the model alone
    calm: bool = False  # tokens that begin a hesitation are damped while it thinks
    fingerprint: str = ""  # of the model's weights; empty before the start
    adapter_fingerprint: str = ""

    @property
    def title(self) -> str:
        """What a person calls it."""
        parts = [self.model, self.adapter.rstrip("/").rpartition("/")[2], "calm" if self.calm else ""]
        return " · ".join(part for part in parts if part)


class TaskFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The task of an evaluation, as far as its results depend on it."""

    name: str
    title: str = ""
    source: str = ""  # where its problems came from
    licence: str = ""
    problems: int  # that are asked
    of: int  # that the task has; 0 for an endless one
    hash: str  # of problems, gold answers and verifiers, in their order


class EvaluationCard(msgspec.Struct, frozen=True, kw_only=True):
    """All that an evaluation began with: with the problems beside it, it can be asked again."""

    id: str
    created: str  # ISO 8601, UTC
    contenders: list[Contender]  # one, or two that are compared problem by problem
    task: TaskFacts
    think: list[int | None]  # budgets of thinking tokens in ascending order, None for no limit
    samples: int = 1  # replies to a problem
    votes: list[int] = []  # numbers of replies whose majority is scored as well; each at most `samples`
    answer_tokens: int  # room for the answer after the thinking
    sampling: Sampling = Sampling()  # as asked; what is None follows the model's family
    seed: int = 0
    versions: dict[str, str] = {}
    machine: hardware.Machine | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reply and what was found of it."""

    contender: int  # its place on the card
    think: int | None  # the budget it was drawn under
    problem: str  # id
    sample: int
    thinking: str = ""
    answer: str = ""
    correct: bool | None  # None for one that was cut or never closed its thinking
    taken: str = ""  # what was taken for the answer
    reason: str = ""
    thinking_tokens: int = 0
    answer_tokens: int = 0
    seconds: float = 0.0  # from its start to its end; rows run beside each other
    finish: Finish = "eos"
    closed_by: ClosedBy | None = None
    logprob: float = 0.0  # mean over its own tokens, in nats
    shared: bool = False  # it goes on from the thinking of the same sample at a shorter budget

    @property
    def key(self) -> tuple[int, int | None, str, int]:
        """What it answers: nothing is asked twice."""
        return self.contender, self.think, self.problem, self.sample


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What one contender reached at one budget."""

    model: str
    adapter: str = ""
    calm: bool = False
    contender: int = 0
    think: int | None
    votes: int = 1  # above 1: the majority of so many replies is what is scored
    n: int  # problems with all their replies
    correct: float  # problems: with several samples, the sum of their shares
    cut: int  # replies
    accuracy: float  # 0 to 1
    interval: tuple[float, float]  # 95 %, 0 to 1
    best_of: float | None = None  # pass@k over all samples, unbiased; None with one
    samples: int = 1
    thinking_tokens: float  # median
    thinking_p90: float = 0.0
    answer_tokens: float  # median
    seconds: float  # a reply, median
    tokens_per_s: float = 0.0  # of all rows together
    peak_bytes: int = 0
    shared: bool = False  # its draws are those of the shorter budget, as far as they go


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """The second contender against the first, on the same problems and seeds."""

    think: int | None
    votes: int = 1
    n: int  # problems that both answered
    difference: float  # accuracy of the first minus that of the second, -1 to 1
    interval: tuple[float, float]  # 95 %
    only_first: int  # problems, of which one sample each or the majority is compared
    only_second: int
    p_value: float  # exact, of two sides
    sentence: str


class Scored(Event, frozen=True, tag="scored"):
    """A reply was checked; with `replies` made elsewhere the id is the problem's, or its number from 0."""

    id: str
    correct: bool | None  # None when cut off
    answer: str  # what was taken for it
    gold: str
    kind: str  # of the verifier
    thinking_tokens: int
    answer_tokens: int
    sample: int
    reason: str = ""
    contender: int = 0
    think: int | None = None
    accuracy: float | None = None  # of this contender at this budget so far
    interval: tuple[float, float] | None = None
    done: int = 0  # replies of the whole evaluation
    total: int = 0
    rate: float = 0.0  # replies a second

    def progress(self) -> Progress | None:
        if not self.total:
            return None
        return Progress(stage="evaluate", done=self.done, total=self.total, unit="replies", rate=self.rate)


class Evaluated(Record, frozen=True, tag="evaluated"):
    """What an evaluation came to."""

    id: str
    folder: str
    task: str
    points: list[Point]
    paired: list[Paired] = []
    notes: list[str] = []
    seconds: float = 0.0

    def sentences(self) -> list[str]:
        lines = [_sentence(point) for point in self.points]
        return [*lines, *(pair.sentence for pair in self.paired), *self.notes, f"Kept in {self.folder}."]


def _sentence(point: Point) -> str:
    who = Contender(model=point.model, adapter=point.adapter, calm=point.calm).title
    how = f"thinking {budgets.describe(point.think)}" + (f", majority of {point.votes}" if point.votes > 1 else "")
    low, high = point.interval
    right = f"{point.accuracy:.1%} of {quantities.counted(point.n, 'problem')} right ({low:.1%} to {high:.1%})"
    cut = f", {point.cut:,} cut" if point.cut else ""
    return f"{who}, {how}: {right}{cut}, {point.thinking_tokens:,.0f} thinking tokens."
