"""A tiny model and a few sums to learn, for the tests of training."""

from pathlib import Path

from models.events import Event, Finetuned, Sample, Step, Validation
from models.finetune.examples import Example
from models.finetune.finetune import finetune
from models.finetune_config import FinetuneConfig
from models.generate.load import LoadedModel
from models.paths import runs_folder
from tests.models.scripted import tiny_loaded
from tests.tiny import make_tiny

SUMS = [Example(f"{n}+1?", f"{n} and 1.\n" * (1 + n % 4), str(n + 1)) for n in range(30)]
TRAIN, VALID = SUMS[:24], SUMS[24:]
QUICK = FinetuneConfig(
    rank=4,
    learning_rate=1e-2,
    steps=6,
    batch_rows=4,
    micro_tokens=128,
    validate_every=2,
    checkpoint_every=3,
    samples=1,
    sample_budget=4,
    sample_tokens=8,
)


def base(folder: Path) -> Path:
    """The tiny model's folder."""
    return make_tiny(folder / "base", thinking="tokens")


def loaded(folder: Path) -> LoadedModel:
    """The tiny model in memory."""
    return tiny_loaded(folder / "base", "tokens")


def start(folder: Path, config: FinetuneConfig = QUICK, run: str = "run", adapter: str = ""):
    """A run over the sums that has not begun."""
    return finetune(base(folder), "Tiny", TRAIN, VALID, config, runs_folder() / run, adapter)


def told(events: list[Event | Finetuned]) -> list[tuple[object, ...]]:
    """What of a run's events has to be the same in another run: all but times and memory."""
    facts: list[tuple[object, ...]] = []
    for event in events:
        if isinstance(event, Step):
            facts.append(("step", event.step, event.loss, event.learning_rate, event.tokens))
        elif isinstance(event, Validation):
            facts.append(("validation", event.step, event.loss))
        elif isinstance(event, Sample):
            facts.append(("sample", event.step, event.thinking, event.answer))
    return facts
