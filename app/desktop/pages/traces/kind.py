"""The Traces page as the window knows it before it is shown: title, icon, commands."""

from typing import TYPE_CHECKING

from app.desktop.pages.contract import PageCommand, PageKind

if TYPE_CHECKING:
    from app.desktop.pages.traces.page import TracesPage


def _load() -> "type[TracesPage]":
    from app.desktop.pages.traces.page import TracesPage

    return TracesPage


PAGE: "PageKind[TracesPage]" = PageKind(
    title="Traces",
    icon="lines",
    load=_load,
    commands=(PageCommand("File", "Import Traces…", lambda page: page.choose_files(), group=1),),
)
