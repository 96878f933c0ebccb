"""What a chat is answered with: model, budget, preset. A chat's own are in its row; a chat that is not begun yet
has them here until its first message makes the row."""

from dataclasses import dataclass, field, replace

from app.desktop.chat.presets import budget_of, sampling_of
from models.engine.messages import Sampling
from models.settings import Preset, Settings
from models.store.chats import Chat, Chats


@dataclass(frozen=True)
class Choice:
    """Model, budget and preset. budget_touched: the user chose it, so a model's default must not replace it."""

    model: str
    budget: int | None
    preset: str = ""
    system: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    budget_touched: bool = False

    def with_preset(self, preset: Preset | None) -> "Choice":
        """The same under a preset; its budget counts only if it names one."""
        chosen = replace(
            self,
            preset=preset.name if preset else "",
            system=preset.system if preset else "",
            sampling=sampling_of(preset),
        )
        if preset is None or preset.think is None:
            return chosen
        return replace(chosen, budget=budget_of(preset.think), budget_touched=True)


def first_choice(settings: Settings, model: str, thinks: bool) -> Choice:
    """What a new chat begins with."""
    return Choice(model=model, budget=settings.budget_for(model, thinks))


def choice_of(chat: Chat) -> Choice:
    """What a chat's row says."""
    return Choice(
        model=chat.model,
        budget=chat.think_budget,
        preset=chat.preset,
        system=chat.system,
        sampling=chat.sampling,
        budget_touched=True,
    )


def create_chat(chats: Chats, choice: Choice) -> Chat:
    """Make the row of a chat that begins now. Raises a StillroomError when it can't be stored."""
    return chats.create(
        choice.model,
        think_budget=choice.budget,
        system=choice.system,
        preset=choice.preset,
        sampling=choice.sampling,
    )


def keep_choice(chats: Chats, chat_id: int, old: Choice, new: Choice) -> None:
    """Write what differs into a chat's row. Raises a StillroomError when it can't be stored."""
    if new.model != old.model:
        chats.set_model(chat_id, new.model)
    if new.budget != old.budget:
        chats.set_thinking(chat_id, new.budget, new.budget or None)
    if (new.preset, new.system, new.sampling) != (old.preset, old.system, old.sampling):
        chats.set_preset(chat_id, system=new.system, preset=new.preset, sampling=new.sampling)
