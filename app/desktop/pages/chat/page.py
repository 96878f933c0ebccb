"""The Chat page: builds toolbar, transcript and composer, and connects them to the chat that is shown."""

import importlib
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QPoint, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QPushButton, QStackedWidget, QWidget

from app.desktop.pages.chat.composer import Composer
from app.desktop.pages.chat.model_status import ModelStatus
from app.desktop.pages.chat.presenter import Presenter
from app.desktop.pages.chat.regenerate_menu import RegenerateMenu
from app.desktop.pages.chat.shown_chat import ShownChat
from app.desktop.pages.chat.toolbar import ChatToolbar
from app.desktop.pages.chat.trace_use import ReplyTraces
from app.desktop.pages.chat.welcome import Welcome
from app.desktop.pages.contract import Page
from app.desktop.services.background import Background
from app.desktop.services.services import Services
from app.desktop.theme import colours, theme
from app.desktop.widgets.layouts import in_column, in_row
from models import events
from models.errors import StillroomError
from models.jobs.queue import Job
from models.store.rows import Rating, StoredMessage

if TYPE_CHECKING:
    from app.desktop.pages.chat.transcript import Transcript

COLUMN_PX = 884
DRAFT_MS = 600


class ChatPage(Page):
    """Shows the chat that is shown, and passes on what is clicked and typed."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, parent)
        self.shown = ShownChat(services, self)
        self.toolbar = ChatToolbar()
        self.welcome = Welcome()
        self.composer = Composer()
        self.status = ModelStatus(self.toolbar, self.welcome, self.composer, self.shown.loading, services)
        self._body = QStackedWidget()
        self._transcript: Transcript | None = None
        self.presenter = Presenter(self.transcript, services.chats, self.shown.replies, self.status.writer, self)
        self.traces = ReplyTraces(services.store, self.notices, self)
        self._regenerate_menu = RegenerateMenu(self.shown, self.status)
        self._lost: tuple[int | None, str] = (None, "")
        self._draft_timer = QTimer(self, singleShot=True, interval=DRAFT_MS)
        self._import = Background(_import_transcript, self)
        self.composer.set_text(self.shown.draft)  # which is kept again when a chat is opened
        self._lay_out()
        self._connect()
        self._show_choice()

    def transcript(self) -> "Transcript":
        """The transcript, made when it first has something to show: Markdown and mathematics take long to import."""
        if self._transcript is None:
            from app.desktop.pages.chat.transcript import Transcript

            self._transcript = Transcript()
            self._connect_transcript(self._transcript)
            self._body.addWidget(self._transcript)
        return self._transcript

    def start_engine(self) -> None:
        """Do what the first paint did not need: read the library, load the model, get the transcript ready."""
        self.status.refresh()
        self.shown.start_engine()
        self._import.start()

    def send(self, text: str) -> None:
        """Have a message answered. It comes back into the composer when it can't be stored."""
        self.toolbar.thinking.commit()
        if self.shown.can_send(text):
            self.composer.clear()
            self._draft_timer.stop()
            self.shown.send(text)

    def chat_with(self, model: str, adapter: str = "") -> None:
        """Begin a chat with a model, and an adapter of it: a name of the library, or the folder of a checkpoint."""
        self.shown.new()
        self.shown.choose_model(model, adapter)
        self.status.refresh()  # what it is asked for may have come into the library just now

    def regenerate_last(self, budget: int | None) -> None:
        """Answer the last message again under another thinking budget."""
        self.shown.regenerate_last(msgspec.structs.replace(self.shown.choice, budget=budget))

    def collect_rated(self, set_name: str, rating: Rating = 1) -> int:
        """Put all replies of all chats that are rated good (1) or bad (-1) into a set of traces; returns how many there are.

        What came of it is told in a notice, and by traces.collected.
        """
        return self.traces.add_rated(set_name, rating > 0)

    def on_job(self, job: Job) -> None:
        """Offer what came into the library."""
        if job.state == "done" and job.model:
            self.status.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Offer what has come into the library while another page was in front."""
        super().showEvent(event)
        if self.status.models:
            self.status.refresh()

    def close_page(self) -> None:
        """Keep what is typed and what is being written; the window closes."""
        self._leave()
        self.shown.replies.close()
        self.status.close()
        self.traces.close()
        self._import.close()

    # Showing

    def _leave(self) -> None:
        self._draft_timer.stop()
        self._keep_draft()
        self.presenter.remember_place()

    def _arrive(self) -> None:
        self.presenter.show(self.shown.id)
        self.composer.set_text(self.shown.draft)
        self._draft_timer.stop()
        self._show_choice()
        self._show_phase()
        self.composer.edit.setFocus()

    def _show_choice(self) -> None:
        self.status.show(self.shown.choice)
        self._tell_lost_adapter()

    def _tell_lost_adapter(self) -> None:
        """Say once a visit that the chat's adapter is gone, and no longer than that is so."""
        lost = self.shown.id, self.status.lost_adapter(self.shown.choice)
        if lost == self._lost:
            return
        if self._lost[1] and self.notices.text == self._lost[1]:
            self.notices.dismiss()
        self._lost = lost
        if lost[1]:
            self.notices.show_error(lost[1])

    def _show_phase(self) -> None:
        self.composer.set_under_way(self.shown.under_way is not None)

    def _show_body(self) -> None:
        self._body.setCurrentWidget(self._middle if self.presenter.is_empty() else self.transcript())
        self.composer.set_context(*self.presenter.context())

    def _keep_draft(self) -> None:
        self.shown.keep_draft(self.composer.text)

    def _give_back(self, text: str) -> None:
        if not self.composer.text:
            self.composer.set_text(text)

    def _tell(self, error: StillroomError) -> None:
        self.notices.show_error(error.text, error.hint)

    def _tell_failure(self, row: StoredMessage) -> None:
        if row.chat_id == self.shown.id:
            self.notices.show_error(row.error, "", "Try again", partial(self.shown.regenerate, row.id))
        else:
            self.notices.show_error(row.error)

    def _tell_not_loaded(self, failed: events.Failed) -> None:
        self.notices.show_error(failed.text, failed.hint, "Try again", self.shown.start_engine)

    def _recolour(self) -> None:
        if self._transcript is not None:
            self._transcript.set_colours(colours())

    # Menus

    def _compare(self, reply_id: int) -> None:
        from app.desktop.pages.chat.compare import CompareDialog

        chats = self.services.chats
        versions = [chats.message(version_id) for version_id in chats.versions(reply_id)]
        CompareDialog(versions, reply_id, self.status.writer, self).show()

    def _show_presets(self, button: QPushButton) -> None:
        from app.desktop.pages.chat.preset_menu import PresetMenu

        preferences = self.services.preferences
        menu = PresetMenu(self.shown.choice.preset, list(preferences.current.presets), self)
        menu.chosen.connect(self.shown.choose_preset)
        menu.own_changed.connect(lambda own: preferences.change(presets=own))
        menu.popup(button.mapToGlobal(QPoint(0, button.height() + 4)))

    # Building

    def _connect(self) -> None:
        shown = self.shown
        shown.left.connect(self._leave)
        shown.changed.connect(self._arrive)
        shown.begun.connect(lambda: self.presenter.expect(shown.id))
        shown.versions_changed.connect(self.presenter.show_again)
        shown.choice_changed.connect(self._show_choice)
        shown.phase_changed.connect(self._show_phase)
        shown.failed.connect(self._tell_failure)
        shown.trouble.connect(self._tell)
        shown.not_sent.connect(self._give_back)
        self.status.listed.connect(shown.take_models)
        shown.loading.failed.connect(self._tell_not_loaded)
        shown.loading.arrived.connect(self.status.refresh)
        self.composer.send_requested.connect(self.send)
        self.composer.stop_requested.connect(shown.stop)
        self.composer.draft_changed.connect(lambda _text: self._draft_timer.start())
        self.composer.presets_requested.connect(self._show_presets)
        self.composer.problem.connect(self.notices.show_error)
        self._draft_timer.timeout.connect(self._keep_draft)
        self.toolbar.picker.model_chosen.connect(shown.choose_model)
        self.toolbar.adapter.adapter_chosen.connect(shown.choose_adapter)
        self.toolbar.thinking.budget_changed.connect(shown.choose_budget)
        self.welcome.example_chosen.connect(self.send)
        self.presenter.filled.connect(self._show_body)
        theme.changed.connect(self._recolour)

    def _connect_transcript(self, transcript: "Transcript") -> None:
        from app.desktop.text.links import ask_to_open

        shown, preferences, actions = self.shown, self.services.preferences, transcript.message_actions
        transcript.set_regenerate_menu_offered(True)
        transcript.set_thinking_open(preferences.window.thinking_open)
        actions.answer_now.connect(lambda: shown.steer("answer_now"))
        actions.think_longer.connect(lambda: shown.steer("think_longer"))
        actions.regenerate.connect(lambda reply_id: shown.regenerate(reply_id))
        actions.regenerate_menu_asked.connect(self._regenerate_menu.fill)
        actions.edited.connect(shown.edit_message)
        actions.version_asked.connect(shown.step_version)
        actions.rated.connect(shown.rate)
        actions.compare.connect(self._compare)
        actions.use_as_trace.connect(self.traces.use)
        actions.link_clicked.connect(lambda url: ask_to_open(url, self))
        actions.thinking_opened.connect(self._remember_thinking_open)

    def _remember_thinking_open(self, is_open: bool) -> None:
        with self.services.preferences.remember() as window:
            window.thinking_open = is_open

    def _lay_out(self) -> None:
        self._middle = _centred(self.welcome)
        self._body.addWidget(self._middle)
        foot = _centred(self.composer, 8, 21)
        in_column(self, self.toolbar, self.notices, (self._body, 1), foot)
        self.composer.setEnabled(not self.services.readonly)


def _centred(widget: QWidget, above: int = 0, below: int = 0) -> QWidget:
    """A widget of the column's width in the middle of whatever width there is."""
    holder = QWidget()
    widget.setMaximumWidth(COLUMN_PX)
    in_row(holder, 1, (widget, 1000), 1, margins=(24, above, 24, below))
    return holder


def _import_transcript() -> None:
    importlib.import_module("app.desktop.pages.chat.transcript")
    importlib.import_module("app.desktop.text.markdown").warm_up()  # or the first chat that is opened would wait for it
