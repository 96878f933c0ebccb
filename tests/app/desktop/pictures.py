"""Pictures of the window for eyes: `python -m tests.app.desktop.pictures FOLDER`, light and dark, 1300 x 820.

Drawn offscreen over a FakeEngine and a store of invented chats in a temporary home; nothing is compared.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from app.desktop import theme
from app.desktop.pages.chat.compare import CompareDialog
from app.desktop.pages.chat.transcript import ReplyView
from app.desktop.services.preferences import Preferences
from app.desktop.services.services import Services
from app.desktop.window.main_window import MainWindow
from models import events, paths
from models.presets import BUILT_IN
from models.settings import Settings
from models.store import database
from models.store.chats import Chats
from tests.app.desktop.fake_engine import DISTILLED, STARTER, FakeEngine, reply
from tests.app.desktop.settled_store import SettledStore
from tests.app.desktop.staged_queue import StagedQueue, no_delete

DAY_S = 86_400
EARLIER = (
    ("Swift actor reentrancy", 0),
    ("Why is the sky dark at night", 0),
    ("Rewrite the grant abstract", 1),
    ("Bayes with two tests", 1),
    ("SQL window functions", 3),
    ("Packing list, Hokkaidō", 4),
)
ADAPTER = msgspec.structs.replace(
    STARTER, name="competition-maths", title="competition-maths", kind="adapter", base=DISTILLED.name, params=0
)
QUESTION = "Find all positive integer solutions of $x^2 - 5y^2 = 4$ with $x < 200$."
THINKING = (
    "This is a Pell-type equation. The fundamental solution of $x^2 - 5y^2 = 4$ is $(3, 1)$, since $9 - 5 = 4$. "
    "All solutions come from $((3+\\sqrt5)/2)^n$ … wait, check n even: $(x, y)$ are Lucas and Fibonacci numbers with "
    "even index: L₂ = 3, F₂ = 1; L₄ = 7, F₄ = 3; L₆ = 18, F₆ = 8; L₈ = 47, F₈ = 21; L₁₀ = 123, F₁₀ = 55; "
    "L₁₂ = 322 is too large."
)
ANSWER = """The solutions are pairs of even-indexed **Lucas** and **Fibonacci** numbers:

$$x_k = L_{2k}, \\quad y_k = F_{2k}, \\quad (x, y) \\in \\{(3, 1), (7, 3), (18, 8), (47, 21), (123, 55)\\}$$

You can check them in a line:

```python
print([(x, y) for x in range(1, 200) for y in range(1, 100) if x*x - 5*y*y == 4])
```
"""

SHORT_ANSWER = """With $x = L_{2k}$ and $y = F_{2k}$ below 200 there are five pairs:

