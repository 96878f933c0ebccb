"""The Chat page: builds toolbar, transcript and composer, and connects them to the chat that is shown.

A chat gets its row with its first message; until then what was chosen and typed for it is kept with the settings.
"""

import dataclasses
import logging
from functools import partial

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from app.desktop.chat import choice as choices
from app.desktop.chat.choice import Choice
from app.desktop.chat.composer import Composer
from app.desktop.chat.links import ask_to_open
from app.desktop.chat.loading import Loading
from app.desktop.chat.model_status import ModelStatus
from app.desktop.chat.presenter import Presenter
from app.desktop.chat.session import Replies, UnderWay
from app.desktop.chat.toolbar import ChatToolbar
from app.desktop.chat.transcript import Transcript
from app.desktop.chat.welcome import Welcome
from app.desktop.notices import NoticeBar
from app.desktop.services import Services
from app.desktop.sidebar import below
from app.desktop.theme import colours, theme
from models import budgets, events
from models.engine.messages import Action
from models.errors import StillroomError
from models.settings import Preset
from models.store import titles
from models.store.chats import Chat, StoredMessage

log = logging.getLogger(__name__)

COLUMN_PX = 884
DRAFT_MS = 600


class ChatPage(QWidget):
    """One chat at a time.

    Signals:
        chats_changed: the list of chats is another one, or its titles or states are.
        shown_changed: another chat is shown; its id, or 0 for one that is not begun.
        phase_changed: a reply began, went from thinking to answering, or ended, in the chat that is shown.
    """

    chats_changed = Signal()
    shown_changed = Signal(int)
    phase_changed = Signal()

    def __init__(self, services: Services, notices: NoticeBar, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._services = services
        self._chats = services.chats
        self._preferences = services.preferences
        self.notices = notices
        self._chat: Chat | None = None
        self.replies = Replies(services.chats, services.engine, services.signals, self)
        self.loading = Loading(services.engine, services.signals, self)
        self.toolbar = ChatToolbar()
        self.transcript = Transcript()
        self.welcome = Welcome()
        self.composer = Composer()
        self.status = ModelStatus(self.toolbar, self.welcome, self.composer, self.loading, services)
        self.presenter = Presenter(self.transcript, services.chats, self.replies, self)
        self._body = QStackedWidget()
        self._draft_timer = QTimer(self, singleShot=True, interval=DRAFT_MS)
        self._choice = self._first_choice()
        self._lay_out()
        self._connect()
        self.status.show(self._choice)

    @property
    def chat_id(self) -> int | None:
        """The chat that is shown; None for one that is not begun."""
        return self._chat.id if self._chat else None

    @property
    def choice(self) -> Choice:
        """What the chat that is shown is answered with."""
        return self._choice

    @property
    def under_way(self) -> UnderWay | None:
        """The reply under way in the chat that is shown."""
        return self.replies.of_chat(self.chat_id)

    # What is shown

    def new_chat(self) -> None:
        """Show a chat that is not begun."""
        self._leave()
        self._chat = None
        self._choice = self._first_choice()
        self.presenter.show(None)
        self._arrive(str(self._preferences.window("draft", "")))

    def open_chat(self, chat_id: int, message_id: int | None = None) -> None:
        """Show a chat, at a message when one is named. Raises NotFound when it is not there."""
        if message_id is not None:
            self._chats.show(message_id)
        chat = self._chats.get(chat_id)
        self._leave()
        self._chat = chat
        self._choice = choices.choice_of(chat)
        self.presenter.show(chat_id)
        self._arrive(chat.draft)
        if message_id is not None:
            self.presenter.scroll_to(message_id)
        if self._choice.model:
            self.loading.ensure(self._choice.model)

    def start_engine(self) -> None:
        """Bring the chosen model into memory, so that the first answer need not wait for it."""
        self.status.refresh()
        self.loading.ensure(self._choice.model)

    # What a person does

    def send(self, text: str) -> None:
        """Store a message and have it answered. The text stays in the composer unless it is stored."""
        self.toolbar.thinking.commit()
        try:
            if self._chat is None:
                self._chat = choices.create_chat(self._chats, self._choice)
                self._preferences.remember(draft="")
                self.presenter.show(self._chat.id)
                self.shown_changed.emit(self._chat.id)
            asked = self._chats.add_user_message(self._chat.id, text.strip())
        except StillroomError as error:
            self._tell(error)
            return
        self._draft_timer.stop()
        self.composer.clear()
        self._draft_timer.stop()
        self._name_chat(text)
        self._answer(asked.id, self._choice)

    def regenerate(self, reply_id: int, chosen: Choice | None = None) -> None:
        """Have a message answered again, with another model or budget than the chat's when chosen names one."""
        if self.under_way is None:
            parent = self._chats.message(reply_id).parent_id
            if parent is not None:
                self._answer(parent, chosen or self._choice)

    def regenerate_last(self, chosen: Choice | None = None) -> None:
        """Answer the last message of the chat again."""
        last = self.presenter.last_reply()
        if last is not None:
            self.regenerate(last, chosen)

    def edit_message(self, message_id: int, text: str) -> None:
        """Put another wording beside a message and have that answered; the old one stays as a version."""
        if not text.strip() or self.under_way is not None:
            return
        try:
            asked = self._chats.edit_user_message(message_id, text.strip())
        except StillroomError as error:
            self._tell(error)
            return
        self._answer(asked.id, self._choice)

    def step_version(self, message_id: int, step: int) -> None:
        """Show the older or newer version of a message."""
        if self.under_way is None:
            self._chats.show_version(message_id, 1 if step > 0 else -1)
            self.presenter.show_again()
            self.composer_context()

    def step_last_version(self, step: int) -> None:
        """Show the older or newer version of the last reply."""
        last = self.presenter.last_reply()
        if last is not None:
            self.step_version(last, step)

    def stop(self) -> None:
        """Stop the reply of the chat that is shown."""
        self.replies.stop(self.chat_id)

    def steer(self, action: Action) -> None:
        """Have the model answer now, or think longer."""
        self.replies.steer(self.chat_id, action)

    def choose_model(self, name: str) -> None:
        """Answer with another model from here on; it begins to load at once."""
        new = dataclasses.replace(self._choice, model=name)
        if not new.budget_touched:
            new = dataclasses.replace(new, budget=self._default_budget(name))
        self._take(new)
        self._preferences.change(default_model=name)
        self.loading.ensure(name)

    def choose_budget(self, budget: int | None) -> None:
        """Let the model think so long in this chat."""
        self._take(dataclasses.replace(self._choice, budget=budget, budget_touched=True))

    def choose_preset(self, preset: Preset | None) -> None:
        """Ask under a preset in this chat."""
        self._take(self._choice.with_preset(preset))

    def make_default_budget(self) -> None:
        """Let new chats with this model begin with this budget."""
        current = self._preferences.current
        self._preferences.take(current.with_budget(self._choice.model, self._choice.budget))

    def close_page(self) -> None:
        """Keep what is typed and what is being written; the window closes."""
        self._leave()
        self.replies.close()
        self.status.close()

    def composer_context(self) -> None:
        """Say in the composer how full the context is."""
        self.composer.set_context(*self.presenter.context())

    # Within

    def _answer(self, asked_id: int, chosen: Choice) -> None:
        self.loading.ensure(chosen.model)
        try:
            self.replies.answer(asked_id, chosen.model, chosen.budget)
        except StillroomError as error:
            self._tell(error)

    def _name_chat(self, text: str) -> None:
        if self._chat is not None and not self._chat.title:
            self._chats.rename(self._chat.id, titles.suggest_title(text), source="auto")
            self._chat = self._chats.get(self._chat.id)
        self.chats_changed.emit()

    def _first_choice(self) -> Choice:
        current = self._preferences.current
        return choices.Choice(model=current.default_model, budget=self._default_budget(current.default_model))

    def _default_budget(self, model: str) -> int | None:
        return self._preferences.current.budget_for(model, self.status.thinks(model))

    def _take(self, new: Choice) -> None:
        old, self._choice = self._choice, new
        if self._chat is not None:
            try:
                choices.keep_choice(self._chats, self._chat.id, old, new)
            except StillroomError as error:
                self._tell(error)
        self.status.show(self._choice)

    def _model_arrived(self, _loaded: events.Loaded) -> None:
        # A chat that is not begun takes the model's own default now that it is known whether the model thinks.
        if self._chat is None and not self._choice.budget_touched and self.loading.wanted == self._choice.model:
            self._choice = dataclasses.replace(self._choice, budget=self._default_budget(self._choice.model))
        self.status.refresh()
        self.status.show(self._choice)

    def _model_failed(self, failed: events.Failed) -> None:
        self.notices.show_error(failed.text, failed.hint, "Try again", self.start_engine)

    def _reply_began(self, reply: UnderWay) -> None:
        self.chats_changed.emit()
        self._show_phase(reply)

    def _reply_went_on(self, reply: UnderWay, event: object) -> None:
        if isinstance(event, events.ThinkingClosed | events.Budget):
            self._show_phase(reply)

    def _reply_ended(self, reply: UnderWay, row: StoredMessage) -> None:
        if row.state == "interrupted":
            self.loading.lost()
        if row.state in ("interrupted", "failed"):
            again = (lambda: self.regenerate(row.id)) if reply.chat_id == self.chat_id else None
            self.notices.show_error(row.error, "", "Try again" if again else "", again)
        self.chats_changed.emit()
        self._show_phase(reply)
        self.composer_context()

    def _show_phase(self, reply: UnderWay) -> None:
        if reply.chat_id == self.chat_id:
            self.composer.set_under_way(self.under_way is not None)
            self.phase_changed.emit()

    def _leave(self) -> None:
        self._draft_timer.stop()
        self._keep_draft()
        self.presenter.remember_place()

    def _arrive(self, draft: str) -> None:
        self.composer.set_text(draft)
        self._draft_timer.stop()
        self.composer.set_under_way(self.under_way is not None)
        self.composer_context()
        self.status.show(self._choice)
        self._show_body()
        self.composer.edit.setFocus()
        self.shown_changed.emit(self.chat_id or 0)
        self.phase_changed.emit()

    def _keep_draft(self) -> None:
        if self._services.readonly:
            return
        if self._chat is None:
            self._preferences.remember(draft=self.composer.text)
            return
        try:
            self._chats.save_draft(self._chat.id, self.composer.text)
        except StillroomError as error:
            self._tell(error)

    def _show_body(self) -> None:
        self._body.setCurrentWidget(self._middle if self.presenter.is_empty() else self.transcript)

    def _fill_regenerate_menu(self, reply_id: int, menu: QMenu) -> None:
        menu.clear()
        for preset in budgets.PRESETS:
            chosen = dataclasses.replace(self._choice, budget=preset.tokens)
            menu.addAction(f"Thinking: {preset.title}").triggered.connect(partial(self._again_with, reply_id, chosen))
        others = [model for model in self.status.models if model.name != self._choice.model and model.state == "ready"]
        if others:
            menu.addSeparator()
        for model in others:
            chosen = dataclasses.replace(self._choice, model=model.name)
            menu.addAction(f"With {model.title}").triggered.connect(partial(self._again_with, reply_id, chosen))

    def _again_with(self, reply_id: int, chosen: Choice, _checked: bool = False) -> None:
        self.regenerate(reply_id, chosen)

    def _show_presets(self, button: QPushButton) -> None:
        from app.desktop.chat.preset_menu import PresetMenu

        menu = PresetMenu(self._choice.preset, list(self._preferences.current.presets), self)
        menu.chosen.connect(self.choose_preset)
        menu.own_changed.connect(lambda own: self._preferences.change(presets=own))
        menu.popup(below(button))

    def _tell(self, error: StillroomError) -> None:
        self.notices.show_error(error.text, error.hint)

    def _send_or_answer(self, text: str) -> None:
        if not self._services.readonly:
            self.send(text)

    def _rate(self, message_id: int, rating: int) -> None:
        self._chats.rate(message_id, 1 if rating > 0 else -1 if rating < 0 else 0)

    def _recolour(self) -> None:
        self.transcript.set_colours(colours())

    def _connect(self) -> None:
        self.composer.send_requested.connect(self._send_or_answer)
        self.composer.stop_requested.connect(self.stop)
        self.composer.draft_changed.connect(lambda _text: self._draft_timer.start())
        self.composer.presets_requested.connect(self._show_presets)
        self.composer.problem.connect(self.notices.show_error)
        self._draft_timer.timeout.connect(self._keep_draft)
        self.toolbar.picker.model_chosen.connect(self.choose_model)
        self.toolbar.thinking.budget_changed.connect(self.choose_budget)
        self.welcome.example_chosen.connect(self.send)
        self.loading.arrived.connect(self._model_arrived)
        self.loading.failed.connect(self._model_failed)
        self.replies.began.connect(self._reply_began)
        self.replies.progressed.connect(self._reply_went_on)
        self.replies.ended.connect(self._reply_ended)
        self.replies.not_stored.connect(self._tell)
        self.presenter.filled.connect(self._show_body)
        self.transcript.answer_now_clicked.connect(lambda: self.steer("answer_now"))
        self.transcript.think_longer_clicked.connect(lambda: self.steer("think_longer"))
        self.transcript.regenerate_clicked.connect(self.regenerate)
        self.transcript.set_regenerate_menu_offered(True)
        self.transcript.regenerate_menu_asked.connect(self._fill_regenerate_menu)
        self.transcript.link_activated.connect(lambda url: ask_to_open(url, self))
        self.transcript.set_thinking_open(bool(self._preferences.window("thinking_open", False)))
        self.transcript.thinking_opened.connect(lambda is_open: self._preferences.remember(thinking_open=is_open))
        self.transcript.edit_requested.connect(self.edit_message)
        self.transcript.version_requested.connect(self.step_version)
        self.transcript.rated.connect(self._rate)
        theme.changed.connect(self._recolour)

    def _lay_out(self) -> None:
        self._middle = _centred(self.welcome)
        self._body.addWidget(self._middle)
        self._body.addWidget(self.transcript)
        foot = _centred(self.composer)
        foot.layout().setContentsMargins(24, 8, 24, 21)  # type: ignore[union-attr]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.toolbar)
        column.addWidget(self.notices)
        column.addWidget(self._body, 1)
        column.addWidget(foot)
        if self._services.readonly:
            self.composer.setEnabled(False)


def _centred(widget: QWidget) -> QWidget:
    """A widget of the column's width in the middle of whatever width there is."""
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(24, 0, 24, 0)
    widget.setMaximumWidth(COLUMN_PX)
    row.addStretch(1)
    row.addWidget(widget, 1000)
    row.addStretch(1)
    return holder
