"""Models and findings as text for people, on stdout. Names and sentences come from outside and are never markup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.terminal import visible
from models import budgets, events, quantities

if TYPE_CHECKING:
    from models.doctor import Finding
    from models.evaluate.evaluations import Evaluation
    from models.evaluate.problems import Task
    from models.evaluate.records import Evaluated, Race
    from models.evaluate.tasks import Listed
    from models.finetune.runs import Run, Saved
    from models.library.catalog import Offer
    from models.trace_report import Added, Histogram, TraceSet

STYLES = {"ok": "green", "warn": "yellow", "bad": "bold red"}
# Wide enough for any row: text that goes to a file is not folded.
ENDLESS = 10_000
FLIPPED = 20  # problems that are listed


def show_models(models: list[events.Model]) -> None:
    """A table of models; what is wrong with a broken one stands below it."""
    console = _page()
    if not models:
        console.print("No models yet. `stillroom import PATH` takes one in.")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("Name", overflow="fold")
    for title in ("Parameters", "Bits", "Size", "Context"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("Source", overflow="fold")
    for model in models:
        style = "dim" if model.state == "broken" else ""
        table.add_row(*(Text(cell) for cell in _cells(model)), style=style)
    console.print(table)
    for model in models:
        if model.state == "broken":
            console.print(Text(f"{visible(model.name)}: {visible(model.problem)}", style="yellow"), soft_wrap=True)


def show_model(model: events.Model) -> None:
    """All that is known of one model, a line each."""
    rows = {
        "Name": model.name,
        "Title": model.title,
        "State": model.state if model.state == "ready" else f"broken: {model.problem}",
        "Architecture": f"{model.architecture}, {model.family} family" if model.architecture else "",
        "Parameters": f"{model.params:,}" if model.params else "",
        "Bits a weight": f"{model.bits:.2f}" if model.bits else "",
        "Size": quantities.size(model.size_bytes),
        "Context": f"{model.context_limit:,} tokens" if model.context_limit else "",
        "Recipe": model.recipe,
        "Requantized": model.requantized_words,
        "Repository": f"{model.repo} at {model.revision[:12]}" if model.revision else model.repo,
        "Base": model.base,
        "Quant card": " ".join(model.card.sentences()) if model.card else "",
        "Source": model.source,
        "Licence": model.licence or "not stated",
        "Since": model.created,
        "Last used": model.last_used,
        "Folder": model.path,
    }
    _print_rows(rows)


def show_found(offers: list[Offer], found: list[events.HubModel]) -> None:
    """What a search gave: the catalog's models with what they need here, then the Hub's."""
    console = _page()
    if not offers and not found:
        console.print("Nothing was found.")
    if offers:
        table = _table("Catalog", "Parameters", "Licence", "On this machine")
        for offer in offers:
            entry = offer.entry
            table.add_row(*map(Text, (entry.title, quantities.count(entry.params), entry.licence, offer.sentence)))
        console.print(table)
    if found:
        table = _table("Hugging Face", "Parameters", "Licence", "Downloads")
        for model in found:
            terms = f"{model.licence}{', terms to accept' if model.gated else ''}"
            params = quantities.count(model.params) if model.params else ""
            table.add_row(*(Text(visible(cell)) for cell in (model.repo, params, terms, f"{model.downloads:,}")))
        console.print(table)


def show_trace_sets(sets: list[TraceSet]) -> None:
    """A table of the sets of traces."""
    console = _page()
    if not sets:
        console.print("No traces yet. `stillroom traces add NAME FILE` takes some in.")
        return
    table = _table("Name", "Traces", "Problems", "Verified", "Size", "Changed")
    for one in sets:
        counts = (f"{one.traces:,}", f"{one.problems:,}", f"{one.verified:,}")
        table.add_row(*map(Text, (one.name, *counts, quantities.size(one.size_bytes), one.changed)))
    console.print(table)
    for one in sets:
        if one.problem:
            console.print(Text(f"{one.name}: {visible(one.problem)}", style="yellow"), soft_wrap=True)


def show_trace_set(found: TraceSet, report: Added | None, lengths: Histogram) -> None:
    """All that is known of one set, a line each."""
    about = "about " if lengths.estimated else ""
    rows = {
        "Name": found.name,
        "Traces": f"{found.traces:,} of {found.problems:,} problems, {found.thinking:,} with thinking",
        "Answers": f"{found.verified:,} right, {found.wrong:,} wrong, {found.unchecked:,} not checked",
        "Left out by hand": f"{found.excluded:,}" if found.excluded else "",
        "Tokens": f"median {about}{lengths.median:,}, longest {lengths.longest:,}, {lengths.total:,} in all",
        "Teachers": ", ".join(f"{name} ({count:,})" for name, count in found.teachers.items()),
        "Files": ", ".join(file.name for file in found.files),
        "Left out at the last import": "; ".join(report.reasons()) if report else "",
        "Changed": found.changed,
    }
    _print_rows(rows)


def show_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Print findings as they come, and give them."""
    console = _page()
    found = []
    for finding in findings:
        found.append(finding)
        line = Text.assemble(
            (f"{finding.state:<5}", STYLES[finding.state]), f"{finding.name:<15}", visible(finding.text)
        )
        console.print(line, soft_wrap=True)
        if finding.hint:
            console.print(Text(f"{'':<20}{visible(finding.hint)}", style="dim"), soft_wrap=True)
    return found