| $x$ | 3 | 7 | 18 | 47 | 123 |
|---|---|---|---|---|---|
| $y$ | 1 | 3 | 8 | 21 | 55 |
"""


class Scene:
    """A window over a seeded store, and the engine behind it."""

    def __init__(self, app: QApplication, scheme: theme.Scheme) -> None:
        self.app = app
        self._now = time.time()
        theme.apply(app, scheme)
        self._folder = tempfile.TemporaryDirectory()
        os.environ["STILLROOM_HOME"] = self._folder.name
        (paths.adapters_folder() / ADAPTER.name).mkdir(parents=True)
        self._connection = database.open_database()
        self.chats = Chats(self._connection, clock=lambda: self._now)
        self._store = SettledStore(self.chats)
        self.engine = FakeEngine(bytes=int(5.1 * 2**30))
        services = Services(
            store=self._store,
            engine=self.engine,
            signals=self.engine.signals,
            preferences=Preferences(Settings(theme=scheme, default_model=DISTILLED.name)),
            jobs=StagedQueue(self.engine),
            delete=no_delete,
            list_models=lambda: [STARTER, DISTILLED, ADAPTER],
        )
        self._seed()
        self.window = MainWindow(services)
        self.window.resize(1300, 820)
        self.window.show()
        self.window.chat_page.start_engine()
        self.settle()

    def settle(self, ms: int = 250) -> None:
        """Let timers, threads and layouts come to rest."""
        loop = QEventLoop()
        QTimer.singleShot(ms, loop.quit)
        loop.exec()

    def ask(self, text: str) -> None:
        """Send a message."""
        self.window.chat_page.send(text)
        self.settle(30)

    def answer(self) -> None:
        """Ask the question and have it answered three times; the second version is shown."""
        page = self.window.chat_page
        page.shown.choose_preset(BUILT_IN[0])
        self.ask(QUESTION)
        self._play_answer()
        for _ in range(2):
            page.shown.regenerate_last()
            self._play_answer()
        page.shown.step_last_version(-1)
        self.settle()

    def answer_with_adapter(self) -> None:
        """Ask the question, have it answered, and once more with an adapter."""
        page = self.window.chat_page
        self.ask(QUESTION)
        self._play_answer()
        page.shown.regenerate_last(msgspec.structs.replace(page.shown.choice, adapter=ADAPTER.name))
        self._play_answer(SHORT_ANSWER)
        page.shown.choose_adapter(ADAPTER.name)
        self.settle()

    def compare(self) -> CompareDialog:
        """Open the two answers side by side."""
        page = self.window.chat_page
        page.transcript().message_actions.compare.emit(page.shown.last_reply())
        self.settle()
        dialog = page.findChild(CompareDialog)
        assert isinstance(dialog, CompareDialog)
        return dialog

    def open_thinking(self) -> None:
        """Open what the last reply thought."""
        last = self.window.chat_page.shown.last_reply()
        view = self.window.chat_page.transcript().view_of(last) if last is not None else None
        if isinstance(view, ReplyView) and view.panel is not None:
            next(b for b in view.panel.findChildren(QAbstractButton) if b.accessibleName() == "Show thinking").click()
        self.settle()

    def _play_answer(self, answer: str = ANSWER) -> None:
        call_id, _ = self.engine.last_chat()
        played = [
            events.Budget(tokens=2048, used=0),
            events.Token(channel="thinking", text=THINKING, n=734),
            events.ThinkingClosed(tokens=734, seconds=18.0, how="model"),
            events.Token(channel="answer", text=answer, n=278),
        ]
        whole = reply(answer, THINKING, thinking_tokens=734, answer_tokens=278)
        self.engine.play(call_id, *played, events.Done(result=whole))
        self.settle(30)

    def think(self) -> None:
        """Begin to think about another question."""
        self.ask("And for $x^2 - 5y^2 = -4$?")
        call_id, _ = self.engine.last_chat()
        self.engine.play(call_id, events.Budget(tokens=2048, used=0))
        text = "The smallest solution is now (1, 1): 1 − 5 = −4. The odd-indexed pairs solve it, so"
        self.engine.play(call_id, events.Token(channel="thinking", text=text, n=312))
        self.settle()

    def fail(self) -> None:
        """Have the engine die in mid-reply."""
        call_id, _ = self.engine.last_chat()
        text = "The engine was killed, as the system does when memory runs out."
        hint = "What was said so far is kept. Close other programs or take a smaller model, then try again."
        self.engine.play(call_id, events.Failed(kind="worker_died", text=text, hint=hint))
        self.settle()

    def close(self) -> None:
        """Close everything."""
        self.window.close()
        self.window.deleteLater()
        self._store.close()
        self._connection.close()
        self._folder.cleanup()

    def _seed(self) -> None:
        today = self._now
        for number, (title, days) in enumerate(EARLIER):
            self._now = today - days * DAY_S - number
            chat = self.chats.create(DISTILLED.name)
            self.chats.rename(chat.id, title)
        self._now = today


def empty(scene: Scene) -> None:
    """A chat that is not begun."""


def maths_and_code(scene: Scene) -> None:
    """An answer with both."""
    scene.answer()


def thinking(scene: Scene) -> None:
    """A second question while the model thinks about it, as in a chat under way."""
    scene.answer()
    scene.think()


def thinking_open(scene: Scene) -> None:
    """The same, with what was thought open to read."""
    scene.answer()
    scene.open_thinking()
    scene.think()


def error(scene: Scene) -> None:
    """The engine died."""
    thinking(scene)
    scene.fail()


def without_sidebar(scene: Scene) -> None:
    """The sidebar folded away."""
    scene.answer()
    scene.window.toggle_sidebar()


def adapter(scene: Scene) -> None:
    """A version with an adapter, which has just been put into a set of traces."""
    scene.answer_with_adapter()
    scene.window.chat_page.traces.use_in(scene.window.chat_page.shown.last_reply() or 0, "chat")
    scene.settle()


def adapter_gone(scene: Scene) -> None:
    """An old chat whose adapter is no longer on the disk."""
    scene.answer_with_adapter()
    (paths.adapters_folder() / ADAPTER.name).rmdir()
    scene.window.chat_page.shown.open(scene.window.chat_page.shown.id or 0)


def compare(scene: Scene) -> QWidget:
    """Two versions side by side."""
    scene.answer_with_adapter()
    return scene.compare()


SCENES: tuple[Callable[[Scene], QWidget | None], ...] = (
    empty,
    maths_and_code,
    thinking,
    thinking_open,
    error,
    without_sidebar,
    adapter,
    adapter_gone,
    compare,
)


def main(folder: Path) -> None:
    """Draw every scene in both schemes into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication.instance() or QApplication(["pictures", "-style", "fusion"])
    assert isinstance(app, QApplication)
    for scheme in ("light", "dark"):
        for play in SCENES:
            scene = Scene(app, scheme)  # type: ignore[arg-type]
            shown = play(scene) or scene.window
            scene.settle()
            shown.grab().save(str(folder / f"{play.__name__}-{scheme}.png"))
            scene.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
