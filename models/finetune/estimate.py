"""What a fine-tuning run will take, before it starts: time and memory, and which traces it can learn from.

memory: fit.training_bytes for the longest micro-batch, with gradient checkpointing where the run would ask for it
(models/finetune/finetune.py). The dry step at the start of the run then measures it. time: trained tokens of all passes
over the rate of an earlier run on this machine with the same base and method; None without one: no rate is guessed.
Lengths of traces are estimated from their characters and corrected by a sample that the base's tokenizer counts;
without one they are as the teacher counted them. So they are said as "about".
"""

from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from models import recipes
from models.checkpoint.shapes import ModelShape
from models.finetune import examples, runs
from models.finetune.runs import Run
from models.finetune_config import FinetuneConfig
from models.library import fit
from models.machine.hardware import Machine
from models.traces.checks import Count, estimate_tokens
from models.traces.trace import Trace

LOGITS_BYTES = 64 << 20  # of the rows of logits that the loss holds at once (models/finetune/losses.py)
CHECKPOINT_BEYOND = 0.5  # share of the room above which blocks are computed again (models/finetune/finetune.py)
PROMPT_TOKENS = 24  # of a chat template around a problem
COUNTED_FIRST, COUNTED_EVERY = 32, 64  # traces that are counted in full


class Length(msgspec.Struct, frozen=True, order=True):
    """Tokens of a trace."""

    row: int  # all of it
    learned: int  # thinking and answer
    thinking: int


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """How long the traces of a set are, shortest first."""

    rows: list[Length] = []
    earlier: list[Length] = []  # of replies before the last, which are rows too where each is learned
    empty: int = 0  # without a problem or an answer, not among them
    counted: bool = False  # corrected by the base's tokenizer


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The size of a run."""

    rows: int  # traces to learn from
    held_out: int
    too_long: int  # left out
    empty: int  # left out: without a problem or an answer
    longest: int  # tokens of the longest row
    steps: int
    tokens: int  # trained ones over all passes


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a run takes at its peak, in bytes."""

    needed_bytes: int
    room_bytes: int
    checkpointing: bool  # activations of the blocks are recomputed in the backward pass
    state: fit.State


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Trained tokens a second as a run measured them."""

    tokens_per_s: float
    number: int  # of the run


def lengths(traces: Iterable[Trace], count: Count | None = None) -> Lengths:
    """Measure the traces of a set. count: tokens of a text as the base counts them, asked for some of the traces; all
    are then corrected by what was found, since digits and formulas take more tokens than their characters say."""
    rows, empty, counted, guessed = [], 0, 0, 0
    before: list[tuple[int, int, int]] = []
    for number, trace in enumerate(traces):
        if not (trace.problem.strip() and trace.answer.strip()):
            empty += 1
            continue
        thinking, answer = estimate_tokens(trace.thinking), estimate_tokens(trace.answer)
        prompt = sum(map(estimate_tokens, (trace.system, *(turn.content for turn in trace.turns), trace.problem)))
        for one in examples.earlier(trace):
            asked = estimate_tokens(one.system) + estimate_tokens(one.asked)
            before.append((asked, estimate_tokens(one.thinking), estimate_tokens(one.answer)))
        if count is not None and (number < COUNTED_FIRST or number % COUNTED_EVERY == 0):
            counted += count(trace.problem) + count(trace.thinking) + count(trace.answer)
            guessed += estimate_tokens(trace.problem) + thinking + answer
        if count is None and trace.tokens:
            thinking = round(trace.tokens * thinking / max(1, thinking + answer))
            answer = trace.tokens - thinking
        rows.append((prompt, thinking, answer))
    scale = counted / guessed if guessed else 1.0
    found, more = (sorted(_length(row, scale) for row in part) for part in (rows, before))
    return Lengths(rows=found, earlier=more, empty=empty, counted=bool(guessed))


def plan(found: Lengths, config: FinetuneConfig, held_out: float) -> Plan:
    """Plan a run over such traces."""
    every = sorted([*found.rows, *found.earlier]) if config.replies == "every" else found.rows
    fitting = [length for length in every if length.row <= config.max_tokens]
    valid = round(held_out * len(fitting))
    rows = len(fitting) - valid
    steps = config.total_steps(rows) if rows else 0
    mean = sum(length.learned for length in fitting) / len(fitting) if fitting else 0.0
    return Plan(
        rows=rows,
        held_out=valid,
        too_long=len(every) - len(fitting),
        empty=found.empty,
        longest=fitting[-1].row if fitting else 0,
        steps=steps,
        tokens=round(mean * steps * config.batch_rows),
    )


def memory(shape: ModelShape, recipe: str, config: FinetuneConfig, longest: int, machine: Machine) -> Memory:
    """What a run takes. recipe: of the base, as models/recipes.py reads it, empty for 16 bits; longest: tokens of the
    longest row that is learned from."""
    room, tokens = fit.room_bytes(machine), max(1, longest)
    fitting = config.micro_tokens / tokens if config.packing else config.micro_tokens // tokens

    def needs(checkpointing: bool) -> int:
        return fit.training_bytes(
            shape,
            recipes.parse(recipe) if recipe else None,
            method="full" if config.method == "full" else "lora",
            rank=config.rank,
            batch=max(1, min(fitting, config.batch_rows)),
            tokens=tokens,
            checkpointing=checkpointing,
            logits_at_once=max(1, LOGITS_BYTES // (4 * shape.vocab)),
            bytes_per_value=4 if fit.runs_in_float32(machine) else 2,
            layers=config.layers,
            accumulates=config.batch_rows * tokens > config.micro_tokens,
        )

    asked = config.gradient_checkpointing
    checkpointing = needs(False) > CHECKPOINT_BEYOND * room if asked is None else asked
    needed = needs(checkpointing)
    return Memory(needed_bytes=needed, room_bytes=room, checkpointing=checkpointing, state=fit.judge(needed, machine))


def speed(past: Sequence[Run], base: str, config: FinetuneConfig, machine: Machine, look_back: int = 5) -> Speed | None:
    """The rate of the newest run of this machine that trained the same base in the same way; None when there is none."""
    like = (run for run in reversed(past) if run.base == base and run.machine == machine and run.step)
    tried = islice((run for run in like if run.config.method == config.method), look_back)
    return next((Speed(tokens_per_s=rate, number=run.number) for run in tried if (rate := runs.speed(run))), None)


def _length(row: tuple[int, int, int], scale: float) -> Length:
    prompt, thinking, answer = (round(scale * part) for part in row)
    return Length(PROMPT_TOKENS + prompt + thinking + answer, thinking + answer, thinking)
