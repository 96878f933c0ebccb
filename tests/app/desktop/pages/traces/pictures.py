"""Pictures of the Traces page for eyes: `python -m tests.app.desktop.pages.traces.pictures FOLDER`, light and dark.

The page alone, as wide as beside the sidebar of a window of 1300, and of one of 760; over real sets in a home of its own.
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
from app.desktop.pages.traces.page import TracesPage
from models import paths
from tests.app.desktop.pages.traces.fakes import (
    add,
    asked_rows,
    captured,
    many_rows,
    pictured_set,
    write_rows,
)
from tests.app.desktop.staged_queue import StagedQueue, services_of


class Scene:
    """A page over a home of its own."""

    def __init__(self, scheme: theme.Scheme, width: int, height: int, filled: bool = True) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        os.environ["STILLROOM_HOME"] = tempfile.mkdtemp()
        self.folder = Path(tempfile.mkdtemp())
        if filled:
            pictured_set(self.folder)
        theme.apply(app, scheme)
        self.jobs = StagedQueue()
        self.page = TracesPage(services_of(self.jobs))
        self.page.resize(width, height)
        self.page.show()
        self.page.start()
        self.settle()

    def settle(self, ms: int = 250) -> None:
        """Let threads and layouts come to rest."""
        loop = QEventLoop()
        QTimer.singleShot(ms, loop.quit)
        loop.exec()

    def choose(self, place: int) -> None:
        """Choose a row."""
        self.page.view.table.selectRow(place)
        self.page.view.table.setFocus()
        self.settle()

    def file(self, name: str = "OpenThoughts sample.jsonl") -> str:
        """A file with good and bad rows."""
        rows = [*asked_rows(), *many_rows(200)]
        rows[4] = {"what": "is this"}
        return str(write_rows(self.folder / name, rows))

    def close(self) -> None:
        """Close everything."""
        self.page.close_page()
        self.page.close()
        self.page.deleteLater()


def chosen(scene: Scene) -> None:
    """As in the picture."""
    scene.choose(0)


def about(scene: Scene) -> None:
    """Nothing is chosen: the set in short."""


def many(scene: Scene) -> None:
    """A larger set, its lengths, its files."""
    add("sums", write_rows(scene.folder / "many.jsonl", [*many_rows(3000), *asked_rows(), *many_rows(40)]), 900)
    scene.page.refresh()
    scene.settle()
    scene.page.choose_set("sums")
    scene.settle(1500)


def left_out(scene: Scene) -> None:
    """A row that became no trace."""
    scene.page.view.segments.parts["left"].click()
    scene.choose(1)


def by_hand(scene: Scene) -> None:
    """Two traces left out by hand."""
    scene.choose(1)
    scene.page.leave_out_chosen()


def editing(scene: Scene) -> None:
    """An edit."""
    scene.choose(0)
    scene.page.view.panel.edit.click()


def editing_wrong(scene: Scene) -> None:
    """An edit that can't be kept."""
    scene.choose(0)
    scene.page.view.panel.edit.click()
    scene.page.view.panel.fields["answer"].field.setPlainText("")
    scene.page.view.panel.save.click()


def long_trace(scene: Scene) -> None:
    """A trace of many tokens."""
    thinking = " ".join(f"Step {n}: {n} squared is {n * n}, which is not it." for n in range(900))
    path = write_rows(scene.folder / "long.jsonl", [{"problem": "Which square is it?", "thinking": thinking, "answer": "None.",
                                                     "license": "apache-2.0", "model": "deepseek-ai/DeepSeek-R1"}])  # fmt: skip
    add("long", path, None)
    scene.page.refresh()
    scene.settle()
    scene.page.choose_set("long")
    scene.settle()
    scene.choose(0)


def searching(scene: Scene) -> None:
    """A search that finds some."""
    scene.page.toolbar.search.setText("heron")
    scene.settle(500)


def searching_in_vain(scene: Scene) -> None:
    """A search that finds nothing."""
    scene.page.toolbar.search.setText("quaternion")
    scene.settle(500)


def form(scene: Scene) -> None:
    """An import to be."""
    Path(scene.folder / "holiday.json").write_text('{"a": [1, 2')
    scene.page.import_files([scene.file(), str(scene.folder / "holiday.json")])
    scene.page.importing.sheet.form.set_evaluation([str(scene.folder / "aime-2025.jsonl")])


def progress(scene: Scene) -> None:
    """An import under way."""
    scene.page.import_files([scene.file()])
    scene.settle()
    scene.page.importing.sheet.form.go.click()
    scene.jobs.change(1, stage="read", done=61_000_000, total=104_000_000, unit="bytes", rate=34e6, seconds_left=1.3)


def report(scene: Scene) -> None:
    """What an import left out."""
    progress(scene)
    scene.jobs.work(1)


def failed(scene: Scene) -> None:
    """An import that failed."""
    progress(scene)
    scene.jobs.change(1, state="failed", error="There is no space left on the disk for writing traces.",
                      hint="Free some space and try again.")  # fmt: skip


def beside(scene: Scene) -> None:
    """An export under way, an import left to itself."""
    progress(scene)
    scene.page.importing.sheet.closed.emit()
    scene.page.importing.export(scene.page.set_name, "/tmp/x.jsonl", "messages")


def export_menu(scene: Scene) -> None:
    """The shapes."""
    scene.page.toolbar.export_button.click()


def set_menu(scene: Scene) -> None:
    """The sets."""
    from models.traces import store

    store.append("chat-replies", [captured()])
    scene.page.refresh()
    scene.settle()
    scene.page.toolbar.picker.click()


def broken(scene: Scene) -> None:
    """A set that can't be read."""
    from models.traces import store

    data = paths.traces_folder() / "thesis-maths" / store.DATA
    data.write_bytes(data.read_bytes() + b"{half")
    scene.page.refresh()


def dropping(scene: Scene) -> None:
    """A file is dragged over the page."""
    scene.page.file_drop.cover()


def nothing(scene: Scene) -> None:
    """No set at all."""
    scene.page.delete_set()
    scene.page.notices.dismiss()


def deleted(scene: Scene) -> None:
    """The only set was deleted."""
    scene.page.delete_set()


SCENES: tuple[Callable[[Scene], None], ...] = (
    chosen, about, many, left_out, by_hand, editing, editing_wrong, long_trace, searching, searching_in_vain, form, progress,
    report, failed, beside, export_menu, set_menu, broken, dropping, nothing, deleted,
)  # fmt: skip


def main(folder: Path, only: str = "") -> None:
    """Draw every scene in both schemes, and narrow in the light one, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication.instance() or QApplication(["pictures", "-style", "fusion"])
    looks: tuple[tuple[str, theme.Scheme, int], ...] = (
        ("light", "light", 1068),
        ("dark", "dark", 1068),
        ("narrow", "light", 528),
    )
    for name, scheme, width in looks:
        for play in SCENES:
            if only and play.__name__ not in only.split(","):
                continue
            scene = Scene(scheme, width, 820 if width > 600 else 640)
            play(scene)
            scene.settle()
            scene.page.grab().save(str(folder / f"traces-{play.__name__}-{name}.png"))
            for menu in scene.page.findChildren(QMenu):
                if menu.isVisible():
                    menu.grab().save(str(folder / f"traces-{play.__name__}-menu-{name}.png"))
                    menu.close()
            scene.close()
    del app


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
