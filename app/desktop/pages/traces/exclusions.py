"""What is left out and what is deleted by hand, and how it is taken back: last things first."""

from PySide6.QtCore import QObject, Signal

from app.desktop.pages.traces import words
from app.desktop.pages.traces.set_writer import Exclusion, SetWriter
from app.desktop.services.deletions import Deletions
from app.desktop.widgets.notices import NoticeBar
from models.errors import StillroomError
from models.traces.trace import Trace


class Exclusions(QObject):
    """Leaves traces out, takes them back, deletes sets; each is said with its undo.

    Signals:
        applied: a Exclusion that the rows should show: before it is on the disk, and reversed where it can't be written.
        restored: the name of a set that is not to be deleted any more.
        changed: what can be undone is another now.
    """

    applied = Signal(object)
    restored = Signal(str)
    changed = Signal()

    def __init__(self, changing: SetWriter, removals: Deletions, notices: NoticeBar, parent: QObject) -> None:
        super().__init__(parent)
        self._changing = changing
        self._removals = removals
        self._notices = notices
        self._done: list[Exclusion | str] = []  # oldest first: choices, and names of deleted sets
        changing.not_chosen.connect(self._not_chosen)
        changing.edited.connect(self._edited)

    def choose(self, choice: Exclusion) -> None:
        """Leave traces out, or take them back."""
        self._done.append(choice)
        n = words.counted(len(choice.keys), "trace")
        self._notices.show_info(f"{n} {'left out' if choice.out else 'taken back'}.", "Undo", self.undo)
        self._apply(choice)

    def delete_set(self, name: str) -> None:
        """Hide a set; it can be taken back until the app quits."""
        self._done.append(name)
        self._removals.remove(name)
        self._notices.show_info(f"{name} is deleted when Stillroom quits.", "Undo", self.undo)

    def can_undo(self) -> bool:
        return bool(self._done)

    def undo(self) -> None:
        """Take back the last leaving out, taking back, or deletion of a set."""
        if not self._done:
            return
        last = self._done.pop()
        self._notices.dismiss()
        if isinstance(last, str):
            self._removals.undo(last)
            self.restored.emit(last)
            self.changed.emit()
        else:
            self._apply(last.opposite)

    def _apply(self, choice: Exclusion) -> None:
        self.applied.emit(choice)
        self._changing.choose(choice)
        self.changed.emit()

    def _not_chosen(self, choice: Exclusion, error: StillroomError) -> None:
        if choice in self._done:
            self._done.remove(choice)
        self.applied.emit(choice.opposite)
        self._notices.show_error(error.text, error.hint)
        self.changed.emit()

    def _edited(self, name: str, key: str, trace: Trace) -> None:
        # an edited trace has another id: a choice that waits to be undone goes by that
        self._done = [_renamed(done, name, key, trace.id) for done in self._done]


def _renamed(done: Exclusion | str, name: str, old: str, new: str) -> Exclusion | str:
    if isinstance(done, str) or done.name != name or old not in done.keys:
        return done
    return Exclusion(name, done.keys - {old} | {new}, done.out)
