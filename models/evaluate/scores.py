"""What an evaluation says of its replies: accuracy, votes, tokens and time, with intervals that are honest.

A score is made of rows, one a reply. It needs no model and no task, so a run, a file of replies and a curve that grows
while it is drawn are scored alike.
"""

import math
import random
import statistics
from collections.abc import Iterable, Sequence
from itertools import combinations

import msgspec

from models import budgets, events
from models.answers import majority
from models.answers.verdict import Kind, Verdict
from models.evaluate import intervals
from models.evaluate.intervals import Interval

MOST_SUBSETS = 200  # of a problem's samples, of which the majority is looked at


class Scored(events.Event, frozen=True, kw_only=True, tag="scored"):
    """A reply that was judged."""

    id: str  # the problem's
    correct: bool | None  # None when it was cut
    answer: str  # what was taken for it
    gold: str
    kind: Kind
    thinking_tokens: int | None = None  # None where nobody counted, as is answer_tokens
    answer_tokens: int | None = None
    sample: int = 0
    reason: str = ""
    # of an evaluation under way
    contender: int = 0
    who: str = ""  # its title, where there are several
    think: int | None = None  # the budget
    accuracy: float | None = None  # of that contender at that budget so far
    interval: Interval | None = None
    done: int = 0  # replies of the whole evaluation
    total: int = 0
    rate: float = 0.0  # replies a second

    def progress(self) -> events.Progress | None:
        """How far the evaluation is; None for a reply that was made elsewhere."""
        if not self.total:
            return None
        return events.Progress(stage="evaluate", done=self.done, total=self.total, unit="replies", rate=self.rate)

    def so_far(self) -> str:
        """The accuracy of that contender at that budget, and how fast replies come."""
        if self.accuracy is None or self.interval is None:
            return ""
        who = f"{self.who}, " if self.who else ""
        low, high = self.interval
        right = f"{percent(self.accuracy)} % right so far, between {percent(low)} and {percent(high)}"
        return f"{who}{how_asked(self.think)}: {right} · {60 * self.rate:,.0f} a minute"

    def line(self) -> str:
        """What went wrong; nothing of a right reply, nor of an evaluation under way, which keeps them all."""
        if self.correct or self.total:
            return ""
        taken = f" ({' '.join(self.answer.split())[:60]!r} for {self.gold[:60]!r})" if self.answer else ""
        return f"{self.id}: {'cut' if self.correct is None else 'wrong'}{taken}: {self.reason}"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A judged reply, as scores need it."""

    id: str  # the problem's
    correct: bool | None
    vote: str = ""  # its answer in the form in which votes count it
    sample: int = 0
    group: str = ""  # problems of one text, or of one source
    thinking_tokens: int | None = None
    answer_tokens: int | None = None
    seconds: float | None = None
    logprob: float = 0.0  # mean over its tokens


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A score: one point of a curve."""

    n: int  # problems
    samples: int  # replies
    correct: int  # replies that are right
    cut: int  # replies that were cut; they count as not right
    accuracy: float  # pass@1: the mean over problems of their share of right replies
    interval: Interval
    think: int | None = None  # budget: None for no limit
    votes: int = 1
    thinking_tokens: float | None = None  # median
    thinking_tokens_p90: float | None = None
    answer_tokens: float | None = None
    answer_tokens_p90: float | None = None
    seconds: float | None = None  # of all replies together
    tokens_per_s: float | None = None
    peak_bytes: int | None = None
    # of an evaluation; empty for replies that were made elsewhere
    contender: int = 0
    model: str = ""
    adapter: str = ""
    calm: bool = False
    best_of: float | None = None  # pass@k over all samples, unbiased; None with one
    reply_seconds: float | None = None  # median
    shared: bool = False  # its draws are those of the shorter budget, as far as they go

    @property
    def title(self) -> str:
        """Whose score it is."""
        return titled(self.model, self.adapter, self.calm)

    def sentence(self) -> str:
        """The score in words."""
        if self.model:
            return f"{self.title}, {how_asked(self.think, self.votes)}: {self._said()}{self._thought()}"
        return self._said()

    def _thought(self) -> str:
        return f" {self.thinking_tokens:,.0f} thinking tokens a reply." if self.thinking_tokens else ""

    def _said(self) -> str:
        low, high = self.interval
        said = f"{percent(self.accuracy)} % right, between {percent(low)} and {percent(high)}"
        cut = f", {self.cut} of {self.samples} replies cut" if self.cut else ""
        return f"{said}, on {self.n:,} {'problem' if self.n == 1 else 'problems'}{cut}."


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two on the same problems: the second against the first."""

    n: int
    difference: float
    interval: Interval
    p: float  # of the exact test
    only_first: list[str]  # ids of problems that more samples of the first got right
    only_second: list[str]
    left_out: int = 0  # problems that only one of them was asked

    @property
    def verdict(self) -> str:
        """ "better", "worse" or "even": what the interval and the exact test allow to be said."""
        return "better" if self.interval.low > 0 else "worse" if self.interval.high < 0 else "even"

    def sentence(self) -> str:
        """The comparison in words, of the second."""
        low, high = (100 * bound for bound in self.interval)
        flips = (
            f"of {self.n:,} problems {len(self.only_second)} only it got right, {len(self.only_first)} only the other"
        )
        if self.verdict == "better":
            return f"Better by {points(self.difference)} points, between {low:.1f} and {high:.1f}: {flips}."
        if self.verdict == "worse":
            return f"Worse by {points(-self.difference)} points, between {-high:.1f} and {-low:.1f}: {flips}."
        return f"No clear difference: {100 * self.difference:+.1f} points, between {low:+.1f} and {high:+.1f}: {flips}."


def titled(model: str, adapter: str, calm: bool) -> str:
    """What a person calls a model, as it is evaluated."""
    parts = [model.rstrip("/").rpartition("/")[2], adapter.rstrip("/").rpartition("/")[2], "calm" if calm else ""]
    return " · ".join(part for part in parts if part)


def how_asked(think: int | None, votes: int = 1) -> str:
    """How a point was asked for: "thinking 512 tokens, majority of 5"."""
    return f"thinking {budgets.describe(think)}" + (f", majority of {votes}" if votes > 1 else "")


def row_of(
    problem_id: str,
    verdict: Verdict,
    *,
    vote: str = "",
    sample: int = 0,
    group: str = "",
    thinking_tokens: int | None = None,
    answer_tokens: int | None = None,
    seconds: float | None = None,
    logprob: float = 0.0,
) -> Row:
    """A row of a verdict."""
    return Row(
        id=problem_id,
        correct=verdict.correct,
        vote=vote,
        sample=sample,
        group=group,
        thinking_tokens=thinking_tokens,
        answer_tokens=answer_tokens,
        seconds=seconds,
        logprob=logprob,
    )


def score(
    rows: Iterable[Row],
    *,
    think: int | None = None,
    votes: int = 1,
    seconds: float | None = None,
    peak_bytes: int | None = None,
) -> Point:
    """The score of rows. votes: the majority of so many replies counts, not each; seconds: by the clock, of the whole."""
    problems = by_problem(rows)
    replies = [row for of_one in problems.values() for row in of_one]
    shares = shares_right(problems, votes)
    thought = [row.thinking_tokens for row in replies if row.thinking_tokens is not None]
    answered = [row.answer_tokens for row in replies if row.answer_tokens is not None]
    spent = [row.seconds for row in replies if row.seconds is not None]
    seconds = seconds if seconds is not None else math.fsum(spent) if spent else None
    tokens = sum(thought) + sum(answered)
    return Point(
        n=len(problems),
        samples=len(replies),
        correct=sum(row.correct is True for row in replies),
        cut=sum(row.correct is None for row in replies),
        accuracy=statistics.fmean(shares) if shares else 0.0,
        interval=intervals.mean_interval(shares, groups_of(problems)),
        think=think,
        votes=votes,
        thinking_tokens=statistics.median(thought) if thought else None,
        thinking_tokens_p90=percentile(thought, 0.9),
        answer_tokens=statistics.median(answered) if answered else None,
        answer_tokens_p90=percentile(answered, 0.9),
        seconds=seconds,
        tokens_per_s=tokens / seconds if tokens and seconds else None,
        peak_bytes=peak_bytes,
    )


def compare(first: Iterable[Row], second: Iterable[Row], votes: int = 1) -> Comparison:
    """The second against the first, on the problems that both were asked."""
    one, other = by_problem(first), by_problem(second)
    both = [key for key in one if key in other]
    ours, theirs = {key: one[key] for key in both}, {key: other[key] for key in both}
    a, b = shares_right(ours, votes), shares_right(theirs, votes)
    found = intervals.paired(a, b, groups_of(ours))
    return Comparison(
        n=found.n,
        difference=found.difference,
        interval=found.interval,
        p=found.p,
        only_first=[key for key, x, y in zip(both, a, b, strict=True) if x > y],
        only_second=[key for key, x, y in zip(both, a, b, strict=True) if y > x],
        left_out=len(one) + len(other) - 2 * len(both),
    )


def by_problem(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each problem, in the order they came."""
    problems: dict[str, list[Row]] = {}
    for row in rows:
        problems.setdefault(row.id, []).append(row)
    return problems


