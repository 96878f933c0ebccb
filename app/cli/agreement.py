"""How far the votes of a reply agree, in words."""

from collections import Counter

from models import events

EXCERPT = 60  # characters of an answer


def sentences(reply: events.Reply) -> list[str]:
    """Who agreed on what, the minority too; nothing for a reply that was the only one or that nobody voted for."""
    if not reply.agreement:
        return []
    total = len(reply.votes)
    counts = Counter(candidate.canonical for candidate in reply.votes if candidate.counted)
    given = next(
        candidate.canonical for candidate in reply.votes if candidate.counted and candidate.answer == reply.answer
    )
    others = [f"{count} of {total}: {_excerpt(answer)}" for answer, count in counts.most_common() if answer != given]
    return [_majority(reply.agreement, total, _excerpt(given)), *others, *_without_vote(reply)]


def _majority(agreement: int, total: int, answer: str) -> str:
    if agreement == 1:
        return f"No two of {total} agree; the likeliest is given: {answer}"
    return f"{agreement} of {total} agree: {answer}"


def _without_vote(reply: events.Reply) -> list[str]:
    total = len(reply.votes)
    silent = Counter(candidate.finish for candidate in reply.votes if not candidate.counted)
    stopped = "stopped" if reply.finish == "cancelled" else "stopped early, since the rest had decided"
    said: list[tuple[events.Finish, str]] = [
        ("cancelled", stopped), ("length", "cut at the limit of tokens"), ("eos", "without an answer")
    ]  # fmt: skip
    return [f"{silent[finish]} of {total} {words}" for finish, words in said if silent[finish]]


def _excerpt(answer: str) -> str:
    line = " ".join(answer.split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1].rstrip() + "…"
