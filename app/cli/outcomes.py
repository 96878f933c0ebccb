"""What long work ended with, and what happened on its way, in sentences for a terminal."""

from models import events, quantities
from models.trace_report import Added, Exported, TraceSet

Training = events.Prepared | events.Step | events.Validation | events.Sample | events.Checkpoint

# Why a row of traces was left out, as one says it of several.
REASONS = {
    "broken": "in no known shape",
    "encoding": "no readable text",
    "no_problem": "without a problem",
    "no_answer": "without an answer",
    "not_closed": "whose thinking never ends",
    "control_tokens": "with a template's own tokens in the text",
    "too_long": "too long",
    "language": "in another script than the problem's",
    "overlap": "that are in an evaluation set",
    "duplicate": "there already",
}
LINES_SHOWN = 5


def sentences(record: events.Result) -> list[str]:
    """How a command ended, a line each; a reply says that itself."""
    match record:
        case events.Model(kind="original"):
            return [f"{record.name} is on this disk: {_weights(record)}."]
        case events.Model():
            card = [] if record.card is None else card_sentences(record.card)
            return [f"{record.name} is in the library: {_weights(record)}.", *card]
        case events.QuantCard():
            return card_sentences(record)
        case events.Removed():
            return [f"{record.name} is deleted: {quantities.size(record.freed_bytes)} are free again."]
        case Added():
            return _added(record)
        case TraceSet():
            return [f"{record.name}: {record.traces:,} traces of {record.problems:,} problems."]
        case Exported():
            return [f"{record.traces:,} traces are in {record.path}: {quantities.size(record.size_bytes)}."]
        case events.Finetuned():
            return _finetuned(record)
        case events.Fused():
            return [f"{record.path} is written: {quantities.size(record.size_bytes)}."]
    return []


def card_sentences(card: events.QuantCard) -> list[str]:
    """A quant card in one line, and its warning in another."""
    told = [f"{card.bits:.2f} bits a weight", quantities.size(card.size_bytes)]
    if card.kl is not None and card.same_top is not None:
        told += [f"KL {card.kl:.3f} to the original", f"same next word {card.same_top:.1%}"]
    told += [f"perplexity {card.perplexity:.2f}", f"{card.tokens_per_s:.1f} tokens/s"]
    return [" · ".join(told), *([card.warning] if card.warning else [])]


def milestone(event: Training) -> str:
    """What happened in a run besides its steps."""
    match event:
        case events.Prepared():
            return (
                f"{event.rows:,} traces to learn from, {event.valid_rows:,} held out · {event.steps:,} steps · "
                f"needs {quantities.size(event.peak_bytes)} of {quantities.size(event.ceiling_bytes)}"
            )
        case events.Validation():
            return f"held-out loss {event.loss:.3f} at step {event.step:,}"
        case events.Checkpoint():
            return f"checkpoint at step {event.step:,}{', the best so far' if event.best else ''}"
        case events.Sample():
            return f"step {event.step:,}: {_short(event.prompt)} → {_short(event.answer)}"
    return ""


def left_out(report: Added) -> list[str]:
    """Why rows were left out: a line a reason, with the first lines of the file."""
    told = []
    for reason, count in report.counts.items():
        lines = [entry.line for entry in report.left_out if entry.reason == reason][:LINES_SHOWN]
        where = f" (line {', '.join(map(str, lines))}{' …' if count > len(lines) else ''})" if lines else ""
        told.append(f"{count:,} {REASONS.get(reason, reason)}{where}")
    return told


def _added(report: Added) -> list[str]:
    kept = f"{report.name}: {report.kept:,} of {report.rows:,} traces kept, {report.total:,} in all."
    found = [f"Recognised as {report.shape}."] if report.shape else []
    return [*found, kept, *(f"Left out: {line}." for line in left_out(report)), *report.notes]


def _finetuned(record: events.Finetuned) -> list[str]:
    held = "" if record.validation_loss is None else f", {record.validation_loss:.3f} on what was held out"
    took = quantities.seconds(record.seconds)
    return [
        f"{record.adapter or record.path} is trained on {record.base}: loss {record.loss:.3f}{held}, "
        f"{record.steps:,} steps in {took}, the best at step {record.best_step:,}.",
        f"stillroom chat {record.base} --adapter {record.adapter} tries it.",
    ]


def _weights(model: events.Model) -> str:
    return f"{quantities.count(model.params)} weights, {quantities.size(model.size_bytes)}"


def _short(text: str, most: int = 80) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
