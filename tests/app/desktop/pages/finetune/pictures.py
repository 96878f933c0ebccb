"""Pictures of the Fine-tune page for eyes: `python -m tests.app.desktop.pages.finetune.pictures FOLDER [SCENE]`, light and dark.

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
from app.desktop.pages.finetune.page import FinetunePage
from models.events import Model, Note
from tests.app.desktop.pages.finetune import fakes
from tests.app.desktop.pages.models.fakes import MAC
from tests.app.desktop.staged_queue import StagedQueue, services_of


class Scene:
    """A page over fakes and a disk of its own."""

    def __init__(self, scheme: theme.Scheme, width: int, height: int) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, scheme)
        os.environ["STILLROOM_HOME"] = tempfile.mkdtemp()
        self.jobs = StagedQueue()
        self.models: list[Model] = fakes.library()
        self.size = width, height
        self.page: FinetunePage

    def open(self) -> None:
        """Show the page."""
        services = services_of(self.jobs, list_models=lambda: self.models)
        self.page = FinetunePage(services, machine=lambda: MAC)
        self.page.resize(*self.size)
        self.page.show()
        self.page.start()
        self.settle(700)

    def settle(self, ms: int = 200) -> None:
        """Let threads and layouts come to rest."""
        loop = QEventLoop()
        QTimer.singleShot(ms, loop.quit)
        loop.exec()

    def runs(self, upto: int = 412) -> None:
        """Earlier runs, and one that has come so far."""
        fakes.traces()
        for number in range(1, 7):
            fakes.run(f"run-{number}", 10 + number, 600 if number > 2 else 230, number, 0.5 + number / 50, adapter=f"maths-{number}")  # fmt: skip
        if upto >= 0:
            fakes.run("run-7", 24, upto)

    def training(self, stage: str = "train", upto: int = 412) -> int:
        """A run at work."""
        self.runs(upto)
        job = fakes.put(self.jobs, "run-7", stage=stage, done=upto * 4, total=2400, unit="rows")
        self.open()
        self.jobs.say(
            job.id, fakes.prepared(max(upto, 0)), Note(text="7 of 400 traces are left out: 7 longer than 2,048 tokens.")
        )
        self.settle()
        return job.id

    def close(self) -> None:
        """Close everything."""
        self.page.close_page()
        self.page.close()
        self.page.deleteLater()


def empty(scene: Scene) -> None:
    """No model, no traces."""
    scene.models = []
    scene.open()


def form(scene: Scene) -> None:
    """Everything is there; no run yet."""
    fakes.traces()
    scene.open()
    scene.page.form.choose_base(fakes.BASE)


def form_known(scene: Scene) -> None:
    """Earlier runs say how long it takes; a preset that does not fit."""
    scene.runs(-1)
    scene.open()
    scene.page.new_run()
    scene.page.form.choose_base(fakes.BASE)
    scene.page.form.presets.parts["thorough"].click()


def advanced(scene: Scene) -> None:
    """All numbers, one of them wrong."""
    form(scene)
    scene.page.form.fold.click()
    scene.page.form.advanced.fields["rank"].setText("many")
    scene.page.form.advanced.fields["rank"].typed.emit()


def preparing(scene: Scene) -> None:
    """Before the first step, and before there is a folder."""
    scene.runs(-1)
    fakes.put(scene.jobs, stage="load", done=600_000_000, total=1_000_000_000, unit="bytes")
    scene.open()


def running(scene: Scene) -> None:
    """As in the picture."""
    scene.training()


def hover(scene: Scene) -> None:
    """The values under the pointer, the log open, tokens a second below."""
    scene.training()
    view = scene.page.view
    assert view is not None
    view.loss.small.parts["speed"].click()
    view.loss.chart.point_at(200)
    view.log.fold.click()


def compare(scene: Scene) -> None:
    """Another run's curves, fainter."""
    scene.training()
    scene.page.compare("run-3")


def paused(scene: Scene) -> None:
    """Paused."""
    scene.jobs.change(scene.training(), state="paused")


def failing(scene: Scene) -> None:
    """It failed."""
    job = scene.training()
    scene.jobs.change(
        job, state="failed", kind="disk_full", hint="The checkpoints before it are whole: free some space, then resume the run.",
        error="The checkpoint of step 500 needs 221.0 MB, 80.2 MB are free on the disk of Macintosh HD.",
    )  # fmt: skip


def done(scene: Scene) -> None:
    """It is done."""
    job = scene.training(upto=600)
    fakes.publish(fakes.TRACES, "run-7")
    scene.jobs.change(job, state="done", model=fakes.TRACES)


def past(scene: Scene) -> None:
    """A run of another day, stopped."""
    scene.runs(-1)
    scene.open()
    scene.page.run.show("run-2")


def menu(scene: Scene) -> None:
    """The menu of runs."""
    scene.training()
    scene.page.toolbar.pill.click()


SCENES: tuple[Callable[[Scene], None], ...] = (
    empty, form, form_known, advanced, preparing, running, hover, compare, paused, failing, done, past, menu,
)  # fmt: skip


def main(folder: Path, only: str = "") -> None:
    """Draw every scene in both schemes, and narrow in the light one, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication.instance() or QApplication(["pictures", "-style", "fusion"])
    looks: tuple[tuple[str, theme.Scheme, int, int], ...] = (
        ("light", "light", 1068, 820),
        ("dark", "dark", 1068, 820),
        ("narrow", "light", 528, 1400),
    )
    for name, scheme, width, height in looks:
        for play in SCENES:
            if not play.__name__.startswith(only):
                continue
            scene = Scene(scheme, width, height)
            play(scene)
            scene.settle(400)
            if (focused := scene.page.focusWidget()) is not None and play is not hover:
                focused.clearFocus()
            scene.page.grab().save(str(folder / f"train-{play.__name__}-{name}.png"))
            for shown in scene.page.findChildren(QMenu):
                if shown.isVisible():
                    shown.grab().save(str(folder / f"train-{play.__name__}-menu-{name}.png"))
                    shown.close()
            scene.close()
    del app


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