def groups_of(problems: dict[str, list[Row]]) -> list[str] | None:
    """Each problem's group; None when none has one."""
    groups = [rows[0].group for rows in problems.values()]
    return groups if any(groups) else None


def shares_right(problems: dict[str, list[Row]], votes: int = 1) -> list[float]:
    """Of each problem the share of right replies, or of right majorities among `votes` of them."""
    if votes > 1:
        return [majority_right(rows, votes) for rows in problems.values()]
    return [sum(row.correct is True for row in rows) / len(rows) for rows in problems.values()]


def majority_right(rows: Sequence[Row], votes: int) -> float:
    """How often the majority of `votes` of a problem's replies is right, over which of them are taken."""
    votes = min(votes, len(rows))
    ways = math.comb(len(rows), votes)
    if ways <= MOST_SUBSETS:
        subsets: Iterable[Sequence[Row]] = combinations(rows, votes)
    else:
        draw = random.Random(rows[0].id)
        subsets = (draw.sample(rows, votes) for _ in range(MOST_SUBSETS))
    return statistics.fmean(_elected(subset).correct is True for subset in subsets)


def pass_at(rows: Sequence[Row], k: int) -> float:
    """How likely at least one of k replies is right, without bias (arXiv 2107.03374, equation 1)."""
    n, right = len(rows), sum(row.correct is True for row in rows)
    k = min(k, n)
    return 1.0 if n - right < k else 1 - math.comb(n - right, k) / math.comb(n, k)


