"""Pictures of the Evaluate page for eyes: `python -m tests.app.desktop.pages.evaluate.pictures FOLDER [SCENE]`, light and dark.

The page alone, as wide as beside the sidebar of a window of 1300, and of one of 760; over fakes.
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
from app.desktop.pages.evaluate.page import EvaluatePage
from models.events import Model
from tests.app.desktop.pages.evaluate import fakes
from tests.app.desktop.pages.evaluate.fakes import ADAPTER, LARGE, SMALL, contender
from tests.app.desktop.staged_queue import StagedQueue, services_of


class Scene:
    """A page over fakes and a disk of its own."""

    def __init__(self, scheme: theme.Scheme, width: int, height: int) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, scheme)
        os.environ["STILLROOM_HOME"] = self.home = tempfile.mkdtemp()
        self.jobs = StagedQueue()
        self.models: list[Model] = fakes.library()
        self.size = width, height
        self.page: EvaluatePage

    def open(self) -> None:
        """Show the page."""
        self.page = EvaluatePage(services_of(self.jobs, list_models=lambda: self.models))
        self.page.resize(*self.size)
        self.page.show()
        self.page.start()
        for _ in range(60):
            self.settle(50)
            if self.page.board is not None or (self.page.shown.group is None and self.page.listing is not None):
                break
        self.settle(500)

    def settle(self, ms: int = 200) -> None:
        """Let threads and layouts come to rest."""
        loop = QEventLoop()
        QTimer.singleShot(ms, loop.quit)
        loop.exec()

    def close(self) -> None:
        """Close everything."""
        self.page.close_page()
        self.page.close()
        self.page.deleteLater()


def empty(scene: Scene) -> None:
    """Nothing was evaluated."""
    scene.open()


def form(scene: Scene) -> None:
    """A ladder chosen, an adapter against its base."""
    fakes.evaluation("old", [contender(SMALL)], day=3)
    scene.open()
    scene.page.new_evaluation()
    form = scene.page.form.fields
    form.model.choose(SMALL)
    form.model.chosen.emit(SMALL)
    form.adapter.choose(ADAPTER)
    form.adapter.chosen.emit(ADAPTER)
    form.task.choose("sums")
    form.task.chosen.emit("sums")
    form.limit.setText("200")
    form.changed.emit()


def form_file(scene: Scene) -> None:
    """A file with rows left out; Advanced open."""
    path = Path(scene.home) / "my problems.csv"
    path.write_text("problem,answer\nWhat is 2 + 2?,4\nWhat is 3 + 3?,6\nNo answer here,\nWhat is 2 + 2?,4\n")
    scene.open()
    scene.page.evaluate_file(str(path))
    scene.page.form.fields.fold.click()


def form_tests(scene: Scene) -> None:
    """Tests to look at."""
    path = Path(scene.home) / "programs.jsonl"
    path.write_text(
        '{"problem": "Write a function add(a, b).", "tests": ["assert add(2, 3) == 5", "assert add(-1, 1) == 0"]}\n'
    )
    scene.open()
    scene.page.evaluate_file(str(path))


def running(scene: Scene) -> None:
    """At work: rate, time left, accuracy so far."""
    fakes.evaluation("old", [contender(LARGE)], day=2)
    fakes.evaluation("new", [contender(SMALL)], day=4, share=0.6)
    job = fakes.put(scene.jobs, "new", [contender(SMALL)], stage="evaluate", done=96, total=160, unit="replies")
    scene.open()
    scene.jobs.say(job.id, fakes.scored(97, 160, 0.61, 0.09))


def enough(scene: Scene) -> None:
    """Known to five points on either side."""
    fakes.evaluation("new", [contender(SMALL)], day=4, share=0.6)
    job = fakes.put(scene.jobs, "new", [contender(SMALL)], stage="evaluate", done=96, total=160, unit="replies")
    scene.open()
    for think in fakes.BUDGETS:
        scene.jobs.say(job.id, fakes.scored(97, 160, 0.61, 0.045, think=think))


def waits(scene: Scene) -> None:
    """Its problems are downloaded first; it has no card yet."""
    fakes.put(scene.jobs, "new", [contender(SMALL)], state="waiting")
    scene.open()
    scene.page.choose_group("new")


def done(scene: Scene) -> None:
    """One model, done, with votes."""
    fakes.evaluation("only", [contender(LARGE)], samples=5, votes=(3, 5))
    scene.open()


def compared(scene: Scene) -> None:
    """As in the picture: two models and an adapter on the same problems, and other tasks."""
    fakes.evaluation("aime", [contender(LARGE)], fakes.task(30, "aime24", "AIME 2024", 30), day=1)
    fakes.evaluation("aime2", [contender(SMALL)], fakes.task(30, "aime24", "AIME 2024", 30), day=1)
    fakes.evaluation("gsm", [contender(LARGE)], fakes.task(50, "gsm8k", "GSM8K", 1319), day=1)
    fakes.evaluation("large", [contender(LARGE)], fakes.task(200), samples=5, votes=(5,), day=3)
    fakes.evaluation("both", [contender(ADAPTER), contender(SMALL)], fakes.task(200), day=4)
    scene.open()


def used(scene: Scene) -> None:
    """The same against thinking that was used."""
    compared(scene)
    scene.page.overview.chart.axis.parts["used"].click()
    scene.page.overview.chart.chart._point_at((0, 2))


def failing(scene: Scene) -> None:
    """It failed on the way."""
    fakes.evaluation("new", [contender(SMALL)], day=4, share=0.4)
    fakes.put(
        scene.jobs, "new", [contender(SMALL)], state="failed", done=64, total=160, unit="replies", kind="no_memory",
        error="R1-Distill-Qwen-1.5B needs 2.1 GB for a reply of 10,240 tokens, 0.8 GB are free.",
        hint="Close other programs, then resume; the 64 replies that are there are kept.",
    )  # fmt: skip
    scene.open()


def stopped(scene: Scene) -> None:
    """Stopped on the way; no job."""
    fakes.evaluation("new", [contender(SMALL)], day=4, share=0.4)
    scene.open()


def trace(scene: Scene) -> None:
    """The trace of a problem."""
    compared(scene)
    scene.page.overview.fails.table.opened.emit(1, -1)


def trace_cut(scene: Scene) -> None:
    """One that was cut."""
    fakes.evaluation("only", [contender(SMALL)])
    scene.open()
    fails = scene.page.overview.fails
    fails.filter.choose("cut")
    fails.filter.chosen.emit("cut")
    fails.table.opened.emit(0, -1)


def menu(scene: Scene) -> None:
    """The menu of evaluations."""
    compared(scene)
    scene.page.toolbar.pill.click()


def form_best(scene: Scene) -> None:
    """Which is best: candidates chosen."""
    form(scene)
    scene.page.find_best()
    scene.page.form.fields.candidates.more.chosen.emit(f"{LARGE}\n")


def race(scene: Scene) -> None:
    """Candidates at work, some of them out."""
    fakes.evaluation(
        "best",
        [contender(SMALL), contender(LARGE), contender(ADAPTER)],
        fakes.task(200),
        think=(0, 2048),
        share=0.99,
        race=True,
    )
    job = fakes.put(
        scene.jobs, "best", [contender(SMALL)], stage="evaluate", done=1188, total=1200, unit="replies", race=True
    )
    scene.open()
    scene.jobs.say(job.id, fakes.scored(1188, 1200, 0.61, 0.09, think=2048))


def race_done(scene: Scene) -> None:
    """The verdict."""
    fakes.evaluation(
        "best",
        [contender(SMALL), contender(LARGE), contender(ADAPTER)],
        fakes.task(200),
        think=(0, 2048),
        race=True,
        ended=True,
        samples=3,
        votes=(3,),
    )
    scene.open()


SCENES: tuple[Callable[[Scene], None], ...] = (
    empty, form, form_file, form_tests, running, enough, waits, done, compared, used, failing, stopped, trace, trace_cut,
    menu, form_best, race, race_done,
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
            if only and play.__name__ != only:
                continue
            scene = Scene(scheme, width, height)
            play(scene)
            scene.settle(500)
            if (focused := scene.page.focusWidget()) is not None:
                focused.clearFocus()
            scene.page.grab().save(str(folder / f"evaluate-{play.__name__}-{name}.png"))
            for shown in scene.page.findChildren(QMenu):
                if shown.isVisible():
                    shown.grab().save(str(folder / f"evaluate-{play.__name__}-menu-{name}.png"))
                    shown.close()
            scene.close()
    del app


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
