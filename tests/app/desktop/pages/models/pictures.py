"""Pictures of the Models page for eyes: `python -m tests.app.desktop.pages.models.pictures FOLDER`, light and dark.

The page alone, as wide as beside the sidebar of a window of 1300, and of one of 760; over fakes, on a 16 GB Mac.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication, QMenu

from app.desktop import theme
from app.desktop.pages.models.page import ModelsPage
from models import events
from models.events import Model
from models.jobs.kinds.search import Search
from models.library import catalog
from tests.app.desktop.fake_engine import STARTER, FakeEngine
from tests.app.desktop.pages.models.fakes import MAC, downloading, library, many, quantizing
from tests.app.desktop.staged_queue import StagedQueue, services_of

FOUND = [
    events.HubModel(repo="Qwen/QwQ-32B", downloads=812_334, likes=2800, licence="apache-2.0", gated=False,
                    architecture="qwen2", params=32_763_876_352),
    events.HubModel(repo="meta-llama/Llama-3.3-70B-Instruct", downloads=1_204_332, likes=2400, licence="llama3.3",
                    gated=True, architecture="llama", params=70_553_706_496),
    events.HubModel(repo="someone-with-a-long-name/A-repository-with-a-name-that-goes-on-and-on-and-on-GGUF-imatrix-4bit",
                    downloads=12, likes=0, licence="", gated=False),
]  # fmt: skip


class Scene:
    """A page over fakes."""

    def __init__(self, scheme: theme.Scheme, width: int, height: int, models: list[Model]) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, scheme)
        self.engine = FakeEngine()
        self.jobs = StagedQueue(self.engine)
        self.page = ModelsPage(
            services_of(self.jobs, list_models=lambda: models, delete=lambda _name: 0),
            offers=lambda: catalog.offers(MAC),
            machine=lambda: MAC,
        )
        self.page.resize(width, height)
        self.page.show()
        self.page.start()
        self.page.set_in_use("llama-8b-mixed-4-6")
        if (focused := self.page.focusWidget()) is not None:
            focused.clearFocus()
        self.settle()

    def settle(self, ms: int = 150) -> None:
        """Let threads and layouts come to rest."""
        loop = QEventLoop()
        QTimer.singleShot(ms, loop.quit)
        loop.exec()

    def failed_job(self) -> None:
        """Put jobs that ended into the queue."""
        self.jobs.put(title="SmolLM3-3B", subject="HuggingFaceTB/SmolLM3-3B", doing="quantize", state="done",
                      model="smollm3-3b", ended="2025-11-24T14:03:00+00:00")  # fmt: skip
        self.jobs.put(title="R1-Distill-Qwen-14B", subject="deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", doing="fetch",
                      state="failed", error="The file needs 29.5 GB, 12.1 GB are free on Macintosh HD.", kind="disk_full",
                      hint="Free some space and try again.", ended="2025-11-24T13:50:00+00:00")  # fmt: skip
        self.jobs.put(title="QwQ-32B", subject="Qwen/QwQ-32B", doing="fetch", state="cancelled",
                      ended="2025-11-23T18:00:00+00:00")  # fmt: skip

    def close(self) -> None:
        """Close everything."""
        self.page.close_page()
        self.page.close()
        self.page.deleteLater()


def discover(scene: Scene) -> None:
    """As in the picture: a download, a quantization, the catalog."""
    downloading(scene.jobs)
    quantizing(scene.jobs)


def discover_end(scene: Scene) -> None:
    """The end of the same page, with the quant cards."""
    bar = scene.page.discover.verticalScrollBar()
    bar.setValue(bar.maximum())


def discover_first_run(scene: Scene) -> None:
    """Nothing but the starter."""
    scene.page.reading._list_models = lambda: [STARTER]
    scene.page.start()


def discover_paused(scene: Scene) -> None:
    """A paused and a waiting job."""
    job = downloading(scene.jobs)
    scene.jobs.change(job.id, state="paused", rate=0.0, seconds_left=None)
    downloading(
        scene.jobs, "R1-0528-Qwen3-8B", "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B", state="waiting", done=0, total=0
    )


def discover_too_big(scene: Scene) -> None:
    """It asks in place."""
    row = scene.page.discover.row("R1-Distill-Qwen-32B")
    assert row is not None
    row.get.main.click()
    scene.page.discover.ensureWidgetVisible(row, 0, 200)


def discover_search(scene: Scene) -> None:
    """What the Hub found."""
    scene.page.toolbar.search.setText("qwq")
    scene.page.toolbar.search.returnPressed.emit()
    call = max(scene.engine.requests)
    assert isinstance(scene.engine.requests[call], Search)
    scene.engine.play(call, events.Done(result=events.Found(query="qwq", models=FOUND)))


def discover_offline(scene: Scene) -> None:
    """The Hub could not be asked."""
    scene.page.toolbar.search.setText("reasoning 7b")
    scene.page.toolbar.search.returnPressed.emit()
    text, hint = "Hugging Face can’t be reached: there is no network.", "What is on this Mac works without it."
    scene.engine.play(max(scene.engine.requests), events.Failed(kind="offline", text=text, hint=hint))


def discover_pasted(scene: Scene) -> None:
    """A repository was pasted."""
    scene.page.toolbar.search.setText("https://huggingface.co/somebody/My-Reasoner-3B")


def here(scene: Scene) -> None:
    """The library, with a model chosen."""
    scene.page.show_section("library")
    scene.page.library.view.choose("llama-8b-mixed-4-6")
    scene.page.library.view.setFocus()


def here_broken(scene: Scene) -> None:
    """A broken model is chosen, another was deleted."""
    scene.page.show_section("library")
    scene.page.library.delete("llama-8b-3bit")
    scene.page.library.view.choose("half")


def here_many(scene: Scene) -> None:
    """Two hundred models."""
    scene.page.reading._list_models = many
    scene.page.start()
    scene.page.show_section("library")


def here_empty(scene: Scene) -> None:
    """Nothing at all."""
    scene.page.reading._list_models = list
    scene.page.start()
    scene.page.show_section("library")


def activity(scene: Scene) -> None:
    """Jobs in every state."""
    discover(scene)
    scene.failed_job()
    scene.page.show_section("activity")


def activity_empty(scene: Scene) -> None:
    """Nothing under way."""
    scene.page.show_section("activity")


def dropping(scene: Scene) -> None:
    """A file is dragged over the page."""
    scene.page.show_section("library")
    scene.page.file_drop.cover()


def variants(scene: Scene) -> None:
    """The menu beside Get."""
    row = scene.page.discover.row("R1-Distill-Qwen-14B")
    assert row is not None
    row.get.arrow.click()


SCENES: tuple[Callable[[Scene], None], ...] = (
    discover, discover_end, discover_first_run, discover_paused, discover_too_big, discover_search, discover_offline,
    discover_pasted, here, here_broken, here_many, here_empty, activity, activity_empty, dropping, variants,
)  # fmt: skip


def main(folder: Path, only: str = "") -> None:
    """Draw every scene in both schemes, and narrow in the light one, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication.instance() or QApplication(["pictures", "-style", "fusion"])
    os.environ["STILLROOM_HOME"] = tempfile.mkdtemp()
    looks: tuple[tuple[str, theme.Scheme, int], ...] = (
        ("light", "light", 1068),
        ("dark", "dark", 1068),
        ("narrow", "light", 528),
    )
    for name, scheme, width in looks:
        for play in SCENES:
            if not play.__name__.startswith(only):
                continue
            scene = Scene(scheme, width, 820 if width > 600 else 640, library())
            play(scene)
            scene.settle()
            scene.page.grab().save(str(folder / f"models-{play.__name__}-{name}.png"))
            for menu in scene.page.findChildren(QMenu):
                if menu.isVisible():
                    menu.grab().save(str(folder / f"models-{play.__name__}-menu-{name}.png"))
                    menu.close()
            scene.close()
    del app


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
