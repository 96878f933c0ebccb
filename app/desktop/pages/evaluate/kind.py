"""The Evaluate page as the window knows it before it is shown: title, icon, commands."""

from typing import TYPE_CHECKING

from app.desktop.pages.contract import PageCommand, PageKind

if TYPE_CHECKING:
    from app.desktop.pages.evaluate.page import EvaluatePage


def _load() -> "type[EvaluatePage]":
    from app.desktop.pages.evaluate.page import EvaluatePage

    return EvaluatePage


PAGE: "PageKind[EvaluatePage]" = PageKind(
    title="Evaluate",
    icon="bars",
    load=_load,
    commands=(
        PageCommand("Model", "New Evaluation", lambda page: page.new_evaluation(), group=7),
        PageCommand("Model", "Which Is Best…", lambda page: page.find_best(), group=7),
        PageCommand(
            "Model", "Pause Evaluation", lambda page: page.pause(), "", lambda page: page.shown.can_pause, group=7
        ),
        PageCommand(
            "Model", "Resume Evaluation", lambda page: page.resume(), "", lambda page: page.shown.can_resume, group=7
        ),
    ),
)
