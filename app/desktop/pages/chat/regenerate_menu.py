"""The menu beside Regenerate: the same question with another budget, model or adapter."""

import msgspec
from PySide6.QtWidgets import QMenu

from app.desktop.pages.chat.chat_settings import ChatSettings
from app.desktop.pages.chat.model_status import ModelStatus
from app.desktop.pages.chat.shown_chat import ShownChat
from models import budgets


class RegenerateMenu:
    """Offers what differs from what the chat is answered with now; each becomes another version of the reply."""

    def __init__(self, shown: ShownChat, status: ModelStatus) -> None:
        self._shown = shown
        self._status = status

    def fill(self, reply_id: int, menu: QMenu) -> None:
        """Put the offers into a menu that is about to open."""
        menu.clear()
        choice = self._shown.choice
        for preset in budgets.PRESETS:
            self._add(
                menu, f"Thinking: {preset.title}", reply_id, msgspec.structs.replace(choice, budget=preset.tokens)
            )
        for offers in (self._adapters(choice), self._models(choice)):
            if offers:
                menu.addSeparator()
            for text, chosen in offers:
                self._add(menu, text, reply_id, chosen)

    def _adapters(self, choice: ChatSettings) -> list[tuple[str, ChatSettings]]:
        worn = choice.adapter_there
        offers = [("Without adapter", msgspec.structs.replace(choice, adapter=""))] if worn else []
        for adapter in self._status.adapters_of(choice.model):
            if adapter.name != worn and adapter.state == "ready":
                offers.append((f"With adapter {adapter.title}", msgspec.structs.replace(choice, adapter=adapter.name)))
        return offers

    def _models(self, choice: ChatSettings) -> list[tuple[str, ChatSettings]]:
        others = (model for model in self._status.models if model.name != choice.model and model.state == "ready")
        return [
            (f"With {model.title}", msgspec.structs.replace(choice, model=model.name, adapter="")) for model in others
        ]

    def _add(self, menu: QMenu, text: str, reply_id: int, chosen: ChatSettings) -> None:
        menu.addAction(text).triggered.connect(lambda: self._shown.regenerate(reply_id, chosen))
