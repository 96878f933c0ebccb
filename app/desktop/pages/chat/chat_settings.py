"""What a chat is answered with: model, adapter, budget, preset. A chat's own are in its row; a chat that is not begun yet
has them here until its first message makes the row."""

import msgspec
from msgspec.structs import replace

from models import paths
from models.presets import sampling_of
from models.requests import Sampling
from models.settings import Preset, budget_of
from models.store.chats import Chats
from models.store.rows import Chat


class ChatSettings(msgspec.Struct, frozen=True):
    """Model, adapter, budget and preset."""

    model: str
    budget: int | None
    preset: str = ""
    system: str = ""
    sampling: Sampling = Sampling()
    budget_touched: bool = False  # the user chose it, so a model's default must not replace it
    adapter: str = ""  # by its name, or the folder of a checkpoint; empty for none

    @property
    def adapter_there(self) -> str:
        """The adapter, if it is still on this disk; else none, and the base answers by itself."""
        there = bool(self.adapter) and paths.adapter_place(self.adapter).is_dir()
        return self.adapter if there else ""

    def with_preset(self, preset: Preset | None) -> "ChatSettings":
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


def choice_of(chat: Chat) -> ChatSettings:
    """What a chat's row says."""
    return ChatSettings(
        model=chat.model,
        budget=chat.think_budget,
        preset=chat.preset,
        system=chat.system,
        sampling=chat.sampling,
        budget_touched=True,
        adapter=chat.adapter,
    )


def create_chat(chats: Chats, choice: ChatSettings) -> Chat:
    """Make the row of a chat that begins now. Raises a StillroomError when it can't be stored."""
    return chats.create(
        choice.model,
        think_budget=choice.budget,
        system=choice.system,
        preset=choice.preset,
        sampling=choice.sampling,
        adapter=choice.adapter,
    )


def keep_choice(chats: Chats, chat_id: int, old: ChatSettings, new: ChatSettings) -> None:
    """Write what differs into a chat's row. Raises a StillroomError when it can't be stored."""
    if (new.model, new.adapter) != (old.model, old.adapter):
        chats.set_model(chat_id, new.model, new.adapter)
    if new.budget != old.budget:
        chats.set_thinking(chat_id, new.budget, new.budget or None)
    if (new.preset, new.system, new.sampling) != (old.preset, old.system, old.sampling):
        chats.set_preset(chat_id, system=new.system, preset=new.preset, sampling=new.sampling)
