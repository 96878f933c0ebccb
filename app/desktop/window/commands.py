"""The table of all commands: what stands in which menu, under which key, and what it does."""

import dataclasses
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtGui import QAction, QKeySequence

from app.desktop.window.menus import Command
from models import budgets

if TYPE_CHECKING:
    from app.desktop.window.main_window import MainWindow

ON_MAC = sys.platform == "darwin"
# Qt's Ctrl is a Mac's Cmd and its Meta a Mac's Ctrl; elsewhere Meta is the system's own key.
SIDEBAR_KEYS = "Meta+Ctrl+S" if ON_MAC else "Ctrl+Alt+S"
# Elsewhere Ctrl+Backspace deletes a word in the composer.
DELETE_KEYS = "Ctrl+Backspace" if ON_MAC else "Ctrl+Shift+Backspace"
Standard = QKeySequence.StandardKey


def all_commands(window: "MainWindow") -> list[Command]:
    """All commands of a window, menu by menu."""
    tables = (_stillroom, _file, _edit, _view, _model, _window, _help)
    return [command for table in tables for command in table(window)]


def _stillroom(w: "MainWindow") -> list[Command]:
    role = QAction.MenuRole
    return [
        Command("Stillroom", "About Stillroom", w.show_about, role=role.AboutRole),
        Command("Stillroom", "Settings…", w.show_settings, "Ctrl+,", role=role.PreferencesRole, group=1),
        Command("Stillroom", "Quit Stillroom", w.quit, "Ctrl+Q", role=role.QuitRole, group=2),
    ]


def _file(w: "MainWindow") -> list[Command]:
    def shown() -> bool:
        return w.chat_page.shown.id is not None

    def collect(rating: Literal[1, -1]) -> None:
        w.chat_page.collect_rated("good-replies" if rating == 1 else "bad-replies", rating)

    def deleted() -> bool:
        return bool(w.chat_actions.recently_deleted())

    return [
        Command("File", "New Chat", w.new_chat, Standard.New),
        Command("File", "Add File to Message…", w.chat_page.composer.choose_files, "Ctrl+O"),
        Command("File", "Rename Chat", w.browser.rename_shown, "F2", shown, group=1),
        Command("File", "Duplicate Chat", _with_shown(w, w.chat_actions.duplicate), "Ctrl+D", shown, group=1),
        Command("File", "Export Chat…", _with_shown(w, w.chat_actions.export), "Ctrl+Shift+E", shown, group=1),
        Command("File", "Make Traces of Good Replies", lambda: collect(1), group=1),
        Command("File", "Make Traces of Bad Replies", lambda: collect(-1), group=1),
        Command("File", "Import Traces…", lambda: w.more_pages.on_traces(lambda page: page.choose_files()), group=1),
        Command("File", "Delete Chat", _with_shown(w, w.chat_actions.delete), DELETE_KEYS, shown, group=2),
        Command("File", "Recently Deleted…", w.show_deleted, available=deleted, group=2),
        Command("File", "Close Window", w.quit, Standard.Close, group=3),
    ]


def _edit(w: "MainWindow") -> list[Command]:
    def undo() -> None:
        if w.more_pages.can_undo():
            w.more_pages.undo()
        else:
            w.editing.undo()

    def can_undo() -> bool:
        return w.more_pages.can_undo() or w.editing.can_undo()

    return [
        Command("Edit", "Undo", undo, Standard.Undo, can_undo, jump=False),
        Command("Edit", "Redo", w.editing.redo, Standard.Redo, jump=False),
        Command("Edit", "Cut", w.editing.cut, Standard.Cut, group=1, jump=False),
        Command("Edit", "Copy", w.editing.copy, Standard.Copy, group=1, jump=False),
        Command("Edit", "Paste", w.editing.paste, Standard.Paste, group=1, jump=False),
        Command("Edit", "Select All", w.editing.select_all, Standard.SelectAll, group=1, jump=False),
        Command("Edit", "Find", w.find_here, Standard.Find, group=2),
    ]


