"""Which answer do several replies agree on: the count of votes, and when it can't change any more.

Self-consistency (arXiv 2203.11171): draw several chains of thought, and take the answer that most of them end in.
Answers are compared in their canonical form (models/answers/canonical.py). Nothing here runs a model.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from models.errors import BadInput

MOST = 16  # replies at once


def check_votes(votes: int, temperature: float | None) -> None:
    """Check a number of votes. temperature: as asked for. Raises BadInput."""
    if not 1 <= votes <= MOST:
        raise BadInput(f"The number of votes is 1 to {MOST}, not {votes}.")
    if votes > 1 and temperature == 0:
        hint = "Choose a temperature above 0, such as 0.7, or a single vote."
        raise BadInput("At temperature 0 all votes would be the same.", hint)


@dataclass(frozen=True)
class Vote:
    """What the election looks at of a reply."""

    canonical: str
    logprob: float  # mean over its tokens
    cut: bool = False  # it ended at the limit of tokens


def counted(votes: list[Vote]) -> list[bool]:
    """Which votes count: finished replies with an answer; cut ones only when there is nothing else."""
    whole = [bool(vote.canonical) and not vote.cut for vote in votes]
    if any(whole):
        return whole
    answered = [bool(vote.canonical) for vote in votes]
    return answered if any(answered) else [True] * len(votes)


def winner(votes: list[Vote]) -> tuple[int, int]:
    """Index of the vote that is given, and how many agree with it.

    The most frequent answer wins, of equally frequent ones that with the higher mean logprob; it is given in the words
    of its likeliest reply.
    """
    groups = _groups(vote for vote, counts in zip(votes, counted(votes), strict=True) if counts)
    winners = max(groups.values(), key=lambda group: (len(group), sum(vote.logprob for vote in group) / len(group)))
    best = max(winners, key=lambda vote: vote.logprob)
    return next(index for index, vote in enumerate(votes) if vote is best), len(winners)


def is_decided(votes: list[Vote], running: int) -> bool:
    """Whether the replies still running can no longer change the result, not even to a tie."""
    groups = _groups(vote for vote in votes if vote.canonical and not vote.cut)
    first, second, *_ = [*sorted((len(group) for group in groups.values()), reverse=True), 0, 0]
    return first > second + running


def _groups(votes: Iterable[Vote]) -> dict[str, list[Vote]]:
    groups: dict[str, list[Vote]] = {}
    for vote in votes:
        groups.setdefault(vote.canonical, []).append(vote)
    return groups
