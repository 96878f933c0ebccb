"""Several replies to one prompt, drawn side by side in the pool; the answer that most of them agree on is given.

Nothing is said before the vote is decided, since what a row thinks may be voted down: until then there is Progress.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from models.answers import majority
from models.answers.same import SameAnswers
from models.events import Candidate, Event, Progress, Reply
from models.generate.drawing import advice_for, check_request
from models.generate.load import LoadedModel
from models.generate.pool import Pool, RowBegun, RowDone, RowEvent, RowFailed
from models.generate.sampling import fresh_seed, seed_of_sample
from models.generate.thinking import Steering
from models.requests import ChatRequest


def vote(loaded: LoadedModel, request: ChatRequest, steering: Steering | None = None) -> Generator[Event, None, Reply]:
    """Answer a conversation by `request.votes` replies; yields as `reply` does, with the votes in the Reply.

    Progress has the stage "votes": in the unit "votes" how many have ended, in the unit "tokens" how many are drawn.
    Steering is for all of them. A cancelled vote gives what most of the ended ones say, or nothing. The first reply is
    the one that the seed gives alone. Raises BadInput also when all would be the same, NoMemory when not even one fits.
    """
    check_request(request)
    majority.check_votes(request.votes, advice_for(loaded, request).temperature)
    poll = _Poll(loaded, request, steering or Steering())
    yield from poll.draw()
    return (yield from poll.outcome())


@dataclass
class _Ballot:
    events: list[Event] = field(default_factory=list)  # kept for when it is elected
    done: RowDone | None = None
    form: str = ""  # of its answer, as it counts

    @property
    def whole(self) -> bool:
        return self.done is not None and self.done.reply.finish != "cancelled"

    @property
    def reply(self) -> Reply:
        assert self.done is not None, "every row of the pool ends"
        return self.done.reply

    def vote(self) -> majority.Vote:
        assert self.done is not None, "every row of the pool ends"
        return majority.Vote(self.form, self.done.logprob, cut=self.reply.finish != "eos")


class _Poll:
    def __init__(self, loaded: LoadedModel, request: ChatRequest, steering: Steering) -> None:
        self._steering = steering
        self._pool = Pool(loaded, steering)
        self._ballots = [_Ballot() for _ in range(request.votes)]
        self._answers = SameAnswers()
        seed = fresh_seed() if request.sampling.seed is None else request.sampling.seed
        for sample in range(request.votes):
            sampling = msgspec.structs.replace(request.sampling, seed=seed_of_sample(seed, sample))
            self._pool.add(msgspec.structs.replace(request, sampling=sampling))

    def draw(self) -> Iterator[Event]:
        """Draw until the vote is decided or cancelled."""
        total, decided = len(self._ballots), False
        for event in self._pool.events():
            if isinstance(event, RowFailed):
                raise event.error
            if isinstance(event, RowBegun):
                opening = self._ballots[event.row].events
                if event.row == 0:  # once for all
                    yield from opening
                    yield self._ended_so_far()
                opening.clear()
            elif isinstance(event, RowEvent):
                self._ballots[event.row].events.append(event.event)
                if isinstance(event.event, Progress):  # of reading the prompt
                    yield event.event
            elif isinstance(event, Progress):
                yield msgspec.structs.replace(event, stage="votes")
            else:
                self._ballots[event.row].done = event
                self._ballots[event.row].form = self._answers.form(event.reply.answer)
                if event.reply.finish == "cancelled":
                    continue
                yield self._ended_so_far()
                whole = self._whole()
                if not decided and majority.is_decided([ballot.vote() for ballot in whole], total - len(whole)):
                    decided = True
                    for row, ballot in enumerate(self._ballots):
                        if ballot.done is None:
                            self._pool.cancel(row)

    def outcome(self) -> Generator[Event, None, Reply]:
        """Replay the events of the elected reply, as if it had been the only one."""
        rate, whole = self._pool.rate, self._whole()
        if not whole:
            return self._nothing_said(rate)
        index, agreement = majority.winner([ballot.vote() for ballot in whole])
        elected = whole[index]
        yield from (event for event in elected.events if not isinstance(event, Progress))
        record = elected.reply
        return msgspec.structs.replace(
            record,
            tokens_per_s=rate,
            finish="cancelled" if self._steering.cancelled and len(whole) < len(self._ballots) else record.finish,
            votes=self._candidates(whole),
            agreement=agreement,
        )

    def _whole(self) -> list[_Ballot]:
        return [ballot for ballot in self._ballots if ballot.whole]

    def _ended_so_far(self) -> Progress:
        return Progress(stage="votes", done=len(self._whole()), total=len(self._ballots), unit="votes")

    def _candidates(self, whole: list[_Ballot]) -> list[Candidate]:
        """All rows as they stand, in the order they were started in."""
        counts = majority.counted([ballot.vote() for ballot in whole])
        counting = {id(ballot) for ballot, counted in zip(whole, counts, strict=True) if counted}
        return [_candidate(ballot, id(ballot) in counting) for ballot in self._ballots]

    def _nothing_said(self, rate: float) -> Reply:
        """The record of a vote that was cancelled before a reply had ended; what there was is in its candidates."""
        nothing: dict[str, Any] = {"thinking": "", "answer": "", "thinking_tokens": 0, "answer_tokens": 0}
        votes = self._candidates([])
        return msgspec.structs.replace(
            self._ballots[0].reply, **nothing, closed_by=None, tokens_per_s=rate, votes=votes
        )


def _candidate(ballot: _Ballot, counts: bool) -> Candidate:
    reply = ballot.reply
    return Candidate(
        answer=reply.answer,
        thinking=reply.thinking,
        canonical=ballot.form,
        tokens=reply.thinking_tokens + reply.answer_tokens,
        finish=reply.finish,
        counted=counts,
    )
