"""The Chat page as the window knows it before it is shown: title, icon, commands."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from app.desktop.pages.contract import PageCommand, PageKind
from models import budgets

if TYPE_CHECKING:
    from app.desktop.pages.chat.page import ChatPage

    Do = Callable[[ChatPage], object]
    Ask = Callable[[ChatPage], bool]


def _load() -> "type[ChatPage]":
    from app.desktop.pages.chat.page import ChatPage

    return ChatPage


def _command(
    menu: str, name: str, do: "Do", keys: str = "", available: "Ask | None" = None, group: int = 0
) -> "PageCommand[ChatPage]":
    """A command that works on the chat from whatever page is in front."""
    return PageCommand(menu, name, do, keys, available, group, in_front=False)


def _is_answering(page: "ChatPage") -> bool:
    return page.shown.under_way is not None


def _is_thinking(page: "ChatPage") -> bool:
    return page.shown.under_way is not None and page.shown.under_way.phase != "answering"


def _has_answered(page: "ChatPage") -> bool:
    return page.shown.under_way is None and page.shown.last_reply() is not None


def _regenerate(budget: int | None, page: "ChatPage") -> None:
    page.regenerate_last(budget)


PAGE: "PageKind[ChatPage]" = PageKind(
    title="Chat",
    icon="chat",
    load=_load,
    commands=(
        _command("File", "Add File to Message…", lambda page: page.composer.choose_files(), "Ctrl+O"),
        _command("File", "Make Traces of Good Replies", lambda page: page.collect_rated("good-replies", 1), group=1),
        _command("File", "Make Traces of Bad Replies", lambda page: page.collect_rated("bad-replies", -1), group=1),
        _command("Model", "Choose Model…", lambda page: page.toolbar.picker.click(), "Ctrl+Shift+M"),
        _command("Model", "Stop", lambda page: page.shown.stop(), "Ctrl+.", _is_answering, 1),
        _command("Model", "Answer Now", lambda page: page.shown.steer("answer_now"), "Ctrl+Return", _is_thinking, 1),
        _command(
            "Model", "Think Longer", lambda page: page.shown.steer("think_longer"), "Ctrl+Shift+Return", _is_thinking, 1
        ),
        _command("Model", "Regenerate", lambda page: page.shown.regenerate_last(), "Ctrl+R", _has_answered, 2),
        *(
            _command(
                "Model",
                f"Regenerate Thinking: {preset.title}",
                partial(_regenerate, preset.tokens),
                "",
                _has_answered,
                2,
            )
            for preset in budgets.PRESETS
        ),
        _command("Model", "Older Version", lambda page: page.shown.step_last_version(-1), "Ctrl+[", _has_answered, 3),
        _command("Model", "Newer Version", lambda page: page.shown.step_last_version(1), "Ctrl+]", _has_answered, 3),
        _command("Model", "Use This Budget for New Chats", lambda page: page.shown.make_default_budget(), group=4),
    ),
)
