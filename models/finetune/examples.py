"""Traces as what a student is asked and has to say: the last reply of each conversation, or every one of its replies."""

from collections.abc import Iterable
from itertools import pairwise

import msgspec

from models.finetune_config import Replies
from models.traces.trace import Trace, Turn


class Example(msgspec.Struct, frozen=True):
    """A problem, the thinking that leads to its answer (empty: answered at once), and the answer."""

    problem: str
    thinking: str
    answer: str
    system: str = ""
    turns: tuple[Turn, ...] = ()  # of the conversation before the problem, oldest first: read, never learned

    @property
    def asked(self) -> str:
        """The problem as a person recognises it: with what was said before."""
        return "\n\n".join([*(turn.content for turn in self.turns), self.problem])


def examples_of(traces: Iterable[Trace], replies: Replies = "last") -> list[Example]:
    """What is learned of traces. Replies that several conversations begin with are learned once."""
    if replies == "last":
        return [_last(trace) for trace in traces]
    return list(dict.fromkeys(example for trace in traces for example in [*earlier(trace), _last(trace)]))


def earlier(trace: Trace) -> list[Example]:
    """Each reply before the last as an example of its own, whose prompt ends where the reply begins."""
    turns = trace.turns
    return [
        Example(asked.content, reply.thinking, reply.content, trace.system, tuple(turns[:at]))
        for at, (asked, reply) in enumerate(pairwise(turns))
        if (asked.role, reply.role) == ("user", "assistant")
    ]


def _last(trace: Trace) -> Example:
    return Example(trace.problem, trace.thinking, trace.answer, trace.system, tuple(trace.turns))
