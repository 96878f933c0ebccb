"""The Models page as the window knows it before it is shown: title, icon, commands."""

from typing import TYPE_CHECKING

from app.desktop.pages.contract import PageCommand, PageKind

if TYPE_CHECKING:
    from app.desktop.pages.models.page import ModelsPage


def _load() -> "type[ModelsPage]":
    from app.desktop.pages.models.page import ModelsPage

    return ModelsPage


PAGE: "PageKind[ModelsPage]" = PageKind(
    title="Models",
    icon="model",
    load=_load,
    commands=(
        PageCommand("Model", "Get a Model…", lambda page: page.start_search(), "Ctrl+Shift+G", group=5),
        PageCommand("Model", "Import GGUF File…", lambda page: page.import_file(), group=5),
        PageCommand("Model", "Import Model Folder…", lambda page: page.import_folder(), group=5),
        PageCommand(
            "Model", "Delete Model", lambda page: page.delete_chosen(), "", lambda page: page.can_delete(), group=5
        ),
    ),
    makes="model",
)
