"""Models and findings as text for people, on stdout. Names and sentences come from outside and are never markup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.terminal import visible
from models import events, quantities

if TYPE_CHECKING:
    from models.doctor import Finding

STYLES = {"ok": "green", "warn": "yellow", "bad": "bold red"}
# Wide enough for any row: text that goes to a file is not folded.
ENDLESS = 10_000


def show_models(models: list[events.Model]) -> None:
    """A table of models; what is wrong with a broken one stands below it."""
    console = _page()
    if not models:
        console.print("No models yet. stillroom import PATH takes one in.")
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
        "Architecture": f"{model.architecture}, {model.family} family",
        "Parameters": f"{model.params:,}",
        "Bits a weight": f"{model.bits:.2f}",
        "Size": quantities.size(model.size_bytes),
        "Context": f"{model.context_limit:,} tokens",
        "Source": model.source,
        "Licence": model.licence or "not stated",
        "Since": model.created,
        "Folder": model.path,
    }
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value:
            table.add_row(name, Text(visible(value)))
    _page().print(table)


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
        visible(model.source),
    ]


def _page() -> Console:
    console = Console(markup=False, highlight=False, emoji=False)
    return console if console.is_terminal else Console(markup=False, highlight=False, emoji=False, width=ENDLESS)
