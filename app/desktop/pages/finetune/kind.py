"""The Fine-tune page as the window knows it before it is shown: title, icon, commands."""

from typing import TYPE_CHECKING

from app.desktop.pages.contract import PageCommand, PageKind

if TYPE_CHECKING:
    from app.desktop.pages.finetune.page import FinetunePage


def _load() -> "type[FinetunePage]":
    from app.desktop.pages.finetune.page import FinetunePage

    return FinetunePage


PAGE: "PageKind[FinetunePage]" = PageKind(
    title="Fine-tune",
    icon="curve",
    load=_load,
    commands=(
        PageCommand("Model", "New Fine-Tuning", lambda page: page.new_run(), group=6),
        PageCommand(
            "Model", "Pause Fine-Tuning", lambda page: page.pause(), "", lambda page: page.run.can_pause, group=6
        ),
        PageCommand(
            "Model", "Resume Fine-Tuning", lambda page: page.resume(), "", lambda page: page.run.can_resume, group=6
        ),
        PageCommand(
            "Model",
            "Stop Fine-Tuning and Keep",
            lambda page: page.stop_and_keep(),
            "",
            lambda page: page.run.can_stop,
            group=6,
        ),
    ),
    makes="adapter",
)
