"""Evaluations of tiny random models for tests: their task, their rows, and a model that says what a test wants."""

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from models import paths
from models.evaluate import evaluate, run_folder
from models.evaluate.problems import Problem, Task, asked
from models.evaluate.records import Contender, Evaluated, ReplyRow
from models.events import Event
from models.generate.load import LoadedModel
from models.requests import Sampling
from tests.models.generate.test_adapters import make_adapter
from tests.tiny import Thinking, make_tiny

BASE, TUNED = Contender(model="tiny"), Contender(model="tiny", adapter="tuned")


def make_model(name: str = "tiny", thinking: Thinking = "hybrid", context: int = 2048) -> Path:
    return make_tiny(paths.models_folder() / name, thinking=thinking, context=context)


def make_tuned(name: str = "tuned", seed: int = 0) -> Path:
    return Path(make_adapter(paths.adapters_folder() / name, paths.models_folder() / "tiny", seed=seed))


def sums(n: int = 4, problems: Sequence[Problem] = ()) -> Task:
    """So many problems p0, p1 …, or these."""
    made = [Problem(id=f"p{k}", problem=f"{k}+1?", gold=str(k + 1)) for k in range(n)]
    return Task(name="sums", title="Sums", problems=[asked(problem, {}) for problem in problems or made])


def begun(
    task: Task,
    *contenders: Contender,
    think: Sequence[int | None] = (0,),
    temperature: float | None = 1.0,
    **options: int,
) -> Generator[Event, None, Evaluated]:
    card = evaluate.card_of(
        contenders or [BASE],
        task,
        think=think,
        sampling=Sampling(temperature=temperature),
        **{"answer_tokens": 6, **options},  # type: ignore[arg-type]
    )
    return evaluate.begin(card, task)


def rows(folder: str | Path) -> list[ReplyRow]:
    return run_folder.read_rows(Path(folder))


def said(found: Sequence[ReplyRow], contender: int | None = None) -> dict[object, tuple[object, ...]]:
    """What each row says, without what hangs on the clock; of one contender, as if it had been alone."""
    alone = contender is not None
    return {
        (row.key[1:] if alone else row.key): (
            row.thinking,
            row.answer,
            row.correct,
            row.thinking_tokens,
            row.answer_tokens,
        )
        for row in found
        if contender in (None, row.contender)
    }


def say(monkeypatch: pytest.MonkeyPatch, loaded: LoadedModel) -> None:
    """Have evaluations draw from this model, whatever they load."""

    def load(name: str, path: Path, adapter: str | None = None) -> Generator[Event, None, LoadedModel]:
        loaded.name = name
        return loaded
        yield

    monkeypatch.setattr(evaluate, "load", load)
