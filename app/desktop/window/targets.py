"""Everything one can jump to: chats, models, help and commands."""

from functools import partial
from typing import TYPE_CHECKING

from app.desktop.window.jump import Target
from app.desktop.window.menus import keys_said
from models.store.titles import UNTITLED

if TYPE_CHECKING:
    from app.desktop.window.main_window import MainWindow


def all_targets(window: "MainWindow") -> list[Target]:
    """What a window offers now, chats first."""
    window.menus.refresh()
    chats = [
        Target(entry.title or UNTITLED, "Chat", "chat", partial(window.jump_to_chat, entry.id))
        for entry in window.services.chats.entries()
    ]
    models = [
        Target(model.title, "Model", "model", partial(window.chat_page.shown.choose_model, model.name))
        for model in window.chat_page.status.models
    ]
    commands = [
        Target(command.name, command.menu, "command", command.do, keys_said(command))
        for command in window.menus.commands
        if command.jump and (command.available is None or command.available())
    ]
    return chats + models + commands