def mean_pass_at(rows: Iterable[Row], k: int) -> float:
    """pass@k over problems."""
    problems = by_problem(rows)
    return statistics.fmean(pass_at(of_one, k) for of_one in problems.values()) if problems else 0.0


def what_can_be_shown(n: int) -> str:
    """What so many problems can show, said before they are asked."""
    gain = 100 * intervals.detectable(n)
    width = 100 * intervals.half_width(n)
    problems = f"{n:,} {'problem' if n == 1 else 'problems'}"
    return (
        f"{problems} {'shows' if n == 1 else 'show'} a difference of about {gain:.0f} points four times in five,"
        f" and an accuracy to about {width:.0f} points on either side."
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that so many of them do not exceed."""
    ordered = sorted(values)
    return float(ordered[max(0, math.ceil(share * len(ordered)) - 1)]) if ordered else None


def percent(share: float) -> str:
    """A share as a number of percent, without a point that says nothing."""
    return f"{100 * share:.1f}".removesuffix(".0")


def points(difference: float) -> str:
    """A difference as a number of points."""
    return f"{100 * difference:.1f}"


def _elected(rows: Sequence[Row]) -> Row:
    index, _ = majority.winner([majority.Vote(row.vote, row.logprob, cut=row.correct is None) for row in rows])
    return rows[index]
