"""A first proof that fine-tuning works: the starter learns to add by thinking, and by answering at once as the control.

    python -m tests.benchmarks.sums [--steps 150] [--evaluated 100] [--only thinking|direct|before]
    python -m tests.benchmarks.sums --write FOLDER    only writes the traces, for `stillroom traces add`
    python -m tests.benchmarks.sums --adapter NAME    only asks an adapter that `stillroom finetune` made of them

1,200 problems such as "What is 13 + 7 + 20 + 6 + 8?" (3 to 6 numbers of 1 to 30, by seed), the thinking their running
totals line by line; 100 other problems are held out. Rank 16 on all linear layers, learning rate 1e-3, batches of 8.
Every held-out answer is drawn greedily from the prompt that chat would give; right is the sum in the answer, after a
thinking that the model closed itself.
"""

import argparse
import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from mlx_lm import batch_generate

from models.events import Checkpoint, Prepared, Step, Validation
from models.finetune.dataset import prompt_for
from models.finetune.examples import Example
from models.finetune.finetune import finetune
from models.finetune_config import FinetuneConfig
from models.generate.load import LoadedModel, load
from models.library import installed, starter
from models.machine import blas
from tests.returned import result_of, run

TRACES, WATCHED, HELD_OUT = 1200, 16, 100
REPLY_TOKENS = 160  # six numbers take about 70
AT_ONCE = 25  # replies drawn side by side


def problems(count: int, seed: int = 0) -> list[Example]:
    """So many problems, no two alike, with their thinking and answer."""
    draw = random.Random(seed)
    made: dict[str, Example] = {}
    while len(made) < count:
        numbers = [draw.randint(1, 30) for _ in range(draw.randint(3, 6))]
        problem = f"What is {' + '.join(map(str, numbers))}?"
        made[problem] = Example(problem, running_totals(numbers), str(sum(numbers)))
    return list(made.values())


def running_totals(numbers: Sequence[int]) -> str:
    """The thinking: one addition a line."""
    total, lines = numbers[0], []
    for number in numbers[1:]:
        lines.append(f"{total} + {number} = {total + number}")
        total += number
    return "\n".join(lines)


def direct(example: Example) -> Example:
    """The same without its thinking."""
    return Example(example.problem, "", example.answer)


def config(steps: int) -> FinetuneConfig:
    """The settings of the proof."""
    return FinetuneConfig(
        rank=16,
        learning_rate=1e-3,
        steps=steps,
        batch_rows=8,
        validate_every=50,
        checkpoint_every=50,
        samples=0,
        gradient_checkpointing=False,
    )


def accuracy(loaded: LoadedModel, examples: Sequence[Example]) -> float:
    """Share of right answers, 0 to 1."""
    right = 0
    for first in range(0, len(examples), AT_ONCE):
        part = examples[first : first + AT_ONCE]
        prompts = [prompt_for(example, loaded).tokens for example in part]
        texts = batch_generate(loaded.model, loaded.tokenizer, prompts, max_tokens=REPLY_TOKENS).texts
        right += sum(is_right(text, example, loaded) for text, example in zip(texts, part, strict=True))
    return right / len(examples)


def is_right(text: str, example: Example, loaded: LoadedModel) -> bool:
    """Whether the last number of the answer is the sum; a thinking that never closes has no answer."""
    thinking, closed, answer = text.partition(loaded.style.family.close)
    said = re.findall(r"\d+", answer if example.thinking else thinking)
    return bool(said) and said[-1] == example.answer and (bool(closed) or not example.thinking)


def main() -> None:
    """Train and measure as the command line asks, and print both figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sums", description="Teach the starter to add.")
    parser.add_argument("--steps", type=int, default=150, help="optimizer steps of each run")
    parser.add_argument("--evaluated", type=int, default=HELD_OUT, help="held-out problems that are answered")
    parser.add_argument(
        "--only",
        choices=["before", "thinking", "direct"],
        help="one of the three instead of all; direct: --adapter answers at once",
    )
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the traces of both kinds there, and end")
    parser.add_argument("--adapter", metavar="NAME", help="ask this adapter of the library, and end")
    chosen = parser.parse_args()
    if chosen.write:
        write(chosen.write)
        return
    _with_quick_blas()
    if chosen.adapter:
        _ask(chosen.adapter, chosen.evaluated, at_once=chosen.only == "direct")
        return
    with tempfile.TemporaryDirectory(prefix="stillroom-sums-") as home:
        os.environ["STILLROOM_HOME"] = home
        for _ in installed.prepare(installed.STARTER):
            pass
        for name in [chosen.only] if chosen.only else ["before", "thinking", "direct"]:
            _round(name, chosen.steps, chosen.evaluated, Path(home))


def write(folder: Path) -> None:
    """Write thinking.jsonl and direct.jsonl, the traces that are learned from."""
    folder.mkdir(parents=True, exist_ok=True)
    learned = problems(TRACES + WATCHED + HELD_OUT)[:TRACES]
    for name, examples in {"thinking": learned, "direct": list(map(direct, learned))}.items():
        lines = (
            json.dumps({"problem": one.problem, "reasoning": one.thinking, "solution": one.answer}) for one in examples
        )
        (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines))


def _with_quick_blas() -> None:
    variables = blas.preload()
    if variables:  # the loader reads them at the start of a process alone
        os.execve(
            sys.executable, [sys.executable, "-m", "tests.benchmarks.sums", *sys.argv[1:]], {**os.environ, **variables}
        )


def _ask(adapter: str, evaluated: int, at_once: bool) -> None:
    held_out = problems(TRACES + WATCHED + HELD_OUT)[-HELD_OUT:][:evaluated]
    asked = list(map(direct, held_out)) if at_once else held_out
    share = accuracy(_loaded(str(installed.find_adapter(adapter))), asked)
    _tell(f"{adapter}, {'at once' if at_once else 'thinking first'}: {share:.0%} of {len(asked)} right")


def _round(name: str, steps: int, evaluated: int, home: Path) -> None:
    examples = problems(TRACES + WATCHED + HELD_OUT)
    held_out = examples[-HELD_OUT:][:evaluated]
    if name == "before":
        loaded = _loaded(None)
        _tell(f"before, thinking first: {accuracy(loaded, held_out):.0%}")
        _tell(f"before, at once: {accuracy(loaded, list(map(direct, held_out))):.0%}")
        return
    change = direct if name == "direct" else lambda example: example
    examples = list(map(change, examples))
    begun = time.perf_counter()
    adapter = _trained(name, examples[:TRACES], examples[TRACES : TRACES + WATCHED], steps, home)
    trained = time.perf_counter()
    share = accuracy(_loaded(adapter), list(map(change, held_out)))
    _tell(
        f"{name}: {share:.0%} of {len(held_out)} right after {steps} steps;"
        f" training {trained - begun:.0f} s, answering {time.perf_counter() - trained:.0f} s"
    )


def _trained(name: str, rows: list[Example], valid: list[Example], steps: int, home: Path) -> str:
    events, trained = run(
        finetune(starter.folder(), installed.STARTER, rows, valid, config(steps), home / "runs" / name, name)
    )
    for event in events:
        if isinstance(event, Prepared | Validation | Checkpoint):
            _tell(str(event))
        if isinstance(event, Step):
            _tell(f"step {event.step}/{event.steps}: loss {event.loss:.3f}, {event.tokens_per_s:.0f} tokens/s")
    _tell(str(trained))
    return trained.path


def _loaded(adapter: str | None) -> LoadedModel:
    return result_of(load(starter.TITLE, starter.folder(), adapter))


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
    blas.end_process()
