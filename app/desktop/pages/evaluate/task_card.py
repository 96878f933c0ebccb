"""The task that a form names: what it is, what was left out of it, its first problem, and the tests it would run."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop import fonts
from app.desktop.pages.evaluate.listing import LoadedTask
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import Card, label, say
from app.desktop.widgets.named import named
from app.desktop.widgets.plain_field import PlainField
from app.desktop.widgets.readable import ReadableText
from models import quantities
from models.evaluate import tasks
from models.evaluate.problems import Task

MOST_LINES, PROBLEM_CHARS, TESTS_PX = 3, 600, 150


class TaskCard(Card):
    """What is known of the task.

    Signals:
        tests_accepted: the tests that are shown may run.
    """

    tests_accepted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("About the task", parent)
        self.about = label(kind="plain")
        self.facts = label(kind="small")
        self.left_out = label(kind="warning")
        self.fault = label(kind="fault")
        self.asked = ReadableText("First problem")
        self.asked_title = label("the first problem, as it is asked", "small")
        self.tests_title = label("", "plain")
        self.tests = named(PlainField(), "tests", "Tests of the task")
        self.tests.setReadOnly(True)
        self.tests.setFont(fonts.code())
        self.tests.setFixedHeight(TESTS_PX)
        self.accept = RowButton("Let these tests run", "Let these tests run")
        self.accept.strong = True
        self.accept.clicked.connect(self.tests_accepted)
        for part in (
            self.fault, self.about, self.facts, self.left_out, self.tests_title, self.tests, self.accept,
            self.asked_title, self.asked,
        ):  # fmt: skip
            self.body.addWidget(part)
        self.show_task(None)

    def show_task(self, loaded: LoadedTask | None) -> None:
        """Show a task; None while it is read."""
        task = loaded.task if loaded else None
        known = next((one for one in tasks.built_in() if loaded and one.name == loaded.name), None)
        self.title.setText(task.title if task else known.title if known else "Task")
        say(self.fault, loaded.error if loaded else "")
        about = task.about if task else known.about if known else ""
        say(self.about, about or ("" if loaded else "Reading the problems …"))
        licence, source = (task.licence, task.source) if task else (known.licence, known.source) if known else ("", "")
        fetch = "its problems are downloaded first" if loaded and loaded.to_fetch else ""
        count = _count(task) if task else ""
        say(self.facts, " · ".join(part for part in (count, licence, source, fetch) if part))
        say(self.left_out, _left_out(task) if task else "")
        self._show_tests(task if loaded and not loaded.accepted else None)
        first = task.problems[0].question.strip() if task and task.problems else ""
        self.asked.setText(first if len(first) <= PROBLEM_CHARS else f"{first[:PROBLEM_CHARS]} …")
        self.asked.setVisible(bool(first))
        self.asked_title.setVisible(bool(first))

    def _show_tests(self, task: Task | None) -> None:
        for part in (self.tests_title, self.tests, self.accept):
            part.setVisible(task is not None)
        if task is not None:
            self.tests_title.setText(
                f"Answers are judged by running {quantities.counted(len(task.tests), 'test')} on this computer, without "
                "network, in a folder of their own. Look at them first."
            )
            self.tests.setPlainText("\n\n".join(dict.fromkeys(task.tests)))


def _count(task: Task) -> str:
    asked = len(task.problems)
    return f"{asked:,} of {task.of:,} problems" if task.of > asked else quantities.counted(asked, "problem")


def _left_out(task: Task) -> str:
    if not task.left_out:
        return ""
    lines = [f"line {row.line:,}: {row.text}" for row in task.left_out[:MOST_LINES]]
    more = len(task.left_out) - len(lines)
    return "\n".join(
        [f"{quantities.counted(len(task.left_out), 'row')} left out", *lines, *([f"and {more:,} more"] if more else [])]
    )
