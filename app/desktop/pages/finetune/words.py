"""Runs, settings and traces in words."""

from collections.abc import Sequence

from app.desktop.services.run_curves import RunCurves
from app.desktop.services.run_entries import RunEntry
from models import quantities, stages
from models.events import Model, Prepared, Sample
from models.finetune.runs import Run
from models.finetune_config import FinetuneConfig
from models.jobs.kinds.finetune import Finetune
from models.machine.hardware import Machine
from models.trace_report import REASON_WORDS, Added, Reason, TraceSet

LEARNED = {
    "last": "thinking and answer, not the prompt",
    "every": "thinking and answer of every reply, not the prompts",
}
METHODS = {"lora": "LoRA", "dora": "DoRA", "full": "Full"}


def method(config: FinetuneConfig, quantized: bool) -> str:
    """The method as papers name it: 'QLoRA, rank 16, all linear layers'."""
    blocks = "all linear layers" if config.layers < 0 else f"linear layers of the last {config.layers} blocks"
    if config.method == "full":
        return "full, all weights" if config.layers < 0 else f"full, the last {config.layers} blocks"
    return f"{'Q' if quantized else ''}{METHODS[config.method]}, rank {config.rank}, {blocks}"


def rate(value: float) -> str:
    """A learning rate: 2e-4, 1.5e-3."""
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def recipe(config: FinetuneConfig, quantized: bool) -> list[tuple[str, str]]:
    """The rows of the recipe but for memory."""
    return [
        ("Method", method(config, quantized)),
        ("Learns from", LEARNED[config.replies]),
        (
            "Batch",
            f"{config.batch_rows} × up to {config.max_tokens:,} tokens, {'packed' if config.packing else 'padded'}",
        ),
        ("Learning rate", f"{rate(config.peak_rate)}, cosine, {100 * config.warmup:g} % warm-up"),
        ("Passes", f"{config.steps:,} steps" if config.steps else f"{config.epochs:g}"),
    ]


def memory(peak_bytes: int, machine: Machine) -> str:
    """Measured memory against that of the machine."""
    if not peak_bytes:
        return "not measured yet"
    return f"{quantities.memory(peak_bytes).removesuffix(' GB')} of {quantities.memory(machine.memory_bytes)}"


def progress(entry: RunEntry, record: RunCurves) -> str:
    """How far it is, how quick, how long is left."""
    parts = [f"step {record.step:,} of {record.steps:,}"] if record.steps else []
    stage = entry.job.stage if entry.job else ""
    if entry.state == "running":
        speed = record.training.last(2)
        if stage in ("validate", "sample"):
            parts.append("validating" if stage == "validate" else "answering held-out prompts")
        elif speed is not None:
            parts.append(f"{tokens_a_second(speed)} tok/s")
        if record.seconds_left is not None:
            parts.append(f"{quantities.seconds(round(record.seconds_left))} left")
    elif entry.job is not None and entry.job.stopping:
        parts.append(Finetune.stopping)
    elif entry.state in ("paused", "stopped", "failed"):
        parts.append(entry.state)
    return " · ".join(parts)


def tokens_a_second(speed: float) -> str:
    """A rate without digits that only flicker."""
    return f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}"


def number(value: float | None) -> str:
    """A loss."""
    return "—" if value is None else f"{value:.3f}"


def preparing(entry: RunEntry, record: RunCurves) -> str:
    """What a run does before its first step."""
    job = entry.job
    if job is None or job.state == "waiting":
        return "Waits until the job before it is done"
    if record.prepared is not None:
        return "Starting"
    unsaid = "Checking that the longest batch fits" if job.stage else "Preparing"
    return stages.of(job.stage).base or unsaid


def sampled(sample: Sample) -> str:
    """How long it thought, in words, for tokens were not counted."""
    words = len(sample.thinking.split())
    return f"thought {words:,} word{'' if words == 1 else 's'}" if words else "without thinking"


def split(total: int, train: int, held_out: int) -> str:
    """How a set is divided."""
    return f"{total:,} traces · {train:,} train / {held_out:,} held out, none in both"


def left_out_of_set(found: TraceSet, report: Added | None) -> str:
    """What the set's files had that is not in it, with the line where it was one row."""
    counts: dict[Reason, int] = {}
    for file in found.files:
        for reason, count in file.left_out.items():
            counts[reason] = counts.get(reason, 0) + count
    if not counts:
        return ""
    parts = []
    for reason, count in sorted(counts.items(), key=lambda item: -item[1]):
        lines = [row.line for row in report.left_out if row.reason == reason] if report else []
        where = f" (line {lines[0]:,})" if count == 1 and len(lines) == 1 else ""
        parts.append(f"{count:,} {REASON_WORDS[reason].short(count)}{where}")
    total = sum(counts.values())
    return f"{total:,} row{'' if total == 1 else 's'} left out at import: {', '.join(parts)}"


def is_quantized(base: str, models: Sequence[Model]) -> bool:
    """Whether a base's weights are quantized on the disk."""
    return any(model.name == base and 0 < model.bits < 12 for model in models)


def left_out_of_run(prepared: Prepared, run: Run) -> str:
    """The rows that a run leaves out, and why."""
    counts = (
        (prepared.too_long, f"longer than {run.config.max_tokens:,} tokens"),
        (prepared.empty, "without a problem or an answer"),
        (prepared.malformed, "with a template’s own tokens inside"),
        (prepared.refused, "that the model’s template refuses"),
    )
    total = sum(count for count, _ in counts)
    why = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    return f"{total:,} row{'' if total == 1 else 's'} left out: {why}" if total else ""


def axis(value: float) -> str:
    """A loss beside its axis and under the pointer, without digits that say nothing."""
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3f}"