def _cells(model: events.Model) -> list[str]:
    return [
        visible(model.name),
        quantities.count(model.params) if model.params else "",
        f"{model.bits:.1f}" if model.bits else "",
        quantities.size(model.size_bytes),
        f"{model.context_limit:,}" if model.context_limit else "",
        visible(f"{model.source} ({model.requantized_words})" if model.requantized else model.source),
    ]


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, overflow="fold")
    for title in others:
        table.add_column(title, overflow="fold")
    return table


def _print_rows(rows: dict[str, str]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value:
            table.add_row(name, Text(visible(value)))
    _page().print(table)


def _page() -> Console:
    console = Console(markup=False, highlight=False, emoji=False)
    return console if console.is_terminal else Console(markup=False, highlight=False, emoji=False, width=ENDLESS)


def show_tasks(tasks: list[Listed]) -> None:
    """The tasks that are built in, and the ladders."""
    console = _page()
    table = Table(box=None, pad_edge=False)
    for title in ("Task", "What it is", "Licence"):
        table.add_column(title, overflow="fold")
    for task in tasks:
        name = f"{task.name}:{task.levels[0]} … {task.levels[-1]}" if task.levels else task.name
        table.add_row(name, Text(f"{task.title}. {task.about}"), Text(task.licence))
    console.print(table)
    console.print("A file of problems is a task too, and so is traces:NAME, the gold answers of a set of traces.")


def show_runs(found: list[Run]) -> None:
    """A table of the fine-tuning runs on this disk."""
    console = _page()
    if not found:
        console.print("No runs yet. `stillroom finetune MODEL --traces NAME --name ADAPTER` begins one.")
        return
    table = _table("Run", "Model", "Traces", "Adapter", "State")
    for run in found:
        table.add_row(*(Text(visible(cell)) for cell in (run.id, run.base, run.traces, run.adapter, _came_to(run))))
    console.print(table)


def show_run(run: Run, saved: list[Saved]) -> None:
    """What a run began with, how far it came, and its checkpoints."""
    rows = {
        "Run": run.id,
        "Began": run.created,
        "State": _came_to(run),
        "Model": run.base,
        "Traces": run.traces,
        "Rows": f"{run.examples:,} to learn from, {run.valid_examples:,} held out",
        "Adapter": run.adapter and f"{run.adapter}{'' if run.published else ', not made yet'}",
        "Checkpoints": ", ".join(f"step {one.step:,}{' (best)' if one.best else ''}" for one in saved),
        "Folder": run.folder,
    }
    _print_rows(rows)


def _came_to(run: Run) -> str:
    return run.state if run.state == "done" or not run.steps else f"step {run.step:,} of {run.steps:,}"


def show_evaluations(found: list[Evaluation]) -> None:
    """A table of the evaluations on this disk."""
    console = _page()
    if not found:
        console.print("No evaluations yet. `stillroom evaluate MODEL --task TASK` makes one.")
        return
    table = _table("Evaluation", "Who", "Task", "Problems", "State")
    for one in found:
        who = " against ".join(contender.title for contender in one.card.contenders)
        task = one.card.task
        state = one.state if one.state == "done" else f"{one.done:,} of {one.total:,} replies"
        cells = (one.id, who, task.title or task.name, f"{task.problems:,}", state)
        table.add_row(*(Text(visible(cell)) for cell in cells))
    console.print(table)


def show_evaluation(found: Evaluation, record: Evaluated) -> None:
    """What an evaluation began with and what it came to."""
    card = found.card
    rows = {
        "Evaluation": card.id,
        "Began": card.created,
        "State": found.state if found.state == "done" else f"{found.done:,} of {found.total:,} replies are there",
        "Task": f"{card.task.title or card.task.name}, {quantities.counted(card.task.problems, 'problem')}",
        "Who": " against ".join(contender.title for contender in card.contenders),
        "Thinking": ", ".join(budgets.describe(think) for think in card.think),
        "Samples": f"{card.samples:,}" if card.samples > 1 else "",
        "Seed": str(card.seed),
    }
    _print_rows(rows)
    console = _page()
    if record.race:
        console.print(_standings(record.race))
    for sentence in record.sentences():
        console.print(Text(visible(sentence)), soft_wrap=True)
    for pair in record.comparisons[-1:]:
        for who, ids in (("first", pair.flipped), ("second", pair.lost)):
            if ids:
                shown = ", ".join(ids[:FLIPPED]) + (" …" if len(ids) > FLIPPED else "")
                console.print(Text(f"Only the {who} got right: {visible(shown)}"), soft_wrap=True)


def _standings(race: Race) -> Table:
    table = _table("Candidate", "Right", "Between", "Problems", "A problem", "Memory", "To the best")
    for one in race.standings:
        low, high = one.interval
        behind = "" if one.difference is None else f"{100 * one.difference:+.1f} points"
        cells = (
            one.title,
            f"{one.accuracy:.1%}",
            f"{low:.1%} and {high:.1%}",
            f"{one.n:,}{', stopped' if one.dropped else ''}",
            quantities.seconds(one.seconds) if one.seconds else "",
            quantities.memory(one.peak_bytes) if one.peak_bytes else "",
            behind,
        )
        table.add_row(*(Text(visible(cell)) for cell in cells))
    return table


def show_task(task: Task) -> None:
    """A task with its first problems, and what its file left out."""
    from models.evaluate import scores
    from models.evaluate.tasks import SHOWN, is_ladder

    console, ladder = _page(), is_ladder(task.name)
    rows = {
        "Task": task.title,
        "About": task.about,
        "Problems": "" if ladder else f"{len(task.problems):,}, judged as {', '.join(task.kinds)}",
        "Licence": task.licence,
        "Source": task.source,
        "Revision": task.revision[:12],
    }
    for title, value in rows.items():
        if value:
            console.print(Text(f"{title}: {visible(value)}"), soft_wrap=True)
    if not ladder:
        console.print(Text(scores.what_can_be_shown(len(task.problems))), soft_wrap=True)
    for problem in task.problems[:SHOWN]:
        console.print(Text(f"\n{visible(problem.question)}"), soft_wrap=True)
        console.print(
            Text(f"→ {visible(problem.gold_text)} {visible(problem.unit)}".rstrip(), style="green"), soft_wrap=True
        )
    if task.tests:
        console.print(Text("\nTests that run on this computer:", style="yellow"))
        for test in task.tests:
            console.print(Text(visible(test)), soft_wrap=True)
    for row in task.left_out:
        console.print(Text(f"Row {row.line} is left out: {visible(row.text)}", style="yellow"), soft_wrap=True)
