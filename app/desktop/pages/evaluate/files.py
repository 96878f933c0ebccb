"""Files of the page: problems that are chosen or dropped, and where results are written to."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.desktop.services.preferences import Preferences
from models import paths

ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
FILTER = "Problems (*.jsonl *.ndjson *.json *.csv *.tsv *.parquet);;All files (*)"


class FileDialogs(QObject):
    """Asks for files over the page, in the folder where files of problems and traces were last taken from.

    Signals:
        chosen: the path of a file of problems.
    """

    chosen = Signal(str)

    def __init__(self, preferences: Preferences, parent: QWidget) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self._page = parent

    def ask_for_problems(self) -> None:
        """Let a file be chosen that may hold problems."""
        dialog = QFileDialog(self._page, "Choose a file of problems", self._folder(), FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._take)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def ask_where(self, task: str, ending: str, write: Callable[[Path], None]) -> None:
        """Let a file be named to write to. task: the name of the task that it is about."""
        name = Path(task).stem.replace(":", "-") or "evaluation"
        dialog = QFileDialog(self._page, "Export evaluation", str(Path(self._folder()) / f"{name}{ending}"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(ending.removeprefix("."))
        dialog.fileSelected.connect(lambda path: write(paths.with_ending(path, ending)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _take(self, path: str) -> None:
        with self._preferences.remember() as window:
            window.traces_folder = str(Path(path).parent)
        self.chosen.emit(path)

    def _folder(self) -> str:
        return self._preferences.window.traces_folder or str(Path.home())


def problem_files(urls: Sequence[QUrl]) -> list[str]:
    """The paths of what may hold problems: files of this machine by their ending."""
    files = [url.toLocalFile() for url in urls if url.isLocalFile()]
    return [path for path in files if path.lower().endswith(ENDINGS) and Path(path).is_file()]
