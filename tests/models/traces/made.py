"""Traces made for tests."""

from models.traces.trace import Trace, Turn, identify, said


def make(problem: str = "What is 1 + 1?", thinking: str = "One more.", answer: str = "2", **more: object) -> Trace:
    turns = more.get("turns", [])
    assert isinstance(turns, list)
    return Trace(
        id=identify(said(problem, thinking, answer, turns)),
        problem=problem,
        thinking=thinking,
        answer=answer,
        **more,  # type: ignore[arg-type]
    )


def many(n: int) -> list[Trace]:
    return [make(f"What is {i} + {i}?", f"Twice {i} is {2 * i}.", str(2 * i)) for i in range(n)]


CONVERSATION = make(
    "And twice that?", "2 and 2.", "4", turns=[Turn("user", "1 + 1?"), Turn("assistant", "2")], system="Be brief."
)
