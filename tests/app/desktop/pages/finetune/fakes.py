"""Jobs that train, sets of traces and runs on a private disk, and a run's events."""

import math
import random
from functools import cache
from typing import Any

import msgspec

from models import paths
from models.events import Checkpoint, Event, Model, Prepared, Sample, Step, Validation
from models.finetune_config import FinetuneConfig
from models.jobs.kinds.finetune import Finetune
from models.jobs.queue import Job
from models.traces import store
from models.traces.trace import Trace, from_chat
from tests.app.desktop.pages.models.fakes import MAC, model
from tests.app.desktop.staged_queue import StagedQueue
from tests.models.finetune import made_runs

BASE = "r1-distill-qwen-1.5b-4bit"
TITLE = "R1-Distill-Qwen-1.5B"
TRACES = "thesis-maths"
ON = f"{TITLE} on “{TRACES}”"
STEPS, EVERY = 600, 100
FULL = FinetuneConfig(rank=16, learning_rate=2e-4, batch_rows=4, validate_every=EVERY, checkpoint_every=EVERY)
PROMPTS = ("If 3n + 4 = 31, what is n?", "A tank holds 240 litres and loses 6 litres a minute. After how many minutes is it half empty?")  # fmt: skip
CONFIG = {
    "model_type": "qwen2", "num_hidden_layers": 28, "hidden_size": 1536, "intermediate_size": 8960,
    "num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 151936, "tie_word_embeddings": False,
}  # fmt: skip


def put(jobs: StagedQueue, run: str = "run-1", adapter: str = TRACES, **values: Any) -> Job:
    """Put a job of a run into the queue as if it had been there."""
    request = Finetune(model=BASE, traces=TRACES, name=adapter, config=FULL, run=run)
    return jobs.put(request, **{"title": ON, "created": "2025-11-24T10:00:00+00:00", **values})


def library() -> list[Model]:
    """A base whose shape can be read, the starter, an adapter, a broken model."""
    folder = paths.models_folder() / BASE
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_bytes(msgspec.json.encode(CONFIG))
    return [
        model("starter", "SmolLM2 135M Instruct", 0.0917, bits=8.5, params=134_515_008),
        model(BASE, TITLE, 1.0, path=str(folder), bits=4.5, recipe="4bit", params=1_543_000_000),
        model("sums", "Sums", 0.0043, kind="adapter", base="starter", bits=0.0),
        model("half", "R1-Distill-Qwen-14B", 3.1, state="broken", problem="2 of its 4 files of weights are missing."),
    ]


def traces(name: str = TRACES, count: int = 400, long: int = 7, seed: int = 1) -> None:
    """A set of traces, most of some hundred tokens, some longer than 2,048."""
    added = store.append(name, rows(count, long, seed))
    assert added.kept == count, added.counts


@cache
def rows(count: int, long: int, seed: int) -> list[Trace]:
    """The rows of a set, drawn once: that takes longer than most tests."""
    draw = random.Random(seed)
    drawn = []
    for number in range(count):
        words = int(draw.lognormvariate(5.6, 0.75)) if number >= long else 5000
        thinking = " ".join(str(draw.randrange(100, 999)) for _ in range(max(20, words)))
        problem = f"Problem {seed}-{number}: what is {' plus '.join(str(draw.randrange(1000)) for _ in range(8))}?"
        drawn.append(from_chat(problem, thinking, f"The answer is {draw.randrange(10_000)}.", "teacher"))
    return drawn


def prepared(first_step: int = 0, too_long: int = 7) -> Prepared:
    """What a run says before its first step."""
    return Prepared(
        rows=374, valid_rows=19, too_long=too_long, empty=0, malformed=0, tokens=210_000, trained_tokens=187_000,
        packed=True, useful_share=0.99, steps=STEPS, first_step=first_step, parameters=18_464_768, gradient_checkpointing=True,
        peak_bytes=int(6.8 * 2**30), ceiling_bytes=int(10.2 * 2**30),
    )  # fmt: skip


def told(upto: int, seed: int = 0, floor: float = 0.5, steps: int = STEPS) -> list[Event]:
    """What a run measured up to a step: losses that fall, answers and checkpoints."""
    draw = random.Random(seed)
    events: list[Event] = []
    for step in range(upto + 1):
        loss = floor + 0.75 * math.exp(-step / 110)
        if step:
            rate = 2e-4 * min(1.0, step / 30) * (0.55 + 0.45 * math.cos(math.pi * step / steps))
            events.append(Step(step=step, steps=steps, loss=loss + draw.gauss(0.02, 0.025), learning_rate=rate,
                               tokens=1500 * step, tokens_per_s=1870 + draw.gauss(0, 60), peak_bytes=int(6.8 * 2**30)))  # fmt: skip
        if step % EVERY == 0:
            events.append(Validation(step=step, loss=loss))
            for prompt in PROMPTS:
                thinking = "Let n be the count. From 3n + 4 = 31 we get 3n = 27, and so n = 9." if step else ""
                answer = "n = 9" if step else "The answer is probably 12 because there are twelve of them in a dozen."
                events.append(Sample(step=step, prompt=prompt, thinking=thinking, answer=answer))
            if step:
                events.append(Checkpoint(step=step, path=f"/runs/step-{step}", best=True))
    return events


def run(name: str, day: int, upto: int, seed: int = 0, floor: float = 0.5, **card: Any) -> None:
    """A run on the disk with its checkpoints."""
    given = {"adapter": TRACES, "base": BASE, "config": FULL, "examples": 381, "valid_examples": 19, "traces": TRACES}
    adapter = str({**given, **card}.pop("adapter"))
    rest = {key: value for key, value in {**given, **card}.items() if key != "adapter"}
    events = told(upto, seed, floor) if upto >= 0 else None
    folder = made_runs.make(name, f"2025-11-{day:02}T10:00:00+00:00", events, adapter, machine=MAC, **rest)
    for step in range(EVERY, upto + 1, EVERY):
        loss = next(e.loss for e in events or () if isinstance(e, Validation) and e.step == step)
        made_runs.save(folder, step, loss, best=step == upto // EVERY * EVERY)


def publish(name: str, run_name: str) -> None:
    """Put a run's adapter into the library."""
    folder = paths.adapters_folder() / name
    folder.mkdir()
    (folder / "run_card.json").write_bytes((paths.home() / "runs" / run_name / "run_card.json").read_bytes())
