"""Says on the page in front, and in the Dock, how jobs ended that another page shows."""

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget

from app.desktop.services.job_queue import JobQueue
from app.desktop.window.page_stack import PageStack
from models.jobs import kinds
from models.jobs.queue import Job


class Announcements(QObject):
    """Listens to the queue. chat_with: begins a chat with a model of that name."""

    def __init__(self, window: QWidget, pages: PageStack, jobs: JobQueue, chat_with: Callable[[str], None]) -> None:
        super().__init__(window)
        self._window = window
        self._pages = pages
        self._chat_with = chat_with
        jobs.changed.connect(self._announce)

    def _announce(self, job: Job) -> None:
        if job.state not in ("done", "failed"):
            return
        if not self._window.isActiveWindow():
            QApplication.alert(self._window)
        makes = kinds.of(job.doing).makes if job.model else ""
        if job.state == "failed":
            self._pages.notices.show_error(f"{job.title}: {job.error}", job.hint)
        elif not makes or self._pages.shows_what_is_made(makes):
            return
        elif makes == "model":
            self._pages.notices.show_info(f"{job.title} is ready.", "Chat", lambda: self._chat_with(job.model))
        else:
            self._pages.notices.show_info(f"The adapter {job.model} is ready.")
