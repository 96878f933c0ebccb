"""Which model is chosen, how far its loading is and what it says about itself, shown in toolbar, welcome and composer."""

import logging

from PySide6.QtCore import QObject, Signal

from app.desktop.pages.chat.adapter_picker import adapter_title
from app.desktop.pages.chat.chat_settings import ChatSettings
from app.desktop.pages.chat.composer import Composer
from app.desktop.pages.chat.loading import Loading
from app.desktop.pages.chat.toolbar import ChatToolbar
from app.desktop.pages.chat.welcome import Welcome
from app.desktop.services.background import Background
from app.desktop.services.services import Services
from app.desktop.widgets.model_picker import bits_said
from models import events, families, quantities, stages
from models.errors import StillroomError
from models.library import copies

log = logging.getLogger(__name__)

SMALL_PARAMS = 500_000_000
SMALL = "small and quick, for trying things out"


class ModelStatus(QObject):
    """Keeps the three in agreement with the choice and with what is in memory.

    Signals:
        listed: the models and adapters of the library (list of events.Model), and by name whether each model was trained
            to think. Read on another thread: before the starter is made its description comes out of a GGUF file, which
            takes a tenth of a second.
    """

    listed = Signal(list, dict)

    def __init__(
        self, toolbar: ChatToolbar, welcome: Welcome, composer: Composer, loading: Loading, services: Services
    ) -> None:
        super().__init__(toolbar)
        self._toolbar = toolbar
        self._welcome = welcome
        self._composer = composer
        self._loading = loading
        self._list_models = services.list_models
        self._preferences = services.preferences
        self._choice: ChatSettings | None = None
        self.models: list[events.Model] = []
        self.adapters: list[events.Model] = []
        self._background = Background(self._read, self)
        self.listed.connect(self._take_models)
        loading.changed.connect(self._show_loading)
        toolbar.picker.opened.connect(self.refresh)
        toolbar.adapter.opened.connect(self.refresh)

    def refresh(self) -> None:
        """Read the library again; `listed` tells when that is done."""
        self._background.start()

    def close(self) -> None:
        self._background.close()

    def described(self, name: str) -> tuple[str, str]:
        """A model's title and precision; its name when the library doesn't know it."""
        model = self._find(name)
        if model is not None:
            return model.title, bits_said(model)
        # Until the library is read: what it said last time.
        return self._preferences.window.titles.get(name, (name, ""))

    def adapters_of(self, model: str) -> list[events.Model]:
        """Those that were trained on a model, or on what it is a quantized copy of, or on another copy of that."""
        by_name = {model.name: model for model in self.models}
        wanted = copies.root(model, by_name)
        return [adapter for adapter in self.adapters if copies.root(adapter.base, by_name) == wanted]

    def writer(self, model: str, adapter: str) -> str:
        """What wrote a reply, in words: the model's title, and the adapter's when it wore one."""
        return " + ".join(part for part in (self.described(model)[0], adapter_title(self.adapters, adapter)) if part)

    def lost_adapter(self, choice: ChatSettings) -> str:
        """What to say of an adapter that was chosen and is gone; empty while it is there."""
        if choice.adapter == choice.adapter_there:
            return ""
        gone = adapter_title(self.adapters, choice.adapter)
        return f"The adapter {gone} is no longer on this disk: {self.described(choice.model)[0]} answers without it."

    def show(self, choice: ChatSettings) -> None:
        """Show what a chat is answered with."""
        self._choice = choice
        title, detail = self.described(choice.model)
        self._toolbar.picker.set_current(choice.model, title, detail)
        self._toolbar.adapter.set_adapters(self.adapters_of(choice.model), choice.adapter_there)
        self._toolbar.thinking.set_budget(choice.budget)
        self._composer.set_model_title(title)
        self._composer.set_preset(choice.preset)
        self._welcome.show_model(title, self._about(choice.model))
        self._show_note()

    def _read(self) -> None:
        try:
            models = self._list_models()
            thinks = {model.name: families.thinks(model.family) for model in models if model.kind != "adapter"}
            self.listed.emit(models, thinks)
        except StillroomError as error:
            log.warning("library not read: %s", error)

    def _take_models(self, models: list[events.Model], _thinks: dict[str, bool]) -> None:
        self.models = [model for model in models if model.kind != "adapter"]
        self.adapters = [model for model in models if model.kind == "adapter"]
        self._toolbar.picker.set_models(self.models)
        with self._preferences.remember() as window:
            window.titles = {model.name: (model.title, bits_said(model)) for model in self.models}
        if self._choice is not None:
            self.show(self._choice)
        self._show_loading()

    def _about(self, name: str) -> str:
        model = self._find(name)
        if model is None or not model.params:
            return ""
        return SMALL if model.params < SMALL_PARAMS else f"{quantities.count(model.params)} weights"

    def _find(self, name: str) -> events.Model | None:
        return next((model for model in self.models if model.name == name), None)

    def _show_loading(self) -> None:
        loading = self._loading
        percent = f" {round(100 * loading.fraction)} %" if loading.fraction else ""
        self._toolbar.picker.set_loading((loading.fraction or 0.0) if loading.under_way else None, f"loading{percent}")
        title, _ = self.described(loading.wanted)
        doing = "Preparing the starter model" if stages.of(loading.stage).job == "import" else f"Loading {title}"
        self._welcome.show_loading(loading.fraction, f"{doing} …{percent}" if loading.under_way else "")
        self._show_note()

    def _show_note(self) -> None:
        loaded, choice = self._loading.loaded, self._choice
        if choice is None or loaded is None or self._loading.wanted != choice.model:
            self._toolbar.set_note("")
            return
        asked_untrained = not loaded.thinks and choice.budget != 0 and not self._loading.adapter
        self._toolbar.set_note(self._loading.note or (loaded.note if asked_untrained else ""))