def _view(w: "MainWindow") -> list[Command]:
    def theme_is(name: str) -> Callable[[], bool]:
        return lambda: w.services.preferences.current.theme == name

    return [
        *(
            Command("View", name, partial(w.show_page, name), keys, checked=partial(w.is_page, name))
            for name, keys in w.page_keys.items()
        ),
        Command("View", "Jump to…", w.show_jump, "Ctrl+K", group=1, jump=False),
        Command("View", "Previous Chat", lambda: w.browser.step(-1), "Ctrl+Alt+Up", group=2),
        Command("View", "Next Chat", lambda: w.browser.step(1), "Ctrl+Alt+Down", group=2),
        Command("View", "Show Sidebar", w.toggle_sidebar, SIDEBAR_KEYS, checked=w.sidebar_shown, group=3),
        Command("View", "As the System", lambda: w.choose_theme("system"), checked=theme_is("system"), group=4),
        Command("View", "Light", lambda: w.choose_theme("light"), checked=theme_is("light"), group=4),
        Command("View", "Dark", lambda: w.choose_theme("dark"), checked=theme_is("dark"), group=4),
    ]


def _model(w: "MainWindow") -> list[Command]:
    shown, pages = w.chat_page.shown, w.more_pages

    def under_way() -> bool:
        return shown.under_way is not None

    def thinks() -> bool:
        return shown.under_way is not None and shown.under_way.phase != "answering"

    def answered() -> bool:
        return shown.under_way is None and shown.last_reply() is not None

    def again(budget: int | None) -> Callable[[], None]:
        return lambda: shown.regenerate_last(dataclasses.replace(shown.choice, budget=budget))

    return [
        Command("Model", "Choose Model…", w.chat_page.toolbar.picker.click, "Ctrl+Shift+M"),
        Command("Model", "Stop", shown.stop, "Ctrl+.", under_way, group=1),
        Command("Model", "Answer Now", lambda: shown.steer("answer_now"), "Ctrl+Return", thinks, group=1),
        Command("Model", "Think Longer", lambda: shown.steer("think_longer"), "Ctrl+Shift+Return", thinks, group=1),
        Command("Model", "Regenerate", shown.regenerate_last, "Ctrl+R", answered, group=2),
        *(
            Command("Model", f"Regenerate Thinking: {preset.title}", again(preset.tokens), "", answered, group=2)
            for preset in budgets.PRESETS
        ),
        Command("Model", "Older Version", lambda: shown.step_last_version(-1), "Ctrl+[", answered, group=3),
        Command("Model", "Newer Version", lambda: shown.step_last_version(1), "Ctrl+]", answered, group=3),
        Command("Model", "Use This Budget for New Chats", shown.make_default_budget, group=4),
        Command(
            "Model", "Get a Model…", lambda: pages.on_models(lambda page: page.start_search()), "Ctrl+Shift+G", group=5
        ),
        Command("Model", "Import GGUF File…", lambda: pages.on_models(lambda page: page.import_file()), group=5),
        Command("Model", "Import Model Folder…", lambda: pages.on_models(lambda page: page.import_folder()), group=5),
        Command("Model", "Delete Model", lambda: pages.models.delete_chosen(), "", pages.can_delete_model, group=5),
        Command("Model", "New Fine-Tuning", lambda: pages.on_finetune(lambda page: page.new_run()), group=6),
        Command(
            "Model",
            "Pause Fine-Tuning",
            lambda: pages.finetune.pause(),
            "",
            lambda: pages.run_can(lambda page: page.can_pause()),
            group=6,
        ),
        Command(
            "Model",
            "Resume Fine-Tuning",
            lambda: pages.finetune.resume(),
            "",
            lambda: pages.run_can(lambda page: page.can_resume()),
            group=6,
        ),
        Command(
            "Model",
            "Stop Fine-Tuning and Keep",
            lambda: pages.finetune.stop_and_keep(),
            "",
            lambda: pages.run_can(lambda page: page.can_stop()),
            group=6,
        ),
    ]


def _window(w: "MainWindow") -> list[Command]:
    return [
        Command("Window", "Minimise", w.showMinimized, "Ctrl+M"),
        Command("Window", "Zoom", w.zoom),
        Command("Window", "Full Screen", w.toggle_full_screen, Standard.FullScreen, group=1),
    ]


def _help(w: "MainWindow") -> list[Command]:
    return [
        Command("Help", title, partial(w.show_help, file), Standard.HelpContents if number == 0 else "")
        for number, (title, file) in enumerate(w.help_pages)
    ]


def _with_shown(w: "MainWindow", do: Callable[[int], None]) -> Callable[[], None]:
    def run() -> None:
        if w.chat_page.shown.id is not None:
            do(w.chat_page.shown.id)

    return run
