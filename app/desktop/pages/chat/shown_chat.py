"""The chat that is shown and what a person does with it: ask, regenerate, edit, stop, choose. No widgets.

A chat gets its row with its first message; until then what was chosen and typed for it is kept with the settings.
"""

import contextlib
from collections.abc import Callable, Iterator

import msgspec
from PySide6.QtCore import QObject, Signal

from app.desktop.pages.chat import chat_settings as choices
from app.desktop.pages.chat.chat_settings import ChatSettings
from app.desktop.pages.chat.loading import Loading
from app.desktop.pages.chat.session import Begun, Replies, UnderWay
from app.desktop.services.chat_store import nothing
from app.desktop.services.services import Services
from models import events
from models.errors import Corrupt, StillroomError
from models.requests import Action
from models.settings import Preset
from models.store.chats import Chats
from models.store.rows import Chat, Rating, StoredMessage


class ShownChat(QObject):
    """One chat at a time.

    Signals:
        left: another chat is about to be shown; what is typed has to be handed over now with keep_draft.
        changed: another chat is shown.
        begun: the chat that is shown has got its row.
        versions_changed: another branch of the same chat is shown.
        choice_changed: model, adapter, budget or preset are other ones.
        phase_changed: a reply began, went from thinking to answering, or ended, in the chat that is shown.
        listed: the list of chats is another one, or its titles or states are.
        failed: a reply of the chat that is shown ended badly (StoredMessage).
        not_sent: a text that was to be sent and could not be stored.
        trouble: a StillroomError, and nothing was lost by it.
    """

    left = Signal()
    changed = Signal()
    begun = Signal()
    versions_changed = Signal()
    choice_changed = Signal()
    phase_changed = Signal()
    listed = Signal()
    failed = Signal(object)
    not_sent = Signal(str)
    trouble = Signal(object)

    def __init__(self, services: Services, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = services.store
        self._chats = services.chats
        self._preferences = services.preferences
        self._readonly = services.readonly
        self._chat: Chat | None = None
        self._asking: object = None  # the visit to a chat in which something is being stored that will be answered
        self._visit = object()
        self.replies = Replies(services.store, services.engine, services.signals, self)
        self.loading = Loading(services.engine, services.signals, self)
        self.choice = self._first_choice()
        self._first = self.choice
        self.loading.arrived.connect(self._model_arrived)
        self._preferences.changed.connect(self._follow_defaults)
        self.replies.began.connect(self._reply_changed)
        self.replies.progressed.connect(self._reply_went_on)
        self.replies.ended.connect(self._reply_ended)
        self.replies.not_stored.connect(self.trouble)

    @property
    def id(self) -> int | None:
        """The chat's id; None for one that is not begun."""
        return self._chat.id if self._chat else None

    @property
    def draft(self) -> str:
        """What had been typed and not sent when the chat was last left."""
        return self._chat.draft if self._chat else self._preferences.window.draft

    @property
    def under_way(self) -> UnderWay | None:
        return self.replies.of_chat(self.id)

    # Which one

    def new(self) -> None:
        """Show a chat that is not begun."""
        self.left.emit()
        self._visit = object()
        self._chat = None
        self.choice = self._first = self._first_choice()
        self.changed.emit()

    def open(self, chat_id: int, message_id: int | None = None) -> None:
        """Show a chat, the branch of a message when one is named. Raises NotFound when it is not there, and Corrupt when it can't be read."""
        self._store.settle()  # its draft may just have been kept
        if message_id is not None:
            self._store.call(lambda chats: chats.show(message_id))
        self._chats.branch(chat_id)  # what can't be read is said now, while the chat from before is still the one shown
        self.left.emit()
        self._visit = object()
        self._chat = self._chats.get(chat_id)
        self.choice = choices.choice_of(self._chat)
        self.changed.emit()
        if self._chat.damaged:
            self.trouble.emit(
                Corrupt("A part of this chat is damaged on this disk and can't be read. The rest is whole.")
            )
        if self.choice.model and not self._readonly:
            self._load()

    def start_engine(self) -> None:
        """Bring the chosen model into memory, so that the first answer need not wait for it."""
        self._load()

    def take_models(self, _models: list[events.Model], thinks: dict[str, bool]) -> None:
        """Learn which models were trained to think; those that were not begin with no budget."""
        self._know(thinks)

    def keep_draft(self, text: str) -> None:
        if self._readonly:
            return
        if self._chat is None:
            self._remember_draft(text)
            return
        chat_id = self._chat.id
        self._store.write(lambda chats: chats.save_draft(chat_id, text), nothing, self.trouble.emit)

    # What a person does

    def can_send(self, text: str) -> bool:
        """Whether a message can be answered now."""
        return bool(text.strip()) and not self._readonly and not self._is_busy

    def send(self, text: str) -> None:
        """Have a message stored and answered; `not_sent` gives it back when it can't be stored."""
        if not self.can_send(text):
            return
        chat, choice = self._chat, self.choice

        def asked(chats: Chats) -> int:
            chat_id = chat.id if chat else choices.create_chat(chats, choice).id
            message = chats.add_user_message(chat_id, text.strip())
            if not (chat and chat.title):
                from models.store import titles

                chats.rename(chat_id, titles.suggest_title(text), source="auto")
            return message.id

        self._answer(asked, choice, lambda: self.not_sent.emit(text))

    def regenerate(self, reply_id: int, chosen: ChatSettings | None = None) -> None:
        """Have a message answered again, with another model or budget than the chat's when chosen names one."""
        with self._telling():
            parent = self._chats.message(reply_id).parent_id
            if parent is not None and not self._is_busy:
                self._answer(lambda _chats: parent, chosen or self.choice)

    def regenerate_last(self, chosen: ChatSettings | None = None) -> None:
        """Answer the last message of the chat again."""
        last = self.last_reply()
        if last is not None:
            self.regenerate(last, chosen)

    def edit_message(self, message_id: int, text: str) -> None:
        """Put another wording beside a message and have that answered; the old one stays as a version."""
        if text.strip() and not self._is_busy:
            self._answer(lambda chats: chats.edit_user_message(message_id, text.strip()).id, self.choice)

    def step_version(self, message_id: int, step: int) -> None:
        """Show the older (-1) or newer (1) version of a message."""
        if self._is_busy:
            return
        self._store.write(
            lambda chats: chats.show_version(message_id, 1 if step > 0 else -1),
            lambda _row: self.versions_changed.emit(),
            self.trouble.emit,
        )

    def step_last_version(self, step: int) -> None:
        """Show the older or newer version of the last reply."""
        last = self.last_reply()
        if last is not None:
            self.step_version(last, step)

    def last_reply(self) -> int | None:
        """The id of the last reply that is shown."""
        if self._chat is None:
            return None
        branch = self._chats.branch(self._chat.id)
        return next((row.id for row in reversed(branch) if row.role == "assistant"), None)

    def rate(self, message_id: int, rating: int) -> None:
        """Call a reply good (1), bad (-1) or neither (0)."""
        given: Rating = 1 if rating > 0 else -1 if rating < 0 else 0
        self._store.write(lambda chats: chats.rate(message_id, given), nothing, self.trouble.emit)

    def stop(self) -> None:
        """Stop the reply under way; what was written stays."""
        self.replies.stop(self.id)

    def steer(self, action: Action) -> None:
        """Have the model answer now, or think longer."""
        self.replies.steer(self.id, action)

    def choose_model(self, name: str, adapter: str = "") -> None:
        """Answer with another model from here on, and an adapter of it; it begins to load at once."""
        self._set_adapter(name, adapter)
        self._preferences.change(default_model=name, default_adapter="")
        self._load()

    def choose_adapter(self, name: str) -> None:
        """Put another adapter on the model in this chat; empty takes it off."""
        self._set_adapter(self.choice.model, name)
        self._load()

    def choose_budget(self, budget: int | None) -> None:
        """Let the model think so long in this chat."""
        self._take(msgspec.structs.replace(self.choice, budget=budget, budget_touched=True))

    def choose_preset(self, preset: Preset | None) -> None:
        self._take(self.choice.with_preset(preset))

    def make_default_budget(self) -> None:
        """Let new chats with this model begin with this budget."""
        self._preferences.take(self._preferences.current.with_budget(self.choice.model, self.choice.budget))

    # Within

    @property
    def _is_busy(self) -> bool:
        return self.under_way is not None or self._asking is self._visit

    def _answer(
        self, asked: Callable[[Chats], int], chosen: ChatSettings, not_stored: Callable[[], object] | None = None
    ) -> None:
        adapter = chosen.adapter_there
        visit = self._asking = self._visit
        is_stored = False

        def stored(begun: Begun) -> None:
            nonlocal is_stored
            is_stored = True
            self._asked(visit)
            if visit is self._visit:
                first, self._chat = self._chat is None, begun.chat
                if first:
                    self._remember_draft("")
                    self.begun.emit()
            with self._telling():
                self.loading.ensure(chosen.model, adapter)

        def failed(error: StillroomError) -> None:
            self._asked(visit)
            self.trouble.emit(error)
            if not is_stored and not_stored is not None:
                not_stored()

        calm = self._preferences.current.calm
        self.replies.answer(asked, chosen.model, chosen.budget, adapter, stored, failed, calm=calm)

    def _asked(self, visit: object) -> None:
        if self._asking is visit:
            self._asking = None

    def _set_adapter(self, model: str, adapter: str) -> None:
        new = msgspec.structs.replace(self.choice, model=model, adapter=adapter)
        if not new.budget_touched:
            new = msgspec.structs.replace(new, budget=self._default_budget(model, adapter))
        self._take(new)

    def _load(self) -> None:
        self.loading.ensure(self.choice.model, self.choice.adapter_there)

    def _first_choice(self) -> ChatSettings:
        settings = self._preferences.current
        choice = ChatSettings(model=settings.default_model, adapter=settings.default_adapter, budget=None)
        worn = choice.adapter_there
        budget = self._default_budget(choice.model, worn)
        return msgspec.structs.replace(choice, adapter=worn, budget=budget)

    def _follow_defaults(self) -> None:
        """Let a chat that is not begun begin with what new chats begin with now, unless it was chosen otherwise."""
        first, choice = self._first, self.choice
        self._first = new = self._first_choice()
        untouched = (choice.model, choice.adapter) == (first.model, first.adapter) and not choice.budget_touched
        if self._chat is None and untouched and (new.model, new.adapter, new.budget) != (
            choice.model, choice.adapter, choice.budget
        ):  # fmt: skip
            self._take(msgspec.structs.replace(choice, model=new.model, adapter=new.adapter, budget=new.budget))
            if (new.model, new.adapter) != (first.model, first.adapter):
                self._load()

    def _remember_draft(self, text: str) -> None:
        with self._preferences.remember() as window:
            window.draft = text

    def _default_budget(self, model: str, adapter: str = "") -> int | None:
        # Taken to think until it is known better; an adapter learned it from traces.
        thinks = bool(adapter) or self._preferences.window.thinks.get(model, True)
        return self._preferences.current.budget_for(model, thinks)

    def _take(self, new: ChatSettings) -> None:
        old, self.choice = self.choice, new
        if self._chat is not None:
            chat_id = self._chat.id
            self._store.write(
                lambda chats: chats.whole(lambda: choices.keep_choice(chats, chat_id, old, new)),
                nothing,
                self.trouble.emit,
            )
        self.choice_changed.emit()

    def _model_arrived(self, loaded: events.Loaded) -> None:
        self._know({self.loading.wanted: loaded.thinks})

    def _know(self, thinks: dict[str, bool]) -> None:
        with self._preferences.remember() as window:
            window.thinks = {**window.thinks, **thinks}
        if self._chat is None and not self.choice.budget_touched:
            self.choice = msgspec.structs.replace(
                self.choice, budget=self._default_budget(self.choice.model, self.choice.adapter)
            )
        self.choice_changed.emit()

    def _reply_changed(self, reply: UnderWay) -> None:
        self.listed.emit()
        if reply.chat_id == self.id:
            self.phase_changed.emit()

    def _reply_went_on(self, reply: UnderWay, event: object) -> None:
        if reply.chat_id == self.id and isinstance(event, events.ThinkingClosed | events.Budget):
            self.phase_changed.emit()

    def _reply_ended(self, reply: UnderWay, row: StoredMessage) -> None:
        if row.state == "interrupted":
            self.loading.lost()
        self._reply_changed(reply)
        if row.state in ("interrupted", "failed"):
            self.failed.emit(row)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except StillroomError as error:
            self.trouble.emit(error)
